"""What a training run leaves behind besides its model: history, checkpoint, event files."""

import csv
import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import torch

from engagement.errors import DataError, OutputError
from engagement.files import written_whole

#: A row of the history: one epoch's figures by name.
Row = dict[str, float | int | str]


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    with written_whole(path) as partial:
        partial.write_text(json.dumps(value, indent=1), encoding="utf-8")


def write_history(path: Path, rows: Sequence[Row]) -> None:
    """Write the history as CSV, a line an epoch.

    Raises:
        OutputError: it cannot be written.
    """
    with written_whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a run's state, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    with written_whole(path) as partial:
        try:
            with partial.open("wb") as file:
                torch.save(dict(state), file)
        except RuntimeError as error:  # torch's own writer hides the operating system's error
            raise OutputError(
                f"{path} cannot be written ({str(error).splitlines()[0]}). Make room on the disk, "
                "and go on with --resume."
            ) from error


class EventLog(Protocol):
    """Takes the history's rows one by one."""

    def write(self, row: Row) -> None:
        """Take one row."""

    def close(self) -> None:
        """Write what is left."""


class NoEvents:
    """Takes rows and does nothing."""

    def write(self, row: Row) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class _TensorBoard:
    def __init__(self, folder: Path, after_epoch: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        # A run that was interrupted writes the epochs after its checkpoint again.
        purge = after_epoch + 1 if after_epoch else None
        self._writer: Any = SummaryWriter(str(folder), purge_step=purge)

    def write(self, row: Row) -> None:
        for name, value in row.items():
            if isinstance(value, (int, float)) and name != "epoch":
                self._writer.add_scalar(name, value, int(row["epoch"]))
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


def check_events(*, wanted: bool) -> None:
    """Refuse event files that cannot be written.

    Raises:
        DataError: the package tensorboard is not installed.
    """
    if wanted and find_spec("tensorboard") is None:
        raise DataError(
            "Writing event files needs the package tensorboard. Install it with pip install "
            "tensorboard, or leave --tensorboard away; history.csv has the same figures."
        )


def open_events(folder: Path, *, wanted: bool, after_epoch: int = 0) -> EventLog:
    """Event files for TensorBoard in `folder`, or nothing where they are not wanted.

    Args:
        after_epoch: epochs that were written before, by an interrupted run.

    Raises:
        DataError: the package tensorboard is not installed.
        OutputError: the folder cannot be written.
    """
    check_events(wanted=wanted)
    if not wanted:
        return NoEvents()
    try:
        return _TensorBoard(folder, after_epoch)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error.strerror}). Choose another --out."
        ) from error
