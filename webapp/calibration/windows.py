"""The windows that people label, and in which order they are worth labelling."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engagement.report.schema import Window
from webapp.reports.ready import COUNT_S, Page
from webapp.reports.selectors import main_track

#: Length of a labelled window in seconds: what DAiSEE's raters were shown at a time, and the
#: stretches in which a ready report counts observations.
WINDOW_S = COUNT_S
#: The end of a recording is a window of its own only from this length on.
_SHORTEST_S = 5.0
# With less face than this there is too little to look at.
_LEAST_COVERAGE = 0.3


@dataclass(frozen=True)
class Stretch:
    """One window to label, with the report's own estimate of it (0..1)."""

    start_s: float
    end_s: float
    estimate: float


def stretches(page: Page) -> list[Stretch]:
    """The windows of the recording's student that hold enough of a face, in order of time."""
    document = page.document
    track = main_track(document)
    if track is None:
        return []
    starts = [one.start_s for one in track.windows]
    longest_s = max((one.end_s - one.start_s for one in track.windows), default=0.0)
    found = []
    for number, count in sorted(page.figures[track.id].counts.items()):
        start_s = number * WINDOW_S
        end_s = round(min(start_s + WINDOW_S, document.source.duration_s), 3)
        length_s = end_s - start_s
        first, last = bisect_left(starts, start_s - longest_s), bisect_left(starts, end_s)
        estimate = estimate_of(track.windows[first:last], start_s, end_s)
        if length_s < _SHORTEST_S or estimate is None:
            continue
        if count >= _LEAST_COVERAGE * length_s * document.sampling_fps:
            found.append(Stretch(start_s, end_s, estimate))
    return found


def estimate_of(windows: Iterable[Window], start_s: float, end_s: float) -> float | None:
    """The report's engagement over a stretch: the mean of its windows, by how far they overlap."""
    total, weight = 0.0, 0.0
    for window in windows:
        shared_s = min(end_s, window.end_s) - max(start_s, window.start_s)
        if shared_s > 0:
            total += shared_s * window.engagement
            weight += shared_s
    return total / weight if weight else None


def labelling_order(found: Sequence[Stretch], most: int | None = None) -> list[Stretch]:
    """The windows so that each next one is as unlike those before as can be; at most `most`.

    Unlike in time and in the rank of the report's estimate, each counted from 0 to 1: the first
    dozen then spread over the recording and over everything from lowest to highest. It depends on
    the report alone, so that two people are given the same windows first.
    """
    left = list(found)
    if len(left) < 2:
        return left
    ranked = sorted(left, key=lambda one: one.estimate)
    span = len(left) - 1
    at = {one.start_s: number / span for number, one in enumerate(left)}
    place = {one.start_s: (at[one.start_s], rank / span) for rank, one in enumerate(ranked)}
    nearest = {one.start_s: float("inf") for one in left}
    order = [ranked[-1]]
    wanted = len(found) if most is None else min(most, len(found))
    while len(order) < wanted:
        left.remove(order[-1])
        x, y = place[order[-1].start_s]
        for one in left:
            a, b = place[one.start_s]
            nearest[one.start_s] = min(nearest[one.start_s], (a - x) ** 2 + (b - y) ** 2)
        order.append(max(left, key=lambda one: nearest[one.start_s]))
    return order
