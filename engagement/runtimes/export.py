"""Models in the forms that other programs read, each checked against torch after it is written."""

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
from engagement.runtimes import litert
from engagement.runtimes.base import Floats, RuntimeSettings, installed
from engagement.runtimes.graph import OutputAndEmbedding, export_graph
from engagement.runtimes.sessions import openvino_core

ExportFormat = Literal["onnx", "openvino", "torchscript", "litert"]
#: Ending of each format's file.
SUFFIXES: Mapping[ExportFormat, str] = {
    "onnx": ".onnx",
    "openvino": ".xml",
    "torchscript": ".ptl",
    "litert": ".tflite",
}
#: Most that an exported file's outputs may differ from torch's; embeddings as a share of the
#: largest of them, since their size is not bounded as that of trained logits is.
TOLERANCE = 1e-4
#: Where a file says what it takes and gives: `ExpressionSpec` as JSON.
SPEC_KEY = "engagement.spec"
_CHECK_FACES = 8

_Results = tuple[Floats, Floats]


@dataclass(frozen=True)
class ExportReport:
    """An exported file and how well it agrees with torch.

    Attributes:
        paths: what was written; the first is the file that was asked for.
        max_abs_difference: of the outputs (logits, valence, arousal) over the checked inputs.
        embedding_difference: of the embeddings, the same.
        faces: number of checked inputs.
    """

    paths: tuple[Path, ...]
    format: ExportFormat
    max_abs_difference: float
    embedding_difference: float
    faces: int


def export_model(
    network: ExpressionNetwork, spec: ExpressionSpec, path: Path, form: ExportFormat
) -> ExportReport:
    """Write a model in another form, run the file, and compare it with torch.

    Every form has the input ``(n, 3, s, s)``, prepared as `spec` says, and two outputs: the
    network's output ``(n, k)`` and the embedding ``(n, d)``. LiteRT's takes one face at a time
    (n = 1). OpenVINO's weights lie in a .bin file beside the .xml. All but LiteRT's carry `spec` as
    JSON under the name ``engagement.spec``.

    Raises:
        ModelError: the form's package is missing, its converter does not take the network, or the
            file's results differ too much; an earlier file of that name is still there then.
        OutputError: the file cannot be written, or its name has another form's ending.
    """
    write, run = _FORMS[form]
    check_name(path, form)
    faces = check_inputs(spec.input)
    expected = _expected(network, faces)
    with written_beside(path) as draft:
        write(network, spec, draft)
        differences = _differences(run(draft, faces), expected, spec, form)
        made = sorted(draft.parent.iterdir(), key=lambda made: made.suffix != path.suffix)
    paths = tuple(path.with_name(file.name) for file in made)
    return ExportReport(paths, form, *differences, len(faces))


def check_name(path: Path, form: ExportFormat) -> None:
    """Whether a file of that form can have that name.

    Raises:
        OutputError: it cannot.
    """
    if path.suffix != SUFFIXES[form]:
        raise OutputError(
            f"{path.name} cannot be the name of a file in the format {form}. End it with "
            f"{SUFFIXES[form]}."
        )


def _expected(network: ExpressionNetwork, faces: Floats) -> _Results:
    with torch.inference_mode():
        outputs, embeddings = OutputAndEmbedding(network).eval().cpu()(torch.from_numpy(faces))
    return outputs.numpy(), embeddings.numpy()


def _differences(
    found: _Results, expected: _Results, spec: ExpressionSpec, form: ExportFormat
) -> tuple[float, float]:
    differences = []
    largest = max(1.0, float(np.abs(expected[1]).max()))
    for ours, theirs, limit in zip(found, expected, (TOLERANCE, TOLERANCE * largest), strict=True):
        difference = float(np.abs(ours.reshape(theirs.shape) - theirs).max())
        # Not a number is not below the limit either.
        if not difference < limit:
            raise ModelError(
                f"The {form} file of {spec.name} gives results that differ by {difference:.2g} "
                f"from torch's, more than rounding explains; it was not kept. Choose another "
                "format.",
                code="export_inexact",
            )
        differences.append(difference)
    outputs, embeddings = differences
    return outputs, embeddings


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """A draft of `path` in a folder beside it; what is in there takes its place at the end.

    Raises:
        OutputError: it cannot be written; what was there before is still there.
    """
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
    _check_can_run_onnx()
    path.write_bytes(described(export_graph(network, spec), spec))


def described(graph: bytes, spec: ExpressionSpec) -> bytes:
    """The ONNX graph with what has to be known to use it, where the onnx package is there."""
    if find_spec("onnx") is None:
        return graph
    import onnx

    model = onnx.load_model_from_string(graph)
    onnx.helper.set_model_props(model, {SPEC_KEY: spec.to_json()})
    return bytes(model.SerializeToString())


def _check_can_run_onnx() -> None:
    if not (installed("onnx") or installed("openvino")):
        raise _missing("onnx", "an ONNX file can be checked")


def _run_onnx(path: Path, faces: Floats) -> _Results:
    if installed("onnx"):
        from engagement.runtimes.onnx_runtime import OnnxRuntime

        return OnnxRuntime(path.read_bytes(), RuntimeSettings()).run(faces)
    from engagement.runtimes.openvino_runtime import OpenVinoRuntime

    return OpenVinoRuntime(path.read_bytes(), RuntimeSettings()).run(faces)


def _write_openvino(network: ExpressionNetwork, spec: ExpressionSpec, path: Path) -> None:
    if not installed("openvino"):
        raise _missing("openvino", "this format can be written")
    import openvino

    model = openvino_core().read_model(export_graph(network, spec), b"")
    model.set_rt_info(spec.to_json(), SPEC_KEY.split("."))
    openvino.serialize(model, str(path), str(path.with_suffix(".bin")))


def _run_openvino(path: Path, faces: Floats) -> _Results:
    from engagement.runtimes.openvino_runtime import OpenVinoRuntime

    model, weights = path.read_bytes(), path.with_suffix(".bin").read_bytes()
    return OpenVinoRuntime(model, RuntimeSettings(), weights).run(faces)


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
        frozen._save_for_lite_interpreter(str(path), _extra_files={SPEC_KEY: spec.to_json()})


def _run_torchscript(path: Path, faces: Floats) -> _Results:
    from torch.jit.mobile import _load_for_lite_interpreter

    module = _load_for_lite_interpreter(str(path))  # type: ignore[no-untyped-call]
    outputs, embeddings = module(torch.from_numpy(faces))
    return outputs.numpy(), embeddings.numpy()


def _write_litert(network: ExpressionNetwork, spec: ExpressionSpec, path: Path) -> None:
    if not litert.is_installed():
        raise _missing("litert", "this format can be written")
    litert.write_litert(network, spec, path)


def _missing(extra: str, what: str) -> ModelError:
    return ModelError(
        f"Before {what}, install its package: pip install 'engagement-analytics[{extra}]'.",
        code="runtime_missing",
    )


_FORMS: Mapping[
    ExportFormat,
    tuple[
        Callable[[ExpressionNetwork, ExpressionSpec, Path], None],
        Callable[[Path, Floats], _Results],
    ],
] = {
    "onnx": (_write_onnx, _run_onnx),
    "openvino": (_write_openvino, _run_openvino),
    "torchscript": (_write_torchscript, _run_torchscript),
    "litert": (_write_litert, litert.run_litert),
}
