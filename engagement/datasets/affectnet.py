"""AffectNet, in each form that it is handed out or kept in.

Mollahosseini, Hasani and Mahoor, "AffectNet: A Database for Facial Expression, Valence, and Arousal
Computing in the Wild", IEEE Trans. Affective Computing 10(1), 2019. Three layouts are read:

- `lists`, the first release: ``training.csv``, ``validation.csv`` and
  ``Manually_Annotated_Images/<folder>/<file>``; faces are cut out by the boxes in the lists;
- `sets`, the release of March 2021: ``train_set/`` and ``val_set/``, each with
  ``images/<id>.jpg`` (face crops) and ``annotations/<id>_exp.npy``, ``_val.npy``, ``_aro.npy``;
- `folders`: face crops as ``train/<emotion>/`` and ``val/<emotion>/``, without valence and arousal.
"""

import csv
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from engagement.datasets.labelled_faces import (
    Box,
    FaceRows,
    LabelledFaces,
    image_names,
    is_image_name,
    subfolders,
)
from engagement.datasets.labels import canonical_emotion
from engagement.errors import DataError
from engagement.networks.spec import EIGHT_EMOTIONS, SEVEN_EMOTIONS

Layout = Literal["lists", "sets", "folders"]
Split = Literal["train", "val"]

#: AffectNet's expression codes that are emotions.
EMOTION_CODES = (
    "neutral",
    "happiness",
    "sadness",
    "surprise",
    "fear",
    "disgust",
    "anger",
    "contempt",
)
#: Its other codes, with the words to count them under.
_OTHER_CODES = {8: "without an emotion", 9: "uncertain", 10: "without a face"}

_COLUMNS = (
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
)
_LIST_NAMES: dict[Split, str] = {"train": "training.csv", "val": "validation.csv"}
_LIST_FOLDERS = (
    "",
    "Manually_Annotated",
    "Manually_Annotated_file_lists",
    "Manually_Annotated/Manually_Annotated_file_lists",
)
_IMAGE_FOLDERS = (
    "Manually_Annotated/Manually_Annotated_Images",
    "Manually_Annotated_Images",
    "Manually_Annotated_compressed/Manually_Annotated_Images",
)
#: A scalar's .npy is 128 bytes and its value; anything much larger is none.
_LARGEST_SCALAR = 4096

_MISSING_FILE = "whose file is missing"
_NO_LABEL = "without a readable label"


@dataclass(frozen=True, eq=False)
class AffectNet:
    """Both splits of the data set.

    Attributes:
        layout: the form that it was found in.
        train, val: the splits, with the same classes.
    """

    layout: Layout
    train: LabelledFaces
    val: LabelledFaces


def affectnet_classes(count: int) -> tuple[str, ...]:
    """The eight emotions, or the seven without contempt, in the order of the models' outputs.

    Raises:
        DataError: `count` is neither 8 nor 7.
    """
    known = {8: EIGHT_EMOTIONS, 7: SEVEN_EMOTIONS}
    if count not in known:
        raise DataError(f"AffectNet has 8 classes, or 7 without contempt, not {count}.")
    return known[count]


def read_affectnet(
    root: Path, classes: Sequence[str] = EIGHT_EMOTIONS, *, affect: bool = True
) -> AffectNet:
    """List AffectNet's faces; images are read when they are asked for.

    Args:
        root: folder of the data set, in any of the layouts.
        classes: emotions to keep, in the order of the labels.
        affect: whether valence and arousal are wanted; the `sets` are listed three times as fast
            without.

    Raises:
        DataError: `root` has none of the layouts, or a split has no usable face.
    """
    layout = find_layout(root)
    train = read_split(root, "train", classes, affect=affect, layout=layout)
    return AffectNet(layout, train, read_split(root, "val", classes, affect=affect, layout=layout))


