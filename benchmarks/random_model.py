"""EfficientNet-B0 at random weights that tell faces apart, for comparing speed and agreement.

The published weights need the network to fetch; how long a network takes does not depend on them.
Agreement on the strongest emotion would: the outputs of a random head hardly differ from face to
face, and any two programs agree. So the body stays as it is made, and the head is fitted (ridge
regression) to say of the packaged sample's and the clip's faces what the bundled model says: how
often emotions change, and how sure they are, is then much as in a trained model.

What 8 bits cost depends on the body's dice. Over the seeds 0 to 5 the cosine with the exact
embeddings was 0.989 to 0.999 on average, and the strongest emotion the same for 91 to 97 % of the
clip's faces, most seeds above 95 %; the default is one of the better ones.

    python -m benchmarks.random_model FOLDER [--int8] [--weights FILE] [--seed N]

writes the files and tells where; a benchmark's own process stays small and can be stopped.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.measuring import B0
from benchmarks.videos import clip
from engagement.expressions.models import load_network, locate_model
from engagement.expressions.recognizer import ExpressionRecognizer
from engagement.faces.crops import crop_box
from engagement.faces.detector import FaceDetector
from engagement.networks.architectures import build_for
from engagement.networks.base import ExpressionNetwork
from engagement.networks.preprocess import prepare
from engagement.networks.spec import ExpressionSpec
from engagement.runtimes.graph import export_graph
from engagement.runtimes.quantise import quantise_graph
from engagement.sample import sample_path
from engagement.types import Floats, Pixels
from engagement.video.reader import VideoReader
from engagement.weights.expression_file import save_expression
from engagement.weights.registry import DEFAULT_EXPRESSION, MODELS

#: Of the network's dice.
SEED = 1
_CALIBRATION_FPS, _FITTED_FPS = 5.0, 3.0
_BATCH = 16
#: Of the mean eigenvalue: keeps the fit to directions in which faces differ much.
_RIDGE = 0.1


@dataclass(frozen=True)
class RandomModel:
    """Files of the same weights.

    Attributes:
        exact: safetensors, for `B0`.
        int8: a graph as ``engagement models export --int8`` writes it; None where not asked for.
    """

    exact: Path
    int8: Path | None = None


def write_random_model(
    folder: Path, *, int8: bool = False, weights: Path | None = None, seed: int = SEED
) -> RandomModel:
    """Make the files; the same every time.

    Args:
        weights: take these for `B0` instead.

    Raises:
        ModelError: they do not fit.
    """
    spec = described()
    calibration = list(_faces(sample_path(), _CALIBRATION_FPS, every_other_second=True))
    if weights is None:
        faces = calibration + list(_faces(clip(), _FITTED_FPS))
        network = _fitted(spec, faces, seed)
    else:
        network, _, _ = load_network(locate_model(B0, weights))
    exact = folder / f"{B0}.safetensors"
    save_expression(network, spec, exact, dtype=torch.float32)
    if not int8:
        return RandomModel(exact)
    small = folder / f"{B0}.int8.onnx"
    small.write_bytes(quantise_graph(export_graph(network, spec), spec, calibration))
    return RandomModel(exact, small)


def described() -> ExpressionSpec:
    """The description of the published model."""
    spec = MODELS[B0].spec
    assert spec is not None
    return spec


def _faces(video: Path, fps: float, *, every_other_second: bool = False) -> Iterator[Pixels]:
    """Faces as the published models see them; every other second is what 8 bits calibrate with."""
    detector = FaceDetector()
    for frame in VideoReader(video, fps):
        if every_other_second and int(frame.t) % 2:
            continue
        for face in detector.detect([frame])[0]:
            yield crop_box(frame.rgb, face)


def _fitted(spec: ExpressionSpec, faces: list[Pixels], seed: int) -> ExpressionNetwork:
    torch.manual_seed(seed)
    network = build_for(spec)
    head = network.classifier
    assert isinstance(head, nn.Linear)
    embeddings = _embeddings(network, prepare(faces, spec.input))
    weight, bias = _ridge(embeddings, _wanted(spec, faces))
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight.T))
        head.bias.copy_(torch.from_numpy(bias))
    return network


def _embeddings(network: ExpressionNetwork, x: Floats) -> NDArray[np.float64]:
    with torch.inference_mode():
        parts = [
            network.embed(torch.from_numpy(x[start : start + _BATCH]))
            for start in range(0, len(x), _BATCH)
        ]
    return torch.cat(parts).double().numpy()


def _wanted(spec: ExpressionSpec, faces: list[Pixels]) -> NDArray[np.float64]:
    """The bundled model's outputs under `spec`'s classes; one that it lacks is the least likely."""
    teacher = ExpressionRecognizer.open(DEFAULT_EXPRESSION)
    outputs, _ = teacher.outputs(faces)
    known = [spec.classes.index(name) for name in teacher.spec.classes]
    wanted = np.repeat(outputs.min(axis=1, keepdims=True) - 1.0, len(spec.classes), axis=1)
    wanted[:, known] = outputs[:, : len(known)]
    return wanted.astype(np.float64)


def _ridge(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights ``(d, k)`` and bias ``(k,)`` that bring rows ``(n, d)`` near ``(n, k)``."""
    middle, mean = x.mean(axis=0), y.mean(axis=0)
    apart = x - middle
    kernel = apart @ apart.T
    kernel += _RIDGE * np.trace(kernel) / len(kernel) * np.eye(len(kernel))
    weight = apart.T @ np.linalg.solve(kernel, y - mean)
    return weight, mean - middle @ weight


def main() -> None:
    """Write the files, and tell."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.random_model")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--int8", action="store_true")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--seed", type=int, default=SEED)
    chosen = parser.parse_args()
    made = write_random_model(
        chosen.folder, int8=chosen.int8, weights=chosen.weights, seed=chosen.seed
    )
    told = {
        "exact": str(made.exact),
        "int8": made.int8 and str(made.int8),
        "weights": chosen.weights.name if chosen.weights else f"random, seed {chosen.seed}",
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
