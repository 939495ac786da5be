"""The single-attention classifier as a PyTorch module, for training.

The same arithmetic as `engagement.windows.single_attention`, for batches of windows whose numbers
of rows differ. Apart, so that reading published weights does not load torch.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engagement.types import Floats
from engagement.windows.single_attention import SingleAttention

HIDDEN_UNITS = 512


class SingleAttentionNetwork(nn.Module):
    """Attention over the rows of a window ``[std(x) repeated, x]``; see `SingleAttention`.

    Args:
        embedding_size: length d of the embeddings.
        levels: number of levels k.
        hidden: units of the hidden layer.
        dropout: share of the hidden units that is left out while training.
    """

    def __init__(
        self,
        embedding_size: int,
        levels: int = 2,
        *,
        hidden: int = HIDDEN_UNITS,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.score = nn.Linear(2 * embedding_size, 1)
        self.hidden = nn.Linear(2 * embedding_size, hidden)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, levels)

    def forward(self, embeddings: Tensor, mask: Tensor) -> Tensor:
        """Logits ``(b, k)`` of padded windows.

        Args:
            embeddings: ``(b, n, d)``; rows outside the mask may hold anything finite.
            mask: ``(b, n)`` bool, True for the window's own rows; at least one in every window.
        """
        inside = mask[..., None].to(embeddings.dtype)
        counts = inside.sum(dim=1, keepdim=True)
        mean = (embeddings * inside).sum(dim=1, keepdim=True) / counts
        variance = ((embeddings - mean).square() * inside).sum(dim=1, keepdim=True) / counts
        # The root's slope is infinite at zero; rows that do not differ must not end training.
        spread = variance.clamp_min(torch.finfo(variance.dtype).tiny).sqrt()
        # The rows' first half is the same in all of them, so that they need not be put together.
        size = embeddings.shape[2]
        of_spread, of_row = self.score.weight[:, :size], self.score.weight[:, size:]
        scores = functional.linear(embeddings, of_row) + functional.linear(
            spread, of_spread, self.score.bias
        )
        weights = scores.squeeze(2).masked_fill(~mask, -torch.inf).softmax(dim=1)
        attended = torch.bmm(weights[:, None], embeddings)
        context = torch.cat((spread, attended), dim=2).squeeze(1)
        logits: Tensor = self.output(self.dropout(torch.relu(self.hidden(context))))
        return logits

    @classmethod
    def from_weights(cls, weights: SingleAttention) -> "SingleAttentionNetwork":
        """A network with these weights."""
        hidden, levels = weights.output.shape
        network = cls(weights.embedding_size, levels, hidden=hidden)
        arrays = {
            "score.weight": weights.score[None, :],
            "score.bias": np.array([weights.score_bias], dtype=np.float32),
            "hidden.weight": weights.hidden.T,
            "hidden.bias": weights.hidden_bias,
            "output.weight": weights.output.T,
            "output.bias": weights.output_bias,
        }
        network.load_state_dict(
            {name: torch.tensor(np.ascontiguousarray(a)) for name, a in arrays.items()}
        )
        return network

    def weights(self) -> SingleAttention:
        """A copy of the weights as numpy arrays."""
        arrays = {
            name: tensor.detach().cpu().float().numpy().copy()
            for name, tensor in self.state_dict().items()
        }
        return SingleAttention(
            score=arrays["score.weight"][0],
            score_bias=float(arrays["score.bias"][0]),
            hidden=np.ascontiguousarray(arrays["hidden.weight"].T),
            hidden_bias=arrays["hidden.bias"],
            output=np.ascontiguousarray(arrays["output.weight"].T),
            output_bias=arrays["output.bias"],
        )


def padded(windows: Sequence[Floats]) -> tuple[Tensor, Tensor]:
    """Windows ``(n_i, d)`` as a batch ``(b, n, d)`` and its mask ``(b, n)``, n the largest n_i."""
    longest = max(len(rows) for rows in windows)
    embeddings = torch.zeros(len(windows), longest, windows[0].shape[1])
    mask = torch.zeros(len(windows), longest, dtype=torch.bool)
    for i, rows in enumerate(windows):
        embeddings[i, : len(rows)] = torch.from_numpy(np.ascontiguousarray(rows))
        mask[i, : len(rows)] = True
    return embeddings, mask
