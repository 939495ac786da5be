"""A training run's progress bar."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class TrainingBar:
    """Shows how far a run is, below the lines that it has said."""

    def __init__(self, progress: Progress, task: TaskID, epochs: int) -> None:
        self._progress, self._task, self._epochs = progress, task, epochs

    def show(self, epoch: int, share: float, loss: float) -> None:
        """Move to `share` of an epoch, counted from 0."""
        text = f"{epoch + 1}/{self._epochs}"
        self._progress.update(self._task, completed=epoch + share, epoch=text, loss=loss)

    def say(self, text: str) -> None:
        """Print a line."""
        self._progress.console.print(text, highlight=False)


@contextmanager
def training_bar(console: Console, epochs: int) -> Iterator[TrainingBar]:
    """A bar over all epochs, with the loss and the time that is left."""
    columns = (
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%  loss {task.fields[loss]:.3f}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=epochs, epoch="-", loss=float("nan"))
        yield TrainingBar(progress, task, epochs)
