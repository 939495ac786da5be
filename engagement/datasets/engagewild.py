"""EngageWild, the engagement task of the EmotiW challenges: videos of some minutes, four levels.

    Train/subject_<person>_Vid_<number>.<avi, mp4, webm or wmv>     (or in a folder each)
    validation/...
    <any table of labels>.csv or .txt, in the set's folder or beside the videos

Each video has one label, 0, 0.33, 0.66 or 1. The challenge handed labels out in more than one
form, so every table there is read: its lines hold a video's name and, last, its label. Kaur et
al., "Prediction and localization of student engagement in the wild", DICTA 2018; the names of
videos are those in the authors' notebook of HSEmotion, which uses 148 and 47 of them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from engagement.datasets.clips import child_folder
from engagement.datasets.engagement_windows import FOUR_LEVELS
from engagement.datasets.labelled_windows import (
    LabelledStretch,
    StretchSet,
    check_present,
    videos_below,
)
from engagement.errors import DataError

PARTS = ("Train", "validation")
_PERSON = re.compile(r"(subject_[^_]+)_vid_", re.IGNORECASE)
# Labels are the level over three, with as many digits as somebody kept.
_STEP = 1 / 3
_ROUNDING = 0.02


def read_engagewild(root: Path, parts: tuple[str, ...] = PARTS) -> StretchSet:
    """List EngageWild's labelled videos.

    Raises:
        DataError: `root` is laid out otherwise, or no or different labels are found for a video.
    """
    stretches = [s for part in parts for s in _part(root, part)]
    check_present(stretches, root)
    return StretchSet("EngageWild", FOUR_LEVELS, tuple(sorted(stretches, key=lambda s: s.key)))


def _part(root: Path, part: str) -> list[LabelledStretch]:
    folder = child_folder(root, (part,), wanted="its videos")
    videos = videos_below(folder)
    labels: dict[str, int] = {}
    for file in _tables(root, folder):
        for name, level in _labels(file):
            if labels.setdefault(name, level) != level:
                raise DataError(
                    f"{file} gives {name} another label than a table before it. Remove the wrong "
                    "table."
                )
    labelled = {name: path for name, path in videos.items() if name in labels}
    if not labelled:
        raise DataError(
            f"No table below {root} labels any of the {len(videos)} videos of {folder.name}. Put a "
            ".csv or .txt there whose lines hold a video's name and 0, 0.33, 0.66 or 1."
        )
    return [
        LabelledStretch(f"{part.lower()}/{name}", path, _person(name), labels[name])
        for name, path in labelled.items()
    ]


def _person(name: str) -> str:
    found = _PERSON.match(name)
    if found is None:
        raise DataError(
            f"The video {name} does not say whose it is. Name it subject_<person>_Vid_<number>."
        )
    return found[1].lower()


def _tables(root: Path, folder: Path) -> list[Path]:
    return sorted(
        path
        for place in (root, folder)
        for path in place.iterdir()
        if path.suffix.lower() in {".csv", ".txt"}
    )


def _labels(file: Path) -> Iterator[tuple[str, int]]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read. Save it as text in UTF-8.") from error
    for number, line in enumerate(lines, start=1):
        fields = [field for field in re.split(r"[\s,;]+", line.strip()) if field]
        names = [Path(field).stem for field in fields if _PERSON.match(Path(field).stem)]
        if not names:
            continue  # a heading, or a line about something else
        yield names[0], _level(file, number, fields[-1])


def _level(file: Path, number: int, text: str) -> int:
    try:
        level = float(text) / _STEP
    except ValueError:
        level = -1.0
    if not 0 <= round(level) <= 3 or abs(level - round(level)) * _STEP > _ROUNDING:
        raise DataError(
            f"Line {number} of {file} has the label {text!r}, but labels are 0, 0.33, 0.66 and 1. "
            "Correct it."
        )
    return round(level)
