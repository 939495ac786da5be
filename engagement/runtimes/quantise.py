"""ONNX files with 8-bit integers inside: a quarter of the size, faster, and a little less exact.

What is quantised was chosen by measuring (docs/runtimes.md has the figures). Convolutions are, with
the clipping that follows them, since they are nearly all of the work. Everything else stays exact:
swish, whose tail below zero is short beside its range; squeeze-and-excitation, which works on one
number a channel and takes no time; and the last layer, whose errors would go straight into the
logits. Weights are scaled a channel, activations a tensor, to the range that faces have on average:
the range of all faces would be ruled by the strangest one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from engagement.errors import DataError, ModelError
from engagement.networks.preprocess import Pixels, prepare
from engagement.networks.spec import ExpressionSpec
from engagement.runtimes.base import Floats, RuntimeSettings
from engagement.runtimes.export import described, written_beside
from engagement.runtimes.graph import INPUT

if TYPE_CHECKING:
    from engagement.runtimes.onnx_runtime import OnnxRuntime

#: Fewer faces than this tell too little of the ranges.
MIN_FACES = 16
#: More faces than this change nothing but the time.
MAX_FACES = 128
_QUANTISED = ["Conv", "Clip", "Relu"]
_BATCH = 64


@dataclass(frozen=True)
class QuantisationLoss:
    """What 8 bits cost, measured on faces that were not used for calibration.

    Attributes:
        faces: number of faces.
        max_logit_difference, mean_logit_difference: absolute, to the exact network.
        affect_difference: mean, of valence and arousal; None where the network has none.
        same_emotion: share of the faces whose most probable emotion is the same.
    """

    faces: int
    max_logit_difference: float
    mean_logit_difference: float
    affect_difference: float | None
    same_emotion: float


def check_can_quantise() -> None:
    """Whether the packages are there.

    Raises:
        ModelError: they are not.
    """
    if find_spec("onnxruntime") is None or find_spec("onnx") is None:
        raise ModelError(
            "Before a model can be quantised, install the packages for it: pip install "
            "'engagement-analytics[onnx]'.",
            code="runtime_missing",
        )


def quantise_graph(graph: bytes, spec: ExpressionSpec, faces: Sequence[Pixels]) -> bytes:
    """The graph with 8-bit convolutions, which ONNX Runtime and OpenVINO run.

    Args:
        graph: what `engagement.runtimes.graph.export_graph` made.
        faces: face crops to calibrate with; at most `MAX_FACES` of them are used.

    Raises:
        ModelError: the packages are missing.
        DataError: fewer than `MIN_FACES` faces.
    """
    check_can_quantise()
    if len(faces) < MIN_FACES:
        raise DataError(
            f"{len(faces)} faces are too few to calibrate with. Give at least {MIN_FACES}."
        )
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with TemporaryDirectory() as folder:
        exact, simple, small = (Path(folder) / f"{name}.onnx" for name in ("exact", "simple", "8"))
        exact.write_bytes(graph)
        # Folds and simplifies first: what is folded afterwards would no longer match its scales.
        quant_pre_process(str(exact), str(simple), skip_symbolic_shape=True)
        quantize_static(
            str(simple),
            str(small),
            _Faces(spec, faces[:MAX_FACES]),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_QUANTISED,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=_on_one_pixel(simple),
            extra_options={"CalibMovingAverage": True},
        )
        return described(small.read_bytes(), spec)


class _Faces:
    """Prepared faces one by one, as the calibration asks for them."""

    def __init__(self, spec: ExpressionSpec, faces: Sequence[Pixels]) -> None:
        self._inputs: Iterator[dict[str, Floats]] = (
            {INPUT: prepare([face], spec.input)} for face in faces
        )

    def get_next(self) -> dict[str, Floats] | None:
        return next(self._inputs, None)


def _on_one_pixel(path: Path) -> list[str]:
    """Convolutions that give one number a channel: squeeze-and-excitation."""
    import onnx

    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    sides = {value.name: _sides(value) for value in graph.value_info}
    return [
        node.name
        for node in graph.node
        if node.op_type == "Conv" and sides.get(node.output[0]) == [1, 1]
    ]


def _sides(value: Any) -> list[int]:
    return [dimension.dim_value for dimension in value.type.tensor_type.shape.dim][2:]


@dataclass(frozen=True)
class Compared:
    """The exact and the quantised network's logits ``(n, k)`` of the same faces, and the loss."""

    exact: Floats
    small: Floats
    loss: QuantisationLoss


def compare(exact: bytes, small: bytes, spec: ExpressionSpec, faces: Iterator[Pixels]) -> Compared:
    """Run both graphs on face crops, on ONNX Runtime.

    Args:
        faces: read as they are needed, so that there may be many.

    Raises:
        ModelError: the quantised graph does not run, or gives what is no number.
        DataError: no faces.
    """
    from engagement.runtimes.onnx_runtime import OnnxRuntime

    settings = RuntimeSettings(batch_size=_BATCH)
    pair = OnnxRuntime(exact, settings), OnnxRuntime(small, settings)
    found = [_outputs(pair, prepare(crops, spec.input)) for crops in _batches(faces)]
    if not found:
        raise DataError("There are no faces to measure the loss on. Give more.")
    before, after = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if not np.isfinite(after).all():
        raise ModelError(
            f"The quantised {spec.name} gives what is no number. Use the model as it is.",
            code="export_inexact",
        )
    emotions = len(spec.classes)
    return Compared(before[:, :emotions], after[:, :emotions], _loss(before, after, emotions))


def _outputs(pair: tuple["OnnxRuntime", "OnnxRuntime"], x: Floats) -> tuple[Floats, Floats]:
    exact, small = pair
    return exact.run(x)[0], small.run(x)[0]


def _batches(faces: Iterator[Pixels]) -> Iterator[list[Pixels]]:
    while batch := list(islice(faces, _BATCH)):
        yield batch


def _loss(before: Floats, after: Floats, emotions: int) -> QuantisationLoss:
    difference = np.abs(after - before)
    logits, affect = difference[:, :emotions], difference[:, emotions:]
    same = before[:, :emotions].argmax(axis=1) == after[:, :emotions].argmax(axis=1)
    return QuantisationLoss(
        faces=len(before),
        max_logit_difference=float(logits.max()),
        mean_logit_difference=float(logits.mean()),
        affect_difference=float(affect.mean()) if affect.size else None,
        same_emotion=float(same.mean()),
    )


def write_graph(graph: bytes, path: Path) -> None:
    """Write a graph whole, or leave what was there.

    Raises:
        OutputError: it cannot be written.
    """
    with written_beside(path) as draft:
        draft.write_bytes(graph)
