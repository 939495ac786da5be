"""Faces on disk with labels, of data sets too large to hold in memory.

File names and labels are held in flat arrays: three million names of VGGFace2 take 70 MB, and a
data loader's workers share them instead of each copying them. Images are decoded when they are
asked for.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engagement.datasets.image_folder import IMAGE_SUFFIXES, read_face
from engagement.errors import DataError
from engagement.networks.preprocess import to_rgb

Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class LabelledFaces:
    """One split of a data set.

    Attributes:
        root: the folder that the names are relative to.
        names: ``(n,)`` encoded file names.
        labels: ``(n,)`` int64 indices into `classes`.
        classes: names of the classes.
        boxes: ``(n, 4)`` int32 face boxes ``x1, y1, x2, y2`` in pixels of the image; None where
            the images are face crops already.
        affect: ``(n, 2)`` float32 valence and arousal in -1..1, NaN where there are none; None
            where the data set has none.
        skipped: what was left out, as a count a reason.
    """

    root: Path
    names: NDArray[np.bytes_]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    boxes: NDArray[np.int32] | None = None
    affect: NDArray[np.float32] | None = None
    skipped: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    def path(self, index: int) -> Path:
        """The image's file."""
        return self.root / os.fsdecode(self.names[index].item())

    def read(self, index: int) -> NDArray[np.uint8]:
        """The face, RGB ``(h, w, 3)`` uint8, cut out by its box where it has one.

        Raises:
            DataError: the file is not a readable image, or the box lies outside it.
        """
        path = self.path(index)
        image = to_rgb(read_face(path))
        if self.boxes is None:
            return image
        x1, y1, x2, y2 = self.boxes[index].tolist()
        face = image[max(0, y1) : max(0, y2), max(0, x1) : max(0, x2)]
        if not face.size:
            raise DataError(
                f"The face box {x1}, {y1}, {x2}, {y2} lies outside {path}, which has "
                f"{image.shape[1]} x {image.shape[0]} pixels. Correct or remove its row."
            )
        return face

    def subset(self, places: NDArray[np.int64]) -> "LabelledFaces":
        """The faces at `places`, in that order."""
        return replace(
            self,
            names=self.names[places],
            labels=self.labels[places],
            boxes=None if self.boxes is None else self.boxes[places],
            affect=None if self.affect is None else self.affect[places],
        )

    def counts(self) -> NDArray[np.int64]:
        """Number of faces a class, ``(c,)``."""
        return np.bincount(self.labels, minlength=len(self.classes)).astype(np.int64)

    def summary(self) -> str:
        """What is here and what was left out, for a person: ``3 faces (left out: 1 ...)``."""
        left_out = describe_skipped(self.skipped)
        return f"{len(self):,} faces" + (f" (left out: {left_out})" if left_out else "")

    def fingerprint(self) -> str:
        """Hexadecimal sha256 of names and everything known of them: the same data, the same."""
        digest = hashlib.sha256(os.fsencode("\0".join(self.classes)))
        for part in (self.names, self.labels, self.boxes, self.affect):
            if part is not None:
                digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()


def describe_skipped(skipped: Mapping[str, int]) -> str:
    """``12 missing files, 3 uncertain``; empty for nothing."""
    return ", ".join(f"{count:,} {reason}" for reason, count in sorted(skipped.items()))


class FaceRows:
    """Collects the rows of a `LabelledFaces`, and counts what is left out."""

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()
        self._names: list[bytes] = []
        self._labels: list[int] = []
        self._boxes: list[Box] = []
        self._affect: list[tuple[float, float]] = []

    def add(
        self,
        name: str,
        label: int,
        box: Box | None = None,
        affect: tuple[float, float] | None = None,
    ) -> None:
        """Add a face; `box` and `affect` must be given for all faces or for none."""
        self._names.append(os.fsencode(name))
        self._labels.append(label)
        if box is not None:
            self._boxes.append(box)
        if affect is not None:
            self._affect.append(affect)

    def skip(self, reason: str, count: int = 1) -> None:
        """Count something that is left out."""
        self.skipped[reason] += count

    def collect(self, root: Path, classes: Sequence[str]) -> LabelledFaces:
        """The faces so far.

        Raises:
            DataError: there are none.
        """
        if not self._names:
            left_out = describe_skipped(self.skipped) or "nothing was listed"
            raise DataError(
                f"{root} has no usable face (left out: {left_out}). Check that the whole data set "
                "was unpacked there."
            )
        return LabelledFaces(
            root,
            np.array(self._names, dtype=np.bytes_),
            np.array(self._labels, dtype=np.int64),
            tuple(classes),
            np.array(self._boxes, dtype=np.int32) if self._boxes else None,
            np.array(self._affect, dtype=np.float32) if self._affect else None,
            dict(self.skipped),
        )


def is_image_name(name: str) -> bool:
    """Whether a file's name is a picture's; names with a dot in front are an archive's own."""
    suffix = "." + name.rpartition(".")[2].lower()
    return suffix in IMAGE_SUFFIXES and not name.startswith(".")


def image_names(folder: Path) -> list[str]:
    """Sorted names of the images below `folder`, relative to it, with forward slashes."""
    found = []
    for parent, _, files in os.walk(folder):
        inside = os.path.relpath(parent, folder)
        prefix = "" if inside == "." else inside.replace(os.sep, "/") + "/"
        found += [prefix + name for name in files if is_image_name(name)]
    return sorted(found)


def subfolders(folder: Path) -> list[str]:
    """Sorted names of the folders in `folder`, without hidden ones.

    Raises:
        DataError: `folder` cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    except OSError as error:
        raise DataError(
            f"{folder} cannot be listed ({error.strerror}). Name a folder that you may read."
        ) from error
