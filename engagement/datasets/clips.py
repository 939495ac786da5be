"""Labelled short videos, and the folders that hold them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engagement.datasets.image_folder import IMAGE_SUFFIXES
from engagement.errors import DataError

VIDEO_SUFFIXES = frozenset({".avi", ".mp4", ".mkv", ".mov", ".webm", ".m4v", ".mpg"})

#: What a clip is on disk: a video, a folder of its frames, or a folder of faces cut from them.
Kind = Literal["video", "frames", "faces"]


@dataclass(frozen=True)
class Clip:
    """One labelled clip.

    Attributes:
        key: its name inside the data set, for example ``val/Happy/000123``.
        label: index into the set's classes.
        path: a video, or a folder of images; None where the data set lists it but it is not there.
        kind: what `path` is.
    """

    key: str
    label: int
    path: Path | None
    kind: Kind = "video"


@dataclass(frozen=True)
class ClipSet:
    """Clips to learn from and clips to judge.

    Attributes:
        classes: names, in the order of the labels.
        train, validation: sorted by key.
    """

    classes: tuple[str, ...]
    train: tuple[Clip, ...]
    validation: tuple[Clip, ...]


def child_folder(root: Path, names: tuple[str, ...], *, wanted: str) -> Path:
    """The folder of `root` that has one of `names`, whatever their case.

    Raises:
        DataError: there is none; the sentence says what was looked for (`wanted`) and found.
    """
    if not root.is_dir():
        raise DataError(f"There is no folder {root}. Name the folder of the data set.")
    present = sorted(p for p in root.iterdir() if p.is_dir())
    for name in names:
        for folder in present:
            if folder.name.lower() == name.lower():
                return folder
    found = ", ".join(p.name for p in present[:8]) or "no folder"
    raise DataError(
        f"{root} has no folder {' or '.join(names)} ({wanted}); found: {found}. Name the folder "
        "that holds it."
    )


def is_video(path: Path) -> bool:
    """Whether a file's name is a video's."""
    return path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(".")


def is_image(path: Path) -> bool:
    """Whether a file's name is an image's."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
