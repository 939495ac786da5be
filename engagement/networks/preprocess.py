"""From face crops to what a network takes.

One function for training, evaluation and inference, so that all three see the same pixels.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engagement.networks.spec import BGR_MEAN, InputSpec

if TYPE_CHECKING:
    import torch

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


def to_grey(image: Pixels) -> Pixels:
    """Luminance ``(h, w)`` of an RGB ``(h, w, 3)`` or grey ``(h, w)`` image (ITU-R BT.601)."""
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def to_rgb(image: Pixels) -> Pixels:
    """RGB ``(h, w, 3)`` of an RGB or grey ``(h, w)`` image."""
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image


def resize_square(
    image: Pixels, size: int, method: Literal["bilinear", "linear", "area"] = "area"
) -> Pixels:
    """Resize to ``(size, size[, 3])``; the methods are described at `InputSpec`."""
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image
    if method == "bilinear":
        resized = Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)
        return np.asarray(resized, dtype=np.uint8)
    shrinks = method == "area" and min(height, width) > size
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size, size), interpolation=interpolation), dtype=np.uint8)


def stack_grey(crops: Sequence[Pixels], size: int) -> Pixels:
    """Crops of any size and colour -> one ``(n, size, size)`` uint8 array."""
    if not crops:
        return np.empty((0, size, size), dtype=np.uint8)
    return np.stack([resize_square(to_grey(crop), size) for crop in crops])


def normalise_grey(grey: "torch.Tensor") -> "torch.Tensor":
    """Grey faces ``(n, s, s)`` in 0..255 -> network input ``(n, 3, s, s)``, channels last."""
    import torch

    mean = torch.tensor(BGR_MEAN, dtype=torch.float32)[None, :, None, None]
    prepared = grey.float()[:, None] - mean
    return prepared.contiguous(memory_format=torch.channels_last)


def prepare(crops: Sequence[Pixels], spec: InputSpec) -> Floats:
    """Face crops, RGB ``(h, w, 3)`` or grey ``(h, w)`` uint8 -> ``(n, 3, size, size)`` float32.

    The same arithmetic as the published packages': for ImageNet's constants it equals
    torchvision's ``Resize``, ``ToTensor`` and ``Normalize``.
    """
    if not crops:
        return np.empty((0, 3, spec.size, spec.size), dtype=np.float32)
    prepared = np.empty((len(crops), 3, spec.size, spec.size), np.float32)
    for crop, face in zip(crops, prepared, strict=True):
        if spec.channels == "grey":
            grey = resize_square(to_grey(crop), spec.size)
            planes = [grey, grey, grey]
        else:
            rgb = resize_square(to_rgb(crop), spec.size, spec.resize)
            order = (2, 1, 0) if spec.channels == "bgr" else (0, 1, 2)
            planes = [rgb[..., channel] for channel in order]
        for plane, values, out in zip(planes, _values(spec), face, strict=True):
            np.take(values, plane, out=out, mode="clip")
    return prepared


@lru_cache
def _values(spec: InputSpec) -> Floats:
    """What becomes of the pixels 0 to 255 in each channel: ``(3, 256)``."""
    scaled = np.repeat(np.arange(256, dtype=np.float32)[:, None], 3, axis=1)
    if spec.scale == 1 / 255:
        scaled /= np.float32(255)  # dividing rounds as the published code does
    elif spec.scale != 1:
        scaled *= np.float32(spec.scale)
    scaled -= np.array(spec.mean, dtype=np.float32)
    scaled /= np.array(spec.std, dtype=np.float32)
    return np.ascontiguousarray(scaled.T)
