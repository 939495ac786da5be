"""Queries over recordings that no single row can answer."""

from bisect import bisect_left
from collections.abc import Iterable

from webapp.recordings.models import Analysis, Recording


def mark_positions(recordings: Iterable[Recording]) -> None:
    """Sets `ahead` of the newest analyses, in one query however many wait, and none if none does.

    The recordings' analyses must be prefetched: what is set on other rows is lost.
    """
    newest = (recording.latest_analysis for recording in recordings)
    waiting = [one for one in newest if one is not None and one.state == Analysis.State.QUEUED]
    if not waiting:
        return
    queued = list(
        Analysis.objects.filter(state=Analysis.State.QUEUED)
        .order_by("created_at")
        .values_list("created_at", flat=True)
    )
    for analysis in waiting:
        analysis.ahead = bisect_left(queued, analysis.created_at)
