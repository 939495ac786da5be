"""Engagement over a track: windows that slide over its observations, some at a time.

All windows of an hour at once would be tens of gigabytes. Here observations come in order of time,
only the rows that an unfinished window needs are kept, and windows are handed to the classifier in
stretches. A recording that is still going on and one that lies in a file are treated alike.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Protocol, runtime_checkable

import numpy as np

from engagement.errors import DataError
from engagement.types import Floats
from engagement.windows.classifier import EngagementClassifier
from engagement.windows.single_attention import PUBLISHED_FRAMES, Indices
from engagement.windows.sliding import Span

# Windows are classified so many at a time where nobody waits for the single one.
_TOGETHER = 128
# A stretch has no more rows than this, or twice its longest window.
_LEAST_STRETCH = 256


@dataclass(frozen=True)
class Estimate:
    """What a classifier says of one window.

    Attributes:
        span: time from its start to its end.
        middle_s: time of its middle.
        rows: observations in it.
        probabilities: ``(k,)`` of the levels.
    """

    span: Span
    middle_s: float
    rows: int
    probabilities: Floats


@dataclass(frozen=True)
class DueWindow:
    """A window that is complete: its rows ``start..stop`` counted from the track's first."""

    start: int
    stop: int
    span: Span
    middle_s: float


@dataclass(frozen=True)
class KeptTimes:
    """Times of the observations that are kept, the first of which is row `first` of the track."""

    first: int
    times: list[float]

    @property
    def rows(self) -> int:
        """Rows of the track so far."""
        return self.first + len(self.times)

    def row_at(self, t: float) -> int:
        """First row that is not before `t`."""
        return self.first + bisect_left(self.times, t)


class Windows(Protocol):
    """Which windows there are; holds how far it got, so one object serves one track."""

    def due(self, kept: KeptTimes, now_s: float, *, ended: bool) -> Iterator[DueWindow]:
        """Windows that have become complete by `now_s`, or by the track's end."""
        ...

    def needed_from(self, kept: KeptTimes) -> int:
        """First row that a coming window may need."""
        ...


