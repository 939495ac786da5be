"""What the compatible classes share: a loaded model, its head, and scores from embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from engagement.errors import DataError, ModelError
from engagement.expressions.models import (
    ModelFile,
    load_network,
    locate_model,
    open_graph,
)
from engagement.expressions.recognizer import softmax
from engagement.networks.preprocess import prepare
from engagement.networks.spec import ExpressionSpec
from engagement.runtimes.base import Floats, Runtime, RuntimeSettings
from engagement.types import Pixels
from engagement.weights.fetch import fetch
from engagement.weights.registry import find_model


@dataclass(frozen=True)
class LoadedModel:
    """A network that runs, and its linear head as arrays.

    Attributes:
        weights: ``(k, d)`` of the head.
        bias: ``(k,)`` of the head.
    """

    runtime: Runtime
    spec: ExpressionSpec
    weights: Floats
    bias: Floats

    def features(self, faces: Sequence[Pixels]) -> Floats:
        """Embeddings ``(n, d)`` of RGB face images of any size."""
        if not faces:
            return np.empty((0, self.weights.shape[1]), dtype=np.float32)
        return self.runtime.run(prepare(faces, self.spec.input))[1]

    def logits(self, features: Floats) -> Floats:
        """Outputs ``(n, k)`` of embeddings ``(n, d)``."""
        return np.asarray(features @ self.weights.T + self.bias, dtype=np.float32)

    def scores(self, features: Floats, *, logits: bool) -> tuple[NDArray[np.int64], Floats]:
        """Index of the strongest emotion ``(n,)``, and scores ``(n, k)``.

        Without `logits` the emotions' scores are probabilities; valence and arousal, where the
        model has them as its last two outputs, stay as they are.
        """
        scores = self.logits(features)
        emotions = scores[:, : len(self.spec.classes)]
        strongest = emotions.argmax(axis=1)
        if not logits and len(scores):
            scores[:, : emotions.shape[1]] = softmax(emotions)
        return strongest, scores


def load_torch(model_name: str, device: str, weights: Path | str | None) -> LoadedModel:
    """A model on torch, from its published weights or from a file named by hand.

    Raises:
        ModelError: unknown, absent and not to be fetched, or weights that do not fit.
    """
    from engagement.runtimes.torch_runtime import TorchRuntime

    network, spec, _ = load_network(_weights_file(model_name, weights))
    head = network.classifier
    if not isinstance(head, nn.Linear):
        raise ModelError(
            f"{model_name} has no linear head, which these classes need. Use "
            "engagement.expressions.recognizer.ExpressionRecognizer for it."
        )
    settings = RuntimeSettings("torch", "cuda" if device == "gpu" else device)
    return LoadedModel(
        TorchRuntime(network, settings),
        spec,
        head.weight.detach().cpu().numpy().copy(),
        head.bias.detach().cpu().numpy().copy(),
    )


def load_onnx(model_name: str, weights: Path | str | None) -> LoadedModel:
    """A model on ONNX Runtime, from its published graph or from one named by hand.

    Crops are resized by OpenCV, as the published ONNX classes do.

    Raises:
        ModelError: unknown, absent and not to be fetched, or ONNX Runtime is not installed.
    """
    known = find_model(model_name)
    spec = _spec(model_name)
    if weights is None:
        if known.onnx_file is None:
            forms = ", ".join(sorted({file.format for file in known.files}))
            raise ModelError(
                f"{model_name} was not published as onnx. It is there as {forms}; "
                f"`engagement models export {model_name} --format onnx` makes others."
            )
        file = ModelFile(fetch(known.onnx_file), spec)
    else:
        file = ModelFile(Path(weights), spec, custom=True)
    opened = open_graph(file, RuntimeSettings("onnx"))
    resized = replace(opened.spec, input=replace(opened.spec.input, resize="linear"))
    return LoadedModel(opened.runtime, resized, opened.head_weights, opened.head_bias)


def _spec(model_name: str) -> ExpressionSpec:
    spec = find_model(model_name).spec
    if spec is None or not spec.classes:
        raise ModelError(
            f"{model_name} is not an expression model. `engagement models` lists them."
        )
    return spec


def _weights_file(model_name: str, weights: Path | str | None) -> ModelFile:
    if weights is not None:
        return ModelFile(Path(weights), _spec(model_name), custom=True)
    known = find_model(model_name)
    if known.main_file is not None:
        fetch(known.main_file)  # where it is not here yet
    return locate_model(model_name)


def face_images(value: Any) -> list[Pixels]:
    """The faces in what a method was given: one RGB array, or a list of them.

    Raises:
        TypeError: neither.
        DataError: an array that is no image.
    """
    faces = [value] if isinstance(value, np.ndarray) else value
    if not isinstance(faces, list | tuple) or not all(isinstance(f, np.ndarray) for f in faces):
        raise TypeError("Expected a face image as a NumPy array, or a list of them.")
    for face in faces:
        if face.dtype != np.uint8 or face.ndim != 3 or face.shape[2] != 3 or 0 in face.shape:
            raise DataError(
                f"A face image is an RGB array of shape (height, width, 3) and type uint8 with at "
                f"least one pixel, not {face.shape} {face.dtype}. Where it was cut from a frame, "
                "keep the box inside the frame.",
                code="face_unusable",
            )
    return list(faces)


def titles(spec: ExpressionSpec) -> dict[int, str]:
    """The published packages' names of the emotions, by index: ``{0: "Anger", ...}``."""
    return {i: name.capitalize() for i, name in enumerate(spec.classes)}
