"""Bootstrap over people: intervals that say what another class of people might give.

Windows of one person resemble each other, so that resampling windows would give intervals that are
far too narrow. People are drawn with replacement, with all of their windows.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engagement.windows.classifier import Measured

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]


def codes_of(people: Sequence[str]) -> Ints:
    """Numbers ``(w,)`` of the people of windows, from 0 in the order of their names."""
    return np.unique(np.asarray(people, dtype=str), return_inverse=True)[1].astype(np.int64)


def draws(people: int, resamples: int, seed: int) -> Doubles:
    """How often each person is in each draw: ``(1 + resamples, people)``, first everybody once."""
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(people, np.full(people, 1 / people), size=resamples)
    return np.concatenate((np.ones((1, people)), drawn)).astype(np.float64)


def measured(values: Doubles) -> Measured:
    """The first value, with the 2.5% and 97.5% quantiles of the others.

    The interval is widened to hold the value: an error that is a mean of absolute differences grows
    in every draw, and its quantiles may all lie above it.
    """
    low, high = np.quantile(values, (0.025, 0.975))
    value = float(values[0])
    return Measured(value, min(float(low), value), max(float(high), value))


def summed(values: Doubles, codes: Ints) -> Doubles:
    """Sums ``(people, ...)`` of values ``(w, ...)`` a person."""
    total = np.zeros((codes.max() + 1, *values.shape[1:]))
    np.add.at(total, codes, values)
    return total
