"""The `engagement` command.

Bad input ends with one sentence on standard error and exit code 2, never with a traceback.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from engagement._version import __version__
from engagement.cli_evaluate import add_protocols
from engagement.cli_models import models_app
from engagement.cli_train import add_commands
from engagement.errors import EngagementError, OutputError
from engagement.files import make_out_folder, written_whole

if TYPE_CHECKING:
    from engagement.runtimes.base import RuntimeSettings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Emotion and engagement over time in a recording of an online lesson.",
)
train_app = typer.Typer(no_args_is_help=True, help="Train a model on labelled data.")
evaluate_app = typer.Typer(no_args_is_help=True, help="Measure a model on labelled data.")
app.add_typer(train_app, name="train")
add_commands(train_app)
app.add_typer(evaluate_app, name="evaluate")
add_protocols(evaluate_app)
app.add_typer(models_app, name="models")

_console = Console()
_errors = Console(stderr=True)


def main() -> None:
    """Entry point: run a command, turn our own errors into one sentence and exit code 2."""
    # Read when torch loads: threads that wait sleep instead of spinning, since where other work
    # runs beside, spinning was seen to make an analysis up to ten times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app()
    except EngagementError as error:
        # Whatever names the sentence holds, it is one line.
        sys.stderr.write(f"engagement: {' '.join(str(error).splitlines())}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("engagement: stopped\n")
        sys.exit(130)


def _print_version(wanted: bool) -> None:
    if wanted:
        _console.print(__version__, highlight=False)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    del version  # handled by its callback


@contextmanager
def _progress() -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    # Only for eyes: in a log or a pipe there is nothing to see but stray lines.
    quiet = not _errors.is_terminal
    with Progress(*columns, console=_errors, transient=True, disable=quiet) as progress:
        yield progress


@app.command()
def analyze(
    video: Annotated[Path, typer.Argument(help="The recording.")],
    json: Annotated[Path | None, typer.Option(help="Write the analysis here as JSON.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write analysis.json and embeddings.parquet into this folder."),
    ] = None,
    fps: Annotated[float, typer.Option(help="Samples a second.")] = 5.0,
    model: Annotated[
        str,
        typer.Option(help="Expression model: auto, a name of `engagement models`, or a file."),
    ] = "auto",
    weights: Annotated[
        Path | None, typer.Option(help="Take the model's weights from this file, unverified.")
    ] = None,
    runtime: Annotated[
        str, typer.Option(help="auto (the fastest installed), torch, onnx or openvino.")
    ] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads of the runtime; 0 for all.")] = 0,
) -> None:
    """Analyse one recording and print a summary."""
    from engagement.pipeline import Analyzer, Settings
    from engagement.report.terminal import print_analysis

    # Where the result goes is looked at first: an hour's work must not end in a wrong name. It is
    # made last: a video that cannot be analysed leaves nothing behind.
    if out is not None:
        _check_out(out)
    if json is not None:
        _check_folder(json)
    with _progress() as progress:
        task = progress.add_task("Loading models", total=None)
        analyzer = Analyzer(
            model, Settings(runtime=runtime_settings(runtime, threads)), weights=weights
        )
        progress.update(task, description=f"Analysing {escape(video.name)}")
        result = analyzer.analyze(
            video,
            fps=fps,
            on_progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    print_analysis(result.analysis, _console)
    text = result.analysis.to_json()
    if json is not None:
        _write_text(json, text)
    if out is not None:
        make_out_folder(out)
        _write_text(out / "analysis.json", text)
        result.write_embeddings(out / "embeddings.parquet")


def runtime_settings(name: str, threads: int) -> "RuntimeSettings":
    """The runtime that a command was asked for.

    Raises:
        ModelError: there is no such runtime.
    """
    from engagement.runtimes.base import RuntimeSettings

    return RuntimeSettings(name, threads=threads)  # type: ignore[arg-type]  # checked by itself


def _check_out(folder: Path) -> None:
    present = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not present.is_dir() or not os.access(present, os.W_OK):
        raise OutputError(
            f"The folder {folder} cannot be made or written: {present} is a file, or not yours to "
            "write. Choose another --out."
        )


def _check_folder(file: Path) -> None:
    if not file.parent.is_dir() or file.is_dir():
        raise OutputError(
            f"{file} cannot be written: it is a folder, or its folder does not exist. "
            "Choose another --json."
        )


def _write_text(path: Path, text: str) -> None:
    with written_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


@app.command()
def schema() -> None:
    """Print the JSON Schema of an analysis."""
    from json import dumps

    from engagement.report.schema import json_schema

    sys.stdout.write(dumps(json_schema(), indent=2) + "\n")


@train_app.command("expression")
def train_expression_command(
    data: Annotated[Path, typer.Argument(help="Folder with train/<emotion>/ and val/<emotion>/.")],
    backbone: Annotated[Path, typer.Option(help="HSE-FaceRes backbone (.safetensors).")],
    out: Annotated[Path, typer.Option(help="Folder for the model and its record.")],
    name: Annotated[str, typer.Option(help="The model's name in reports.")] = "expression",
    stage: Annotated[
        list[str] | None,
        typer.Option(help="SIZE:EPOCHS, repeatable: input sizes in order. Default 112:8."),
    ] = None,
    input_size: Annotated[
        int, typer.Option(help="The model's own input size; 0 for the last stage's.")
    ] = 0,
    optimiser: Annotated[str, typer.Option(help="adamw or sgd.")] = "adamw",
    learning_rate: Annotated[float, typer.Option(help="Peak of the one-cycle rate.")] = 1e-3,
    weight_decay: Annotated[float, typer.Option()] = 0.02,
    batch_size: Annotated[int, typer.Option()] = 64,
    label_smoothing: Annotated[float, typer.Option()] = 0.1,
    class_weight_power: Annotated[
        float, typer.Option(help="Classes weigh their frequency to minus this power; 0 for none.")
    ] = 0.5,
    warmup: Annotated[float, typer.Option(help="Share of the steps before the peak rate.")] = 0.2,
    average_decay: Annotated[
        float, typer.Option(help="Decay a step of the averaged weights, which are what is kept.")
    ] = 0.998,
    sam_epochs: Annotated[
        int, typer.Option(help="How many of the last epochs are sharpness-aware.")
    ] = 0,
    sam_rho: Annotated[float, typer.Option(help="Radius of the sharpness-aware step.")] = 0.05,
    crop_scale: Annotated[
        float, typer.Option(help="Framing of the data's faces: side over a detector's box.")
    ] = 1.0,
    crop_shift_y: Annotated[float, typer.Option(help="Framing: shift down, share of the box.")] = 0,
    seed: Annotated[int, typer.Option()] = 0,
    bf16: Annotated[bool, typer.Option(help="Mixed precision: twice as fast on new CPUs.")] = True,
    threads: Annotated[int, typer.Option(help="CPU threads; 0 for all.")] = 0,
    start: Annotated[
        Path | None, typer.Option(help="Begin at this model instead of the backbone.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on from OUT/checkpoint.pt.")] = False,
) -> None:
    """Fine-tune the face backbone on labelled expressions."""
    from engagement.training.expression import TrainingConfig, parse_stages
    from engagement.training.session import run_training

    config = TrainingConfig(
        name=name,
        stages=parse_stages(stage or ["112:8"]),
        input_size=input_size,
        optimiser=optimiser,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        batch_size=batch_size,
        label_smoothing=label_smoothing,
        class_weight_power=class_weight_power,
        warmup=warmup,
        average_decay=average_decay,
        sam_epochs=sam_epochs,
        sam_rho=sam_rho,
        crop_scale=crop_scale,
        crop_shift_y=crop_shift_y,
        seed=seed,
        bf16=bf16,
    )
    run_training(
        data,
        backbone,
        out,
        config,
        start=start,
        resume=resume,
        threads=threads,
        console=_console,
    )


@evaluate_app.command("expression")
def evaluate_expression_command(
    data: Annotated[Path, typer.Argument(help="Folder with one subfolder of faces an emotion.")],
    model: Annotated[
        str, typer.Option(help="auto, a name of `engagement models`, or a file.")
    ] = "auto",
    weights: Annotated[
        Path | None, typer.Option(help="Take the model's weights from this file, unverified.")
    ] = None,
    runtime: Annotated[
        str, typer.Option(help="auto (the fastest installed), torch, onnx or openvino.")
    ] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads of the runtime; 0 for all.")] = 0,
    json: Annotated[Path | None, typer.Option(help="Write the figures here.")] = None,
) -> None:
    """Print accuracy, macro F1 and the confusion matrix of a model on labelled faces."""
    from engagement.evaluation.expression import evaluate_expression, print_report

    if json is not None:
        _check_folder(json)
    with _progress() as progress:
        task = progress.add_task("Evaluating", total=1.0)
        report = evaluate_expression(
            data,
            model,
            weights=weights,
            runtime=runtime_settings(runtime, threads),
            on_progress=lambda share: progress.update(task, completed=share),
        )
    print_report(report, _console)
    if json is not None:
        _write_text(json, report.to_json())


if __name__ == "__main__":
    main()
