"""Engagement estimates of a track, window by window."""

from collections.abc import Sequence

import numpy as np

from engagement.report import schema
from engagement.report.sampled import ReportSettings, Sampled, rounded_s
from engagement.types import Observation
from engagement.windows import concentration as index
from engagement.windows.sliding import Span, covered_s, windows_over

# Below this coverage a window's estimate rests on too little to call a level.
_LEAST_COVERAGE = 0.3


def engagement_windows(
    observations: Sequence[Observation],
    seen: Sequence[Span],
    sampled: Sampled,
    settings: ReportSettings,
) -> list[schema.Window]:
    """Windows in which the track's face was seen, each with its estimate."""
    times = np.array([o.t for o in observations])
    values = np.array(
        [index.concentration(o, sampled.classes, settings.concentration) for o in observations]
    )
    lengths = settings.windows
    windows = []
    for span in windows_over(sampled.duration_s, lengths.window_s, lengths.stride_s):
        inside = values[(times >= span.start_s) & (times < span.end_s)]
        if not inside.size:
            continue
        coverage = min(1.0, covered_s(seen, span) / span.length_s)
        mean = float(inside.mean())
        windows.append(
            schema.Window(
                start_s=rounded_s(span.start_s),
                end_s=rounded_s(span.end_s),
                engagement=round(mean, 4),
                spread=round(float(inside.std()), 4),
                level=_level(mean, coverage, settings.concentration.engaged_from),
                coverage=round(coverage, 4),
            )
        )
    return windows


def _level(engagement: float, coverage: float, engaged_from: float) -> schema.Level | None:
    if coverage < _LEAST_COVERAGE:
        return None
    return "engaged" if engagement >= engaged_from else "distracted"
