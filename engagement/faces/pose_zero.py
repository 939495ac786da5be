"""Where a person's head points while they face the screen.

A camera beside or above the screen adds a constant to every angle, and so does a face that is not
the generic one. The constant is taken from the recording itself: people look at the screen more
than at any other one place, so the angles' densest place is the zero. Four limits keep somebody who
looks elsewhere from becoming their own zero:

- a zero lies within 40 degrees of yaw and 25 of pitch, as far as cameras stand from screens;
- at least a third of the time agrees with it, within 15 degrees;
- of several such places, the one nearest to the camera's axis wins if it has at least half of the
  time of the densest, since cameras mostly stand by the screen;
- it takes ten seconds of faces.

Without a place that fits, the zero is the camera's axis. The rule cannot tell a camera beside the
screen from a person who looks beside the screen, always the same way, for most of the recording.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter

from engagement.types import Observation

_BIN_DEG = 2.0
_EDGES = np.arange(-90.0, 90.0 + _BIN_DEG, _BIN_DEG)
_CENTRES = (_EDGES[:-1] + _EDGES[1:]) / 2
# Blur of the density: about what the pose of a still head scatters.
_BLUR_DEG = 5.0

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class PoseZero:
    """Degrees of a head that faces the screen; `estimated` is False for the camera's own axis."""

    yaw: float
    pitch: float
    estimated: bool


@dataclass(frozen=True)
class PoseZeroSettings:
    """Limits of the rule.

    Attributes:
        most_yaw_deg, most_pitch_deg: a zero further from the camera's axis is not believed.
        agree_deg: observations this near to a zero agree with it.
        least_share: share of the time that has to agree.
        nearer_share: share of the densest place's time that a place nearer to the axis needs.
        least_s: seconds with a face that it takes.
    """

    most_yaw_deg: float = 40.0
    most_pitch_deg: float = 25.0
    agree_deg: float = 15.0
    least_share: float = 1 / 3
    nearer_share: float = 0.5
    least_s: float = 10.0


CAMERA_AXIS = PoseZero(0.0, 0.0, estimated=False)


def estimate_zero(
    yaw: _Array, pitch: _Array, seconds: _Array, settings: PoseZeroSettings | None = None
) -> PoseZero:
    """The zero of one person.

    Args:
        yaw, pitch: ``(n,)`` degrees of the person's observations.
        seconds: ``(n,)``, how long each of them stands for.
    """
    settings = settings or PoseZeroSettings()
    total = float(seconds.sum())
    if total < settings.least_s:
        return CAMERA_AXIS
    places = [
        place
        for peak in _peaks(yaw, pitch, seconds)
        if _within(place := _settled(peak, yaw, pitch, seconds, settings), settings)
    ]
    support = [float(seconds[_agreeing(place, yaw, pitch, settings)].sum()) for place in places]
    enough = max([settings.least_share * total, *(settings.nearer_share * s for s in support)])
    good = [place for place, s in zip(places, support, strict=True) if s >= enough]
    if not good:
        return CAMERA_AXIS
    nearest = min(good, key=lambda place: math.hypot(*place))
    return PoseZero(*nearest, estimated=True)


def from_zero(observations: Sequence[Observation], zero: PoseZero) -> list[Observation]:
    """The observations of one person with their angles from the person's zero."""
    return [replace(o, yaw=o.yaw - zero.yaw, pitch=o.pitch - zero.pitch) for o in observations]


def _peaks(yaw: _Array, pitch: _Array, seconds: _Array) -> list[tuple[float, float]]:
    """Local maxima of the density of angles."""
    inside = (np.clip(yaw, -89.9, 89.9), np.clip(pitch, -89.9, 89.9))
    counts, _, _ = np.histogram2d(*inside, bins=(_EDGES, _EDGES), weights=seconds)
    density = gaussian_filter(counts, _BLUR_DEG / _BIN_DEG, mode="constant")
    is_peak = (density == maximum_filter(density, 5)) & (density > 0.01 * density.max())
    return [(float(_CENTRES[i]), float(_CENTRES[j])) for i, j in np.argwhere(is_peak)]


def _settled(
    place: tuple[float, float],
    yaw: _Array,
    pitch: _Array,
    seconds: _Array,
    settings: PoseZeroSettings,
) -> tuple[float, float]:
    """The median of what agrees with a place, robust against what lies beside it."""
    near = _agreeing(place, yaw, pitch, settings)
    if not near.any():
        return place
    return _median(yaw[near], seconds[near]), _median(pitch[near], seconds[near])


def _agreeing(
    place: tuple[float, float], yaw: _Array, pitch: _Array, settings: PoseZeroSettings
) -> NDArray[np.bool_]:
    return np.asarray(np.hypot(yaw - place[0], pitch - place[1]) <= settings.agree_deg)


def _within(place: tuple[float, float], settings: PoseZeroSettings) -> bool:
    return abs(place[0]) <= settings.most_yaw_deg and abs(place[1]) <= settings.most_pitch_deg


def _median(values: _Array, weights: _Array) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])
