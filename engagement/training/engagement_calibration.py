"""From raw outputs to probabilities that mean what they say, fitted on people not trained on."""

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax

from engagement.evaluation.resampling import Doubles, Ints
from engagement.windows.stat_classifiers import OrderedLink

# Temperatures are looked for in exp(-3)..exp(4): 0.05 to 55.
_LOG_TEMPERATURES = (-3.0, 4.0)
# Each level counts as this many windows with the mean score, so that a level that is missing among
# some people is improbable and not impossible, and separable scores have a finite slope.
_PSEUDO_WINDOWS = 0.5


def log_loss(logits: Doubles, levels: Ints, weights: Doubles) -> float:
    """Weighted mean of minus the logarithm of the true level's probability."""
    chosen = log_softmax(logits, axis=1)[np.arange(len(levels)), levels]
    return float(-np.average(chosen, weights=weights))


def fit_temperature(logits: Doubles, levels: Ints, weights: Doubles) -> float:
    """The temperature that makes held-out logits ``(w, k)`` most likely.

    Guo et al., "On calibration of modern neural networks", ICML 2017, section 4.2.
    """
    found = minimize_scalar(
        lambda log_t: log_loss(logits / np.exp(log_t), levels, weights),
        bounds=_LOG_TEMPERATURES,
        method="bounded",
    )
    return float(np.exp(found.x))


def fit_link(scores: Doubles, levels: Ints, weights: Doubles, level_count: int) -> OrderedLink:
    """The proportional-odds link that makes held-out scores ``(w,)`` most likely.

    The slope is not negative: a regression that is worse than its mean gets none, and then only
    the levels' shares speak.
    """
    centre, spread = float(scores.mean()), float(scores.std())
    scaled = (scores - centre) / spread if spread > 1e-9 else np.zeros_like(scores)
    all_scores = np.concatenate((scaled, np.zeros(level_count)))
    all_levels = np.concatenate((levels, np.arange(level_count)))
    all_weights = np.concatenate((weights, np.full(level_count, _PSEUDO_WINDOWS)))

    def link_of(x: Doubles) -> OrderedLink:
        thresholds = x[1] + np.concatenate(([0.0], np.cumsum(np.exp(x[2:]))))
        return OrderedLink(thresholds, float(x[0]))

    def loss(x: Doubles) -> float:
        return log_loss(link_of(x).logits(all_scores), all_levels, all_weights)

    shares = np.bincount(all_levels, weights=all_weights, minlength=level_count)
    above = np.clip(1 - np.cumsum(shares)[:-1] / shares.sum(), 1e-6, 1 - 1e-6)
    start = -np.log(above / (1 - above))  # thresholds ascend as fewer are above
    steps = np.log(np.maximum(np.diff(start), 1e-3))
    free = [(-30.0, 30.0)] * (level_count - 1)
    found = minimize(
        loss, np.array([0.5, start[0], *steps]), method="L-BFGS-B", bounds=[(0.0, 50.0), *free]
    )
    link = link_of(found.x)
    slope = link.slope / spread if spread > 1e-9 else 0.0
    return OrderedLink(link.thresholds + slope * centre, slope)
