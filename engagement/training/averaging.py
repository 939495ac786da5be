"""Exponential moving average of a network's weights."""

import copy

import torch

from engagement.networks.mobilenet import MobileNetFace


class AveragedWeights:
    """Keeps ``average = decay * average + (1 - decay) * weights``, buffers included.

    The decay warms up as ``(1 + step) / (10 + step)``, so that the first, poor weights are
    forgotten soon (as in TensorFlow's ``ExponentialMovingAverage``).
    """

    def __init__(self, network: MobileNetFace, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.network = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)

    @torch.no_grad()
    def update(self, network: MobileNetFace) -> None:
        """Take one step towards the weights of `network`."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        current = network.state_dict()
        for name, average in self.network.state_dict().items():
            if average.dtype.is_floating_point:
                average.lerp_(current[name], 1 - decay)
            else:
                average.copy_(current[name])
