"""The seeds' engagement classifier: attention over a window of embeddings.

Source: `engagement_single_attention.h5` and its network in EmotiEffLib (Apache-2.0); Savchenko et
al., IEEE TAC 2022, section 3.3. A window of W consecutive embeddings x ``(W, d)`` becomes
``[std(x) repeated W times, x]`` ``(W, 2d)``; a linear score of each row gives softmax weights over
the rows; the weighted sum goes through 512 units with ReLU to the probabilities of distracted and
engaged.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engagement.errors import ModelError

Floats = NDArray[np.float32]
NAME = "engagement_single_attention"


@dataclass(frozen=True)
class SingleAttention:
    """The classifier's weights, and what it says.

    Attributes:
        score: ``(2d,)`` and `score_bias`: the linear score of a row.
        hidden: ``(2d, 512)`` and `hidden_bias`.
        output: ``(512, 2)`` and `output_bias`.
    """

    score: Floats
    score_bias: float
    hidden: Floats
    hidden_bias: Floats
    output: Floats
    output_bias: Floats

    @property
    def embedding_size(self) -> int:
        """Length d of the embeddings that it takes."""
        return len(self.score) // 2

    def predict(self, windows: Iterator[Floats], count: int) -> Floats:
        """Probabilities ``(count, 2)`` of distracted and engaged, a window ``(W, 2d)`` each."""
        probabilities = np.empty((count, len(self.output_bias)), dtype=np.float32)
        for i, rows in enumerate(windows):
            weights = _softmax(rows @ self.score + self.score_bias)
            context = weights @ rows
            hidden = np.maximum(context @ self.hidden + self.hidden_bias, 0)
            probabilities[i] = _softmax(hidden @ self.output + self.output_bias)
        return probabilities

    @classmethod
    def published(cls) -> "SingleAttention":
        """The published weights, fetched and verified where they are not there yet.

        Raises:
            ModelError: cannot be fetched, or not as they were published.
        """
        from engagement.weights.fetch import fetch
        from engagement.weights.registry import find_model

        return cls.from_file(fetch(find_model(NAME).files[0]))

    @classmethod
    def from_file(cls, path: Path) -> "SingleAttention":
        """Read Keras weights; no TensorFlow is needed.

        Raises:
            ModelError: not a file of such weights.
        """
        from engagement.weights.readers import read_checkpoint

        tensors = {k: v.numpy() for k, v in read_checkpoint(path).tensors.items()}
        return cls.from_tensors(tensors, path.name)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Floats], what: str) -> "SingleAttention":
        """From arrays named ``layer/kernel`` and ``layer/bias``: `e`, `hidden_FC` and one more.

        Raises:
            ModelError: layers are missing, left over, or of other shapes.
        """
        layers: dict[str, dict[str, Floats]] = {}
        for name, tensor in tensors.items():
            layer, _, part = name.rpartition("/")
            layers.setdefault(layer.split("/")[0], {})[part] = tensor
        others = sorted(layers.keys() - {"e", "hidden_FC"})
        complete = all(set(parts) == {"kernel", "bias"} for parts in layers.values())
        if len(layers) != 3 or len(others) != 1 or not complete:
            raise ModelError(
                f"{what} does not hold the layers e, hidden_FC and one output layer, but "
                f"{', '.join(sorted(layers)) or 'none'}. Use {NAME}.h5.",
                code="weights_mismatch",
            )
        e, hidden, output = layers["e"], layers["hidden_FC"], layers[others[0]]
        size = len(e["kernel"])
        if not (
            size % 2 == 0
            and e["kernel"].shape == (size, 1)
            and hidden["kernel"].shape[0] == size
            and output["kernel"].shape == (hidden["kernel"].shape[1], 2)
        ):
            raise ModelError(
                f"The layers of {what} do not fit each other. Use {NAME}.h5.",
                code="weights_mismatch",
            )
        return cls(
            score=e["kernel"][:, 0],
            score_bias=float(e["bias"][0]),
            hidden=hidden["kernel"],
            hidden_bias=hidden["bias"],
            output=output["kernel"],
            output_bias=output["bias"],
        )


def window_inputs(embeddings: Floats, width: int) -> Iterator[Floats]:
    """Inputs ``(width, 2d)`` of all windows of `width` rows but the last, sliding by one row."""
    for start in range(len(embeddings) - width):
        rows = embeddings[start : start + width]
        spread = np.broadcast_to(rows.std(axis=0), rows.shape)
        yield np.concatenate((spread, rows), axis=1)


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum(), dtype=np.float32)
