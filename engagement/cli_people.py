"""`engagement people`: who is in a recording of several people, and then only those who agreed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

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
from engagement.errors import DataError

if TYPE_CHECKING:
    from rich.progress import Progress

    from engagement.group import People
    from engagement.pipeline import OnProgress


def people(
    video: Annotated[Path, typer.Argument(help="The recording, a gallery view for example.")],
    out: Annotated[
        Path,
        typer.Option(help="The folder for people.json and a picture of each; used again if there."),
    ],
    only: Annotated[
        str | None,
        typer.Option(
            help="Analyse these people only, 1,3 for example, into analysis.json and "
            "embeddings.parquet."
        ),
    ] = None,
    blur: Annotated[
        bool,
        typer.Option("--blur", help="Write blurred.mp4, in which only those of --only are shown."),
    ] = False,
    fps: Annotated[float, typer.Option(help="Samples a second.")] = 5.0,
    name_tags: Annotated[
        bool, typer.Option(help="Read names beside the faces, where tesseract is installed.")
    ] = True,
    engagement: Annotated[
        str,
        typer.Option(
            help="auto, concentration_index, engagement_single_attention, or a classifier's file."
        ),
    ] = "auto",
    model: Model = "auto",
    weights: Weights = None,
    runtime: Runtime = "auto",
    threads: Threads = 0,
) -> None:
    """Tell apart the people in a recording; with --only, analyse some of them and nobody else.

    The folder holds descriptors of faces, which are biometric data: erase it when it has served.
    """
    from engagement.group import blur_others

    check_out(out)
    wanted = None if only is None else _ids(only)
    with progress_bar() as progress:
        found = _find(video, out, fps, name_tags, _bar(progress, f"Finding people in {video.name}"))
        if wanted is not None:
            from engagement.group import analyze_people
            from engagement.pipeline import Analyzer, Settings

            found.chosen(wanted)  # a wrong number is told before the work
            settings = Settings(runtime=runtime_settings(runtime, threads))
            result = analyze_people(
                Analyzer(model, settings, weights=weights),
                video,
                found,
                wanted,
                engagement=engagement,
                on_progress=_bar(progress, f"Analysing {video.name}"),
            )
        if blur:
            step = _bar(progress, "Blurring")
            blur_others(video, found, wanted or (), out / "blurred.mp4", on_progress=step)
    _print_people(found)
    if wanted is not None:
        from engagement.report.terminal import print_analysis

        print_analysis(result.analysis, console)
        write_text(out / "analysis.json", result.analysis.to_json())
        result.write_embeddings(out / "embeddings.parquet")


def _ids(text: str) -> set[int]:
    """The numbers of people as they are written: 1,3.

    Raises:
        DataError: they are not.
    """
    try:
        return {int(part) for part in text.split(",")}
    except ValueError as error:
        raise DataError(
            f"--only takes numbers of people with commas between, 1,3 for example, not {text}.",
            code="no_such_person",
        ) from error


def _bar(progress: "Progress", description: str) -> "OnProgress":
    task = progress.add_task(escape(description), total=None)
    return lambda done, total: progress.update(task, completed=done, total=total)


def _find(
    video: Path, folder: Path, fps: float, name_tags: bool, on_progress: "OnProgress"
) -> "People":
    """The people of this video as they were found before, else as they are found now."""
    from engagement.files import sha256_of
    from engagement.group import People, find_people

    if (folder / "people.json").exists():
        before = People.load(folder)
        if before.sampling_fps == fps and before.source.sha256 == sha256_of(video):
            return before
    found = find_people(video, fps=fps, on_progress=on_progress, name_tags=name_tags)
    found.save(folder)
    return found


def _print_people(found: "People") -> None:
    facts = found.facts()
    if not facts.people:
        console.print("Nobody was found.")
    else:
        table = Table("person", "name tag", "first", "last", "seen", "picture")
        for person in facts.people:
            table.add_row(
                str(person.id),
                escape(person.name_tag.text) if person.name_tag else "",
                f"{person.first_s:.1f} s",
                f"{person.last_s:.1f} s",
                f"{person.seen_share:.0%}",
                person.thumbnail,
            )
        console.print(table)
    for warning in facts.warnings:
        console.print(warning.text)
