"""What an evaluation protocol needs of an expression model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engagement.networks.spec import ExpressionSpec
from engagement.types import Face, Floats, Frame, Pixels


class Embedder(Protocol):
    """A model as the protocols see it; an `ExpressionRecognizer` is one."""

    spec: ExpressionSpec
    weights_sha256: str

    def crop(self, frame: Frame, face: Face) -> Pixels:
        """The part of `frame` that the model wants to see of `face`."""

    def outputs(self, crops: Sequence[Pixels]) -> tuple[Floats, Floats]:
        """Outputs ``(n, k)`` and embeddings ``(n, d)`` of one or more RGB or grey face crops.

        Outputs are logits, and behind them valence and arousal where ``spec.predicts_affect``.
        """


@dataclass(frozen=True)
class Faces:
    """What a model says of n faces.

    Attributes:
        embeddings: ``(n, d)`` float32.
        outputs: ``(n, k)`` float32, as `Embedder.outputs`.
    """

    embeddings: Floats
    outputs: Floats

    def __len__(self) -> int:
        return len(self.embeddings)

    def part(self, start: int, end: int) -> "Faces":
        """The faces from `start` up to `end`."""
        return Faces(self.embeddings[start:end], self.outputs[start:end])

    @classmethod
    def joined(cls, parts: Sequence["Faces"]) -> "Faces":
        """The faces of all parts, in order; of no part, no faces."""
        if not parts:
            nothing = np.empty((0, 0), dtype=np.float32)
            return cls(nothing, nothing)
        return cls(
            np.concatenate([part.embeddings for part in parts]),
            np.concatenate([part.outputs for part in parts]),
        )


def see(embedder: Embedder, crops: Sequence[Pixels]) -> Faces:
    """What a model says of face crops; also of none."""
    if not crops:
        return Faces.joined(())
    outputs, embeddings = embedder.outputs(crops)
    return Faces(embeddings, outputs)
