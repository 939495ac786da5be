"""Sharpness-aware minimisation (Foret et al., arXiv 2010.01412).

HSEmotion's models were fine-tuned so. A step costs two passes: climb to the worst weights within
`rho`, take the gradient there, come back, and let the base optimiser step with it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def _frozen_statistics(network: nn.Module) -> Iterator[None]:
    """Batch norms do not learn from the second pass: its weights are never the network's own."""
    norms = [m for m in network.modules() if isinstance(m, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def sharpness_aware_gradient(
    network: nn.Module, loss: Callable[[], torch.Tensor], rho: float
) -> torch.Tensor:
    """Leave the sharpness-aware gradient in the parameters' ``grad``; return the first loss.

    Args:
        network: the network in training mode; its gradients must be zero.
        loss: runs a forward pass of the same batch and returns the mean loss, scaled or not: only
            the gradient's direction matters for the climb.
        rho: radius of the neighbourhood; 0 gives the plain gradient, and so does a gradient that
            is not finite, since nothing can be climbed along it.
    """
    first = loss()
    first.backward()  # type: ignore[no-untyped-call]
    if rho == 0:
        return first.detach()
    parameters = [p for p in network.parameters() if p.grad is not None]
    with torch.no_grad():
        norm = torch.linalg.vector_norm(
            torch.stack([torch.linalg.vector_norm(p.grad) for p in parameters])
        )
        if not torch.isfinite(norm):
            return first.detach()
        climbs = [p.grad * (rho / (norm + 1e-12)) for p in parameters if p.grad is not None]
        for parameter, climb in zip(parameters, climbs, strict=True):
            parameter.add_(climb)
            parameter.grad = None
    with _frozen_statistics(network):
        loss().backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for parameter, climb in zip(parameters, climbs, strict=True):
            parameter.sub_(climb)
    return first.detach()
