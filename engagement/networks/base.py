"""What every expression network offers."""

import torch
from torch import nn


class ExpressionNetwork(nn.Module):
    """A network that embeds faces and reads outputs from the embeddings.

    Attributes:
        classifier: maps embeddings ``(n, d)`` to outputs; an identity where there is no head.
    """

    classifier: nn.Module

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """Embeddings ``(n, d)`` of prepared faces ``(n, 3, s, s)``."""
        raise NotImplementedError

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs ``(n, outputs)`` of prepared faces ``(n, 3, s, s)``."""
        outputs: torch.Tensor = self.classifier(self.embed(x))
        return outputs
