"""`engagement summarize`: a lesson in a few short clips."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from pydantic import ValidationError
from rich.markup import escape

from engagement.cli_common import (
    Model,
    Runtime,
    Threads,
    Weights,
    check_out,
    console,
    progress_bar,
    runtime_settings,
    write_text,
)
from engagement.errors import OutputError, VideoError

if TYPE_CHECKING:
    from engagement.report.schema import Analysis
    from engagement.summaries.schema import LessonSummary


def summarize(
    video: Annotated[Path, typer.Argument(help="The recording.")],
    out: Annotated[Path, typer.Option(help="The folder for clips, contact sheet and index.")],
    analysis: Annotated[
        Path | None,
        typer.Option(help="Its analysis, from `engagement analyze --json`; else it is made."),
    ] = None,
    format: Annotated[
        Literal["mp4", "gif", "webp"], typer.Option(help="What the clips are.")
    ] = "mp4",
    track: Annotated[
        int | None, typer.Option(help="Only this person, by the analysis' number.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Clips of each kind, at most.")] = 2,
    sound: Annotated[
        bool, typer.Option(help="Keep the sound (MP4 only); others may be heard in it.")
    ] = False,
    model: Model = "auto",
    weights: Weights = None,
    runtime: Runtime = "auto",
    threads: Threads = 0,
) -> None:
    """Cut a recording's clearest moments into short clips, with a contact sheet and an index."""
    from engagement.summaries.page import index_page
    from engagement.summaries.render import Look
    from engagement.summaries.schema import Rules
    from engagement.summaries.summarise import Recorded, check_pair, summarise

    check_out(out)
    if sound and format != "mp4":
        raise OutputError(f"A {format} has no sound. Leave out --sound, or choose --format mp4.")
    with progress_bar() as progress:
        task = progress.add_task(f"Analysing {escape(video.name)}", total=None)

        def tell(done: float, total: float) -> None:
            progress.update(task, completed=done, total=total)

        if analysis is None:
            from engagement.pipeline import Analyzer, Settings

            settings = Settings(runtime=runtime_settings(runtime, threads))
            found = Analyzer(model, settings, weights=weights).analyze(video, on_progress=tell)
            given = found.analysis
        else:
            given = _read(analysis)
            check_pair(video, given)
        progress.update(task, description="Cutting clips", completed=0, total=None)
        began = time.monotonic()
        summary = summarise(
            Recorded(video, given),
            out,
            rules=Rules(most=most),
            look=Look(format, sound=sound),
            track=track,
            on_progress=tell,
        )
    if analysis is None:
        write_text(out / "analysis.json", given.to_json())
    write_text(out / "index.html", index_page(summary))
    _print(summary, out, time.monotonic() - began)


def _read(file: Path) -> "Analysis":
    from engagement.report.schema import Analysis

    try:
        return Analysis.model_validate_json(file.read_bytes())
    except OSError as error:
        raise VideoError(
            f"{file} cannot be read ({error.strerror}). Choose another --analysis.",
            code="analysis_absent",
        ) from error
    except ValidationError as error:
        raise VideoError(
            f"{file} is not an analysis as `engagement analyze --json` writes it. Choose another "
            "--analysis, or leave it out.",
            code="analysis_unreadable",
        ) from error


def _print(summary: "LessonSummary", out: Path, seconds: float) -> None:
    from engagement.summaries.drawing import clock

    for person in summary.people:
        console.print(f"Person {person.track}, face seen {person.coverage:.0%} of the time")
        for moment in person.moments:
            when = f"{clock(moment.start_s)} to {clock(moment.end_s)}"
            console.print(f"  {when}  {moment.title}. {moment.why}", highlight=False)
        for words in person.missing:
            console.print(f"  {words}", highlight=False)
    if summary.whole_class:
        for moment in summary.whole_class.moments:
            console.print(f"Class: {moment.why}", highlight=False)
        for words in summary.whole_class.missing:
            console.print(f"Class: {words}", highlight=False)
    if not summary.people:
        console.print("No face was found, so there is nothing to show.")
    for words in summary.notes:
        console.print(words, style="dim", highlight=False)
    console.print(f"Written in {seconds:.1f} s: {escape(str(out / 'index.html'))}", soft_wrap=True)
    sys.stdout.flush()
