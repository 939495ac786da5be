"""Emotion probabilities and embeddings of face crops."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from engagement.expressions.valence_arousal import coordinates_of, derive
from engagement.faces.crops import crop_face
from engagement.files import sha256_of
from engagement.networks.base import ExpressionNetwork
from engagement.networks.preprocess import prepare
from engagement.networks.spec import ExpressionSpec
from engagement.types import Expression, Face, Floats, Frame, Pixels
from engagement.weights.expression_file import load_expression


class ExpressionRecognizer:
    """A network and what it needs to know of its input. Stateless; results are deterministic.

    Attributes:
        spec: name, classes, input size and crop of the model.
        weights_sha256: of the file that the weights came from.
    """

    #: `derived` from probabilities, since none of these models predicts them.
    valence_arousal = "derived"

    def __init__(
        self, network: ExpressionNetwork, spec: ExpressionSpec, weights_sha256: str
    ) -> None:
        self.spec = spec
        self.weights_sha256 = weights_sha256
        self._network = network
        self._coordinates = coordinates_of(spec.classes)

    @classmethod
    def from_file(cls, path: Path) -> "ExpressionRecognizer":
        """Load a model file that this project wrote.

        Raises:
            ModelError: absent, or not such a file.
        """
        network, spec = load_expression(path)
        return cls(network, spec, sha256_of(path))

    def crop(self, frame: Frame, face: Face) -> Pixels:
        """The part of `frame` that this model wants to see of `face`."""
        return crop_face(
            frame.rgb, face, scale=self.spec.crop.scale, shift_y=self.spec.crop.shift_y
        )

    def predict(self, crops: Sequence[Pixels]) -> tuple[Floats, Floats]:
        """Probabilities ``(n, c)`` and embeddings ``(n, 1024)`` of RGB or grey face crops."""
        x = torch.from_numpy(prepare(crops, self.spec.input))
        with torch.inference_mode():
            embeddings = self._network.embed(x.contiguous(memory_format=torch.channels_last))
            probabilities = self._network.classifier(embeddings).softmax(dim=1)
        return probabilities.numpy(), embeddings.numpy()

    def recognise(self, crops: Sequence[Pixels]) -> list[Expression]:
        """`predict`, with valence and arousal, one result a crop."""
        if not crops:
            return []
        probabilities, embeddings = self.predict(crops)
        affect = np.clip(derive(probabilities, self._coordinates), -1.0, 1.0)
        return [
            Expression(p, e, float(va[0]), float(va[1]))
            for p, e, va in zip(probabilities, embeddings, affect, strict=True)
        ]
