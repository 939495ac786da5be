"""An SVM on vectors of clips, judged with and without the clips that show no face."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import normalize
from sklearn.svm import SVC, LinearSVC

from engagement.errors import DataError
from engagement.types import Floats


@dataclass(frozen=True)
class SvmSettings:
    """Attributes:
    kernel: `linear` (one against the rest, squared hinge) or `rbf`.
    c: penalty of a wrong side.
    """

    kernel: Literal["linear", "rbf"]
    c: float


@dataclass(frozen=True)
class ClipVectors:
    """Clips as vectors.

    Attributes:
        vectors: ``(n, d)`` float32; zeros for a clip without a face.
        labels: ``(n,)`` int64.
        has_face: ``(n,)`` bool.
    """

    vectors: Floats
    labels: NDArray[np.int64]
    has_face: NDArray[np.bool_]


@dataclass(frozen=True)
class ClipAnswers:
    """What an SVM says of clips.

    Attributes:
        predicted: ``(n,)`` int64.
        subset: accuracy on the clips with a face; None where there is none.
        whole: accuracy on all clips.
    """

    predicted: NDArray[np.int64]
    subset: float | None
    whole: float


def classify_clips(train: ClipVectors, validation: ClipVectors, svm: SvmSettings) -> ClipAnswers:
    """Train on `train`'s clips with a face, judge `validation`.

    Vectors are scaled to length 1. A clip without a face stays a vector of zeros, as in the
    authors' notebooks: whatever the SVM's constant term says is its answer, the same for all.

    Raises:
        DataError: fewer than two classes to learn from.
    """
    learned = np.unique(train.labels[train.has_face])
    if len(learned) < 2:
        raise DataError(
            f"Only {len(learned)} class(es) of the training clips show a face, but a classifier "
            "needs two. Check the training clips and the smallest face looked for."
        )
    if not len(validation.labels):
        raise DataError("There is no clip to judge. Check the validation clips.")
    model = (
        LinearSVC(C=svm.c, random_state=0, max_iter=20_000)
        if svm.kernel == "linear"
        else SVC(C=svm.c, kernel="rbf")
    )
    model.fit(normalize(train.vectors[train.has_face]), train.labels[train.has_face])
    predicted = np.asarray(model.predict(normalize(validation.vectors)), dtype=np.int64)
    right = predicted == validation.labels
    with_face = right[validation.has_face]
    return ClipAnswers(
        predicted, float(with_face.mean()) if with_face.size else None, float(right.mean())
    )
