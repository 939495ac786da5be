"""What the two engagement commands share: which data set, and its windows."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from engagement.cli_common import console, progress_bar, runtime_settings
from engagement.errors import DataError

if TYPE_CHECKING:
    from engagement.datasets.engagement_windows import WindowSet
    from engagement.datasets.labelled_windows import StretchSet
    from engagement.evaluation.engagement_windows import WindowReading

# So many names of broken files are printed.
_NAMED = 5


class DataSet(StrEnum):
    """Data sets with labels of engagement."""

    ENGAGEWILD = "engagewild"
    DAISEE = "daisee"
    ENGAGENET = "engagenet"
    WINDOWS = "windows"


def read_stretches(
    data_set: DataSet, data: Path, parts: tuple[str, ...], levels: str
) -> "StretchSet":
    """List a data set's labelled stretches.

    Args:
        parts: of a data set that has parts; the readers' names in any case.
        levels: of DAiSEE "2" or "4"; of a table names with commas; else empty.

    Raises:
        DataError: the data set is laid out otherwise, or an option does not fit it.
    """
    from engagement.datasets import daisee, engagenet, engagewild
    from engagement.datasets.labelled_windows import read_windows

    if data_set is DataSet.WINDOWS:
        return read_windows(data, tuple(n.strip() for n in levels.split(",") if n.strip()))
    if data_set is DataSet.DAISEE:
        if levels not in {"", "2", "4"}:
            raise DataError(f"DAiSEE has 2 or 4 levels, not {levels}. Choose another --levels.")
        return daisee.read_daisee(data, _known(parts, daisee.PARTS), int(levels or 4))
    if levels not in {"", "4"}:
        raise DataError(f"{data_set.value} has 4 levels, not {levels}. Leave --levels out.")
    if data_set is DataSet.ENGAGENET:
        return engagenet.read_engagenet(data, _known(parts, engagenet.PARTS))
    return engagewild.read_engagewild(data, _known(parts, engagewild.PARTS))


def parts_of(data_set: DataSet, chosen: str, *, for_training: bool) -> tuple[str, ...]:
    """Parts that were asked for, or all but the last, or the last one to judge on."""
    if chosen:
        return tuple(part.strip() for part in chosen.split(",") if part.strip())
    parts: dict[DataSet, tuple[str, ...]] = {
        DataSet.ENGAGEWILD: ("Train",) if for_training else ("validation",),
        DataSet.WINDOWS: (),
    }
    return parts.get(data_set, ("Train", "Validation") if for_training else ("Test",))


def windows_of(
    stretches: "StretchSet",
    model: str,
    weights: Path | None,
    runtime: str,
    threads: int,
    reading: "WindowReading",
) -> "WindowSet":
    """Embed the stretches with a progress bar, and say what could not be read.

    Raises:
        ModelError: the model cannot be opened.
        DataError: no stretch shows a face, or the cache was made otherwise.
    """
    from engagement.evaluation.engagement_windows import take_windows
    from engagement.expressions.recognizer import ExpressionRecognizer
    from engagement.faces.detector import FaceDetector

    settings = runtime_settings(runtime, threads)
    recognizer = ExpressionRecognizer.open(model, weights=weights, runtime=settings)
    with progress_bar() as progress:
        task = progress.add_task("Embedding", total=1.0)
        on_progress: Callable[[float], None] = lambda share: progress.update(  # noqa: E731
            task, completed=share
        )
        taken = take_windows(
            stretches, recognizer, FaceDetector(), reading, on_progress=on_progress
        )
    if taken.faceless:
        console.print(f"{taken.faceless} labelled stretches show no face and are left out.")
    for problem in taken.problems[:_NAMED]:
        console.print(problem, markup=False, highlight=False)
    if len(taken.problems) > _NAMED:
        console.print(f"and {len(taken.problems) - _NAMED} more could not be read.")
    return taken.windows


def _known(parts: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    by_name = {part.lower(): part for part in known}
    for part in parts:
        if part.lower() not in by_name:
            raise DataError(f"There is no part {part}. Choose --parts of {', '.join(known)}.")
    return tuple(by_name[part.lower()] for part in parts)
