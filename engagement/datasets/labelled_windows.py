"""Labelled stretches of videos, as a simple table and as what every engagement data set becomes.

The table is CSV (separated by commas, semicolons or tabs) with a heading:

    video,start_s,end_s,level,person
    ann/lesson1.mp4,0,10,engaged,ann

`video` is relative to the table's folder. `level` is a name or an index, 0 the lowest. Without a
column `person` each video counts as another person, which is only right where nobody has two.
"""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engagement.datasets.clips import is_video
from engagement.datasets.engagement_windows import FOUR_LEVELS, TWO_LEVELS
from engagement.errors import DataError

_COLUMNS = ("video", "start_s", "end_s", "level")


@dataclass(frozen=True)
class LabelledStretch:
    """A part of a video, whose it is and what it was labelled.

    Attributes:
        key: its name inside the data set.
        video: the file; None where the data set lists it but it is not there.
        person: who is in it, as the data set tells.
        level: index into the set's levels.
        start_s, end_s: in presentation time; None for the whole video.
    """

    key: str
    video: Path | None
    person: str
    level: int
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True)
class StretchSet:
    """Labelled stretches of one data set.

    Attributes:
        name: what the data set is called.
        levels: names, lowest first.
        stretches: sorted by key.
    """

    name: str
    levels: tuple[str, ...]
    stretches: tuple[LabelledStretch, ...]


def read_windows(table: Path, levels: Sequence[str] = ()) -> StretchSet:
    """Read a table of labelled windows.

    Args:
        levels: names of the levels, lowest first; without them two or four as the labels need.

    Raises:
        DataError: the table is not there or laid out otherwise, or a row of it makes no sense.
    """
    rows = list(read_table(table, _COLUMNS))
    if not rows:
        raise DataError(f"{table} has no window below its heading. Label some.")
    names = tuple(levels) or _levels_of(table, rows)
    stretches = [_stretch(table, number, row, names) for number, row in rows]
    repeated = _repeated(stretch.key for stretch in stretches)
    if repeated:
        raise DataError(f"{table} labels {repeated} twice. Remove one of the rows.")
    return StretchSet(table.stem, names, tuple(sorted(stretches, key=lambda s: s.key)))


def read_table(file: Path, columns: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Rows of a table with their line's number; names of columns are compared in lower case.

    Raises:
        DataError: it cannot be read, or lacks a column or a value.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{file} cannot be read as a table. Put the labels there as CSV; a spreadsheet has to "
            "be saved as CSV first."
        ) from error
    lines = text.splitlines()
    heading = lines[0] if lines else ""
    separator = max(",;\t", key=heading.count)
    reader = csv.reader(lines, delimiter=separator)
    names = [name.strip().lower() for name in next(reader, [])]
    missing = [column for column in columns if column.lower() not in names]
    if missing:
        raise DataError(
            f"{file} has no column {missing[0]} in its heading ({', '.join(names) or 'empty'}). "
            f"Give it the columns {', '.join(columns)}."
        )
    for values in reader:
        if not any(value.strip() for value in values):
            continue
        row = {n: v.strip() for n, v in zip(names, values, strict=False)}
        empty = [column for column in columns if not row.get(column.lower())]
        if empty:
            raise DataError(
                f"Line {reader.line_num} of {file} has no {empty[0]}. Fill it in, or remove the "
                "line."
            )
        yield reader.line_num, row


def videos_below(folder: Path) -> dict[str, Path]:
    """Videos below a folder by their name without suffix, `.wmv` among them."""
    found = sorted(p for p in folder.rglob("*") if is_video(p) or p.suffix.lower() == ".wmv")
    return {path.stem: path for path in found}


def check_present(stretches: Sequence[LabelledStretch], where: Path) -> None:
    """Refuse a data set none of whose videos is there.

    Raises:
        DataError: see above.
    """
    if not any(stretch.video for stretch in stretches):
        raise DataError(
            f"None of the {len(stretches)} labelled videos is below {where}, such as "
            f"{stretches[0].key if stretches else 'any'}. Put the videos there."
        )


def _levels_of(table: Path, rows: Sequence[tuple[int, Mapping[str, str]]]) -> tuple[str, ...]:
    labels = {row["level"].lower() for _, row in rows}
    for names in (TWO_LEVELS, FOUR_LEVELS):
        if labels <= {*names, *(str(i) for i in range(len(names)))}:
            return names
    raise DataError(
        f"{table} has the levels {', '.join(sorted(labels)[:6])}, which are neither "
        f"{' and '.join(TWO_LEVELS)} nor {', '.join(FOUR_LEVELS)}. Say with --levels what they "
        "are, lowest first."
    )


def _stretch(
    table: Path, number: int, row: Mapping[str, str], levels: tuple[str, ...]
) -> LabelledStretch:
    start, end = (_seconds(table, number, row[name]) for name in ("start_s", "end_s"))
    if end <= start:
        raise DataError(
            f"Line {number} of {table} ends at {end:g} s but begins at {start:g} s. Correct it."
        )
    video = table.parent / row["video"]
    return LabelledStretch(
        key=f"{row['video']} {start:g}-{end:g}",
        video=video if video.is_file() else None,
        person=row.get("person") or row["video"],
        level=_level(table, number, row["level"], levels),
        start_s=start,
        end_s=end,
    )


def _seconds(table: Path, number: int, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise DataError(
            f"Line {number} of {table} has the time {text!r}, but seconds are numbers from 0 on. "
            "Correct it."
        )
    return value


def _level(table: Path, number: int, text: str, levels: tuple[str, ...]) -> int:
    lowered = [name.lower() for name in levels]
    if text.lower() in lowered:
        return lowered.index(text.lower())
    if text.isdecimal() and int(text) < len(levels):
        return int(text)
    raise DataError(
        f"Line {number} of {table} has the level {text!r}, which is none of "
        f"{', '.join(levels)}. Correct it, or say with --levels what there is."
    )


def _repeated(keys: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    return None
