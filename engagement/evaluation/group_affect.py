"""Training of a classifier of group affect on clips, and how good it is on others."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.svm import LinearSVC

from engagement.datasets.vgaf import CLASSES
from engagement.errors import DataError
from engagement.evaluation.clip_classifier import ClipVectors
from engagement.types import Floats
from engagement.windows.classifier import Measured
from engagement.windows.group_classifier import GroupAffectClassifier, GroupCard, unit_rows

_FOLDS = 5


def fit_group_classifier(
    train: ClipVectors,
    validation: ClipVectors,
    *,
    c: float,
    embedding_model: str,
    sampling_fps: float,
    trained_on: str,
) -> GroupAffectClassifier:
    """The protocol's linear SVM with probabilities, judged on `validation`'s clips with a face.

    The margins of clips that an SVM did not see (5 folds) are turned to probabilities by a
    multinomial logistic regression (Platt's scaling); where the margins tell nothing, that leaves
    the classes' frequencies.

    Args:
        train, validation: vectors of `engagement.windows.group_classifier.group_vector`.
        c: the SVM's penalty.
        embedding_model, sampling_fps, trained_on: for the card.

    Raises:
        DataError: a class has fewer clips with a face than folds, or there is none to judge.
    """
    vectors, labels = unit_rows(train.vectors[train.has_face]), train.labels[train.has_face]
    counts = np.bincount(labels, minlength=len(CLASSES))
    if counts.min() < _FOLDS or not validation.has_face.any():
        listed = ", ".join(f"{name} {n}" for name, n in zip(CLASSES, counts, strict=True))
        raise DataError(
            f"Too few clips show a face for a classifier: {listed} to train on, "
            f"{int(validation.has_face.sum())} to judge. It takes {_FOLDS} of each class and one "
            "to judge."
        )
    svm = LinearSVC(C=c, random_state=0, max_iter=20_000)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    margins = cross_val_predict(svm, vectors, labels, cv=folds, method="decision_function")
    scale = np.abs(margins).max() or 1.0
    platt = LogisticRegression(C=100.0, max_iter=1000).fit(margins / scale, labels)
    svm.fit(vectors, labels)
    onto = platt.coef_ / scale
    weight = np.asarray(onto @ svm.coef_, dtype=np.float32)
    bias = np.asarray(onto @ svm.intercept_ + platt.intercept_, dtype=np.float32)
    judged = validation.labels[validation.has_face]
    seen = unit_rows(validation.vectors[validation.has_face])
    card = GroupCard(
        name="group_affect_svm",
        embedding_model=embedding_model,
        embedding_size=vectors.shape[1] // 4,
        sampling_fps=sampling_fps,
        trained_on=trained_on,
        clips=len(labels),
        accuracy=_accuracy(weight, bias, seen, judged),
        guessing=float(np.bincount(judged).max() / len(judged)),
    )
    return GroupAffectClassifier(card, weight, bias)


def _accuracy(weight: Floats, bias: Floats, vectors: Floats, labels: NDArray[np.int64]) -> Measured:
    """Share of right answers, with Wilson's interval of 95%."""
    right = int(((vectors @ weight.T + bias).argmax(axis=1) == labels).sum())
    interval = binomtest(right, len(labels)).proportion_ci(method="wilson")
    return Measured(right / len(labels), float(interval.low), float(interval.high))
