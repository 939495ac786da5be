"""VGAF, as the EmotiW challenges distribute it.

Train/<clip>.mp4
Train_labels.txt    a heading, then a line a clip: its name and 1, 2 or 3
Val/<clip>.mp4
Val_labels.txt
"""

import re
from collections.abc import Iterator
from pathlib import Path

from engagement.datasets.clips import VIDEO_SUFFIXES, Clip, ClipSet, child_folder, is_video
from engagement.errors import DataError

#: Affect of a group; its label in the files is the position plus one.
CLASSES = ("positive", "neutral", "negative")


def read_vgaf(root: Path) -> ClipSet:
    """List VGAF's training and validation clips.

    A clip that is listed but not there has no path.

    Raises:
        DataError: `root` is laid out otherwise, or a line of labels cannot be read.
    """
    return ClipSet(CLASSES, _clips(root, "Train"), _clips(root, "Val"))


def _clips(root: Path, part: str) -> tuple[Clip, ...]:
    folder = child_folder(root, (part,), wanted=f"the clips of {part}_labels.txt")
    videos = {path.stem: path for path in sorted(folder.rglob("*")) if is_video(path)}
    labels = dict(_labels(root / f"{part}_labels.txt"))
    missing = [name for name in labels if name not in videos]
    if len(missing) == len(labels):
        raise DataError(
            f"{folder} has none of the {len(labels)} clips that {part}_labels.txt names, such as "
            f"{missing[0]}; it has {len(videos)} videos. Put the clips there."
        )
    clips = (
        Clip(f"{part.lower()}/{name}", label, videos.get(name)) for name, label in labels.items()
    )
    return tuple(sorted(clips, key=lambda clip: clip.key))


def _labels(file: Path) -> Iterator[tuple[str, int]]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{file} cannot be read. Put the data set's list of labels there."
        ) from error
    count = 0
    for number, line in enumerate(lines, start=1):
        fields = [field for field in re.split(r"[\s,;]+", line.strip()) if field]
        if not fields or (number == 1 and not fields[-1].isdigit()):  # the heading
            continue
        if len(fields) != 2 or fields[1] not in {"1", "2", "3"}:
            raise DataError(
                f"Line {number} of {file} is {line.strip()!r}, but it should be a clip's name and "
                "1 (positive), 2 (neutral) or 3 (negative). Correct it."
            )
        count += 1
        yield _stem(fields[0]), int(fields[1]) - 1
    if not count:
        raise DataError(f"{file} names no clip. Put the data set's list of labels there.")


def _stem(name: str) -> str:
    path = Path(name)
    return path.stem if path.suffix.lower() in VIDEO_SUFFIXES else name
