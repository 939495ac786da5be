"""Deletes from the browser what was recorded for courses in which consent is withdrawn."""

from typing import Any

from django import template

from webapp.privacy.services import withdrawn_lessons

register = template.Library()


@register.inclusion_tag("recordings/_withdrawn.html", takes_context=True)
def erase_withdrawn(context: template.Context, alone: bool = True) -> dict[str, Any]:
    """The notice, and the script that fills it; nothing where nothing is withdrawn.

    `alone` is False on a page whose own script waits for the deletion.
    """
    user = context["request"].user
    return {"user": user, "lessons": withdrawn_lessons(user), "alone": alone}
