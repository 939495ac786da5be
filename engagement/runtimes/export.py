"""Models in the forms that other programs read, each checked against torch after it is written."""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import torch

from engagement.errors import ModelError, OutputError
from engagement.networks.base import ExpressionNetwork
from engagement.networks.preprocess import prepare
from engagement.networks.spec import ExpressionSpec, InputSpec
from engagement.runtimes.base import Floats, RuntimeSettings, installed
from engagement.runtimes.graph import EMBEDDING, INPUT, OUTPUT, OutputAndEmbedding, export_graph

ExportFormat = Literal["onnx", "openvino", "torchscript", "litert"]
#: Ending of each format's file.
SUFFIXES: Mapping[ExportFormat, str] = {
    "onnx": ".onnx",
    "openvino": ".xml",
    "torchscript": ".ptl",
    "litert": ".tflite",
}
#: Most that an exported file's outputs may differ from torch's, in fp32.
TOLERANCE = 1e-4
_CHECK_FACES = 8


@dataclass(frozen=True)
class ExportReport:
    """An exported file and how well it agrees with torch.

    Attributes:
        max_abs_difference: of the outputs (logits, valence, arousal) over the checked inputs.
        faces: number of checked inputs.
    """

    path: Path
    format: ExportFormat
    max_abs_difference: float
    faces: int


def export_model(
    network: ExpressionNetwork, spec: ExpressionSpec, path: Path, form: ExportFormat
) -> ExportReport:
    """Write a model in another form, run the file, and compare it with torch.

    Every form has the input ``(n, 3, s, s)``, prepared as `spec` says, and two outputs: the
    network's output ``(n, k)`` and the embedding ``(n, d)``. LiteRT's and TorchScript's take one
    face at a time (n = 1). OpenVINO's weights lie in a .bin file beside the .xml.

    Raises:
        ModelError: the form's package is missing, its converter does not take the network, or the
            file's outputs differ too much; no file is left then.
        OutputError: the file cannot be written, or its name has another form's ending.
    """
    write, run = _FORMS[form]
    if path.suffix != SUFFIXES[form]:
        raise OutputError(
            f"{path.name} cannot be the name of a file in the format {form}. End it with "
            f"{SUFFIXES[form]}."
        )
    faces = check_inputs(spec.input)
    with torch.inference_mode():
        expected = network(torch.from_numpy(faces)).numpy()
    with _written_beside(path) as draft:
        write(network, spec, draft)
        difference = float(np.abs(run(draft, faces) - expected).max())
        if not difference < TOLERANCE:
            raise ModelError(
                f"The {form} file of {spec.name} gives outputs that differ by {difference:.2g} "
                f"from torch's, more than {TOLERANCE:g}; it was not kept. Choose another format.",
                code="export_inexact",
            )
    return ExportReport(path, form, difference, len(faces))


@contextmanager
def _written_beside(path: Path) -> Iterator[Path]:
    """A draft of `path` in a folder beside it; what is in there takes its place at the end."""
    try:
        with TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
            yield Path(folder) / path.name
            for made in Path(folder).iterdir():
                made.replace(path.parent / made.name)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror or error}). Choose another place."
        ) from error


