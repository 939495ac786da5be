"""Where the faces of an analysis are at any time, to hide those of others.

An analysis knows a face only where it was sampled: in between, its place is interpolated, and
before and after it is held for a while. A face that no track holds, because it was seen too
shortly, is not known; so where a recording has several people, all but the neighbourhood of the
student is blurred as well.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from engagement.report.schema import Track
from engagement.types import Frame, Pixels
from engagement.video.blur import blur_faces

Box = NDArray[np.float64]
Region = tuple[int, int, int, int]

# A face out of sight for less is where the line between its two places is.
_BRIDGED_S = 2.0
# A face is not yet, or no more, found for about this long around what was sampled of it.
_HELD_S = 0.8
# Margins beside each box, as shares of its size: it moves between samples.
_MARGIN = 0.15
# What stays clear of a recording with several people: so many face sizes around the face.
_CLEAR_ACROSS, _CLEAR_UP, _CLEAR_DOWN = 1.1, 0.9, 1.6
# Of a blurred background so many pixels of its longer side are left.
_BACKGROUND_PX = 14


class FacePlaces:
    """The boxes of one track over time."""

    def __init__(self, track: Track) -> None:
        self.track_id = track.id
        self._times = np.array([o.t for o in track.observations])
        self._boxes = np.array([o.box for o in track.observations], dtype=np.float64)

    @property
    def width(self) -> float:
        """The face's usual width in pixels."""
        return float(np.median(self._boxes[:, 2] - self._boxes[:, 0]))

    def at(self, t: float) -> Box | None:
        """``(4,)`` xyxy at that time, None where the face is away."""
        after = int(np.searchsorted(self._times, t))
        low, high = max(0, after - 1), min(after, len(self._times) - 1)
        t_low, t_high = float(self._times[low]), float(self._times[high])
        if t_low <= t <= t_high and t_high - t_low <= _BRIDGED_S:
            share = (t - t_low) / (t_high - t_low) if t_high > t_low else 0.0
            between = (1 - share) * self._boxes[low] + share * self._boxes[high]
            # Nobody moves along a straight line: both ends are covered too.
            return _union(np.stack([between, self._boxes[low], self._boxes[high]]))
        nearest = low if abs(t - t_low) <= abs(t - t_high) else high
        if abs(t - float(self._times[nearest])) <= _HELD_S:
            return np.asarray(self._boxes[nearest])
        return None

    def region(self, low_s: float, high_s: float, size: tuple[int, int]) -> Region | None:
        """Where the face and its neighbourhood are between two times, None where it is away.

        Returns:
            x1, y1, x2, y2 in whole pixels, inside a frame of `size` (width, height).
        """
        boxes = [*self._boxes[(self._times > low_s) & (self._times < high_s)]]
        boxes += [box for t in (low_s, high_s) if (box := self.at(t)) is not None]
        if not boxes:
            return None
        x1, y1, x2, y2 = _neighbourhood(_union(np.stack(boxes)))
        return max(0, x1), max(0, y1), min(size[0], x2), min(size[1], y2)


def hide_others(frame: Frame, subject: int, places: Sequence[FacePlaces], region: Region) -> Pixels:
    """The region of the picture, in which only the subject's face can be recognised.

    Args:
        subject: the track that is shown.
        places: of every track of the recording, the subject's among them.
    """
    x1, y1, x2, y2 = region
    part = frame.rgb[y1:y2, x1:x2]
    if len(places) < 2:
        return part
    corner = np.array([x1, y1, x1, y1])
    own = next((p.at(frame.t) for p in places if p.track_id == subject), None)
    others = [box for p in places if p.track_id != subject and (box := p.at(frame.t)) is not None]
    picture = _only_around(part, None if own is None else own - corner)
    return blur_faces(picture, [_wider(box) - corner for box in others])


def _wider(box: Box) -> Box:
    margin = (box[2:] - box[:2]) * _MARGIN
    return np.concatenate([box[:2] - margin, box[2:] + margin])


def _union(boxes: NDArray[np.float64]) -> Box:
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])


def _only_around(rgb: Pixels, box: Box | None) -> Pixels:
    """Everything blurred but the neighbourhood of `box`; all of it where there is none."""
    height, width = rgb.shape[:2]
    shrink = _BACKGROUND_PX / max(height, width)
    small = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    cells = cv2.resize(rgb, small, interpolation=cv2.INTER_AREA)
    blurred = cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
    if box is None:
        return np.asarray(blurred, dtype=np.uint8)
    x1, y1, x2, y2 = _neighbourhood(box)
    fade = max(1.0, float(box[2] - box[0]) / 2)
    soft = (_ramp(height, y1, y2, fade)[:, None] * _ramp(width, x1, x2, fade)[None])[:, :, None]
    return np.asarray((blurred + soft * (rgb.astype(np.float32) - blurred)).round(), dtype=np.uint8)


def _ramp(length: int, low: int, high: int, fade: float) -> NDArray[np.float32]:
    """1 well inside ``low..high``, falling to 0 at its ends; at the picture's edge it stays 1."""
    at = np.arange(length, dtype=np.float32)
    left = np.ones_like(at) if low <= 0 else (at - low) / fade
    right = np.ones_like(at) if high >= length else (high - at) / fade
    return np.clip(np.minimum(left, right), 0.0, 1.0).astype(np.float32)


def _neighbourhood(box: Box) -> Region:
    x1, y1, x2, y2 = (float(edge) for edge in box)
    w, h = x2 - x1, y2 - y1
    return (
        round(x1 - _CLEAR_ACROSS * w),
        round(y1 - _CLEAR_UP * h),
        round(x2 + _CLEAR_ACROSS * w),
        round(y2 + _CLEAR_DOWN * h),
    )
