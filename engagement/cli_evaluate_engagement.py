"""`engagement evaluate engagement`: an engagement classifier on labelled videos."""

from pathlib import Path
from typing import Annotated

import typer

from engagement.cli_common import (
    Model,
    Runtime,
    Threads,
    Weights,
    check_file,
    console,
    write_text,
)
from engagement.cli_engagement_data import DataSet, parts_of, read_stretches, windows_of


def evaluate_engagement_command(
    data_set: Annotated[DataSet, typer.Argument(help="What DATA is.")],
    data: Annotated[Path, typer.Argument(help="Folder of the data set, or a table of windows.")],
    classifier: Annotated[Path, typer.Option(help="classifier.safetensors of a training.")],
    levels: Annotated[
        str, typer.Option(help="DAiSEE: 2 or 4. A table: names, lowest first, with commas.")
    ] = "",
    parts: Annotated[
        str, typer.Option(help="Parts of the data set, with commas; without it the last.")
    ] = "",
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
    json: Annotated[Path | None, typer.Option(help="Write the result here.")] = None,
) -> None:
    """Measure an engagement classifier; its people must not be among those it was trained on."""
    from engagement.evaluation.engagement import evaluate_classifier
    from engagement.evaluation.engagement_report import print_engagement
    from engagement.evaluation.engagement_windows import WindowReading
    from engagement.windows.classifier_file import read_classifier

    check_file(json, "--json")
    check_file(embeddings, "--embeddings")
    judge = read_classifier(classifier)
    stretches = read_stretches(
        data_set, data, parts_of(data_set, parts, for_training=False), levels
    )
    reading = WindowReading(judge.card.sampling_fps, window, embeddings)
    windows = windows_of(stretches, model, weights, runtime, threads, reading)
    report = evaluate_classifier(judge, windows)
    print_engagement(report, f"{judge.card.name} on {stretches.name}", console)
    if json is not None:
        write_text(json, report.to_json())
