"""What the commands share: options, progress bars, and looking at a place before the work."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from engagement.errors import OutputError
from engagement.files import written_whole

if TYPE_CHECKING:
    from engagement.runtimes.base import RuntimeSettings

console = Console()
errors = Console(stderr=True)

Model = Annotated[str, typer.Option(help="auto, a name of `engagement models`, or a file.")]
Weights = Annotated[
    Path | None, typer.Option(help="Take the model's weights from this file, unverified.")
]
Runtime = Annotated[
    str, typer.Option(help="auto (the fastest installed), torch, onnx or openvino.")
]
Threads = Annotated[int, typer.Option(help="CPU threads of the runtime; 0 for all.")]


def runtime_settings(name: str, threads: int, precision: str = "fp32") -> "RuntimeSettings":
    """The runtime that a command was asked for.

    Raises:
        ModelError: there is no such runtime, or it has no such precision.
    """
    from engagement.runtimes.base import RuntimeSettings

    # The names are checked by itself.
    return RuntimeSettings(name, threads=threads, precision=precision)  # type: ignore[arg-type]


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on standard error, for eyes only: in a log or a pipe it would be stray lines."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    quiet = not errors.is_terminal
    with Progress(*columns, console=errors, transient=True, disable=quiet) as progress:
        yield progress


def check_file(file: Path | None, option: str) -> None:
    """Look at where a result is to go, before the work: hours must not end in a wrong name.

    Raises:
        OutputError: it is a folder, or its folder does not exist.
    """
    if file is not None and (file.is_dir() or not file.parent.is_dir()):
        raise OutputError(
            f"{file} cannot be written: it is a folder, or its folder does not exist. "
            f"Choose another {option}."
        )


def check_out(folder: Path) -> None:
    """Look at the folder that results are to go into, before the work; it need not exist yet.

    Raises:
        OutputError: it cannot be made or written.
    """
    present = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not present.is_dir() or not os.access(present, os.W_OK):
        raise OutputError(
            f"The folder {folder} cannot be made or written: {present} is a file, or not yours to "
            "write. Choose another --out."
        )


def write_text(path: Path, text: str) -> None:
    """Write a result, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    with written_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")
