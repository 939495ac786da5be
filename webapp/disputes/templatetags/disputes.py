"""Disputes on the pages of recordings.

{% load disputes %}
{% mark_disputed recordings %}            once for a list, so that it asks one query
{% disputed recording %}                  a badge, or nothing
{% dispute_panel recording %}             on a report: what is disputed, and the forms
"""

from collections.abc import Iterable
from typing import Any

from django import template

from webapp import access
from webapp.disputes import selectors
from webapp.disputes.forms import DisputeForm, ReplyForm
from webapp.recordings.models import Recording

register = template.Library()


@register.simple_tag
def mark_disputed(recordings: Iterable[Recording]) -> str:
    """Prepares a list of recordings for `disputed`, in one query."""
    selectors.mark_disputed(recordings)
    return ""


@register.inclusion_tag("disputes/_badge.html")
def disputed(recording: Recording) -> dict[str, Any]:
    """A badge where the recording's report is disputed; asks by itself where nobody marked it."""
    known = getattr(recording, "is_disputed", None)
    if known is None:
        known = any(one.is_open for one in selectors.disputes_of(recording))
    return {"is_disputed": known, "recording": recording}


@register.inclusion_tag("disputes/_panel.html", takes_context=True)
def dispute_panel(context: template.Context, recording: Recording) -> dict[str, Any]:
    """On a report: what is disputed in it, with what its reader may do about that."""
    request = context["request"]
    return panel(request.user, recording, known=context.get("standing")) | {
        "request": request,
        "csrf_token": context.get("csrf_token"),
    }


def panel(
    user: Any,
    recording: Recording,
    form: DisputeForm | None = None,
    failed: int | None = None,
    reply: ReplyForm | None = None,
    known: access.Standing | None = None,
) -> dict[str, Any]:
    """What the panel shows.

    `form`, or `reply` to the dispute `failed`, is one that was refused; `known` is the user's
    standing in the course, where it has been asked for already.
    """
    return {
        "recording": recording,
        "disputes": selectors.disputes_of(recording),
        "may_open": access.can_dispute(user, recording),
        "may_answer": access.can_answer(user, recording, known),
        "form": form or DisputeForm(auto_id="dispute-%s"),
        "refused": reply,
        "failed": failed,
    }
