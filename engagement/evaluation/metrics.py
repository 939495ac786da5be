"""Metrics of classifiers.

Labels are indices into `classes`; a confusion matrix has true classes as rows. A class that is
absent from the truth counts in no average.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, f1_score, recall_score

from engagement.errors import DataError


@dataclass(frozen=True)
class ClassificationReport:
    """How often a classifier was right.

    Attributes:
        classes: names, in the order of rows and columns.
        count: number of judged images.
        accuracy: share of right answers.
        macro_f1: mean over the present classes of F1, each class weighing the same.
        recall: share of right answers a class; None for a class without images.
        confusion: ``confusion[true][predicted]`` counts.
    """

    classes: tuple[str, ...]
    count: int
    accuracy: float
    macro_f1: float
    recall: dict[str, float | None]
    confusion: tuple[tuple[int, ...], ...]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "ClassificationReport":
        values = json.loads(text)
        values["classes"] = tuple(values["classes"])
        values["confusion"] = tuple(tuple(row) for row in values["confusion"])
        return cls(**values)


def classification_report(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], classes: Sequence[str]
) -> ClassificationReport:
    """Compare predicted with true labels.

    Raises:
        DataError: nothing to compare, or arrays of different length.
    """
    if truth.shape != predicted.shape or truth.size == 0:
        raise DataError(
            f"{truth.size} true labels cannot be compared with {predicted.size} predictions."
        )
    labels = np.arange(len(classes))
    present = np.unique(truth)
    recalls = recall_score(truth, predicted, labels=labels, average=None, zero_division=0.0)
    matrix = confusion_matrix(truth, predicted, labels=labels)
    return ClassificationReport(
        classes=tuple(classes),
        count=int(truth.size),
        accuracy=float(np.mean(truth == predicted)),
        macro_f1=float(
            f1_score(truth, predicted, labels=present, average="macro", zero_division=0.0)
        ),
        recall={
            name: float(recalls[i]) if i in present else None for i, name in enumerate(classes)
        },
        confusion=tuple(tuple(int(cell) for cell in row) for row in matrix),
    )
