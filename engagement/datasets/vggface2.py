"""VGGFace2, or any faces in one folder an identity.

Cao et al., "VGGFace2: A dataset for recognising faces across pose and age", FG 2018, arXiv
1710.08092. The published split keeps its 8,631 identities for training apart from 500 for testing;
to train identification, the images of each identity must be split instead, as was done for the
published models: all 9,131 identities, nine tenths of each one's images for training.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engagement.datasets.labelled_faces import LabelledFaces, image_names, subfolders
from engagement.errors import DataError

#: Folders that hold identities, in the order in which they are looked for.
_TRAIN, _HELD_OUT = "train", ("val", "test")


@dataclass(frozen=True, eq=False)
class FaceIdentities:
    """Both splits of the data set, with the same identities as classes."""

    train: LabelledFaces
    val: LabelledFaces


def read_identities(root: Path, *, val_share: float = 0.1, seed: int = 0) -> FaceIdentities:
    """List the faces of ``root/train/<identity>/`` and ``root/val/`` or ``root/test/``.

    Where the two folders share no identity, and where there is only ``train/`` or `root` itself
    holds the identities, each identity's images are split by `seed`.

    Args:
        root: folder of the data set.
        val_share: share of each identity's images to hold out, where they are split here.
        seed: decides which.

    Raises:
        DataError: no such folder, fewer than two identities, or nothing to hold out.
    """
    if not root.is_dir():
        raise DataError(f"There is no folder {root}. Name a folder with train/<identity>/<image>.")
    if not 0 < val_share < 1:
        raise DataError(f"The share to hold out must lie between 0 and 1, not {val_share}.")
    train = root / _TRAIN
    held_out = next((root / name for name in _HELD_OUT if (root / name).is_dir()), None)
    if not train.is_dir():
        return _split(_scan(root, ""), val_share, seed)
    known = _scan(root, f"{_TRAIN}/")
    if held_out is None:
        return _split(known, val_share, seed)
    others = _scan(root, f"{held_out.name}/")
    if not set(known.classes) & set(others.classes):
        return _split(_merged(known, others), val_share, seed)
    return FaceIdentities(known, _among(others, known.classes))


def _scan(root: Path, prefix: str) -> LabelledFaces:
    folder = root / prefix
    classes, parts, empty = [], [], 0
    for name in subfolders(folder):
        files = [os.fsencode(f"{prefix}{name}/{file}") for file in image_names(folder / name)]
        if not files:
            empty += 1
            continue
        classes.append(name)
        parts.append(np.array(files, dtype=np.bytes_))
    if len(classes) < 2:
        raise DataError(
            f"{folder} is not laid out as <identity>/<image>: {len(classes)} folder(s) with images "
            "were found. Put each person's images into a folder of their own."
        )
    skipped = {"identities without an image": empty} if empty else {}
    labels = np.repeat(np.arange(len(parts), dtype=np.int64), [len(part) for part in parts])
    return LabelledFaces(root, np.concatenate(parts), labels, tuple(classes), skipped=skipped)


def _merged(first: LabelledFaces, second: LabelledFaces) -> LabelledFaces:
    skipped = dict(first.skipped)
    for reason, count in second.skipped.items():
        skipped[reason] = skipped.get(reason, 0) + count
    return replace(
        first,
        names=np.concatenate([first.names, second.names]),
        labels=np.concatenate([first.labels, second.labels + len(first.classes)]),
        classes=first.classes + second.classes,
        skipped=skipped,
    )


def _split(faces: LabelledFaces, val_share: float, seed: int) -> FaceIdentities:
    """Hold out a share of each identity's images, rounded up, but never its only one."""
    dice = np.random.default_rng(seed)
    held_out = np.zeros(len(faces), dtype=np.bool_)
    start = 0
    for count in faces.counts().tolist():
        chosen = min(int(np.ceil(count * val_share)), count - 1)
        held_out[start + dice.permutation(count)[:chosen]] = True
        start += count
    if not held_out.any():
        raise DataError(
            f"{faces.root} has one image an identity, so none can be held out to measure with. "
            "Give each person two images or more, or a val/ folder."
        )
    train = faces.subset(np.flatnonzero(~held_out))
    return FaceIdentities(train, replace(faces.subset(np.flatnonzero(held_out)), skipped={}))


def _among(faces: LabelledFaces, classes: tuple[str, ...]) -> LabelledFaces:
    """`faces` labelled by `classes`; those of other identities are left out and counted."""
    places = {name: i for i, name in enumerate(classes)}
    to_new = np.array([places.get(name, -1) for name in faces.classes], dtype=np.int64)
    labels = to_new[faces.labels]
    known = labels >= 0
    skipped = dict(faces.skipped)
    if not known.all():
        skipped["of identities that train/ lacks"] = int((~known).sum())
    return replace(
        faces, names=faces.names[known], labels=labels[known], classes=classes, skipped=skipped
    )
