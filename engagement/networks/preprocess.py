"""From face crops to what a network takes.

One function for training, evaluation and inference, so that all three see the same pixels.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engagement.networks.mobilenet import BGR_MEAN

Pixels = NDArray[np.uint8]


def to_grey(image: Pixels) -> Pixels:
    """Luminance ``(h, w)`` of an RGB ``(h, w, 3)`` or grey ``(h, w)`` image (ITU-R BT.601)."""
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def resize_square(image: Pixels, size: int) -> Pixels:
    """Resize to ``(size, size[, 3])``: by area when shrinking, linearly when enlarging."""
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image
    method = cv2.INTER_AREA if min(height, width) > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size, size), interpolation=method), dtype=np.uint8)


def stack_grey(crops: Sequence[Pixels], size: int) -> Pixels:
    """Crops of any size and colour -> one ``(n, size, size)`` uint8 array."""
    if not crops:
        return np.empty((0, size, size), dtype=np.uint8)
    return np.stack([resize_square(to_grey(crop), size) for crop in crops])


def normalise_grey(grey: torch.Tensor) -> torch.Tensor:
    """Grey faces ``(n, s, s)`` in 0..255 -> network input ``(n, 3, s, s)``, channels last."""
    mean = torch.tensor(BGR_MEAN, dtype=torch.float32)[None, :, None, None]
    prepared = grey.float()[:, None] - mean
    return prepared.contiguous(memory_format=torch.channels_last)
