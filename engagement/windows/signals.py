"""What can be seen of attention without emotion: where the head points, and how much it moves.

Shares are of the time with a usable face. Angles are those from the person's own zero
(`engagement.faces.pose_zero`), and the limits of facing the screen are the concentration index's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engagement.types import Observation
from engagement.windows.concentration import ConcentrationSettings, is_facing
from engagement.windows.sliding import Span

# A detector's box trembles by a hundredth of its width or two from frame to frame, which at five
# frames a second would read as a tenth of a width a second. So positions are the median of their
# neighbours, and speeds are taken over half a second at least; over more than this much, the way
# between is not known.
_SMOOTH_S = 0.3
_LEAST_STEP_S = 0.5
_MOST_STEP_S = 1.5

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Signals:
    """Signals over a stretch: shares that add up to one, and movement in face widths a second."""

    facing: float
    turned_away: float
    head_down: float
    movement: float | None


@dataclass(frozen=True, eq=False)
class TrackSignals:
    """The signals of a track's n observations, ready to be summed over any stretch.

    Attributes:
        starts_s, ends_s: ``(n,)``, the time that each observation stands for.
        facing, head_down: ``(n,)`` bool; neither is turned away.
        speed: ``(n,)`` face widths a second, NaN where it cannot be told.
    """

    starts_s: _Array
    ends_s: _Array
    facing: NDArray[np.bool_]
    head_down: NDArray[np.bool_]
    speed: _Array

    def over(self, stretch: Span) -> Signals | None:
        """The signals of a stretch of time; None where the face was not seen in it."""
        held = np.minimum(self.ends_s, stretch.end_s) - np.maximum(self.starts_s, stretch.start_s)
        held = np.maximum(held, 0.0)
        total = held.sum()
        if total <= 0:
            return None
        facing, head_down = float(held @ self.facing / total), float(held @ self.head_down / total)
        speeds = self.speed[(held > 0) & ~np.isnan(self.speed)]
        return Signals(
            facing=facing,
            turned_away=max(0.0, 1.0 - facing - head_down),
            head_down=head_down,
            movement=float(np.median(speeds)) if speeds.size else None,
        )


def track_signals(
    observations: Sequence[Observation], seen: Sequence[Span], limits: ConcentrationSettings
) -> TrackSignals:
    """Measure the signals of one track.

    Args:
        observations: in order of time, angles from the person's own zero.
        seen: the time that each observation stands for.
        limits: where facing the screen ends.
    """
    facing = np.array([is_facing(o, limits) for o in observations])
    return TrackSignals(
        starts_s=np.array([span.start_s for span in seen]),
        ends_s=np.array([span.end_s for span in seen]),
        facing=facing,
        head_down=~facing
        & np.array([o.pitch < 0 and abs(o.yaw) <= limits.most_yaw_deg for o in observations]),
        speed=_speeds(observations),
    )


def _speeds(observations: Sequence[Observation]) -> _Array:
    """Speed of the face's centre at each observation, since one at least half a second before."""
    times = np.array([o.t for o in observations])
    boxes = np.array([o.face.xyxy for o in observations], dtype=np.float64)
    centres = _smoothed(times, (boxes[:, :2] + boxes[:, 2:]) / 2)
    widths = _smoothed(times, boxes[:, 2:3] - boxes[:, :1])[:, 0]
    # Half a millisecond less: times of frames are rounded.
    before = np.searchsorted(times, times - _LEAST_STEP_S + 5e-4, side="right") - 1
    speeds = np.full(len(times), np.nan)
    now = np.flatnonzero(before >= 0)
    then = before[now]
    step_s = times[now] - times[then]
    near = step_s <= _MOST_STEP_S
    now, then, step_s = now[near], then[near], step_s[near]
    moved = np.linalg.norm(centres[now] - centres[then], axis=1)
    speeds[now] = moved / step_s / ((widths[now] + widths[then]) / 2)
    return speeds


def _smoothed(times: _Array, values: _Array) -> _Array:
    """Each row ``(n, k)`` as the median of the rows around it in time."""
    first = np.searchsorted(times, times - _SMOOTH_S)
    last = np.searchsorted(times, times + _SMOOTH_S, side="right")
    return np.array([np.median(values[a:b], axis=0) for a, b in zip(first, last, strict=True)])
