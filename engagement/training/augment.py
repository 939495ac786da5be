"""Augmentation of a batch of grey faces, in a few tensor operations.

Faces of a lesson come from cheap cameras, tilted, off-centre, badly lit and compressed; the
training faces are made so too. One `grid_sample` does flip, rotation, scale, shift and resize
together, so that pixels are interpolated once.
"""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F


@dataclass(frozen=True)
class AugmentConfig:
    """Ranges of the augmentation; shift is a share of the side, contrast is in log2 units."""

    rotation_deg: float = 15.0
    scale: float = 0.15
    shift: float = 0.08
    contrast: float = 0.6
    brightness: float = 0.12
    blur_probability: float = 0.15
    erase_probability: float = 0.25


def _uniform(n: int, low: float, high: float, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(n, generator=generator) * (high - low) + low


def augment(
    faces: torch.Tensor, size: int, config: AugmentConfig, generator: torch.Generator
) -> torch.Tensor:
    """Augmented copies, resized to `size`.

    Args:
        faces: ``(n, s, s)`` uint8.
        size: side of the result.
        config: ranges.
        generator: the only source of randomness.

    Returns:
        ``(n, size, size)`` float32 in 0..255.
    """
    n = faces.shape[0]
    images = faces.float()[:, None]
    warped = F.grid_sample(
        images,
        F.affine_grid(_transforms(n, config, generator), [n, 1, size, size], align_corners=False),
        padding_mode="border",
        align_corners=False,
    )
    warped = _blur(warped, config.blur_probability, generator)
    warped = _relight(warped, config, generator)
    return _erase(warped, config.erase_probability, generator)[:, 0]


def _transforms(n: int, config: AugmentConfig, generator: torch.Generator) -> torch.Tensor:
    """Inverse affine maps ``(n, 2, 3)`` in the grid's -1..1 coordinates."""
    angle = _uniform(n, -config.rotation_deg, config.rotation_deg, generator) * (math.pi / 180)
    zoom = torch.exp(_uniform(n, -config.scale, config.scale, generator))
    flip = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = cos * flip, -sin
    theta[:, 1, 0], theta[:, 1, 1] = sin * flip, cos
    theta[:, :, 2] = (torch.rand(n, 2, generator=generator) - 0.5) * (4 * config.shift)
    return theta


def _blur(images: torch.Tensor, probability: float, generator: torch.Generator) -> torch.Tensor:
    chosen = torch.rand(images.shape[0], generator=generator) < probability
    if chosen.any():
        size = images.shape[-1]
        small = F.interpolate(
            images[chosen], size=max(16, int(size * 0.3)), mode="bilinear", antialias=True
        )
        images[chosen] = F.interpolate(small, size=size, mode="bilinear")
    return images


def _relight(
    images: torch.Tensor, config: AugmentConfig, generator: torch.Generator
) -> torch.Tensor:
    n = images.shape[0]
    gain = torch.exp2(_uniform(n, -config.contrast, config.contrast, generator))[
        :, None, None, None
    ]
    offset = _uniform(n, -config.brightness, config.brightness, generator)[:, None, None, None]
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return ((images - mean) * gain + mean + 255 * offset).clamp_(0, 255)


def _erase(images: torch.Tensor, probability: float, generator: torch.Generator) -> torch.Tensor:
    """Grey out a random square (Zhong et al., "Random Erasing", arXiv 1708.04896)."""
    size = images.shape[-1]
    for i in torch.nonzero(torch.rand(images.shape[0], generator=generator) < probability)[:, 0]:
        side = int(_uniform(1, 0.15, 0.45, generator).item() * size)
        top, left = (torch.rand(2, generator=generator) * (size - side)).long().tolist()
        images[i, :, top : top + side, left : left + side] = images[i].mean()
    return images
