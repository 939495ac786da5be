"""Sentences of analyses and workers, in the reader's language."""

from django import template

from webapp.engine_words import in_readers_words

register = template.Library()


@register.filter
def in_words(text: str) -> str:
    """Why something failed, or what a report warns of, in the reader's language."""
    return in_readers_words(text)
