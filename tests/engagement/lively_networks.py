"""Networks at random weights whose every layer shows in their outputs.

A fresh network's activations shrink from layer to layer until all faces look alike to it. Here the
batch norms have measured what passes through them, so that nothing vanishes and a runtime that
computes one layer differently is found out.
"""

import numpy as np
import torch
from torch import nn

from engagement.networks.architectures import build_for
from engagement.networks.base import ExpressionNetwork
from engagement.networks.preprocess import prepare
from engagement.networks.spec import ExpressionSpec, InputSpec


def pictures(count: int, side: int = 96, seed: int = 0) -> list[np.ndarray]:
    """Coloured waves with noise, ``(side, side, 3)`` uint8."""
    dice = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side, :1][:2] / side
    made = []
    for _ in range(count):
        across, down, phase = dice.uniform(1, 12, (3, 3))
        waves = np.sin(across * x + down * y + phase) * dice.uniform(20, 90)
        made.append(np.clip(128 + waves + dice.normal(0, 12, waves.shape), 0, 255).astype(np.uint8))
    return made


def inputs(spec: InputSpec, count: int = 16, seed: int = 0) -> np.ndarray:
    """The same, prepared: ``(count, 3, size, size)``."""
    return prepare(pictures(count, spec.size, seed), spec)


def lively(spec: ExpressionSpec, seed: int = 0) -> ExpressionNetwork:
    """A network for `spec` in evaluation mode."""
    torch.manual_seed(seed)
    network = build_for(spec)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.1)
            nn.init.normal_(module.bias, 0.0, 0.1)
            module.momentum = None  # the plain average of what it sees
    network.train()
    for module in network.modules():
        if "Drop" in type(module).__name__:
            module.eval()
    with torch.no_grad():
        network(torch.from_numpy(inputs(spec.input, 48, seed=1)))
    return network.eval()