def find_layout(root: Path) -> Layout:
    """Which of the layouts `root` has.

    Raises:
        DataError: none of them, or one in part.
    """
    if _lists(root) is not None:
        return "lists"
    if all((root / f"{split}_set" / "annotations").is_dir() for split in ("train", "val")):
        return "sets"
    if (root / "train").is_dir() and (root / "val").is_dir():
        return "folders"
    raise DataError(
        f"{root} is not laid out as AffectNet. Looked for training.csv and validation.csv with "
        "Manually_Annotated_Images/, for train_set/ and val_set/ with images/ and annotations/, "
        "and for train/<emotion>/ with val/<emotion>/."
    )


def read_split(
    root: Path,
    split: Split,
    classes: Sequence[str] = EIGHT_EMOTIONS,
    *,
    affect: bool = True,
    layout: Layout | None = None,
) -> LabelledFaces:
    """List the faces of one split; see `read_affectnet`.

    Raises:
        DataError: `root` has none of the layouts, or the split has no usable face.
    """
    layout = layout or find_layout(root)
    if layout == "folders":
        return _read_folders(root / split, classes)
    if layout == "sets":
        return _read_set(root / f"{split}_set", classes, affect)
    found = _lists(root)
    if found is None:
        raise DataError(f"{root} has no training.csv and validation.csv of AffectNet.")
    lists, images = found
    return _read_list(lists / _LIST_NAMES[split], images, classes)


def _lists(root: Path) -> tuple[Path, Path] | None:
    """Folders of the lists and of the images; None without lists."""
    for name in _LIST_FOLDERS:
        if all((root / name / file).is_file() for file in _LIST_NAMES.values()):
            break
    else:
        return None
    images = next((root / n for n in _IMAGE_FOLDERS if (root / n).is_dir()), None)
    if images is None:
        raise DataError(
            f"{root} has AffectNet's training.csv but not its images. Looked for "
            f"{', '.join(_IMAGE_FOLDERS)}; unpack them there."
        )
    return root / name, images


def _read_list(file: Path, images: Path, classes: Sequence[str]) -> LabelledFaces:
    rows, present = FaceRows(), _Listing(images)
    labels = _labels_of(classes)
    for row in _rows(file):
        name = row["subDirectory_filePath"].strip()
        label = _label(row["expression"], labels)
        box = _box(row)
        if isinstance(label, str):
            rows.skip(label)
        elif box is None:
            rows.skip("without a face box")
        elif not present.has(name):
            rows.skip(_MISSING_FILE)
        else:
            rows.add(name, label, box, _affect(row["valence"], row["arousal"]))
    return rows.collect(images, classes)


def _rows(file: Path) -> Iterator[dict[str, str]]:
    # A name's odd bytes stay what they are, so that it is found again on disk.
    try:
        with file.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as stream:
            reader = csv.reader(stream)
            first = next(reader, [])
            columns = [cell.strip() for cell in first]
            if _COLUMNS[0] not in columns and len(first) == len(_COLUMNS):
                columns = list(_COLUMNS)  # validation.csv is also about without a first line
                yield dict(zip(columns, first, strict=True))
            _check_columns(file, columns)
            for row in reader:
                absent = dict.fromkeys(columns[len(row) :], "")
                yield absent | dict(zip(columns, row, strict=False))
    except (OSError, csv.Error) as error:
        raise DataError(
            f"{file} cannot be read as AffectNet's list ({error}). Unpack it again."
        ) from error


def _check_columns(file: Path, columns: Sequence[str]) -> None:
    missing = [name for name in _COLUMNS if name not in columns and name != "facial_landmarks"]
    if missing:
        raise DataError(
            f"{file} is not AffectNet's list: it lacks {', '.join(missing)}. Use the list that "
            "came with the data set."
        )


