"""`engagement evaluate`: the published protocols, one command each.

docs/evaluation.md describes what each does and where its data come from.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from engagement.errors import OutputError
from engagement.files import written_whole

if TYPE_CHECKING:
    from engagement.evaluation.embedder import Embedder
    from engagement.evaluation.result import ProtocolResult

_console = Console()
_errors = Console(stderr=True)

Data = Annotated[Path, typer.Argument(help="Folder of the data set, as it is handed out.")]
Model = Annotated[str, typer.Option(help="auto, a name of `engagement models`, or a file.")]
Weights = Annotated[
    Path | None, typer.Option(help="Take the model's weights from this file, unverified.")
]
Runtime = Annotated[
    str, typer.Option(help="auto (the fastest installed), torch, onnx or openvino.")
]
Threads = Annotated[int, typer.Option(help="CPU threads of the runtime; 0 for all.")]
Json = Annotated[Path | None, typer.Option(help="Write the result here.")]
Embeddings = Annotated[
    Path | None,
    typer.Option(help="Keep what the model says here (.parquet), so that a second run is quick."),
]
Fps = Annotated[
    float, typer.Option(help="Frames a second of the videos; 0 for every frame.", min=0.0)
]


class Source(StrEnum):
    """What faces are taken from."""

    VIDEO = "video"
    FRAMES = "frames"
    FACES = "faces"


class Kernel(StrEnum):
    """Kernel of an SVM."""

    LINEAR = "linear"
    RBF = "rbf"


class Heads(StrEnum):
    """Variants of the small heads."""

    LINEAR = "linear"
    SLICE = "slice"


def add_protocols(app: typer.Typer) -> None:
    """Add the protocols' commands to `engagement evaluate`."""
    app.command("affectnet")(affectnet_command)
    app.command("afew")(afew_command)
    app.command("vgaf")(vgaf_command)
    app.command("lsd")(lsd_command)
    app.command("mtl")(mtl_command)


def affectnet_command(
    data: Data,
    model: Model = "auto",
    weights: Weights = None,
    runtime: Runtime = "auto",
    threads: Threads = 0,
    classes: Annotated[int, typer.Option(help="8, or 7 without contempt.")] = 8,
    embeddings: Embeddings = None,
    json: Json = None,
) -> None:
    """AffectNet's validation set: accuracy, and valence and arousal where predicted."""
    from engagement.evaluation.protocols.affectnet import evaluate_affectnet

    with _measuring(json, embeddings) as (finish, on_progress):
        finish(
            evaluate_affectnet(
                data,
                _open(model, weights, runtime, threads),
                classes=classes,
                embeddings=embeddings,
                on_progress=on_progress,
            )
        )


def afew_command(
    data: Data,
    model: Model = "auto",
    weights: Weights = None,
    runtime: Runtime = "auto",
    threads: Threads = 0,
    source: Annotated[Source, typer.Option(help="What faces are taken from.")] = Source.VIDEO,
    c: Annotated[float, typer.Option("--c", help="The SVM's penalty.", min=1e-9)] = 1.1,
    fps: Fps = 0.0,
    embeddings: Embeddings = None,
    json: Json = None,
) -> None:
    """AFEW: seven expressions in clips of films, by an SVM on clips' statistics."""
    from engagement.evaluation.protocols.afew import evaluate_afew
    from engagement.faces.detector import FaceDetector

    with _measuring(json, embeddings) as (finish, on_progress):
        finish(
            evaluate_afew(
                data,
                _open(model, weights, runtime, threads),
                FaceDetector(),
                source=source.value,
                c=c,
                fps=fps,
                embeddings=embeddings,
                on_progress=on_progress,
            )
        )


def vgaf_command(
    data: Data,
    model: Model = "auto",
    weights: Weights = None,
    runtime: Runtime = "auto",
    threads: Threads = 0,
    svm: Annotated[Kernel, typer.Option(help="The SVM's kernel.")] = Kernel.LINEAR,
    c: Annotated[
        float | None,
        typer.Option("--c", help="The SVM's penalty; as published where left out.", min=1e-9),
    ] = None,
    fps: Fps = 0.0,
    embeddings: Embeddings = None,
    json: Json = None,
) -> None:
    """VGAF: affect of groups in videos, by an SVM on statistics of all faces."""
    from engagement.evaluation.protocols.vgaf import evaluate_vgaf
    from engagement.faces.detector import FaceDetector

    with _measuring(json, embeddings) as (finish, on_progress):
        finish(
            evaluate_vgaf(
                data,
                _open(model, weights, runtime, threads),
                FaceDetector(),
                kernel=svm.value,
                c=c,
                fps=fps,
                embeddings=embeddings,
                on_progress=on_progress,
            )
        )


def lsd_command(
    data: Data,
    model: Model = "auto",
    weights: Weights = None,
    runtime: Runtime = "auto",
    threads: Threads = 0,
    embeddings: Embeddings = None,
    json: Json = None,
) -> None:
    """Learning from Synthetic Data (ABAW 4): macro F1 of six expressions."""
    from engagement.evaluation.protocols.lsd import evaluate_lsd

    with _measuring(json, embeddings) as (finish, on_progress):
        finish(
            evaluate_lsd(
                data,
                _open(model, weights, runtime, threads),
                embeddings=embeddings,
                on_progress=on_progress,
            )
        )


def mtl_command(
    data: Data,
    model: Model = "auto",
    weights: Weights = None,
    runtime: Runtime = "auto",
    threads: Threads = 0,
    heads: Annotated[Heads, typer.Option(help="Published variant of the heads.")] = Heads.LINEAR,
    embeddings: Embeddings = None,
    json: Json = None,
) -> None:
    """Multi-task learning (ABAW 4): expression, valence, arousal and action units."""
    from engagement.evaluation.heads import HEADS
    from engagement.evaluation.protocols.mtl import evaluate_mtl

    with _measuring(json, embeddings) as (finish, on_progress):
        finish(
            evaluate_mtl(
                data,
                _open(model, weights, runtime, threads),
                heads=HEADS[heads.value],
                embeddings=embeddings,
                on_progress=on_progress,
            )
        )


def _open(model: str, weights: Path | None, runtime: str, threads: int) -> "Embedder":
    from engagement.expressions.recognizer import ExpressionRecognizer
    from engagement.runtimes.base import RuntimeSettings

    settings = RuntimeSettings(runtime, threads=threads)  # type: ignore[arg-type]  # checks itself
    return ExpressionRecognizer.open(model, weights=weights, runtime=settings)


@contextmanager
def _measuring(
    json: Path | None, embeddings: Path | None
) -> Iterator[tuple[Callable[["ProtocolResult"], None], Callable[[float], None]]]:
    """A progress bar around the work, and what is done with its result."""
    # Looked at first: hours of work must not end in a wrong name.
    _check_file(json, "--json")
    _check_file(embeddings, "--embeddings")
    results: list[ProtocolResult] = []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    quiet = not _errors.is_terminal
    with Progress(*columns, console=_errors, transient=True, disable=quiet) as progress:
        task = progress.add_task("Evaluating", total=1.0)
        yield results.append, lambda share: progress.update(task, completed=share)
    from engagement.evaluation.result import print_result

    for result in results:
        print_result(result, _console)
        if json is not None:
            with written_whole(json) as partial:
                partial.write_text(result.to_json(), encoding="utf-8")


def _check_file(file: Path | None, option: str) -> None:
    if file is not None and (file.is_dir() or not file.parent.is_dir()):
        raise OutputError(
            f"{file} cannot be written: it is a folder, or its folder does not exist. "
            f"Choose another {option}."
        )
