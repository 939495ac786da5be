"""Group affect: how a group of faces looks over time."""

import numpy as np

from engagement.report import schema
from engagement.report.sampled import Sampled, WindowSettings, rounded_s
from engagement.windows.sliding import windows_over

# The rule: which emotions count as what.
_POSITIVE = frozenset({"happiness", "surprise"})
_NEUTRAL = frozenset({"neutral"})


def build_group_affect(sampled: Sampled, settings: WindowSettings) -> list[schema.GroupAffect]:
    """Mean probability of positive, neutral and negative emotions over all faces, a window."""
    if not sampled.observations:
        return []
    times = np.array([o.t for o in sampled.observations])
    probabilities = np.array([o.expression.probabilities for o in sampled.observations])
    is_positive = np.array([name in _POSITIVE for name in sampled.classes])
    is_neutral = np.array([name in _NEUTRAL for name in sampled.classes])
    affects = []
    for span in windows_over(sampled.duration_s, settings.window_s, settings.stride_s):
        inside = probabilities[(times >= span.start_s) & (times < span.end_s)]
        if inside.size:
            mean = inside.mean(axis=0)
            positive, neutral = float(mean[is_positive].sum()), float(mean[is_neutral].sum())
            affects.append(
                schema.GroupAffect(
                    start_s=rounded_s(span.start_s),
                    end_s=rounded_s(span.end_s),
                    positive=round(min(positive, 1.0), 4),
                    neutral=round(min(neutral, 1.0), 4),
                    negative=round(max(0.0, 1 - positive - neutral), 4),
                )
            )
    return affects
