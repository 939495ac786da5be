"""Engagement classifiers over STAT features, as plain arrays that predict without scikit-learn.

`engagement.training.engagement` fits them, `engagement.windows.classifier_file` keeps them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engagement.types import Floats
from engagement.windows.classifier import ClassifierCard
from engagement.windows.statistics import clip_vector

Doubles = NDArray[np.float64]
Ints = NDArray[np.int32]
# Windows are scored so many at a time, so that kernels of many support vectors fit in memory.
_TOGETHER = 256
# Keeps the logarithm of a probability finite.
_LEAST = 1e-12


class StatModel(Protocol):
    """Turns STAT features into logits."""

    @property
    def feature_count(self) -> int:
        """Length 4d of the features."""
        ...

    @property
    def level_count(self) -> int:
        """Number of levels k."""
        ...

    def logits(self, features: Floats) -> Doubles:
        """Logits ``(w, k)`` of features ``(w, 4d)``."""
        ...


@dataclass(frozen=True)
class Scaling:
    """Standardisation by the training windows' mean and deviation, each ``(4d,)``."""

    mean: Doubles
    scale: Doubles

    def apply(self, features: Floats) -> Doubles:
        """Features with mean 0 and deviation 1."""
        return np.asarray((features - self.mean) / self.scale)


@dataclass(frozen=True)
class OrderedLink:
    """Probabilities of ordered levels from one score: the proportional-odds model.

    ``P(level <= j) = 1 / (1 + exp(slope * score - thresholds[j]))``; McCullagh, "Regression models
    for ordinal data", J. Royal Statistical Society B 42, 1980. With two levels it is Platt's
    scaling.

    Attributes:
        thresholds: ``(k - 1,)``, ascending.
        slope: not negative.
    """

    thresholds: Doubles
    slope: float

    @property
    def level_count(self) -> int:
        """Number of levels k."""
        return len(self.thresholds) + 1

    def logits(self, scores: Doubles) -> Doubles:
        """Logarithms of probabilities ``(w, k)`` of scores ``(w,)``."""
        powers = np.clip(self.slope * scores[:, None] - self.thresholds, -700, 700)
        inner = 1 / (1 + np.exp(powers))
        edges = np.ones((len(scores), 1))
        below = np.concatenate((np.zeros_like(edges), inner, edges), axis=1)
        return np.asarray(np.log(np.maximum(np.diff(below, axis=1), _LEAST)))


@dataclass(frozen=True)
class Ridge:
    """A linear regression to the level's value, linked to probabilities.

    Attributes:
        coefficients: ``(4d,)`` over scaled features, and `intercept`.
    """

    scaling: Scaling
    coefficients: Doubles
    intercept: float
    link: OrderedLink

    @property
    def feature_count(self) -> int:
        """See `StatModel`."""
        return len(self.coefficients)

    @property
    def level_count(self) -> int:
        """See `StatModel`."""
        return self.link.level_count

    def scores(self, features: Floats) -> Doubles:
        """The regression's values ``(w,)``: 0 the lowest level, 1 the highest."""
        return np.asarray(self.scaling.apply(features) @ self.coefficients + self.intercept)

    def logits(self, features: Floats) -> Doubles:
        """See `StatModel`."""
        return self.link.logits(self.scores(features))


@dataclass(frozen=True)
class Svr:
    """A support-vector regression to the level's value, with a radial kernel.

    Attributes:
        vectors: ``(s, 4d)`` scaled support vectors; `coefficients` ``(s,)`` and `intercept`.
        gamma: the kernel is ``exp(-gamma |a - b|^2)``.
    """

    scaling: Scaling
    vectors: Floats
    coefficients: Doubles
    intercept: float
    gamma: float
    link: OrderedLink

    @property
    def feature_count(self) -> int:
        """See `StatModel`."""
        return int(self.vectors.shape[1])

    @property
    def level_count(self) -> int:
        """See `StatModel`."""
        return self.link.level_count

    def scores(self, features: Floats) -> Doubles:
        """The regression's values ``(w,)``: 0 the lowest level, 1 the highest."""
        scaled = self.scaling.apply(features)
        vectors = self.vectors.astype(np.float64)
        squares = np.square(scaled).sum(axis=1)[:, None] + np.square(vectors).sum(axis=1)
        distances = np.maximum(squares - 2 * scaled @ vectors.T, 0.0)
        return np.asarray(np.exp(-self.gamma * distances) @ self.coefficients + self.intercept)

    def logits(self, features: Floats) -> Doubles:
        """See `StatModel`."""
        return self.link.logits(self.scores(features))


@dataclass(frozen=True)
class Boosting:
    """Gradient-boosted trees over unscaled features.

    Attributes:
        baseline: ``(k,)`` logits that trees add to.
        starts: ``(t,)`` row of each tree's root; a tree's nodes are consecutive rows.
        outputs: ``(t,)`` the level whose logit each tree adds to.
        features: ``(m,)`` column that a node looks at, -1 in a leaf.
        thresholds: ``(m,)``; a value that is not larger goes left.
        left, right: ``(m,)`` row of the child, always behind the node.
        values: ``(m,)`` what a leaf adds.
        feature_count: length 4d of the features.
    """

    baseline: Doubles
    starts: Ints
    outputs: Ints
    features: Ints
    thresholds: Doubles
    left: Ints
    right: Ints
    values: Doubles
    feature_count: int

    @property
    def level_count(self) -> int:
        """See `StatModel`."""
        return len(self.baseline)

    def logits(self, features: Floats) -> Doubles:
        """See `StatModel`."""
        logits = np.tile(self.baseline, (len(features), 1))
        for root, level in zip(self.starts, self.outputs, strict=True):
            logits[:, level] += self.values[self._leaves(features, root)]
        return logits

    def _leaves(self, features: Floats, root: int) -> NDArray[np.intp]:
        nodes = np.full(len(features), root, dtype=np.intp)
        rows = np.arange(len(features))
        while rows.size:
            at = nodes[rows]
            inner = self.features[at] >= 0
            rows, at = rows[inner], at[inner]
            goes_left = features[rows, self.features[at]] <= self.thresholds[at]
            nodes[rows] = np.where(goes_left, self.left[at], self.right[at])
        return nodes


@dataclass(frozen=True)
class StatClassifier:
    """A model over STAT features with its card: an `EngagementClassifier`."""

    card: ClassifierCard
    model: StatModel

    def probabilities(self, windows: Iterable[Floats]) -> Floats:
        """Probabilities ``(w, levels)`` of windows of embeddings ``(n_i, d)``, taken one by one."""
        parts: list[Floats] = []
        pending: list[Floats] = []
        for rows in windows:
            pending.append(clip_vector(rows))
            if len(pending) == _TOGETHER:
                parts.append(self._of(pending))
                pending = []
        if pending or not parts:
            parts.append(self._of(pending))
        return np.concatenate(parts)

    def _of(self, vectors: list[Floats]) -> Floats:
        features = np.array(vectors, np.float32).reshape(-1, self.model.feature_count)
        return softmax(self.model.logits(features) / self.card.temperature)


def softmax(logits: Doubles) -> Floats:
    """Probabilities along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)
