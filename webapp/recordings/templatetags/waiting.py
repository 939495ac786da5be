"""What a list of recordings says about those that wait."""

from collections.abc import Iterable

from django import template

from webapp.recordings import selectors
from webapp.recordings.models import Recording

register = template.Library()


@register.simple_tag
def mark_positions(recordings: Iterable[Recording]) -> str:
    """Counts once, for all rows of a list, what waits before each; shows nothing itself."""
    selectors.mark_positions(recordings)
    return ""
