"""Generated windows of embeddings for which the best possible classifier is known.

A row of a window is ``step * level * u + offset of the person + noise of the window + noise of the
row``, all noise normal and the same in every direction, u a direction of length 1, levels equally
frequent. Of a window of n rows the mean says all that can be known of the level of a person who was
never seen: it is normal about ``step * level * u`` with the variance
``offset^2 + window^2 + row^2 / n`` along u, so that the best rule compares its place along u with
the middles between levels, and is right as often as `bayes_rate` says.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from engagement.datasets.engagement_windows import (
    FOUR_LEVELS,
    TWO_LEVELS,
    LabelledWindow,
    WindowSet,
)

ROWS = 16


@dataclass(frozen=True)
class Generator:
    """What windows are made of; lengths are in the embedding's units."""

    step: float = 2.0
    offset: float = 0.6
    window: float = 0.8
    row: float = 1.0
    size: int = 16
    levels: int = 2

    @property
    def deviation(self) -> float:
        """Of a window's mean along any direction, for a person who was never seen."""
        return float(np.sqrt(self.offset**2 + self.window**2 + self.row**2 / ROWS))

    @property
    def bayes_rate(self) -> float:
        """Balanced recall of the best rule: ends have one wrong side, middle levels two."""
        side = norm.cdf(self.step / 2 / self.deviation)
        return float((2 * side + (self.levels - 2) * (2 * side - 1)) / self.levels)

    def windows(self, people: int, each: int, seed: int) -> WindowSet:
        """`each` windows of each of `people`."""
        rng = np.random.default_rng(seed)
        made = []
        for person in range(people):
            offset = rng.normal(0, self.offset, self.size)
            for number in range(each):
                level = int(rng.integers(self.levels))
                made.append(self._window(rng, f"p{person:02d}", number, level, offset))
        return window_set(made, self.levels)

    def _window(
        self, rng: np.random.Generator, person: str, number: int, level: int, offset: np.ndarray
    ) -> LabelledWindow:
        centre = offset + rng.normal(0, self.window, self.size)
        centre += self.step * level * self.direction
        rows = centre + rng.normal(0, self.row, (ROWS, self.size))
        return LabelledWindow(person, rows.astype(np.float32), level, f"{person}/{number}")

    @property
    def direction(self) -> np.ndarray:
        """u, with a share of every dimension."""
        signs = np.where(np.arange(self.size) % 2, -1.0, 1.0)
        return signs / np.sqrt(self.size)

    def best_levels(self, windows: WindowSet) -> np.ndarray:
        """What the best rule, which knows the generator, names."""
        places = np.array([w.embeddings.mean(axis=0) @ self.direction for w in windows.windows])
        return np.clip(np.rint(places / self.step), 0, self.levels - 1).astype(np.int64)


def window_set(windows: list[LabelledWindow], levels: int = 2) -> WindowSet:
    """Windows of 10 s at no particular rate."""
    names = TWO_LEVELS if levels == 2 else FOUR_LEVELS
    return WindowSet(tuple(windows), names, "generated", 10.0, 1.6, "generated windows")


def recall_of(windows: WindowSet, named: np.ndarray) -> float:
    """Balanced recall of what was named."""
    truth = np.array([w.level for w in windows.windows])
    return float(np.mean([(named[truth == level] == level).mean() for level in np.unique(truth)]))
