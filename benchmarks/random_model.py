"""EfficientNet-B0 at random weights that tell faces apart, for comparing speed and agreement.

The published weights need the network to fetch; how long a network takes does not depend on them.
Agreement would: a fresh network's activations shrink from layer to layer until all faces look alike
to it, and any two programs agree. So the batch norms take their statistics from faces of the
packaged sample, and the head is scaled to logits that differ as a trained one's do.

    python -m benchmarks.random_model FOLDER

writes the file in full precision and tells where, for a process that is to stay small.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.measuring import B0
from engagement.expressions.models import load_network, locate_model
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
from engagement.weights.registry import MODELS

_FPS = 5.0
_MEASURED = 48
_LARGEST_LOGIT = 3.0


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
    folder: Path, *, int8: bool = False, weights: Path | None = None
) -> RandomModel:
    """Make the files; the same every time.

    Args:
        weights: take these for `B0` instead.

    Raises:
        ModelError: they do not fit.
    """
    spec = described()
    faces = _sample_faces()
    if weights is None:
        network = _lively(spec, prepare(faces[:: max(1, len(faces) // _MEASURED)], spec.input))
    else:
        network, _, _ = load_network(locate_model(B0, weights))
    exact = folder / f"{B0}.safetensors"
    save_expression(network, spec, exact, dtype=torch.float32)
    if not int8:
        return RandomModel(exact)
    small = folder / f"{B0}.int8.onnx"
    # As the command does: every other second to calibrate with.
    small.write_bytes(quantise_graph(export_graph(network, spec), spec, faces))
    return RandomModel(exact, small)


def described() -> ExpressionSpec:
    """The description of the published model."""
    spec = MODELS[B0].spec
    assert spec is not None
    return spec


def _sample_faces() -> list[Pixels]:
    """Faces of every other second of the packaged sample."""
    detector = FaceDetector()
    return [
        crop_box(frame.rgb, face)
        for frame in VideoReader(sample_path(), _FPS)
        if int(frame.t) % 2 == 0
        for face in detector.detect([frame])[0]
    ]


def _lively(spec: ExpressionSpec, x: Floats) -> ExpressionNetwork:
    torch.manual_seed(0)
    network = build_for(spec)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.1)
            nn.init.normal_(module.bias, 0.0, 0.1)
            module.momentum = None  # the plain average of what it sees
    network.train()
    for module in network.modules():
        if "Drop" in type(module).__name__:
            module.eval()  # else the statistics are not those of evaluation
    faces = torch.from_numpy(np.ascontiguousarray(x))
    with torch.no_grad():
        network(faces)
        logits = network.eval()(faces)
        middle = logits.mean(dim=0)
        scale = _LARGEST_LOGIT / (logits - middle).abs().max()
        head = network.classifier
        assert isinstance(head, nn.Linear)
        head.bias.sub_(middle).mul_(scale)
        head.weight.mul_(scale)
    return network


if __name__ == "__main__":
    written = write_random_model(Path(sys.argv[1]))
    sys.stdout.write(json.dumps({"exact": str(written.exact)}) + "\n")
