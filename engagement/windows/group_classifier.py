"""Group affect from a trained classifier: statistics of all faces' embeddings, then one layer.

The protocol of VGAF in Savchenko, Savchenko and Makarov, "Classifying emotions and engagement in
online learning based on a single facial expression recognition neural network", IEEE Trans.
Affective Computing 2022: a linear SVM on `group_vector`. Its margins become probabilities by a
second linear map, so that together they are one layer and a softmax. `engagement evaluate vgaf
--save FILE` writes one; a file holds numbers and a description, and nothing in it is executed.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engagement.datasets.vgaf import CLASSES
from engagement.errors import ModelError
from engagement.files import sha256_of
from engagement.types import Floats
from engagement.windows.classifier import Measured

FORMAT = "engagement.group_affect/1"


@dataclass(frozen=True)
class GroupCard:
    """What a classifier of group affect is.

    Attributes:
        name: as reports show it.
        embedding_model: name of the expression model whose embeddings it takes.
        embedding_size: their length d.
        sampling_fps: frames a second that it was trained on, 0 for every frame.
        trained_on: in words, what data.
        clips: how many clips with a face were trained on.
        accuracy: on clips with a face that were not trained on, with a 95% interval.
        guessing: accuracy there of always naming the most frequent class.
    """

    name: str
    embedding_model: str
    embedding_size: int
    sampling_fps: float
    trained_on: str
    clips: int
    accuracy: Measured
    guessing: float

    @property
    def has_skill(self) -> bool:
        """Whether it is better than guessing, beyond its interval."""
        return self.accuracy.low > self.guessing


@dataclass(frozen=True, eq=False)
class GroupAffectClassifier:
    """A layer ``(3, 4 d)`` and ``(3,)`` on vectors of length 1; the classes are VGAF's."""

    card: GroupCard
    weight: Floats
    bias: Floats
    weights_sha256: str = ""

    def probabilities(self, vectors: Floats) -> Floats:
        """Probabilities ``(n, 3)`` of group vectors ``(n, 4 d)``."""
        logits = unit_rows(vectors) @ self.weight.T + self.bias
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def group_vector(embeddings: Floats, frames: NDArray[np.int32]) -> Floats:
    """Mean and deviation over the faces of each frame, then both of these over frames: ``(4 d,)``.

    Deviations are over n, as in the authors' notebook.

    Args:
        embeddings: ``(n, d)`` of all faces of a clip.
        frames: ``(n,)``, the frame of each face, ascending from 0 or more.
    """
    starts = np.flatnonzero(np.diff(frames, prepend=-1))
    people = np.split(embeddings, starts[1:])
    by_frame = np.stack([_mean_and_deviation(faces) for faces in people])
    return _mean_and_deviation(by_frame)


def unit_rows(vectors: Floats) -> Floats:
    """Vectors ``(n, k)`` scaled to length 1; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def open_group_classifier(path: Path, expression_model: str) -> GroupAffectClassifier:
    """Read a classifier for the embeddings of an expression model.

    Raises:
        ModelError: it cannot be read, or is for another model's embeddings.
    """
    classifier = load_group_classifier(path)
    wanted = classifier.card.embedding_model
    if wanted != expression_model:
        raise ModelError(
            f"The group affect classifier {path} was trained on embeddings of {wanted} and says "
            f"nothing of those of {expression_model}. Analyse with {wanted}, or leave it out.",
            code="group_affect_misfit",
        )
    return classifier


def save_group_classifier(classifier: GroupAffectClassifier, path: Path) -> None:
    """Write a classifier as safetensors that describe themselves.

    Raises:
        OutputError: the file cannot be written.
    """
    import torch

    from engagement.weights.expression_file import write_described

    tensors = {
        "weight": torch.from_numpy(np.ascontiguousarray(classifier.weight)),
        "bias": torch.from_numpy(np.ascontiguousarray(classifier.bias)),
    }
    write_described(tensors, {"format": FORMAT, "card": json.dumps(asdict(classifier.card))}, path)


def load_group_classifier(path: Path) -> GroupAffectClassifier:
    """Read a classifier, strictly.

    Raises:
        ModelError: absent, not safetensors, of another format, or numbers that do not fit.
    """
    from safetensors import SafetensorError, safe_open

    from engagement.weights.expression_file import description_of

    try:
        with safe_open(path, framework="numpy") as file:
            described = description_of(file.metadata())
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if described.get("format") != FORMAT:
            raise ModelError(
                f"{path} is not a classifier of group affect (format {FORMAT}). Name a file that "
                "`engagement evaluate vgaf --save` wrote."
            )
        card = _card(described["card"])
        weight, bias = tensors["weight"], tensors["bias"]
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{path} cannot be read as a safetensors file. Name a file that "
            "`engagement evaluate vgaf --save` wrote."
        ) from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{path} does not describe itself as this version expects ({error}). Train it again, "
            "or use the version that wrote it."
        ) from error
    shape = (len(CLASSES), 4 * card.embedding_size)
    fits = weight.shape == shape and bias.shape == shape[:1] and weight.dtype == bias.dtype
    if not fits or weight.dtype != np.float32 or not np.isfinite([weight.sum(), bias.sum()]).all():
        raise ModelError(
            f"The numbers in {path} do not fit its description: a finite layer of {shape[0]} by "
            f"{shape[1]} was expected. Train it again."
        )
    return GroupAffectClassifier(card, weight, bias, sha256_of(path))


def _card(text: str) -> GroupCard:
    values = json.loads(text)
    return GroupCard(**{**values, "accuracy": Measured(**values["accuracy"])})


def _mean_and_deviation(rows: Floats) -> Floats:
    return np.concatenate([rows.mean(axis=0), rows.std(axis=0)])
