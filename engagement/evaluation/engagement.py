"""How well engagement is told: figures with intervals, beside always naming the commonest level.

Truth is a level's index, 0 the lowest of k; a prediction is a row of probabilities. What a
prediction names is its most probable level; its value is the expected level, 0 the lowest and 1
the highest (`engagement.windows.classifier.engagement_of`). A level that is absent from the truth
counts in no average.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from engagement.datasets.engagement_windows import WindowSet
from engagement.errors import DataError
from engagement.evaluation.resampling import (
    Doubles,
    Ints,
    codes_of,
    draws,
    measured,
    summed,
)
from engagement.types import Floats
from engagement.windows.classifier import EngagementClassifier, Measured, engagement_of

#: Of the reliability diagram, equally wide; as Guo et al., "On calibration of modern neural
#: networks", ICML 2017.
BINS = 15
SKILL = "better than guessing"
NO_SKILL = "no better than guessing"
#: Figures in the order in which they are shown.
FIGURES = ("balanced_recall", "accuracy", "macro_f1", "mse", "spearman", "calibration_error")


@dataclass(frozen=True)
class ReliabilityBin:
    """Windows whose named level was given a probability in ``low..high``.

    Attributes:
        count: how many.
        confidence: mean of that probability.
        accuracy: share that was right.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class EngagementReport:
    """What predictions of windows are worth.

    Attributes:
        levels: names, lowest first.
        windows, people: how many were judged.
        counts: windows a level.
        metrics: by the names in `FIGURES`.
        guessing: the same for always naming the commonest level, which has no probabilities and
            so no calibration error.
        reliability: bins that hold a window.
        confusion: ``confusion[true][named]`` counts.
        verdict: `SKILL` or `NO_SKILL`: whether the whole interval of the balanced recall lies
            above guessing.
        uncalibrated_error: the calibration error before temperature scaling, where there was any.
    """

    levels: tuple[str, ...]
    windows: int
    people: int
    counts: tuple[int, ...]
    metrics: dict[str, Measured]
    guessing: dict[str, float]
    reliability: tuple[ReliabilityBin, ...]
    confusion: tuple[tuple[int, ...], ...]
    verdict: str
    uncalibrated_error: float | None = None

    @property
    def has_skill(self) -> bool:
        """Whether the verdict is better than guessing."""
        return self.verdict == SKILL

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def measure(
    truth: Ints,
    probabilities: Floats,
    people: Sequence[str],
    levels: Sequence[str],
    *,
    bootstrap: int = 1000,
    seed: int = 0,
) -> EngagementReport:
    """Judge the probabilities ``(w, k)`` of windows whose true levels are ``truth (w,)``.

    Raises:
        DataError: nothing to judge, or arrays that do not fit each other.
    """
    check_fits(truth, probabilities, people, levels)
    codes = codes_of(people)
    drawn = draws(codes.max() + 1, bootstrap, seed)
    named = probabilities.argmax(axis=1)
    tables = confusions(truth, named, codes, drawn, len(levels))
    values = engagement_of(probabilities).astype(np.float64)
    bins = _bin_sums(probabilities, named == truth, codes)
    wanted = truth / (len(levels) - 1)
    figures = {
        "balanced_recall": balanced_recall(tables),
        "accuracy": _accuracy(tables),
        "macro_f1": _macro_f1(tables),
        "mse": _weighted_mean(np.square(values - wanted), codes, drawn),
        "spearman": _spearman(values, truth, codes, drawn),
        "calibration_error": _calibration_error(bins, drawn),
    }
    metrics = {name: measured(figures[name]) for name in FIGURES}
    guessing = _guessing(truth, len(levels))
    skilled = metrics["balanced_recall"].low > guessing["balanced_recall"]
    return EngagementReport(
        levels=tuple(levels),
        windows=len(truth),
        people=int(codes.max()) + 1,
        counts=tuple(np.bincount(truth, minlength=len(levels)).tolist()),
        metrics=metrics,
        guessing=guessing,
        reliability=_reliability(bins.sum(axis=0)),
        confusion=tuple(tuple(int(cell) for cell in row) for row in tables[0]),
        verdict=SKILL if skilled else NO_SKILL,
    )


def evaluate_classifier(
    classifier: EngagementClassifier, windows: WindowSet, *, bootstrap: int = 1000
) -> EngagementReport:
    """Judge a classifier on people that it was not trained on, which only the caller can know.

    Raises:
        DataError: the windows are of another model's embeddings, or have other levels.
    """
    card = classifier.card
    if card.embedding_model != windows.embedding_model:
        raise DataError(
            f"{card.name} takes embeddings of {card.embedding_model}, not of "
            f"{windows.embedding_model}. Choose --model {card.embedding_model}."
        )
    if card.levels != windows.levels:
        raise DataError(
            f"{card.name} tells {', '.join(card.levels)}, but {windows.source} is labelled "
            f"{', '.join(windows.levels)}. Choose data, or --levels, with the same."
        )
    return measure(
        np.array([w.level for w in windows.windows], dtype=np.int64),
        classifier.probabilities(w.embeddings for w in windows.windows),
        [w.person for w in windows.windows],
        windows.levels,
        bootstrap=bootstrap,
    )


