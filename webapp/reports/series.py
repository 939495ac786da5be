"""An analysis as compact time series for the charts.

Numbers are the document's own, only rounded to what a chart can show. Of a long recording there are
two forms. What is read at a moment is thinned: whole rows are kept, and every bucket of time keeps
the rows in which any series is at its lowest or highest. What is drawn are means of equal
stretches: extremes side by side would show neither how much of a stretch an emotion had nor
anything that an eye can follow.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from engagement.report.schema import Analysis, Observation, Track, Window

MAX_POINTS = 2000
#: More observations than this cannot be told apart on a screen: means are drawn.
MOST_DRAWN = 300
# Lengths of the stretches in seconds; the shortest that leaves few enough of them is taken.
_STRETCHES_S = (1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0)
# Drawn from the bottom up: what is most common lies flat, what is rare stays visible on top.
EMOTION_ORDER = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "fear",
    "anger",
    "contempt",
    "disgust",
)
# A face is away when this many sampling steps pass without an observation.
GAP_STEPS = 1.75

Span = tuple[float, float]


def emotion_order(names: Iterable[str]) -> list[str]:
    """The emotions in drawing order; names that the order does not know come last."""
    known = {name: rank for rank, name in enumerate(EMOTION_ORDER)}
    return sorted(names, key=lambda name: (known.get(name, len(known)), name))


def unseen(times: Sequence[float], duration_s: float, step_s: float) -> list[Span]:
    """Stretches of the recording in which a track has no observation."""
    if not times:
        return [(0.0, duration_s)] if duration_s > 0 else []
    limit = GAP_STEPS * step_s
    spans = [(0.0, times[0])] if times[0] > limit else []
    # An observation stands for the step that follows it.
    spans += [(left + step_s, right) for left, right in pairwise(times) if right - left > limit]
    if duration_s - times[-1] > limit:
        spans.append((times[-1] + step_s, duration_s))
    return spans


def thin(
    times: Sequence[float], columns: Sequence[Sequence[float]], limit: int = MAX_POINTS
) -> list[int]:
    """Indices of the rows to draw, in order: all of them up to `limit`, else about that many.

    The first and last row, and the lowest and highest row of every column in every bucket of
    time, are always among them.
    """
    total = len(times)
    if total <= limit:
        return list(range(total))
    buckets = max(1, limit // (2 * max(1, len(columns))))
    first, last = times[0], times[-1]
    edges = [first + (last - first) * step / buckets for step in range(1, buckets)]
    starts = [0, *(bisect_right(times, edge) for edge in edges), total]
    kept = {0, total - 1}
    for low, high in pairwise(starts):
        rows = range(low, high)
        if not rows:
            continue
        for column in columns:
            kept.add(min(rows, key=column.__getitem__))
            kept.add(max(rows, key=column.__getitem__))
    return sorted(kept)


@dataclass(frozen=True)
class Means:
    """Means of equal stretches of a recording; those without an observation are left out.

    `columns` are as they were given, each with a value a stretch; `t` are the stretches' middles.
    """

    stretch_s: float
    t: list[float]
    columns: list[list[float]]


def means(
    times: Sequence[float],
    columns: Sequence[Sequence[float]],
    duration_s: float,
    most: int = MOST_DRAWN,
) -> Means | None:
    """Means over the observations of each stretch, None where `most` can draw them all."""
    if len(times) <= most:
        return None
    fitting = (one for one in _STRETCHES_S if duration_s <= one * most)
    stretch_s = next(fitting, _STRETCHES_S[-1])
    found = [
        (number, list(rows))
        for number, rows in groupby(range(len(times)), lambda row: int(times[row] // stretch_s))
    ]
    return Means(
        stretch_s=stretch_s,
        t=[(number + 0.5) * stretch_s for number, _rows in found],
        columns=[
            [sum(map(column.__getitem__, rows)) / len(rows) for _number, rows in found]
            for column in columns
        ],
    )


def chart_data(
    analysis: Analysis, limit: int = MAX_POINTS, excluded: Sequence[Span] = ()
) -> dict[str, Any]:
    """What the report's script draws; `excluded` are stretches that were left out by hand."""
    emotions = emotion_order(analysis.models.expression.classes)
    return {
        "excluded": [list(span) for span in excluded],
        "duration_s": analysis.source.duration_s,
        "sampling_fps": analysis.sampling_fps,
        "frame": {"width": analysis.source.width, "height": analysis.source.height},
        "engagement": analysis.models.engagement.model_dump(),
        "valence_arousal": analysis.models.expression.valence_arousal,
        "emotions": emotions,
        "absent": analysis.presence.absent,
        "group_affect": [one.model_dump() for one in analysis.group_affect],
        "tracks": [_track(track, analysis, emotions, limit, excluded) for track in analysis.tracks],
    }


def face_boxes(analysis: Analysis) -> dict[str, Any]:
    """Every face's box at every observation, for drawing over the video: never thinned."""
    return {
        "frame": {"width": analysis.source.width, "height": analysis.source.height},
        "step_s": analysis.step_s,
        "tracks": [
            {
                "id": track.id,
                "t": [round(one.t, 3) for one in track.observations],
                "boxes": [[round(edge) for edge in one.box] for one in track.observations],
            }
            for track in analysis.tracks
        ],
    }


def outside(spans: Iterable[Span], excluded: Sequence[Span]) -> list[Span]:
    """What is left of stretches outside of others, which are in order and disjoint.

    >>> outside([(0.0, 9.0)], [(2.0, 3.0), (8.0, 20.0)])
    [(0.0, 2.0), (3.0, 8.0)]
    """
    left = []
    for start, end in spans:
        for low, high in excluded:
            if high <= start or low >= end:
                continue
            if low > start:
                left.append((start, low))
            start = high
        if end > start:
            left.append((start, end))
    return left


def _track(
    track: Track, analysis: Analysis, emotions: list[str], limit: int, excluded: Sequence[Span]
) -> dict[str, Any]:
    seen = track.observations
    times = [one.t for one in seen]
    columns = [[one.emotions.get(name, 0.0) for one in seen] for name in emotions]
    columns += [[one.valence for one in seen], [one.arousal for one in seen]]
    rows = [seen[index] for index in thin(times, columns, limit)]
    drawn = means(times, columns, analysis.source.duration_s)
    return {
        "id": track.id,
        "observations": len(seen),
        "t": [round(one.t, 3) for one in rows],
        "emotions": {name: _column(rows, name) for name in emotions},
        "valence": [round(one.valence, 4) for one in rows],
        "arousal": [round(one.arousal, 4) for one in rows],
        "means": drawn and _drawn(drawn, emotions),
        "unseen": [
            [round(start, 3), round(end, 3)]
            for start, end in outside(
                unseen(times, analysis.source.duration_s, analysis.step_s), excluded
            )
        ],
        "windows": [_window(window) for window in track.windows],
    }


def _drawn(drawn: Means, emotions: list[str]) -> dict[str, Any]:
    *shares, valence, arousal = [[round(one, 4) for one in column] for column in drawn.columns]
    return {
        "stretch_s": drawn.stretch_s,
        "t": drawn.t,
        "emotions": dict(zip(emotions, shares, strict=True)),
        "valence": valence,
        "arousal": arousal,
    }


def _column(rows: Sequence[Observation], name: str) -> list[float]:
    return [round(one.emotions.get(name, 0.0), 4) for one in rows]


def _window(window: Window) -> dict[str, Any]:
    return window.model_dump()