class _Listing:
    """Which files there are below a folder, each of its folders listed once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, frozenset[str]] = {}

    def has(self, name: str) -> bool:
        folder, _, file = name.replace("\\", "/").rpartition("/")
        # A list says where in the data set a file is, never where else on the machine.
        if not file or folder.startswith("/") or ".." in folder.split("/"):
            return False
        if folder not in self._known:
            try:
                self._known[folder] = frozenset(p.name for p in (self._root / folder).iterdir())
            except OSError:
                self._known[folder] = frozenset()
        return file in self._known[folder]


def _labels_of(classes: Sequence[str]) -> dict[str, int]:
    return {name: i for i, name in enumerate(classes)}


def _label(text: str, labels: dict[str, int]) -> int | str:
    """The label of an expression code, or the words to count the row under."""
    try:
        value = float(text)
        code = int(value)
    except (ValueError, OverflowError):
        return _NO_LABEL
    if code != value or not 0 <= code <= max(_OTHER_CODES):
        return _NO_LABEL
    if code in _OTHER_CODES:
        return _OTHER_CODES[code]
    emotion = EMOTION_CODES[code]
    return labels.get(emotion, f"of {emotion}")


def _box(row: dict[str, str]) -> Box | None:
    try:
        x, y, width, height = (
            int(float(row[name])) for name in ("face_x", "face_y", "face_width", "face_height")
        )
    except (ValueError, OverflowError):
        return None
    largest = 1_000_000  # pixels: a number beyond is no picture's
    if width <= 0 or height <= 0 or max(abs(x), abs(y), width, height) > largest:
        return None
    return x, y, x + width, y + height


def _affect(valence: str, arousal: str) -> tuple[float, float]:
    """Valence and arousal, NaN both where either is not in -1..1 (-2 stands for none)."""
    try:
        pair = float(valence), float(arousal)
    except ValueError:
        return math.nan, math.nan
    return pair if all(-1 <= value <= 1 for value in pair) else (math.nan, math.nan)


def _read_set(folder: Path, classes: Sequence[str], affect: bool) -> LabelledFaces:
    rows, labels = FaceRows(), _labels_of(classes)
    annotations = folder / "annotations"
    images = {n.rpartition(".")[0]: n for n in _files(folder / "images") if is_image_name(n)}
    suffix = "_exp.npy"
    listed = sorted(n[: -len(suffix)] for n in _files(annotations) if n.endswith(suffix))
    for number in listed:
        label = _label(_scalar(annotations / f"{number}{suffix}"), labels)
        image = images.get(number)
        if isinstance(label, str):
            rows.skip(label)
        elif image is None:
            rows.skip(_MISSING_FILE)
        elif affect:
            parts = (_scalar(annotations / f"{number}_{part}.npy") for part in ("val", "aro"))
            rows.add(f"images/{image}", label, affect=_affect(*parts))
        else:
            rows.add(f"images/{image}", label)
    unlisted = len(images.keys() - set(listed))
    if unlisted:
        rows.skip("without an annotation", unlisted)
    return rows.collect(folder, classes)


def _files(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError as error:
        raise DataError(
            f"{folder} cannot be listed ({error.strerror}). AffectNet's train_set/ and val_set/ "
            "need images/ and annotations/."
        ) from error


def _scalar(path: Path) -> str:
    """The one value in an .npy as text, empty where there is none; the release keeps strings."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > _LARGEST_SCALAR:
                return ""
            value = np.load(file, allow_pickle=False)  # a pickle is never executed
        return str(value.item())
    except (OSError, ValueError, EOFError, MemoryError, AttributeError, SyntaxError):
        return ""


def _read_folders(folder: Path, classes: Sequence[str]) -> LabelledFaces:
    rows, labels = FaceRows(), _labels_of(classes)
    for name in subfolders(folder):
        label = labels.get(canonical_emotion(name))
        files = image_names(folder / name)
        if label is None:
            rows.skip(f"in {name}/", len(files))
            continue
        for file in files:
            rows.add(f"{name}/{file}", label)
    return rows.collect(folder, classes)
