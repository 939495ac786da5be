"""`engagement train engagement`: an engagement classifier from labelled videos."""

from dataclasses import asdict
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
    write_text,
)
from engagement.cli_engagement_data import DataSet, parts_of, read_stretches, windows_of
from engagement.files import make_out_folder

if TYPE_CHECKING:
    from engagement.training.engagement import Fitted


class MethodName(StrEnum):
    """Kinds of engagement classifier."""

    RIDGE = "ridge"
    SVR = "svr"
    BOOSTING = "boosting"
    SINGLE_ATTENTION = "single_attention"


def train_engagement_command(
    data_set: Annotated[DataSet, typer.Argument(help="What DATA is.")],
    data: Annotated[Path, typer.Argument(help="Folder of the data set, or a table of windows.")],
    out: Annotated[Path, typer.Option(help="Folder for the classifier and its figures.")],
    method: Annotated[MethodName, typer.Option(help="Kind of classifier.")] = MethodName.RIDGE,
    levels: Annotated[
        str, typer.Option(help="DAiSEE: 2 or 4. A table: names, lowest first, with commas.")
    ] = "",
    parts: Annotated[
        str, typer.Option(help="Parts of the data set, with commas; without it all but the last.")
    ] = "",
    balanced: Annotated[
        bool, typer.Option(help="Weigh levels the same, so that rare ones are found.")
    ] = False,
    folds: Annotated[int, typer.Option(help="Parts of people of the cross-validation.", min=2)] = 5,
    name: Annotated[str, typer.Option(help="The classifier's name in reports.")] = "engagement",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    fps: Annotated[
        float, typer.Option(help="Frames a second of the videos; 0 for every frame.", min=0.0)
    ] = 5.0,
    window: Annotated[
        float, typer.Option(help="Cut whole videos into windows of so many seconds.", min=0.0)
    ] = 0.0,
    model: Model = "auto",
    weights: Weights = None,
    runtime: Runtime = "auto",
    threads: Threads = 0,
    embeddings: Annotated[
        Path | None, typer.Option(help="Keep embeddings here (.parquet).")
    ] = None,
) -> None:
    """Train an engagement classifier, and measure it on people it has not seen."""
    from engagement.evaluation.engagement_report import print_engagement
    from engagement.evaluation.engagement_windows import WindowReading
    from engagement.training.engagement import FitSettings, fit_engagement

    check_file(embeddings, "--embeddings")
    stretches = read_stretches(data_set, data, parts_of(data_set, parts, for_training=True), levels)
    make_out_folder(out)
    reading = WindowReading(fps, window, embeddings)
    windows = windows_of(stretches, model, weights, runtime, threads, reading)
    settings = FitSettings(method.value, folds=folds, seed=seed, name=name, balanced=balanced)
    with progress_bar() as progress:
        task = progress.add_task("Training", total=1.0)
        fitted = fit_engagement(
            windows, settings, on_progress=lambda share: progress.update(task, completed=share)
        )
    _write(out, fitted, {"data": stretches.name, "parts": parts, **asdict(settings)})
    print_engagement(fitted.report, f"{name}: {method.value} on {stretches.name}", console)
    console.print(f"Written to {out}", markup=False, highlight=False)


def _write(out: Path, fitted: "Fitted", settings: dict[str, object]) -> None:
    import json
    from importlib.util import find_spec

    from engagement.evaluation.engagement_report import card_text, draw_reliability
    from engagement.windows.classifier_file import write_classifier

    write_classifier(fitted.classifier, out / "classifier.safetensors")
    metrics = {**asdict(fitted.report), "settings": settings}
    write_text(out / "metrics.json", json.dumps(metrics, indent=1))
    write_text(out / "card.md", card_text(fitted.classifier.card, fitted.report))
    if find_spec("matplotlib") is None:
        console.print("reliability.png is left out: matplotlib, of the extra train, is missing.")
    else:
        draw_reliability(fitted.report, out / "reliability.png")
