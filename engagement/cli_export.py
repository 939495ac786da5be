"""`engagement models export`: a model in the form that another program reads."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.console import Console

from engagement.errors import DataError, ModelError, OutputError

if TYPE_CHECKING:
    from engagement.datasets.image_folder import FaceFolder
    from engagement.networks.base import ExpressionNetwork
    from engagement.networks.spec import ExpressionSpec
    from engagement.runtimes.export import ExportFormat
    from engagement.runtimes.quantise import Compared, QuantisationLoss
    from engagement.types import Pixels

_errors = Console(stderr=True)
_SAMPLE_FPS = 5.0


@dataclass(frozen=True)
class _Faces:
    """Face crops to calibrate with, and others to measure on.

    Attributes:
        files: that the calibration was read from, resolved.
        source: for people, `of ...`.
    """

    calibration: Sequence["Pixels"]
    held_out: Sequence["Pixels"]
    files: frozenset[Path]
    source: str


def export_command(
    model: Annotated[str, typer.Argument(help="auto, a name, or the path of a model file.")],
    form: Annotated[str, typer.Option("--format", help="onnx, openvino, torchscript or litert.")],
    out: Annotated[
        Path | None, typer.Option(help="Write here; without, the model's name in this folder.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Take the model's weights from this file, unverified.")
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Quantise to 8 bits (onnx only), and measure the loss.")
    ] = False,
    calibration: Annotated[
        Path | None,
        typer.Option(help="For --int8: folder of face images; without, the packaged sample's."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="For --int8: measure on this folder, one subfolder of faces an emotion."),
    ] = None,
) -> None:
    """Write a model as ONNX, OpenVINO, TorchScript or LiteRT, and check it against torch."""
    from engagement.expressions.models import load_network, locate_model
    from engagement.runtimes.export import SUFFIXES, check_name, export_model

    if form not in SUFFIXES:
        raise ModelError(f"There is no format {form!r}. Choose {', '.join(SUFFIXES)}.")
    if int8 and form != "onnx":
        raise ModelError(f"Only onnx files can be quantised, not {form}. OpenVINO reads them too.")
    if not int8 and (calibration or data):
        raise ModelError("--calibration and --data belong to --int8. Add it, or leave them out.")
    form = cast("ExportFormat", form)
    if out is not None:
        check_name(out, form)
        _check_folder(out)
    file = locate_model(model, weights)
    if file.path.suffix == ".onnx":
        raise ModelError(
            f"{file.path.name} is an ONNX graph already, which is not made into other forms. Get "
            "the model's own file with `engagement models fetch`."
        )
    network, spec, _ = load_network(file)
    path = out or Path(f"{spec.name}{'.int8' if int8 else ''}{SUFFIXES[form]}")
    if int8:
        _export_int8(network, spec, path, calibration, data)
        return
    with _errors.status(f"Writing {path.name}"):
        report = export_model(network, spec, path, form)
    _write(f"{' and '.join(map(str, report.paths))} written, {_megabytes(*report.paths)}")
    _write(
        f"outputs differ from torch's by at most {report.max_abs_difference:.1e}, embeddings by "
        f"{report.embedding_difference:.1e} ({report.faces} inputs)"
    )
    _write(_input(spec))


def _export_int8(
    network: "ExpressionNetwork",
    spec: "ExpressionSpec",
    path: Path,
    calibration: Path | None,
    data: Path | None,
) -> None:
    from engagement.datasets.image_folder import iter_faces
    from engagement.runtimes import quantise
    from engagement.runtimes.graph import export_graph

    quantise.check_can_quantise()
    labelled = None if data is None else _labelled(data, spec)
    with _errors.status("Collecting faces"):
        faces = _sample_faces(network, spec) if calibration is None else _folder_faces(calibration)
    if labelled is not None:
        labelled = _without(labelled, faces.files)
    with _errors.status("Quantising"):
        exact = export_graph(network, spec)
        small = quantise.quantise_graph(exact, spec, faces.calibration)
    with _errors.status("Measuring what it costs"):
        others = iter(faces.held_out) if labelled is None else iter_faces(labelled)
        compared = quantise.compare(exact, small, spec, others)
    quantise.write_graph(small, path)
    where = "others" if labelled is None else f"in {data}"
    _write(f"{path} written, {len(small) / 1e6:.1f} MB ({len(exact) / 1e6:.1f} MB before)")
    _write(
        f"calibrated on {len(faces.calibration)} faces {faces.source}, "
        f"measured on {compared.loss.faces} {where}:"
    )
    _write_loss(compared.loss)
    if labelled is not None:
        _write_accuracy(compared, labelled, spec)
    _write(_input(spec))


def _write_loss(loss: "QuantisationLoss") -> None:
    _write(
        f"  logits differ by {loss.mean_logit_difference:.3f} on average, "
        f"{loss.max_logit_difference:.3f} at most"
    )
    if loss.affect_difference is not None:
        _write(f"  valence and arousal differ by {loss.affect_difference:.3f} on average")
    _write(f"  the strongest emotion is the same for {loss.same_emotion:.1%} of the faces")


def _write_accuracy(compared: "Compared", folder: "FaceFolder", spec: "ExpressionSpec") -> None:
    import numpy as np

    from engagement.evaluation.metrics import classification_report

    to_model = np.array([spec.classes.index(name) for name in folder.classes], dtype=np.int64)
    truth = to_model[folder.labels]
    before, after = (
        classification_report(truth, logits.argmax(axis=1).astype(np.int64), spec.classes)
        for logits in (compared.exact, compared.small)
    )
    _write(
        f"  accuracy {before.accuracy:.4f} -> {after.accuracy:.4f}, "
        f"macro F1 {before.macro_f1:.4f} -> {after.macro_f1:.4f}"
    )


def _sample_faces(network: "ExpressionNetwork", spec: "ExpressionSpec") -> _Faces:
    """Faces of the packaged sample: every other second to calibrate with, the rest to measure."""
    from engagement.expressions.recognizer import ExpressionRecognizer
    from engagement.faces.detector import FaceDetector
    from engagement.runtimes.base import RuntimeSettings
    from engagement.runtimes.torch_runtime import TorchRuntime
    from engagement.sample import sample_path
    from engagement.video.reader import VideoReader

    # For its way to crop faces.
    recognizer = ExpressionRecognizer(
        TorchRuntime(network, RuntimeSettings(device="cpu")), spec, ""
    )
    detector = FaceDetector()
    calibration: list[Pixels] = []
    held_out: list[Pixels] = []
    for frame in VideoReader(sample_path(), _SAMPLE_FPS):
        for face in detector.detect([frame])[0]:
            part = held_out if int(frame.t) % 2 else calibration
            part.append(recognizer.crop(frame, face))
    return _Faces(calibration, held_out, frozenset(), "of the packaged sample")


def _folder_faces(folder: Path) -> _Faces:
    """Images below a folder, in an order of chance that is the same every time."""
    import numpy as np

    from engagement.datasets.image_folder import IMAGE_SUFFIXES, read_face
    from engagement.runtimes.quantise import MAX_FACES, MIN_FACES

    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}. Name a folder of face images.")
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    if len(paths) < 2 * MIN_FACES:
        raise DataError(
            f"{folder} has {len(paths)} images. At least {2 * MIN_FACES} faces are needed: one "
            "half to calibrate with, the other to measure on."
        )
    order = np.random.default_rng(0).permutation(len(paths))
    share = min(MAX_FACES, len(paths) // 2)
    chosen = [paths[place] for place in order[: 2 * share]]
    faces = [read_face(path) for path in chosen]
    used = frozenset(path.resolve() for path in chosen[:share])
    return _Faces(faces[:share], faces[share:], used, f"of {folder}")


def _labelled(data: Path, spec: "ExpressionSpec") -> "FaceFolder":
    from engagement.datasets.image_folder import scan_folder

    folder = scan_folder(data)
    unknown = [name for name in folder.classes if name not in spec.classes]
    if unknown:
        raise DataError(
            f"{data} has {', '.join(unknown)}, which {spec.name} does not know. It knows "
            f"{', '.join(spec.classes)}; rename or remove the other folders."
        )
    return folder


def _without(folder: "FaceFolder", files: frozenset[Path]) -> "FaceFolder":
    """The folder less the faces that the calibration has seen."""
    kept = [place for place, path in enumerate(folder.paths) if path.resolve() not in files]
    if not kept:
        raise DataError(
            f"All of {folder.root} was used for calibration. Name another folder as --data."
        )
    paths = tuple(folder.paths[place] for place in kept)
    return replace(folder, paths=paths, labels=folder.labels[kept])


def _input(spec: "ExpressionSpec") -> str:
    """What the file takes, which only some forms can say themselves."""
    taken = spec.input
    return (
        f"input: faces (n, 3, {taken.size}, {taken.size}), "
        f"{'grey three times' if taken.channels == 'grey' else taken.channels}, pixels times "
        f"{taken.scale:g}, less {_numbers(taken.mean)}, over {_numbers(taken.std)}; "
        f"outputs: {', '.join(spec.classes)}"
        f"{', valence, arousal' if spec.predicts_affect else ''}; and the embedding"
    )


def _numbers(values: tuple[float, float, float]) -> str:
    return f"({', '.join(f'{value:g}' for value in values)})"


def _megabytes(*paths: Path) -> str:
    return f"{sum(path.stat().st_size for path in paths) / 1e6:.1f} MB"


def _check_folder(file: Path) -> None:
    if not file.parent.is_dir() or file.is_dir():
        raise OutputError(
            f"{file} cannot be written: it is a folder, or its folder does not exist. Choose "
            "another --out."
        )


def _write(text: str) -> None:
    """To standard output as it is: no colours, no wrapping, whatever names it holds."""
    sys.stdout.write(text.encode(errors="replace").decode() + "\n")
