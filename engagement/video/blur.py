"""Make faces unrecognisable in a picture, past undoing."""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from engagement.types import Pixels

# An ellipse around a box has axes of the box's sides times the root of two; hair, chin and the
# detector's error need more.
_COVERED = 1.7
# Beyond what is covered whole, the edge fades out over this much more.
_FADE = 0.15
# The head is replaced by so many mean colours across, then drawn smoothly: twelve numbers for a
# whole head with its surroundings, of which no person can be told.
_CELLS = 2


def blur_faces(rgb: Pixels, boxes: ArrayLike) -> Pixels:
    """The picture with every face replaced by a smooth patch of its mean colours.

    Args:
        rgb: ``(h, w, 3)`` uint8; it is left as it is.
        boxes: ``(n, 4)`` xyxy in pixels of the picture. They may reach beyond its edges; the part
            outside is ignored.

    Raises:
        ValueError: the boxes are not ``(n, 4)`` finite numbers.
    """
    found = np.asarray(boxes, dtype=np.float64)
    if found.size == 0:
        return rgb.copy()
    if found.ndim != 2 or found.shape[1] != 4 or not np.isfinite(found).all():
        raise ValueError(f"boxes must be (n, 4) finite numbers, got {found.shape}")
    blurred = rgb.copy()
    for box in found:
        _cover(blurred, box)
    return blurred


def _cover(rgb: Pixels, box: NDArray[np.float64]) -> None:
    """Blurs one head in place."""
    height, width = rgb.shape[:2]
    centre = (box[:2] + box[2:]) / 2
    axes = np.maximum(np.abs(box[2:] - box[:2]), 1.0) / 2 * _COVERED
    low = np.floor(centre - axes * (1 + _FADE)).astype(int)
    high = np.ceil(centre + axes * (1 + _FADE)).astype(int) + 1
    left, top = max(0, low[0]), max(0, low[1])
    right, bottom = min(width, high[0]), min(height, high[1])
    if right <= left or bottom <= top:
        return
    patch = rgb[top:bottom, left:right]
    size = (right - left, bottom - top)
    cells = cv2.resize(patch, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR)
    weight = _weights(left, top, size, centre, axes)
    rgb[top:bottom, left:right] = (patch + weight * (smooth.astype(np.float32) - patch)).round()


def _weights(
    left: int,
    top: int,
    size: tuple[int, int],
    centre: NDArray[np.float64],
    axes: NDArray[np.float64],
) -> NDArray[np.float32]:
    """``(h, w, 1)``: 1 over the head, falling to 0 at the patch's rim."""
    x = (np.arange(left, left + size[0]) + 0.5 - centre[0]) / axes[0]
    y = (np.arange(top, top + size[1]) + 0.5 - centre[1]) / axes[1]
    radius = np.sqrt(x[None, :] ** 2 + y[:, None] ** 2)
    weights = np.clip((1 + _FADE - radius) / _FADE, 0.0, 1.0)
    return np.asarray(weights[:, :, None], dtype=np.float32)
