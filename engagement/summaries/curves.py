"""A track as stretches of clear emotion, and a curve as its dips and peaks. Plain arithmetic."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from engagement.report.schema import Track
from engagement.summaries.schema import Rules

Array = NDArray[np.float64]

# A face is away when this many sampling steps pass without an observation.
_GAP_STEPS = 1.75
# A curve that hardly moves has no dips: what stands out must do so by at least this much.
LEAST_SPREAD = 0.05
# With fewer points than this a spread means nothing.
LEAST_POINTS = 4


@dataclass(frozen=True)
class Seen:
    """One track over time.

    Attributes:
        times, ends: ``(n,)`` seconds; an observation stands for the time between them.
        run: ``(n,)`` number of the stretch in sight that it belongs to.
        raw, smoothed: ``(n, c)`` probabilities, in the order of `classes`.
    """

    classes: tuple[str, ...]
    times: Array
    ends: Array
    run: NDArray[np.int64]
    raw: Array
    smoothed: Array

    def clear(self, min_probability: float) -> NDArray[np.int64]:
        """``(n,)`` index of the emotion that is clear, -1 where none is."""
        top = self.smoothed.argmax(axis=1)
        enough = self.smoothed.max(axis=1) >= min_probability
        return np.where(enough, top, -1)


@dataclass(frozen=True)
class Stretch:
    """A stretch of one clear emotion: observations ``first..last`` of a `Seen`."""

    emotion: str
    first: int
    last: int
    start_s: float
    end_s: float
    probability: float
    coverage: float

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True)
class Point:
    """One point of a curve: a window's value."""

    start_s: float
    end_s: float
    value: float


@dataclass(frozen=True)
class Extreme:
    """Points ``first..last`` at which a curve is locally highest or lowest."""

    kind: Literal["peak", "dip"]
    first: int
    last: int
    value: float


def seen(track: Track, step_s: float, duration_s: float, smooth_s: float) -> Seen:
    """The track's probabilities, smoothed over `smooth_s` where the face stayed in sight.

    Args:
        step_s: the analysis' longest step from one frame that was looked at to the next.
    """
    found = track.observations
    classes = tuple(sorted(found[0].emotions)) if found else ()
    times = np.array([o.t for o in found])
    raw = np.array([[o.emotions[name] for name in classes] for o in found])
    steps = np.diff(times)
    # A recording's own rate may be lower than the sampling's.
    step = max(step_s, float(np.median(steps))) if steps.size else step_s
    run = np.concatenate([[0], np.cumsum(steps > _GAP_STEPS * step)]).astype(np.int64)
    following = np.append(times[1:], duration_s)
    ends = np.minimum(following, times + np.where(np.append(np.diff(run), 1) > 0, step, np.inf))
    return Seen(classes, times, ends, run[: len(times)], raw, _smooth(times, run, raw, smooth_s))


def _smooth(times: Array, run: NDArray[np.int64], raw: Array, over_s: float) -> Array:
    if not len(times):
        return raw
    sums = np.concatenate([np.zeros((1, raw.shape[1])), raw.cumsum(axis=0)])
    # Small numbers decide about equality of times: a sample at the edge counts on both sides.
    low = np.searchsorted(times, times - over_s / 2 - 1e-6)
    high = np.searchsorted(times, times + over_s / 2 + 1e-6)
    low = np.maximum(low, np.searchsorted(run, run))
    high = np.minimum(high, np.searchsorted(run, run, side="right"))
    return np.asarray((sums[high] - sums[low]) / (high - low)[:, None])


def clear_stretches(of: Seen, rules: Rules) -> list[Stretch]:
    """Every stretch in which one emotion is clear for long enough, in the order of time."""
    states = zip(of.run.tolist(), of.clear(rules.min_probability).tolist(), strict=True)
    found = []
    for (_, emotion), indices in _runs(list(states)):
        first, last = indices
        start, end = float(of.times[first]), float(of.ends[last])
        if emotion < 0 or end - start < rules.min_s:
            continue
        covered = float((of.ends[first : last + 1] - of.times[first : last + 1]).sum())
        found.append(
            Stretch(
                emotion=of.classes[emotion],
                first=first,
                last=last,
                start_s=start,
                end_s=end,
                probability=float(of.raw[first : last + 1, emotion].mean()),
                coverage=min(1.0, covered / (end - start)),
            )
        )
    return found


def _runs(states: Sequence[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    for state, group in groupby(range(len(states)), key=states.__getitem__):
        indices = list(group)
        yield state, (indices[0], indices[-1])


def extremes(points: Sequence[Point]) -> tuple[list[Extreme], float, float]:
    """Dips and peaks that stand out from the curve by more than its spread.

    Returns:
        The extremes, farthest from the mean first, none overlapping another of its kind; the
        curve's mean and its standard deviation.
    """
    values = np.array([point.value for point in points])
    if len(values) < LEAST_POINTS:
        return [], float(values.mean()) if len(values) else 0.0, 0.0
    mean, spread = float(values.mean()), float(values.std())
    least = max(spread, LEAST_SPREAD)
    found: list[Extreme] = []
    for low, high in _unbroken(points):
        for kind, sign in (("peak", 1.0), ("dip", -1.0)):
            curve = np.pad(sign * values[low:high], 1, constant_values=-np.inf)
            _, edges = find_peaks(curve, plateau_size=1)
            for left, right in zip(edges["left_edges"], edges["right_edges"], strict=True):
                first, last = low + int(left) - 1, low + int(right) - 1
                if sign * (values[first] - mean) > least:
                    found.append(Extreme(kind, first, last, float(values[first])))  # type: ignore[arg-type]
    found.sort(key=lambda one: abs(one.value - mean), reverse=True)
    return _apart(found, points), mean, spread


def _unbroken(points: Sequence[Point]) -> Iterator[tuple[int, int]]:
    """Index ranges within which no window is missing."""
    starts = [point.start_s for point in points]
    stride = min(right - left for left, right in pairwise(starts))
    breaks = [n for n, (a, b) in enumerate(pairwise(starts), start=1) if b - a > 1.5 * stride]
    yield from pairwise([0, *breaks, len(points)])


def _apart(found: Sequence[Extreme], points: Sequence[Point]) -> list[Extreme]:
    kept: list[Extreme] = []
    for one in found:
        start, end = points[one.first].start_s, points[one.last].end_s
        if not any(
            one.kind == other.kind
            and start < points[other.last].end_s
            and points[other.first].start_s < end
            for other in kept
        ):
            kept.append(one)
    return kept


def best_part(of: Seen, stretch: Stretch, longest_s: float) -> tuple[float, float]:
    """The part of a stretch, at most so long, in which its emotion is most probable."""
    if stretch.length_s <= longest_s:
        return stretch.start_s, stretch.end_s
    emotion = of.classes.index(stretch.emotion)
    inside = slice(stretch.first, stretch.last + 1)
    starts = of.times[inside]
    starts = starts[starts <= stretch.end_s - longest_s + 1e-6]
    weights = (of.ends[inside] - of.times[inside]) * of.raw[inside, emotion]
    sums = [
        weights[(of.times[inside] >= start) & (of.times[inside] < start + longest_s)].sum()
        for start in starts
    ]
    start = float(starts[int(np.argmax(sums))])
    return start, start + longest_s


def middle(start_s: float, end_s: float, longest_s: float) -> tuple[float, float]:
    """The middle of a stretch, at most so long."""
    spare = max(0.0, end_s - start_s - longest_s) / 2
    return start_s + spare, end_s - spare
