"""MobileFaceNet with a 512-number embedding, as `mbf_va_mtl` uses it.

Architecture: Chen et al., "MobileFaceNets", arXiv 1804.07573, in InsightFace's wider form (twice
the channels; 2.06 M parameters). Modules are named as in the published checkpoints, since their
tensors are matched by name.
"""

import torch
from torch import nn

EMBEDDING_SIZE = 512


class _Conv(nn.Module):
    """Convolution without bias, batch norm and, unless `linear`, a PReLU a channel."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        padding: int = 0,
        groups: int = 1,
        linear: bool = False,
    ) -> None:
        super().__init__()
        parts: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        if not linear:
            parts.append(nn.PReLU(outputs))
        self.layers = nn.Sequential(*parts)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layers(x)
        return result


class _Bottleneck(nn.Module):
    """Widen to `middle` channels, 3x3 depthwise, narrow; with `residual` the input is added."""

    def __init__(
        self, inputs: int, outputs: int, middle: int, *, stride: int = 2, residual: bool = False
    ) -> None:
        super().__init__()
        self.residual = residual
        self.layers = nn.Sequential(
            _Conv(inputs, middle),
            _Conv(middle, middle, 3, stride, padding=1, groups=middle),
            _Conv(middle, outputs, linear=True),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layers(x)
        return x + result if self.residual else result


class _Residuals(nn.Module):
    def __init__(self, channels: int, middle: int, count: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(
                _Bottleneck(channels, channels, middle, stride=1, residual=True)
                for _ in range(count)
            )
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layers(x)
        return result


class _Embedding(nn.Module):
    """Global depthwise convolution, linear map and batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _Conv(512, 512, 7, groups=512, linear=True),
            nn.Flatten(),
            nn.Linear(512, EMBEDDING_SIZE, bias=False),
            nn.BatchNorm1d(EMBEDDING_SIZE),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layers(x)
        return result


class MobileFaceNet(nn.Module):
    """``(n, 3, 112, 112)`` RGB in -1..1 -> embeddings ``(n, 512)``."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [
                _Conv(3, 128, 3, 2, padding=1),
                _Conv(128, 128, 3, padding=1, groups=64),
                _Bottleneck(128, 128, 128),
                _Residuals(128, 128, 4),
                _Bottleneck(128, 256, 256),
                _Residuals(256, 256, 6),
                _Bottleneck(256, 256, 512),
                _Residuals(256, 256, 2),
            ]
        )
        self.conv_sep = _Conv(256, 512)
        self.features = _Embedding()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        result: torch.Tensor = self.features(self.conv_sep(x))
        return result
