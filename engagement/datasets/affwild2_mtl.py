"""s-Aff-Wild2, the data of the ABAW competitions' multi-task challenge.

    training_set_annotations.txt      (or train_set.txt)
    validation_set_annotations.txt    (or validation_set.txt)
    cropped_aligned/<video>/<frame>.jpg

A heading, then a line an image: ``image,valence,arousal,expression,AU1,...,AU26``. What was not
annotated is -5 (valence, arousal) or -1 (expression, action units).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engagement.datasets.clips import child_folder
from engagement.errors import DataError

#: The challenge's expressions, in the order of their codes.
EXPRESSIONS = (
    "neutral",
    "anger",
    "disgust",
    "fear",
    "happiness",
    "sadness",
    "surprise",
    "other",
)
#: The action units, in the order of their columns.
ACTION_UNITS = (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26)

_LISTS = {
    "train": ("training_set_annotations.txt", "train_set.txt", "training_set.txt"),
    "val": ("validation_set_annotations.txt", "validation_set.txt", "val_set.txt"),
}
# Behind the image's name: valence, arousal, expression, action units.
_COLUMNS = 3 + len(ACTION_UNITS)


@dataclass(frozen=True, eq=False)
class AnnotatedFaces:
    """One part of s-Aff-Wild2.

    Attributes:
        images: the folder that names are relative to.
        names: ``n`` image names, sorted; each row has at least one annotation.
        affect: ``(n, 2)`` float32 valence and arousal, NaN both where they are not annotated.
        expression: ``(n,)`` int64 indices into `EXPRESSIONS`, -1 where it is not annotated.
        action_units: ``(n, 12)`` int64 of 0 and 1, -1 in the whole row where one is not annotated.
        unannotated: rows that were left out because nothing in them is annotated.
    """

    images: Path
    names: tuple[str, ...]
    affect: NDArray[np.float32]
    expression: NDArray[np.int64]
    action_units: NDArray[np.int64]
    unannotated: int

    def __len__(self) -> int:
        return len(self.names)

    @property
    def has_affect(self) -> NDArray[np.bool_]:
        """Rows with valence and arousal, ``(n,)``."""
        return ~np.isnan(self.affect[:, 0])

    @property
    def has_expression(self) -> NDArray[np.bool_]:
        """Rows with an expression, ``(n,)``."""
        return self.expression >= 0

    @property
    def has_action_units(self) -> NDArray[np.bool_]:
        """Rows with all action units, ``(n,)``."""
        return self.action_units[:, 0] >= 0


def read_affwild2_mtl(root: Path) -> tuple[AnnotatedFaces, AnnotatedFaces]:
    """The training and the validation part.

    Raises:
        DataError: `root` is laid out otherwise, a line cannot be read, or an image is listed twice.
    """
    images = child_folder(root, ("cropped_aligned",), wanted="the face images")
    return _part(root, images, "train"), _part(root, images, "val")


def _part(root: Path, images: Path, part: str) -> AnnotatedFaces:
    file = next((root / name for name in _LISTS[part] if (root / name).is_file()), None)
    if file is None:
        raise DataError(
            f"{root} has no list of annotations. Looked for {' or '.join(_LISTS[part])}; put the "
            "challenge's list there."
        )
    rows: dict[str, tuple[float, ...]] = {}
    unannotated = 0
    for number, name, values in _rows(file):
        if not _annotated(values):
            unannotated += 1
        elif rows.setdefault(name, values) != values:
            raise DataError(
                f"Line {number} of {file} annotates {name} again, and otherwise. Remove one."
            )
    if not rows:
        raise DataError(f"{file} has no annotated image. Put the challenge's list there.")
    names = sorted(rows)
    table = np.array([rows[name] for name in names], dtype=np.float64)
    return AnnotatedFaces(
        images,
        tuple(names),
        np.where(_affect_mask(table)[:, None], table[:, :2], np.nan).astype(np.float32),
        np.where(table[:, 2] >= 0, table[:, 2], -1).astype(np.int64),
        np.where(_units_mask(table)[:, None], table[:, 3:], -1).astype(np.int64),
        unannotated,
    )


def _annotated(values: tuple[float, ...]) -> bool:
    row = np.array([values])
    return bool(_affect_mask(row)[0] or row[0, 2] >= 0 or _units_mask(row)[0])


def _affect_mask(table: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray((table[:, :2] > -5).all(axis=1))


def _units_mask(table: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray((table[:, 3:] >= 0).all(axis=1))


def _rows(file: Path) -> Iterator[tuple[int, str, tuple[float, ...]]]:
    """Line number, image and its 15 values."""
    try:
        with file.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                fields = line.strip().split(",")
                if fields == [""] or (number == 1 and fields[0] == "image"):
                    continue
                yield number, fields[0], _values(fields, number, file)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read. Put the challenge's list there.") from error


def _values(fields: list[str], number: int, file: Path) -> tuple[float, ...]:
    try:
        values = tuple(float(field) for field in fields[1:])
    except ValueError:
        values = ()
    affect, expression, units = values[:2], values[2:3], values[3:]
    if (
        len(values) != _COLUMNS
        or not all(-1 <= value <= 1 or value == -5 for value in affect)
        or not all(value in range(-1, len(EXPRESSIONS)) for value in expression)
        or not all(value in {-1, 0, 1} for value in units)
    ):
        raise DataError(
            f"Line {number} of {file} is not an image, valence and arousal (-1 to 1, or -5), an "
            f"expression (0 to {len(EXPRESSIONS) - 1}, or -1) and {len(ACTION_UNITS)} action units "
            "(0 or 1, or -1). Correct or remove it."
        )
    return values