def check_inputs(spec: InputSpec) -> Floats:
    """Prepared inputs to compare runtimes with: smooth coloured waves, the same every time."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0 : spec.size, 0 : spec.size] / spec.size
    images = []
    for _ in range(_CHECK_FACES):
        across, down, phase = rng.uniform(1, 12, (3, 3))
        waves = np.sin(across * x[..., None] + down * y[..., None] + phase)
        images.append((128 + rng.uniform(20, 100) * waves).astype(np.uint8))
    return prepare(images, spec)


def _write_onnx(network: ExpressionNetwork, spec: ExpressionSpec, path: Path) -> None:
    path.write_bytes(export_graph(network, spec))


def _run_onnx(path: Path, faces: Floats) -> Floats:
    if installed("onnx"):
        from engagement.runtimes.onnx_runtime import OnnxRuntime

        return OnnxRuntime(path.read_bytes(), RuntimeSettings()).run(faces)[0]
    if installed("openvino"):
        from engagement.runtimes.openvino_runtime import OpenVinoRuntime

        return OpenVinoRuntime(path.read_bytes(), RuntimeSettings()).run(faces)[0]
    raise _missing("onnx", "an ONNX file can be checked")


def _write_openvino(network: ExpressionNetwork, spec: ExpressionSpec, path: Path) -> None:
    if not installed("openvino"):
        raise _missing("openvino", "this format can be written")
    import openvino

    model = openvino.Core().read_model(export_graph(network, spec), b"")
    openvino.serialize(model, str(path), str(path.with_suffix(".bin")))


def _run_openvino(path: Path, faces: Floats) -> Floats:
    from engagement.runtimes.openvino_runtime import OpenVinoRuntime

    model, weights = path.read_bytes(), path.with_suffix(".bin").read_bytes()
    return OpenVinoRuntime(model, RuntimeSettings(), weights).run(faces)[0]


def _write_torchscript(network: ExpressionNetwork, spec: ExpressionSpec, path: Path) -> None:
    example = torch.zeros(1, 3, spec.input.size, spec.input.size)
    with warnings.catch_warnings():
        # TorchScript is called deprecated; PyTorch Mobile reads nothing else.
        warnings.simplefilter("ignore")
        both = OutputAndEmbedding(network).eval().cpu()
        traced = torch.jit.trace(both, example)  # type: ignore[no-untyped-call]
        # Folds the batch norms. PyTorch's own optimiser for phones needs a build with XNNPACK,
        # which its wheels no longer are.
        frozen = torch.jit.freeze(traced)
        frozen._save_for_lite_interpreter(str(path))


def _run_torchscript(path: Path, faces: Floats) -> Floats:
    from torch.jit.mobile import _load_for_lite_interpreter

    module = _load_for_lite_interpreter(str(path))  # type: ignore[no-untyped-call]
    return np.concatenate([module(torch.from_numpy(face[None]))[0].numpy() for face in faces])


def _write_litert(network: ExpressionNetwork, spec: ExpressionSpec, path: Path) -> None:
    if find_spec("litert_torch") is None:
        raise _missing("litert", "this format can be written")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import litert_torch

        logging.getLogger("absl").setLevel(logging.ERROR)
        example = torch.zeros(1, 3, spec.input.size, spec.input.size)
        both = OutputAndEmbedding(network).eval().cpu()
        try:
            converted = litert_torch.convert(both, (example,))
        except (ValueError, RuntimeError) as error:
            # Its messages are a compiler's, many lines long; the first says which step failed.
            raise ModelError(
                f"LiteRT's converter does not take {spec.name} ({str(error).splitlines()[0]}). "
                "Choose another format or another model.",
                code="export_unsupported",
            ) from error
        converted.export(str(path))


def _run_litert(path: Path, faces: Floats) -> Floats:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    run = interpreter.get_signature_runner()
    (name,) = run.get_input_details()
    # Outputs are named by position; the first is the network's.
    first = min(run.get_output_details())
    return np.concatenate([run(**{name: face[None]})[first] for face in faces])


def _missing(extra: str, what: str) -> ModelError:
    return ModelError(
        f"Before {what}, install its package: pip install 'engagement-analytics[{extra}]'.",
        code="runtime_missing",
    )


_FORMS: Mapping[
    ExportFormat,
    tuple[
        Callable[[ExpressionNetwork, ExpressionSpec, Path], None],
        Callable[[Path, Floats], Floats],
    ],
] = {
    "onnx": (_write_onnx, _run_onnx),
    "openvino": (_write_openvino, _run_openvino),
    "torchscript": (_write_torchscript, _run_torchscript),
    "litert": (_write_litert, _run_litert),
}

__all__ = ["EMBEDDING", "INPUT", "OUTPUT", "ExportReport", "export_model"]
