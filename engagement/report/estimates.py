"""Engagement estimates of a track, window by window."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from engagement.report import schema
from engagement.report.sampled import ReportSettings, Sampled, rounded_s
from engagement.types import Observation
from engagement.windows import concentration as index
from engagement.windows.classifier import engagement_of
from engagement.windows.concentration import ConcentrationSettings
from engagement.windows.estimators import TrainedEngagement
from engagement.windows.sequences import FrameWindows, TimeWindows, Windows, slide
from engagement.windows.sliding import Span, covered_s, windows_over

# Below this coverage a window's estimate rests on too little to call a level.
_LEAST_COVERAGE = 0.3
# A classifier's window is shifted by no more than this share of its length to see how much its
# estimate hangs on where exactly it lies.
_MOST_SHIFT = 1 / 8


@dataclass(frozen=True)
class _Judged:
    """A report's window before it is known how much of it was seen."""

    span: Span
    engagement: float
    spread: float
    level: schema.Level


@dataclass(frozen=True)
class _Curve:
    """Estimates of a track's classifier windows, in order: m of them.

    Attributes:
        spans: the windows.
        middles_s: ``(m,)``.
        probabilities: ``(m, k)``.
        engagement: ``(m,)``.
    """

    spans: list[Span]
    middles_s: NDArray[np.float64]
    probabilities: NDArray[np.float32]
    engagement: NDArray[np.float32]

    def between(self, span: Span) -> slice:
        """The windows whose middle lies in `span`; the middles never run backwards."""
        low, high = np.searchsorted(self.middles_s, (span.start_s, span.end_s))
        return slice(int(low), int(high))


def window_length_s(settings: ReportSettings) -> float:
    """Length of the report's windows: a classifier's own, where it has one in seconds."""
    trained = settings.trained
    if trained is None or trained.frames is not None:
        return settings.windows.window_s
    return trained.card.window_s


def engagement_windows(
    observations: Sequence[Observation],
    seen: Sequence[Span],
    sampled: Sampled,
    settings: ReportSettings,
) -> list[schema.Window]:
    """Windows in which the track's face was seen, each with its estimate.

    Raises:
        DataError: the classifier takes embeddings of another length.
    """
    stride_s = settings.windows.stride_s
    spans = list(windows_over(sampled.duration_s, window_length_s(settings), stride_s))
    if not spans:
        return []
    if settings.trained is None:
        judged = _by_index(observations, spans, sampled.classes, settings.concentration)
    elif settings.trained.frames is not None:
        judged = _by_frames(observations, spans, settings.trained, settings.trained.frames)
    else:
        judged = _by_time(observations, spans, settings.trained, stride_s)
    windows = []
    for one in judged:
        coverage = min(1.0, covered_s(seen, one.span) / one.span.length_s)
        windows.append(
            schema.Window(
                start_s=rounded_s(one.span.start_s),
                end_s=rounded_s(one.span.end_s),
                engagement=round(min(1.0, one.engagement), 4),
                spread=round(one.spread, 4),
                level=one.level if coverage >= _LEAST_COVERAGE else None,
                coverage=round(coverage, 4),
            )
        )
    return windows


def _by_index(
    observations: Sequence[Observation],
    spans: Sequence[Span],
    classes: tuple[str, ...],
    settings: ConcentrationSettings,
) -> Iterator[_Judged]:
    """The mean of the single frames' index, and their spread."""
    times = np.array([o.t for o in observations])
    values = np.array([index.concentration(o, classes, settings) for o in observations])
    for span in spans:
        inside = values[(times >= span.start_s) & (times < span.end_s)]
        if inside.size:
            mean = float(inside.mean())
            level: schema.Level = "engaged" if mean >= settings.engaged_from else "distracted"
            yield _Judged(span, mean, float(inside.std()), level)


def _by_time(
    observations: Sequence[Observation],
    spans: Sequence[Span],
    trained: TrainedEngagement,
    stride_s: float,
) -> Iterator[_Judged]:
    """The classifier's estimate of each window, and the spread of those shifted against it."""
    curve = _curve(observations, trained, TimeWindows(_shifted(spans, stride_s)))
    at = {span: i for i, span in enumerate(curve.spans)}
    for span in spans:
        i = at.get(span)
        if i is not None:
            spread = float(curve.engagement[curve.between(span)].std())
            level = _most_probable(trained, curve.probabilities[i])
            yield _Judged(span, float(curve.engagement[i]), spread, level)


def _by_frames(
    observations: Sequence[Observation],
    spans: Sequence[Span],
    trained: TrainedEngagement,
    frames: int,
) -> Iterator[_Judged]:
    """The mean score of the published windows whose middle frame lies in each window."""
    curve = _curve(observations, trained, FrameWindows(frames))
    for span in spans:
        inside = curve.between(span)
        values = curve.engagement[inside]
        if values.size:
            level = _most_probable(trained, curve.probabilities[inside].mean(axis=0))
            yield _Judged(span, float(values.mean()), float(values.std()), level)


def _shifted(spans: Sequence[Span], stride_s: float) -> Iterator[Span]:
    """The report's windows, and the same shifted in small steps, inside of the recording.

    Before the first window and behind the last they are shifted by up to half their length too, so
    that a recording of one window has a spread as well.
    """
    length_s, end_s = spans[0].length_s, spans[-1].end_s
    steps = math.ceil(stride_s / (length_s * _MOST_SHIFT))
    step_s = stride_s / steps
    for step in range(int(length_s / 2 / step_s), 0, -1):
        yield Span(0.0, length_s - step * step_s)
    for span in spans[:-1]:
        yield span
        for step in range(1, steps):
            start = span.start_s + step * step_s
            yield Span(start, min(start + length_s, end_s))
    last = spans[-1]
    for step in range(int(last.length_s / 2 / step_s) + 1):
        yield Span(last.start_s + step * step_s, end_s)


def _curve(
    observations: Sequence[Observation], trained: TrainedEngagement, windows: Windows
) -> _Curve:
    spans, middles, probabilities = [], [], []
    rows = ((o.t, o.expression.embedding) for o in observations)
    for estimate in slide(trained.classifier, windows, rows):
        spans.append(estimate.span)
        middles.append(estimate.middle_s)
        probabilities.append(estimate.probabilities)
    table = np.array(probabilities, dtype=np.float32).reshape(-1, len(trained.card.levels))
    return _Curve(spans, np.array(middles), table, engagement_of(table))


def _most_probable(trained: TrainedEngagement, probabilities: NDArray[np.float32]) -> schema.Level:
    return level_named(trained.card.levels[int(probabilities.argmax())])


def level_named(name: str) -> schema.Level:
    """The contract's level of that name; names are checked when an analysis begins."""
    return cast("schema.Level", name)
