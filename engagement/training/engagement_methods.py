"""How each kind of engagement classifier is fitted.

A method is a path of candidates (penalties, numbers of trees or of epochs) that are tried on people
held out inside the training set; the best one is fitted again on all of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier
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
    """Gradient-boosted trees; the candidates are numbers of rounds.

    Each tree sees half of the windows and, at each node, the root of the number of features:
    Friedman, "Stochastic gradient boosting", Computational Statistics and Data Analysis 38, 2002.
    """

    rounds: tuple[int, ...] = (5, 10, 20, 40, 80, 160)
    rate: float = 0.1
    depth: int = 2
    seed: int = 0

    def path(self, train: Samples, held: Samples) -> list[Doubles]:
        """See `Fitter`."""
        trees = self.trees(train, self.rounds[-1])
        return [boosting_of(trees, r, train).logits(held.features) for r in self.rounds]

    def fit(self, train: Samples, candidate: int) -> StatFitted:
        """See `Fitter`."""
        rounds = self.rounds[candidate]
        return StatFitted(boosting_of(self.trees(train, rounds), rounds, train))

    def trees(self, train: Samples, rounds: int) -> GradientBoostingClassifier | None:
        """scikit-learn's trees; None where only one level can be learned from."""
        if len(np.unique(train.levels)) < 2:
            return None
        trees = GradientBoostingClassifier(
            learning_rate=self.rate,
            n_estimators=rounds,
            max_depth=self.depth,
            subsample=0.5,
            max_features="sqrt",
            random_state=self.seed,
        )
        return trees.fit(train.features, train.levels, sample_weight=train.weights)


def scaling_of(features: Any) -> Scaling:
    """Mean and deviation of each feature; one that never changes is left as it is."""
    values = np.asarray(features, dtype=np.float64)
    scale = values.std(axis=0)
    return Scaling(values.mean(axis=0), np.where(scale > 1e-6, scale, 1.0))


def boosting_of(trees: GradientBoostingClassifier | None, rounds: int, train: Samples) -> Boosting:
    """scikit-learn's trees, the first `rounds` of them, as arrays.

    With two classes scikit-learn has one tree a round, for the second class. A level that was not
    trained on stays improbable; of a single level (`trees` is None) nothing is learned.
    """
    present = np.unique(train.levels)
    # Half a window instead of none.
    baseline = np.full(train.level_count, np.log(0.5 / len(train)))
    baseline[present] = 0.0
    if trees is None:
        return _as_arrays([], [], present[:0], baseline, train)
    outputs = present[1:] if len(present) == 2 else present
    all_trees = [tree for round_ in trees.estimators_ for tree in round_]
    one = train.features[:1]
    added = np.array([tree.predict(one)[0] for tree in all_trees]).reshape(-1, len(outputs))
    start = trees.decision_function(one)[0] - trees.learning_rate * added.sum(axis=0)
    baseline[outputs] = start
    kept = all_trees[: rounds * len(outputs)]
    grown = [tree.tree_ for tree in kept]
    values = [trees.learning_rate * tree.value[:, 0, 0] for tree in grown]
    return _as_arrays(grown, values, np.tile(outputs, rounds), baseline, train)


def _as_arrays(
    trees: list[Any], values: list[Doubles], outputs: Ints, baseline: Doubles, train: Samples
) -> Boosting:
    sizes = np.array([tree.node_count for tree in trees], dtype=np.int64)
    starts = np.cumsum(sizes) - sizes
    offset = np.repeat(starts, sizes)

    def joined(parts: list[Any], kind: type) -> Any:
        return np.concatenate([np.empty(0), *parts]).astype(kind)

    left = joined([tree.children_left for tree in trees], np.int64)
    right = joined([tree.children_right for tree in trees], np.int64)
    leaf = left < 0
    return Boosting(
        baseline=baseline,
        starts=starts.astype(np.int32),
        outputs=outputs.astype(np.int32),
        features=np.where(leaf, -1, joined([t.feature for t in trees], np.int32)).astype(np.int32),
        thresholds=np.where(leaf, 0.0, joined([t.threshold for t in trees], np.float64)),
        left=np.where(leaf, 0, left + offset).astype(np.int32),
        right=np.where(leaf, 0, right + offset).astype(np.int32),
        values=np.where(leaf, joined(values, np.float64), 0.0),
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
