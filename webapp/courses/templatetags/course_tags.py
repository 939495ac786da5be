"""Small things that the templates of courses share."""

from typing import Any

from django import template

from webapp.courses.emotion_words import emotion_word as word

register = template.Library()


@register.filter
def emotion_word(name: str) -> str:
    """The reader's word for an emotion of the contract."""
    return word(name)


@register.inclusion_tag("courses/_keep.html", takes_context=True)
def keep_query(context: dict[str, Any], but: str) -> dict[str, Any]:
    """Hidden fields with what the page is asked for already, save the names in `but`."""
    left_out = set(but.split())
    query = context["request"].GET
    return {"kept": [(name, query[name]) for name in query if name not in left_out]}


@register.filter
def unlocalized(number: float) -> str:
    """A number as scripts read it, whatever the reader's language writes."""
    return f"{number:g}"
