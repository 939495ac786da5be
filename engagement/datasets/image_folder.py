"""Labelled face images in ImageFolder layout: ``DATA/<class>/<image>``."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engagement.datasets.labels import canonical_emotion
from engagement.errors import DataError
from engagement.networks.preprocess import resize_square, to_grey

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".pgm"})


@dataclass(frozen=True)
class FaceFolder:
    """Paths and labels of an ImageFolder.

    Attributes:
        root: the folder itself.
        paths: image files, sorted within each class.
        labels: ``(n,)`` int64 indices into `classes`.
        classes: canonical emotion names, sorted.
    """

    root: Path
    paths: tuple[Path, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)


def scan_folder(root: Path) -> FaceFolder:
    """List an ImageFolder.

    Raises:
        DataError: no such folder, fewer than two classes, or a class without images.
    """
    if not root.is_dir():
        raise DataError(f"There is no folder {root}. Name a folder with one subfolder per emotion.")
    by_class: dict[str, list[Path]] = {}
    for folder in sorted(p for p in root.iterdir() if p.is_dir()):
        files = sorted(p for p in folder.rglob("*") if _is_image(p))
        by_class.setdefault(canonical_emotion(folder.name), []).extend(files)
    empty = [name for name, files in by_class.items() if not files]
    if len(by_class) < 2 or empty:
        detail = f"no images in {', '.join(empty)}" if empty else f"found {len(by_class)} class(es)"
        raise DataError(
            f"{root} is not laid out as DATA/<emotion>/<image> ({detail}). Put each emotion's "
            "images into a subfolder of its own."
        )
    classes = tuple(sorted(by_class))
    paths = tuple(path for name in classes for path in by_class[name])
    labels = np.concatenate(
        [np.full(len(by_class[name]), i, dtype=np.int64) for i, name in enumerate(classes)]
    )
    return FaceFolder(root, paths, labels, classes)


def _is_image(path: Path) -> bool:
    # Names with a dot in front are an archive's or a file manager's own, not pictures.
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def read_face(path: Path) -> NDArray[np.uint8]:
    """Read one image as RGB ``(h, w, 3)`` or grey ``(h, w)`` uint8.

    Raises:
        DataError: the file is not a readable image.
    """
    with _opened(path) as image:
        if image.mode.startswith("I;16"):  # Pillow would clip 16 bits instead of scaling them
            return np.asarray(np.asarray(image) >> 8, dtype=np.uint8)
        return np.asarray(image.convert("L" if image.mode in {"L", "1"} else "RGB"))


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path) as image:
            yield image
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as an image. Remove or replace it.") from error


def iter_faces(folder: FaceFolder) -> Iterator[NDArray[np.uint8]]:
    """Read the images of `folder` in order, one at a time."""
    return (read_face(path) for path in folder.paths)


def load_grey(folder: FaceFolder, size: int) -> NDArray[np.uint8]:
    """All faces of `folder` as ``(n, size, size)`` grey uint8, in memory.

    48-pixel faces of a set like FER2013 need 66 MB; half a million faces at 112 pixels 6 GB.
    """
    faces = np.empty((len(folder), size, size), dtype=np.uint8)
    for i, face in enumerate(iter_faces(folder)):
        faces[i] = resize_square(to_grey(face), size)
    return faces


def native_size(folder: FaceFolder, most: int) -> int:
    """The shorter side that most images have, at most `most`: what is worth storing.

    Raises:
        DataError: a file is not a readable image.
    """
    step = max(1, len(folder) // 200)
    sides = []
    for path in folder.paths[::step]:
        with _opened(path) as image:
            sides.append(min(image.size))
    return int(min(most, np.median(sides)))
