"""How each kind of engagement classifier is fitted.

A method is a path of candidates (penalties, numbers of trees or of epochs) that are tried on people
held out inside the training set; the best one is fitted again on all of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import Ridge as RidgeRegression
from sklearn.svm import SVR

from engagement.evaluation.resampling import Doubles, Ints
from engagement.training.engagement_calibration import fit_link, fit_temperature, log_loss
from engagement.training.engagement_samples import Samples
from engagement.windows.classifier import ClassifierCard, EngagementClassifier, Method
from engagement.windows.stat_classifiers import (
    Boosting,
    OrderedLink,
    Ridge,
    Scaling,
    StatClassifier,
    StatModel,
    Svr,
)

_NO_LINK = OrderedLink(np.zeros(1), 0.0)


@dataclass(frozen=True)
class Calibration:
    """What turns raw outputs into probabilities, and how likely it made the held-out levels."""

    temperature: float
    link: OrderedLink | None
    loss: float


class Model(Protocol):
    """A fitted model that is not calibrated yet."""

    def raw(self, samples: Samples) -> Doubles:
        """Scores ``(w,)`` of a regression, or logits ``(w, k)``."""
        ...

    def classifier(self, card: ClassifierCard, calibration: Calibration) -> EngagementClassifier:
        """The classifier that predicts without the libraries that fitted it."""
        ...


class Fitter(Protocol):
    """Fits one method."""

    def path(self, train: Samples, held: Samples) -> Sequence[Doubles]:
        """Raw outputs of held-out windows by each candidate, fitted on `train`."""
        ...

    def fit(self, train: Samples, candidate: int) -> Model:
        """The model of one candidate."""
        ...


def calibrate(raw: Doubles, samples: Samples) -> Calibration:
    """Fit the calibration of raw outputs of people who were not trained on."""
    levels, weights = samples.levels, samples.weights
    if raw.ndim == 1:
        link = fit_link(raw, levels, weights, samples.level_count)
        return Calibration(1.0, link, log_loss(link.logits(raw), levels, weights))
    temperature = fit_temperature(raw, levels, weights)
    return Calibration(temperature, None, log_loss(raw / temperature, levels, weights))


@dataclass(frozen=True)
class StatFitted:
    """A model over STAT features, its link still empty."""

    model: StatModel

    def raw(self, samples: Samples) -> Doubles:
        """See `Model`."""
        if isinstance(self.model, Ridge | Svr):
            return self.model.scores(samples.features)
        return self.model.logits(samples.features)

    def classifier(self, card: ClassifierCard, calibration: Calibration) -> StatClassifier:
        """See `Model`."""
        card = replace(card, temperature=calibration.temperature)
        if isinstance(self.model, Ridge | Svr) and calibration.link is not None:
            return StatClassifier(card, replace(self.model, link=calibration.link))
        return StatClassifier(card, self.model)


@dataclass(frozen=True)
class RidgeFitter:
    """Ridge regression to the level's value.

    `penalties` are shares of the number of windows, features having deviation 1.
    """

    penalties: tuple[float, ...] = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)

    def path(self, train: Samples, held: Samples) -> list[Doubles]:
        """See `Fitter`."""
        return [self.fit(train, i).raw(held) for i in range(len(self.penalties))]

    def fit(self, train: Samples, candidate: int) -> StatFitted:
        """See `Fitter`."""
        scaling = scaling_of(train.features)
        regression = RidgeRegression(alpha=self.penalties[candidate] * len(train))
        regression.fit(scaling.apply(train.features), train.values, sample_weight=train.weights)
        coefficients = np.asarray(regression.coef_, dtype=np.float64)
        return StatFitted(Ridge(scaling, coefficients, float(regression.intercept_), _NO_LINK))


@dataclass(frozen=True)
class SvrFitter:
    """Support-vector regression to the level's value, with a radial kernel.

    `choices` are the penalty C and the kernel's gamma times the number of features.
    """

    choices: tuple[tuple[float, float], ...] = ((0.1, 0.1), (1.0, 0.1), (0.1, 1.0), (1.0, 1.0))

    def path(self, train: Samples, held: Samples) -> list[Doubles]:
        """See `Fitter`."""
        return [self.fit(train, i).raw(held) for i in range(len(self.choices))]

    def fit(self, train: Samples, candidate: int) -> StatFitted:
        """See `Fitter`."""
        scaling = scaling_of(train.features)
        c, width = self.choices[candidate]
        gamma = width / train.features.shape[1]
        regression = SVR(C=c, gamma=gamma, epsilon=0.1)
        regression.fit(scaling.apply(train.features), train.values, sample_weight=train.weights)
        return StatFitted(
            Svr(
                scaling,
                np.asarray(regression.support_vectors_, dtype=np.float32),
                np.asarray(regression.dual_coef_[0], dtype=np.float64),
                float(regression.intercept_[0]),
                gamma,
                _NO_LINK,
            )
        )


@dataclass(frozen=True)
class BoostingFitter:
    """Gradient-boosted trees; the candidates are numbers of rounds."""

    rounds: tuple[int, ...] = (5, 10, 20, 40, 80, 160)
    rate: float = 0.1
    leaves: int = 6
    seed: int = 0

    def path(self, train: Samples, held: Samples) -> list[Doubles]:
        """See `Fitter`."""
        fitted = self._fitted(train, self.rounds[-1])
        return [boosting_of(fitted, r, train).logits(held.features) for r in self.rounds]

    def fit(self, train: Samples, candidate: int) -> StatFitted:
        """See `Fitter`."""
        rounds = self.rounds[candidate]
        return StatFitted(boosting_of(self._fitted(train, rounds), rounds, train))

    def _fitted(self, train: Samples, rounds: int) -> HistGradientBoostingClassifier | None:
        if len(np.unique(train.levels)) < 2:
            return None
        trees = HistGradientBoostingClassifier(
            learning_rate=self.rate,
            max_iter=rounds,
            max_leaf_nodes=self.leaves,
            early_stopping=False,
            random_state=self.seed,
        )
        return trees.fit(train.features, train.levels, sample_weight=train.weights)


def scaling_of(features: Any) -> Scaling:
    """Mean and deviation of each feature; one that never changes is left as it is."""
    values = np.asarray(features, dtype=np.float64)
    scale = values.std(axis=0)
    return Scaling(values.mean(axis=0), np.where(scale > 1e-6, scale, 1.0))


def boosting_of(
    trees: HistGradientBoostingClassifier | None, rounds: int, train: Samples
) -> Boosting:
    """scikit-learn's trees, the first `rounds` of them, as arrays.

    With two classes scikit-learn has one tree a round, for the second class. A level that was not
    trained on stays improbable; of a single level (`trees` is None) nothing is learned.
    """
    present = np.unique(train.levels)
    # Half a window instead of none.
    baseline = np.full(train.level_count, np.log(0.5 / len(train)))
    if trees is None:
        baseline[present] = 0.0
        grown: list[list[Any]] = []
        outputs: Ints = present
    else:
        inner: Any = trees
        first = np.asarray(inner._baseline_prediction, dtype=np.float64).ravel()
        outputs = present[1:] if len(present) == 2 else present
        baseline[present] = 0.0
        baseline[outputs] = first
        grown = inner._predictors[:rounds]
    nodes = [tree.nodes for round_ in grown for tree in round_]
    return _trees_as_arrays(nodes, baseline, np.tile(outputs, len(grown)), train)


def _trees_as_arrays(
    nodes: list[Any], baseline: Doubles, outputs: Ints, train: Samples
) -> Boosting:
    sizes = np.array([len(tree) for tree in nodes], dtype=np.int64)
    starts = np.cumsum(sizes) - sizes

    def joined(name: str, kind: type) -> Any:
        parts = [np.asarray(tree[name]) for tree in nodes]
        return np.concatenate(parts).astype(kind) if parts else np.empty(0, dtype=kind)

    leaf = joined("is_leaf", bool)
    offset = np.repeat(starts, sizes)
    return Boosting(
        baseline=baseline,
        starts=starts.astype(np.int32),
        outputs=outputs.astype(np.int32),
        features=np.where(leaf, -1, joined("feature_idx", np.int32)).astype(np.int32),
        thresholds=np.where(leaf, 0.0, joined("num_threshold", np.float64)),
        left=np.where(leaf, 0, joined("left", np.int64) + offset).astype(np.int32),
        right=np.where(leaf, 0, joined("right", np.int64) + offset).astype(np.int32),
        values=np.where(leaf, joined("value", np.float64), 0.0),
        feature_count=int(train.features.shape[1]),
    )


def fitter_of(method: Method, seed: int, device: str) -> Fitter:
    """How a method is fitted."""
    if method == "ridge":
        return RidgeFitter()
    if method == "svr":
        return SvrFitter()
    if method == "boosting":
        return BoostingFitter(seed=seed)
    from engagement.training.engagement_attention import AttentionFitter

    return AttentionFitter(seed=seed, device=device)
