"""A model's answers on labelled face images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engagement.datasets.labelled_faces import LabelledFaces
from engagement.errors import DataError
from engagement.evaluation.embedded import OnProgress
from engagement.evaluation.embedder import Embedder
from engagement.evaluation.images import answers_among, columns_of, embed_images
from engagement.evaluation.metrics import ClassificationReport, classification_report
from engagement.types import Floats, Pixels


@dataclass(frozen=True, eq=False)
class Judged:
    """What a model says of labelled faces.

    Attributes:
        read: ``(n,)`` bool, which faces could be read.
        answers: ``(n,)`` int64, indices into the data set's classes; -1 where nothing was read.
        affect: ``(n, 2)`` float32 valence and arousal, NaN where nothing was read; None of a model
            that does not predict them.
        unreadable: why faces could not be read.
    """

    read: NDArray[np.bool_]
    answers: NDArray[np.int64]
    affect: Floats | None
    unreadable: tuple[str, ...]

    def report(self, faces: LabelledFaces) -> ClassificationReport:
        """Accuracy, macro F1 and the rest, on the faces that could be read."""
        return classification_report(
            faces.labels[self.read], self.answers[self.read], faces.classes
        )

    def counts(self, faces: LabelledFaces) -> Mapping[str, int]:
        """How many images were judged, and how many were not and why."""
        left_out = {f"left out: {reason}": count for reason, count in faces.skipped.items()}
        return {
            "images": int(self.read.sum()),
            "unreadable images": len(self.unreadable),
            **dict(sorted(left_out.items())),
        }


def judge_faces(
    faces: LabelledFaces,
    embedder: Embedder,
    *,
    data: str,
    embeddings: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Judged:
    """The most probable of the data set's classes for each face, and its affect.

    Raises:
        ModelError: the model does not know one of the classes.
        DataError: not one of the images can be read, or `embeddings` was made otherwise.
    """
    spec = embedder.spec
    columns = columns_of(faces.classes, spec.name, spec.classes)
    indices_of: dict[str, list[int]] = {}
    for index in range(len(faces)):
        indices_of.setdefault(_key(faces, index), []).append(index)
    answers = np.full(len(faces), -1, dtype=np.int64)
    affect = np.full((len(faces), 2), np.nan, dtype=np.float32)
    unreadable: list[str] = []

    def read(key: str) -> Pixels:
        return faces.read(indices_of[key][0])

    for item in embed_images(
        list(indices_of), read, embedder, data=data, file=embeddings, on_progress=on_progress
    ):
        if item.problem is not None:
            unreadable.append(item.problem)
            continue
        indices = indices_of[item.key]
        answers[indices] = answers_among(item.faces.outputs, columns)
        if spec.predicts_affect:
            affect[indices] = np.clip(item.faces.outputs[:, -2:], -1.0, 1.0)
    if len(unreadable) == len(indices_of):
        raise DataError(
            f"None of the {len(faces)} images of {faces.root} can be read: {unreadable[0]}"
        )
    return Judged(
        answers >= 0, answers, affect if spec.predicts_affect else None, tuple(unreadable)
    )


def _key(faces: LabelledFaces, index: int) -> str:
    name = faces.names[index].item().decode(errors="backslashreplace")
    if faces.boxes is None:
        return str(name)
    return f"{name} {faces.boxes[index].tolist()}"  # one picture may show several faces
