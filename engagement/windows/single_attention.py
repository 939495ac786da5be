"""The seeds' engagement classifier: attention over a window of embeddings.

Source: `engagement_single_attention.h5` and its network in EmotiEffLib (Apache-2.0); Savchenko et
al., IEEE TAC 2022, section 3.3. A window of W consecutive embeddings x ``(W, d)`` becomes
``[std(x) repeated W times, x]`` ``(W, 2d)``; a linear score of each row gives softmax weights over
the rows; the weighted sum goes through 512 units with ReLU to the probabilities of distracted and
engaged.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engagement.errors import ModelError
from engagement.types import Floats
from engagement.windows.classifier import ClassifierCard

NAME = "engagement_single_attention"
#: The family of expression models whose embeddings the published weights take.
PUBLISHED_EMBEDDINGS = "enet_b0"
#: Rows of a window as published: consecutive frames that have a face.
PUBLISHED_FRAMES = 128
# So many numbers, 4 MB, are widened to double precision at a time, whatever a window's length.
_MOST_DOUBLES = 1 << 19

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class SingleAttention:
    """The classifier's weights, and what it says.

    Attributes:
        score: ``(2d,)`` and `score_bias`: the linear score of a row.
        hidden: ``(2d, 512)`` and `hidden_bias`.
        output: ``(512, k)`` and `output_bias`, k levels; the published one has 2.
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

    def logits(self, embeddings: Floats) -> Floats:
        """Logits ``(k,)`` of one window of embeddings ``(n, d)``."""
        weights = _softmax(embeddings @ self.score[self.embedding_size :])
        context = np.concatenate((embeddings.std(axis=0), weights @ embeddings))
        return self._logits_of(context.astype(np.float32))

    def logits_over(self, embeddings: Floats, spans: Indices) -> Floats:
        """Logits ``(w, k)`` of windows ``embeddings[start:stop]`` that overlap, all at once.

        The part of a row's score that comes from the window's std is the same for all of its rows
        and cancels in the softmax, so a row is scored once for all windows; means over windows are
        one product of matrices, in double precision and about the stretch's own mean, so that
        nothing is lost where the rows hardly differ.

        Args:
            embeddings: ``(n, d)``.
            spans: ``(w, 2)`` first row and the one behind the last; none is empty.
        """
        numbers = np.arange(len(embeddings))
        inside = (numbers >= spans[:, :1]) & (numbers < spans[:, 1:])
        scores = embeddings @ self.score[self.embedding_size :]
        powers = np.where(inside, scores, -np.inf).astype(np.float64)
        weights = np.exp(powers - powers.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        context = weights.astype(np.float32) @ embeddings
        return self._logits_of(np.concatenate((_stds(embeddings, inside), context), axis=1))

    def _logits_of(self, context: Floats) -> Floats:
        hidden = np.maximum(context @ self.hidden + self.hidden_bias, 0)
        return np.asarray(hidden @ self.output + self.output_bias, dtype=np.float32)

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
        from engagement.weights.readers.checkpoint import read_checkpoint

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


@dataclass(frozen=True)
class AttentionClassifier:
    """Single attention with its card: an `EngagementClassifier`.

    Windows of overlapping rows are best given to `probabilities_over`.
    """

    card: ClassifierCard
    weights: SingleAttention

    def probabilities(self, windows: Iterable[Floats]) -> Floats:
        """Probabilities ``(w, levels)`` of windows of embeddings ``(n_i, d)``, taken one by one."""
        logits = [self.weights.logits(rows) for rows in windows]
        return self._calibrated(np.array(logits, np.float32).reshape(-1, len(self.card.levels)))

    def probabilities_over(self, embeddings: Floats, spans: Indices) -> Floats:
        """The same of the windows ``spans (w, 2)`` of one stretch of rows ``(n, d)``."""
        return self._calibrated(self.weights.logits_over(embeddings, spans))

    def _calibrated(self, logits: Floats) -> Floats:
        return _softmax(logits / np.float32(self.card.temperature))


def published_card(weights: SingleAttention) -> ClassifierCard:
    """What the published classifier is. Its authors give no figures for these very weights.

    128 frames last 4.27 s at 30 frames a second; that is the window where frames are sampled.
    """
    return ClassifierCard(
        name=NAME,
        method="single_attention",
        embedding_model=PUBLISHED_EMBEDDINGS,
        embedding_size=weights.embedding_size,
        levels=("distracted", "engaged"),
        window_s=PUBLISHED_FRAMES / 30,
        sampling_fps=0.0,
        temperature=1.0,
        trained_on="video of learners, by the authors of EmotiEffLib",
        people=0,
        windows=0,
        scope="general",
        metrics={},
        guessing={},
    )


def published_spans(rows: int, frames: int = PUBLISHED_FRAMES) -> Indices:
    """Windows of `frames` consecutive rows, one row apart; as published, without the last one."""
    starts = np.arange(max(0, rows - frames))
    return np.stack((starts, starts + frames), axis=1)


def _stds(embeddings: Floats, inside: NDArray[np.bool_]) -> Floats:
    """Standard deviations ``(w, d)`` of the rows inside ``(w, n)``, some columns at a time."""
    stds = np.empty((len(inside), embeddings.shape[1]), dtype=np.float32)
    shares = inside / inside.sum(axis=1, keepdims=True)
    width = max(1, _MOST_DOUBLES // len(embeddings))
    for first in range(0, embeddings.shape[1], width):
        block = embeddings[:, first : first + width].astype(np.float64)
        block -= block.mean(axis=0)
        means = shares @ block
        variances = np.maximum(shares @ np.square(block) - np.square(means), 0.0)
        stds[:, first : first + width] = np.sqrt(variances)
    return stds


def _softmax(scores: Floats) -> Floats:
    """Along the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)