class FrameWindows:
    """Windows of so many observations in a row, one observation apart, as published.

    Frames without a face are left out, so that a window may last longer than its frames. Also as
    published, the last window is not used: one becomes due when an observation follows it.
    """

    def __init__(self, frames: int = PUBLISHED_FRAMES) -> None:
        self.frames = frames
        self._next = 0

    def due(self, kept: KeptTimes, now_s: float, *, ended: bool) -> Iterator[DueWindow]:
        """See `Windows`."""
        del now_s, ended
        while self._next + self.frames < kept.rows:
            start, stop = self._next, self._next + self.frames
            first, middle, last = (
                kept.times[row - kept.first] for row in (start, start + self.frames // 2, stop - 1)
            )
            self._next += 1
            yield DueWindow(start, stop, Span(first, last), middle)

    def needed_from(self, kept: KeptTimes) -> int:
        """See `Windows`."""
        del kept
        return self._next


class TimeWindows:
    """Windows of presentation time.

    Args:
        spans: where they lie, both ends increasing; may go on for ever. One in which nothing was
            observed is passed over.
    """

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans = iter(spans)
        self._next = next(self._spans, None)

    def due(self, kept: KeptTimes, now_s: float, *, ended: bool) -> Iterator[DueWindow]:
        """See `Windows`."""
        while (span := self._next) is not None and (span.end_s <= now_s or ended):
            start, stop = kept.row_at(span.start_s), kept.row_at(span.end_s)
            if ended and start >= kept.rows:
                return
            self._next = next(self._spans, None)
            if stop > start:
                yield DueWindow(start, stop, span, (span.start_s + span.end_s) / 2)

    def needed_from(self, kept: KeptTimes) -> int:
        """See `Windows`."""
        return kept.rows if self._next is None else kept.row_at(self._next.start_s)


def every(window_s: float, stride_s: float) -> Iterator[Span]:
    """Windows for a recording whose end is not known yet."""
    return (Span(i * stride_s, i * stride_s + window_s) for i in count())


@runtime_checkable
class OverlappingClassifier(Protocol):
    """A classifier that shares work between windows that overlap."""

    def probabilities_over(self, embeddings: Floats, spans: Indices) -> Floats:
        """Probabilities of the windows ``spans (w, 2)`` of one stretch of rows ``(n, d)``."""
        ...


class WindowStream:
    """Windows of one track, as its observations come.

    Args:
        classifier: what judges a window.
        windows: which windows there are.
        together: so many finished windows are judged at once; 1 gives each as soon as it is due.
    """

    def __init__(
        self, classifier: EngagementClassifier, windows: Windows, *, together: int = 1
    ) -> None:
        self._classifier = classifier
        self._windows = windows
        self._together = together
        self._kept = KeptTimes(0, [])
        self._rows: list[Floats] = []
        self._due: list[DueWindow] = []
        self._now_s = -np.inf

    def add(self, t: float, embedding: Floats) -> list[Estimate]:
        """Take the observation at `t`; returns the windows that have been judged by then.

        Raises:
            DataError: times do not increase, or an embedding has another length.
        """
        size = self._classifier.card.embedding_size
        if embedding.shape != (size,):
            raise DataError(
                f"The engagement classifier {self._classifier.card.name} takes embeddings of "
                f"{size} numbers, not {embedding.size}. Use the expression model "
                f"{self._classifier.card.embedding_model}."
            )
        if self._kept.times and t <= self._kept.times[-1]:
            raise DataError(
                f"The observation at {t:g} s came after the one at {self._kept.times[-1]:g} s. "
                "Give a track's observations in order of time."
            )
        self._kept.times.append(t)
        self._rows.append(embedding)
        return self.advance(t)

    def advance(self, t: float) -> list[Estimate]:
        """Say that nothing more comes before `t`: windows that end by then are finished."""
        self._now_s = max(self._now_s, t)
        return self._judged(ended=False)

    def finish(self) -> list[Estimate]:
        """Say that nothing more comes at all."""
        return self._judged(ended=True)

    def _judged(self, *, ended: bool) -> list[Estimate]:
        estimates: list[Estimate] = []
        for window in self._windows.due(self._kept, self._now_s, ended=ended):
            self._due.append(window)
            if self._is_enough():
                estimates += self._classify()
        if ended and self._due:
            estimates += self._classify()
        if not self._due:
            self._forget(self._windows.needed_from(self._kept))
        return estimates

    def _is_enough(self) -> bool:
        first, last = self._due[0], self._due[-1]
        most = max(_LEAST_STRETCH, 2 * (last.stop - last.start))
        return len(self._due) >= self._together or last.stop - first.start >= most

    def _classify(self) -> list[Estimate]:
        due, self._due = self._due, []
        first = due[0].start
        embeddings = np.stack(
            self._rows[first - self._kept.first : due[-1].stop - self._kept.first]
        )
        spans = np.array([(w.start - first, w.stop - first) for w in due])
        probabilities = _probabilities(self._classifier, embeddings, spans)
        return [
            Estimate(w.span, w.middle_s, w.stop - w.start, p)
            for w, p in zip(due, probabilities, strict=True)
        ]

    def _forget(self, row: int) -> None:
        # Not row by row: taking rows off a list's front moves all that stay.
        if row - self._kept.first >= max(_TOGETHER, len(self._rows) // 2):
            gone = row - self._kept.first
            self._rows = self._rows[gone:]
            self._kept = KeptTimes(row, self._kept.times[gone:])


def slide(
    classifier: EngagementClassifier,
    windows: Windows,
    observations: Iterable[tuple[float, Floats]],
) -> Iterator[Estimate]:
    """Estimates of all windows of a track, in order; memory does not grow with its length.

    Args:
        observations: times and embeddings ``(d,)``, in order of time.

    Raises:
        DataError: as `WindowStream.add`.
    """
    stream = WindowStream(classifier, windows, together=_TOGETHER)
    for t, embedding in observations:
        yield from stream.add(t, embedding)
    yield from stream.finish()


def _probabilities(classifier: EngagementClassifier, embeddings: Floats, spans: Indices) -> Floats:
    if isinstance(classifier, OverlappingClassifier):
        return classifier.probabilities_over(embeddings, spans)
    return classifier.probabilities(embeddings[start:stop] for start, stop in spans)
