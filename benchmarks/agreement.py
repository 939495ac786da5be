"""How far two sides agree on the faces of the same frames.

Faces are paired frame by frame so that the boxes overlap most (Hungarian method). A pair counts as
found from an intersection over union of a half on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from engagement.faces.tracking import iou_matrix

Array = NDArray[np.generic]
_LEAST_IOU = 0.5


@dataclass(frozen=True)
class Seen:
    """Faces of some frames, in order of time.

    Attributes:
        looked: times of the frames, in seconds.
        t: ``(n,)`` the frame's time, a face.
        boxes: ``(n, 4)`` xyxy.
    """

    looked: Array
    t: Array
    boxes: Array


@dataclass(frozen=True)
class BoxAgreement:
    """Of one side's boxes with the reference's.

    Attributes:
        faces: of the reference.
        mean_iou: over the pairs found.
        found: share of the reference's faces that have a pair.
        extra: faces without a pair in the reference, as a share of the reference's faces.
        pairs: places of the pairs in the reference's and in the other side's arrays.
    """

    faces: int
    mean_iou: float
    found: float
    extra: float
    pairs: list[tuple[int, int]]


def compare_boxes(reference: Seen, other: Seen) -> BoxAgreement:
    """Compare in the frames that the reference looked at."""
    apart = float(np.median(np.diff(reference.looked))) / 2 if len(reference.looked) > 1 else 0.02
    pairs, overlaps, others = [], [], 0
    for time in reference.looked:
        theirs = np.flatnonzero(np.abs(reference.t - time) < apart)
        mine = np.flatnonzero(np.abs(other.t - time) < apart)
        others += len(mine)
        if not len(theirs) or not len(mine):
            continue
        iou = iou_matrix(reference.boxes[theirs], other.boxes[mine])
        for i, j in zip(*linear_sum_assignment(-iou), strict=True):
            if iou[i, j] >= _LEAST_IOU:
                pairs.append((int(theirs[i]), int(mine[j])))
                overlaps.append(iou[i, j])
    faces = len(reference.t)
    return BoxAgreement(
        faces,
        float(np.mean(overlaps)) if overlaps else float("nan"),
        len(pairs) / faces if faces else float("nan"),
        (others - len(pairs)) / faces if faces else float("nan"),
        pairs,
    )


def cosines(a: Array, b: Array) -> Array:
    """Of rows ``(n, d)``."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    return (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


def read(files: Sequence[Path | str], *names: str) -> list[Array]:
    """Arrays of several files of the same kind, joined by name."""
    found: list[list[Array]] = [[] for _ in names]
    for file in files:
        with np.load(file) as arrays:
            for place, name in enumerate(names):
                found[place].append(arrays[name])
    return [np.concatenate(parts) for parts in found]


def read_seen(files: Sequence[Path | str], *more: str) -> tuple[Seen, list[Array]]:
    """What the reference's files hold, and further arrays of them."""
    looked, t, boxes, *rest = read(files, "looked", "t", "boxes", *more)
    return Seen(looked, t, boxes), rest
