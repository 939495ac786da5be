"""Windows of presentation time over sampled frames."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# A sampled frame stands for the time until the next one, but not for longer than this: a picture
# that froze says nothing about the seconds in which nothing was recorded.
MOST_HOLD_S = 1.0


@dataclass(frozen=True)
class Span:
    """A stretch of time, ``start_s <= t < end_s``."""

    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


def windows_over(duration_s: float, window_s: float, stride_s: float) -> Iterator[Span]:
    """Windows that cover ``0..duration_s``; the last one is shorter rather than dropped."""
    start = 0.0
    while start < duration_s:
        yield Span(start, min(start + window_s, duration_s))
        if start + window_s >= duration_s:
            return
        start += stride_s


def holds(sample_times: Sequence[float], duration_s: float) -> list[Span]:
    """The stretch of time that each sampled frame stands for.

    Args:
        sample_times: increasing times of all sampled frames, with a face or not.
        duration_s: end of the recording.
    """
    ends = [*sample_times[1:], duration_s]
    return [
        Span(t, max(t, min(end, t + MOST_HOLD_S)))
        for t, end in zip(sample_times, ends, strict=True)
    ]


def covered_s(seen: Sequence[Span], window: Span) -> float:
    """Seconds of `window` within the increasing, disjoint spans `seen`."""
    first = max(0, bisect_left(seen, window.start_s, key=lambda s: s.start_s) - 1)
    total = 0.0
    for span in seen[first:]:
        if span.start_s >= window.end_s:
            break
        total += max(0.0, min(span.end_s, window.end_s) - max(span.start_s, window.start_s))
    return total


def gaps(seen: Sequence[Span], duration_s: float, least_s: float) -> list[Span]:
    """Stretches of at least `least_s` seconds in ``0..duration_s`` outside every span of `seen`."""
    found = []
    reached = 0.0
    for span in [*seen, Span(duration_s, duration_s)]:
        if span.start_s - reached >= least_s:
            found.append(Span(reached, span.start_s))
        reached = max(reached, span.end_s)
    return found
