"""Emotion probabilities, embeddings, valence and arousal of face crops."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from engagement.expressions.models import open_model
from engagement.expressions.valence_arousal import coordinates_of, derive
from engagement.faces.crops import crop_box, crop_face
from engagement.networks.preprocess import prepare
from engagement.networks.spec import ExpressionSpec
from engagement.runtimes.base import Runtime, RuntimeSettings
from engagement.types import Expression, Face, Floats, Frame, Pixels


class ExpressionRecognizer:
    """A model and what it needs to know of its input. Stateless; results are deterministic.

    Attributes:
        spec: name, classes, input and crop of the model.
        weights_sha256: of the file that the weights came from.
        precision: that the runtime was asked for.
    """

    def __init__(
        self,
        runtime: Runtime,
        spec: ExpressionSpec,
        weights_sha256: str,
        precision: str = "fp32",
    ) -> None:
        self.precision = precision
        self.spec = spec
        self.weights_sha256 = weights_sha256
        self._runtime = runtime
        self._coordinates = None if spec.predicts_affect else coordinates_of(spec.classes)

    @classmethod
    def open(
        cls,
        model: str = "auto",
        *,
        weights: Path | None = None,
        runtime: RuntimeSettings | None = None,
    ) -> "ExpressionRecognizer":
        """Load a model.

        Args:
            model: ``auto`` (the best one present), a name of the registry, or the path of a file
                that ``engagement train`` wrote.
            weights: a file of weights named by hand; `model` then tells their architecture and
                classes, ``auto`` to read them from the file.
            runtime: how to run it.

        Raises:
            ModelError: unknown, absent, damaged, or weights that do not fit.
        """
        settings = runtime or RuntimeSettings()
        opened = open_model(model, weights, settings)
        return cls(opened.runtime, opened.spec, opened.weights_sha256, settings.precision)

    @property
    def valence_arousal(self) -> Literal["predicted", "derived"]:
        """Whether the network predicts them, or they are derived from the probabilities."""
        return "predicted" if self.spec.predicts_affect else "derived"

    @property
    def runtime(self) -> str:
        """Name of the runtime that runs the network, and its precision where it is not exact."""
        return f"{self._runtime.name} {self.precision}".removesuffix(" fp32")

    @property
    def parallel(self) -> int:
        """So many threads may recognise at the same time, and should where there is enough."""
        return self._runtime.parallel

    def crop(self, frame: Frame, face: Face) -> Pixels:
        """The part of `frame` that this model wants to see of `face`."""
        crop = self.spec.crop
        if crop.style == "box":
            return crop_box(frame.rgb, face)
        return crop_face(frame.rgb, face, scale=crop.scale, shift_y=crop.shift_y)

    def outputs(self, crops: Sequence[Pixels]) -> tuple[Floats, Floats]:
        """The network's own outputs ``(n, k)`` and embeddings ``(n, d)`` of face crops."""
        return self._runtime.run(prepare(crops, self.spec.input))

    def predict(self, crops: Sequence[Pixels]) -> tuple[Floats, Floats]:
        """Probabilities ``(n, c)`` and embeddings ``(n, d)`` of RGB or grey face crops."""
        outputs, embeddings = self.outputs(crops)
        return softmax(outputs[:, : len(self.spec.classes)]), embeddings

    def recognise(self, crops: Sequence[Pixels]) -> list[Expression]:
        """Probabilities, embedding, valence and arousal, one result a crop."""
        if not crops:
            return []
        outputs, embeddings = self.outputs(crops)
        probabilities = softmax(outputs[:, : len(self.spec.classes)])
        affect = self._affect(outputs, probabilities)
        return [
            Expression(p, e, float(va[0]), float(va[1]))
            for p, e, va in zip(probabilities, embeddings, affect, strict=True)
        ]

    def _affect(self, outputs: Floats, probabilities: Floats) -> Floats:
        if self._coordinates is None:
            affect = outputs[:, -2:]
        else:
            affect = derive(probabilities, self._coordinates)
        return np.clip(affect, -1.0, 1.0)


def softmax(logits: Floats) -> Floats:
    """Probabilities ``(n, c)`` of logits ``(n, c)``."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)