def calibration_error(truth: Ints, probabilities: Floats) -> float:
    """Expected calibration error: mean distance of confidence from accuracy over `BINS` bins."""
    codes = np.zeros(len(truth), dtype=np.int64)
    bins = _bin_sums(probabilities, probabilities.argmax(axis=1) == truth, codes)
    return float(_calibration_error(bins, np.ones((1, 1)))[0])


def check_fits(
    truth: Ints, probabilities: Floats, people: Sequence[str], levels: Sequence[str]
) -> None:
    """Refuse what cannot be compared.

    Raises:
        DataError: nothing to judge, or arrays that do not fit each other.
    """
    fits = probabilities.shape == (len(truth), len(levels)) and len(people) == len(truth)
    if len(truth) == 0 or len(levels) < 2 or not fits:
        raise DataError(
            f"{len(truth)} windows of {len(people)} people with {len(levels)} levels cannot be "
            f"judged by probabilities of the shape {probabilities.shape}. Give one row a window "
            "and one column a level."
        )


def confusions(truth: Ints, named: Ints, codes: Ints, drawn: Doubles, levels: int) -> Doubles:
    """Confusion matrices ``(draws, k, k)`` of each draw, rows the true levels.

    Where `named` is negative somewhere there is one column more, of windows without an answer.
    """
    width = levels + int((named < 0).any())
    columns = np.where(named < 0, levels, named)
    flat = np.zeros((codes.max() + 1, levels * width))
    np.add.at(flat, (codes, truth * width + columns), 1.0)
    return (drawn @ flat).reshape(len(drawn), levels, width)


def balanced_recall(tables: Doubles) -> Doubles:
    """Mean recall ``(draws,)`` over the levels that a draw has."""
    support = tables.sum(axis=2)
    right = np.diagonal(tables, axis1=1, axis2=2)
    recall = np.divide(right, support, out=np.zeros_like(support), where=support > 0)
    return np.asarray(recall.sum(axis=1) / (support > 0).sum(axis=1))


def _accuracy(tables: Doubles) -> Doubles:
    right = np.diagonal(tables, axis1=1, axis2=2).sum(axis=1)
    return np.asarray(right / tables.sum(axis=(1, 2)))


def _macro_f1(tables: Doubles) -> Doubles:
    right = np.diagonal(tables, axis1=1, axis2=2)
    support = tables.sum(axis=2)
    both = support + tables.sum(axis=1)
    f1 = np.divide(2 * right, both, out=np.zeros_like(both), where=support > 0)
    return np.asarray(f1.sum(axis=1) / (support > 0).sum(axis=1))


def _weighted_mean(values: Doubles, codes: Ints, drawn: Doubles) -> Doubles:
    counts = summed(np.ones_like(values), codes)
    return np.asarray((drawn @ summed(values, codes)) / (drawn @ counts))


def _spearman(values: Doubles, truth: Ints, codes: Ints, drawn: Doubles) -> Doubles:
    """Correlation of ranks; 0 where all values, or all levels, of a draw are the same."""
    value_ties = np.unique(values, return_inverse=True)[1]
    found = []
    for weights in drawn[:, codes]:
        a, b = _mid_ranks(value_ties, weights), _mid_ranks(truth, weights)
        a, b = (rank - np.average(rank, weights=weights) for rank in (a, b))
        spread = np.sqrt((weights * a * a).sum() * (weights * b * b).sum())
        found.append((weights * a * b).sum() / spread if spread > 0 else 0.0)
    return np.array(found)


def _mid_ranks(ties: NDArray[np.integer], weights: Doubles) -> Doubles:
    """Rank of each window among windows that count `weights` times; equal ones share a rank."""
    sizes = np.bincount(ties, weights=weights)
    return np.asarray((np.cumsum(sizes) - sizes / 2)[ties])


def _bin_sums(probabilities: Floats, right: NDArray[np.bool_], codes: Ints) -> Doubles:
    """Count, sum of confidence and number of right windows ``(people, BINS, 3)``."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    numbers = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    sums = np.zeros((codes.max() + 1, BINS, 3))
    np.add.at(sums, (codes, numbers), np.stack((np.ones_like(confidence), confidence, right), 1))
    return sums


def _calibration_error(bins: Doubles, drawn: Doubles) -> Doubles:
    people, count, sums = bins.shape
    totals = (drawn @ bins.reshape(people, count * sums)).reshape(len(drawn), count, sums)
    distance = np.abs(totals[:, :, 1] - totals[:, :, 2]).sum(axis=1)
    return np.asarray(distance / totals[:, :, 0].sum(axis=1))


def _reliability(sums: Doubles) -> tuple[ReliabilityBin, ...]:
    return tuple(
        ReliabilityBin(i / BINS, (i + 1) / BINS, int(n), float(c / n), float(right / n))
        for i, (n, c, right) in enumerate(sums)
        if n
    )


def _guessing(truth: Ints, levels: int) -> dict[str, float]:
    counts = np.bincount(truth, minlength=levels)
    common, present = int(counts.argmax()), int((counts > 0).sum())
    share = counts[common] / len(truth)
    return {
        "balanced_recall": 1 / present,
        "accuracy": float(share),
        "macro_f1": float(2 * share / (1 + share) / present),
        "mse": float(np.square((truth - common) / (levels - 1)).mean()),
        "spearman": 0.0,
    }
