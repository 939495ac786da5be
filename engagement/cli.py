"""The `engagement` command.

Bad input ends with one sentence on standard error and exit code 2, never with a traceback.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from engagement._version import __version__
from engagement.cli_common import (
    Model,
    Runtime,
    Threads,
    Weights,
    check_file,
    check_out,
    console,
    progress_bar,
    runtime_settings,
    write_text,
)
from engagement.cli_evaluate import evaluate_app
from engagement.cli_models import models_app
from engagement.cli_people import people
from engagement.cli_summarize import summarize
from engagement.cli_train import train_app
from engagement.errors import EngagementError
from engagement.files import make_out_folder
from engagement.process import prepare_process

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Emotion and engagement over time in a recording of an online lesson.",
)
app.add_typer(train_app, name="train")
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(models_app, name="models")


def main() -> None:
    """Entry point: run a command, turn our own errors into one sentence and exit code 2."""
    prepare_process()
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
        console.print(__version__, highlight=False)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    del version  # handled by its callback


@app.command()
def analyze(
    video: Annotated[Path, typer.Argument(help="The recording.")],
    json: Annotated[Path | None, typer.Option(help="Write the analysis here as JSON.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write analysis.json and embeddings.parquet into this folder."),
    ] = None,
    fps: Annotated[float, typer.Option(help="Samples a second.")] = 5.0,
    native: Annotated[
        bool,
        typer.Option("--native", help="Take every frame; --fps and --adaptive do not count then."),
    ] = False,
    adaptive: Annotated[
        bool,
        typer.Option(
            "--adaptive",
            help="Of the frames of --fps, pass over those around which nothing changes.",
        ),
    ] = False,
    engagement: Annotated[
        str,
        typer.Option(
            help="auto, concentration_index, engagement_single_attention, or a classifier's file."
        ),
    ] = "auto",
    group_affect: Annotated[
        Path | None,
        typer.Option(help="Classifier of group affect; `evaluate vgaf --save` writes one."),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="Keep what is found so far in this folder: the same command goes on from there."
        ),
    ] = None,
    hardware_decoding: Annotated[
        str | None,
        typer.Option(help="Decode on a device where there is one: cuda, qsv, videotoolbox ..."),
    ] = None,
    model: Model = "auto",
    weights: Weights = None,
    runtime: Runtime = "auto",
    threads: Threads = 0,
    precision: Annotated[
        str,
        typer.Option(help="fp32 (the published numbers), or bf16: faster on new processors."),
    ] = "fp32",
) -> None:
    """Analyse one recording and print a summary."""
    from engagement.pipeline import Analyzer, Settings
    from engagement.report.terminal import print_analysis
    from engagement.windows.adaptive import AdaptiveSettings

    # Where the result goes is looked at first: an hour's work must not end in a wrong name. It is
    # made last: a video that cannot be analysed leaves nothing behind.
    if out is not None:
        check_out(out)
    check_file(json, "--json")
    with progress_bar() as progress:
        task = progress.add_task("Loading models", total=None)
        settings = Settings(
            runtime=runtime_settings(runtime, threads, precision),
            group_affect=group_affect,
            adaptive=AdaptiveSettings() if adaptive else None,
            hardware_decoding=hardware_decoding,
        )
        analyzer = Analyzer(model, settings, weights=weights)
        progress.update(task, description=f"Analysing {escape(video.name)}")
        result = analyzer.analyze(
            video,
            fps=fps,
            on_progress=lambda done, total: progress.update(task, completed=done, total=total),
            engagement=engagement,
            native=native,
            checkpoint=checkpoint,
        )
    print_analysis(result.analysis, console)
    text = result.analysis.to_json()
    if json is not None:
        write_text(json, text)
    if out is not None:
        make_out_folder(out)
        write_text(out / "analysis.json", text)
        result.write_embeddings(out / "embeddings.parquet")


app.command()(people)
app.command()(summarize)


@app.command()
def schema() -> None:
    """Print the JSON Schema of an analysis."""
    from json import dumps

    from engagement.report.schema import json_schema

    sys.stdout.write(dumps(json_schema(), indent=2) + "\n")


if __name__ == "__main__":
    main()
