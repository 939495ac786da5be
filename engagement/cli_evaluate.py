"""`engagement evaluate`: an ImageFolder of faces, and the published protocols, one command each.

docs/evaluation.md describes what each does and where its data come from.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engagement.cli_common import (
    Model,
    Runtime,
    Threads,
    Weights,
    check_file,
    console,
    progress_bar,
    runtime_settings,
    write_text,
)
from engagement.cli_evaluate_engagement import evaluate_engagement_command

if TYPE_CHECKING:
    from engagement.evaluation.embedder import Embedder
    from engagement.evaluation.result import ProtocolResult

evaluate_app = typer.Typer(no_args_is_help=True, help="Measure a model on labelled data.")
evaluate_app.command("engagement")(evaluate_engagement_command)

Data = Annotated[Path, typer.Argument(help="Folder of the data set, as it is handed out.")]
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


@evaluate_app.command("expression")
def evaluate_expression_command(
    data: Annotated[Path, typer.Argument(help="Folder with one subfolder of faces an emotion.")],
    model: Model = "auto",
    weights: Weights = None,
    runtime: Runtime = "auto",
    threads: Threads = 0,
    json: Json = None,
) -> None:
    """Print accuracy, macro F1 and the confusion matrix of a model on labelled faces."""
    from engagement.evaluation.expression import evaluate_expression, print_report

    check_file(json, "--json")
    with progress_bar() as progress:
        task = progress.add_task("Evaluating", total=1.0)
        report = evaluate_expression(
            data,
            model,
            weights=weights,
            runtime=runtime_settings(runtime, threads),
            on_progress=lambda share: progress.update(task, completed=share),
        )
    print_report(report, console)
    if json is not None:
        write_text(json, report.to_json())


@evaluate_app.command("affectnet")
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


@evaluate_app.command("afew")
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


@evaluate_app.command("vgaf")
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
    save: Annotated[
        Path | None,
        typer.Option(help="Write the classifier here, for `engagement analyze --group-affect`."),
    ] = None,
    json: Json = None,
) -> None:
    """VGAF: affect of groups in videos, by an SVM on statistics of all faces."""
    from engagement.evaluation.protocols.vgaf import evaluate_vgaf
    from engagement.faces.detector import FaceDetector

    check_file(save, "--save")
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
                save=save,
                on_progress=on_progress,
            )
        )


@evaluate_app.command("lsd")
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


@evaluate_app.command("mtl")
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

    settings = runtime_settings(runtime, threads)
    return ExpressionRecognizer.open(model, weights=weights, runtime=settings)


@contextmanager
def _measuring(
    json: Path | None, embeddings: Path | None
) -> Iterator[tuple[Callable[["ProtocolResult"], None], Callable[[float], None]]]:
    """A progress bar around the work, and what is done with its result."""
    check_file(json, "--json")
    check_file(embeddings, "--embeddings")
    results: list[ProtocolResult] = []
    with progress_bar() as progress:
        task = progress.add_task("Evaluating", total=1.0)
        yield results.append, lambda share: progress.update(task, completed=share)
    from engagement.evaluation.result import print_result

    for result in results:
        print_result(result, console)
        if json is not None:
            write_text(json, result.to_json())
