"""Labelled windows as arrays, and how they are split so that nobody is on both sides."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import LeaveOneGroupOut, StratifiedGroupKFold

from engagement.datasets.engagement_windows import WindowSet
from engagement.errors import DataError
from engagement.evaluation.resampling import Doubles, Ints
from engagement.types import Floats
from engagement.windows.statistics import clip_vector

#: With fewer nothing can be learned about somebody who was not seen.
LEAST_PEOPLE = 3
LEAST_WINDOWS = 20
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Split:
    """Windows to train on and windows to hold out, by their numbers."""

    train: Indices
    held: Indices


@dataclass(frozen=True)
class Samples:
    """Windows as arrays.

    Attributes:
        rows: embeddings ``(n_i, d)`` of each window.
        levels: ``(w,)`` index of each window's level.
        people: whose each is.
        level_count: number of levels k.
        balanced: every level weighs the same, however often it was given.
    """

    rows: tuple[Floats, ...]
    levels: Ints
    people: tuple[str, ...]
    level_count: int
    balanced: bool

    def __len__(self) -> int:
        return len(self.levels)

    @cached_property
    def features(self) -> Floats:
        """STAT features ``(w, 4d)``."""
        return np.stack([clip_vector(rows) for rows in self.rows])

    @cached_property
    def values(self) -> Doubles:
        """Levels as values ``(w,)``: 0 the lowest, 1 the highest."""
        return self.levels / (self.level_count - 1)

    @cached_property
    def weights(self) -> Doubles:
        """What each window weighs ``(w,)``, 1 in the mean."""
        if not self.balanced:
            return np.ones(len(self))
        counts = np.bincount(self.levels, minlength=self.level_count)
        return np.asarray(len(self) / ((counts > 0).sum() * counts[self.levels]))

    def take(self, numbers: Indices) -> "Samples":
        """Some of the windows."""
        part = Samples(
            tuple(self.rows[i] for i in numbers),
            self.levels[numbers],
            tuple(self.people[i] for i in numbers),
            self.level_count,
            self.balanced,
        )
        # Statistics of a window depend on nothing but the window: they are made once.
        part.__dict__["features"] = self.features[numbers]
        return part


def samples_of(windows: WindowSet, *, balanced: bool = False) -> Samples:
    """The set's windows, when something can be learned from them.

    Raises:
        DataError: too few people, levels or windows, or embeddings that do not fit each other.
    """
    check_enough(windows)
    check_embeddings(windows)
    return Samples(
        tuple(np.asarray(w.embeddings, dtype=np.float32) for w in windows.windows),
        np.array([w.level for w in windows.windows], dtype=np.int64),
        tuple(w.person for w in windows.windows),
        len(windows.levels),
        balanced,
    )


def check_enough(windows: WindowSet) -> None:
    """Refuse windows that nothing can be learned from.

    Raises:
        DataError: fewer than `LEAST_PEOPLE` people or `LEAST_WINDOWS` windows, fewer than two
            levels, a level that only one person was labelled with, or one that does not exist.
    """
    people = {w.person for w in windows.windows}
    if len(windows.windows) < LEAST_WINDOWS or len(people) < LEAST_PEOPLE:
        raise DataError(
            f"{windows.source} has {len(windows.windows)} labelled windows of {len(people)} "
            f"people; at least {LEAST_WINDOWS} windows of {LEAST_PEOPLE} people are needed. "
            "Label more."
        )
    unknown = [w for w in windows.windows if not 0 <= w.level < len(windows.levels)]
    if unknown:
        raise DataError(
            f"The window {unknown[0].key or 0} of {windows.source} has the level "
            f"{unknown[0].level}, but there are {len(windows.levels)} levels, counted from 0. "
            "Correct its label."
        )
    by_level = Counter(level for level, _ in {(w.level, w.person) for w in windows.windows})
    if len(by_level) < 2:
        raise DataError(
            f"All windows of {windows.source} are labelled {windows.levels[min(by_level)]}. "
            "Label windows of at least two levels."
        )
    alone = [windows.levels[level] for level, people in sorted(by_level.items()) if people < 2]
    if alone:
        raise DataError(
            f"Only one person of {windows.source} is labelled {alone[0]}, which says nothing about "
            "others. Label it for at least two people, or leave it out."
        )


def check_embeddings(windows: WindowSet) -> None:
    """Refuse embeddings that do not fit each other.

    Raises:
        DataError: a window without rows, with rows of another length, or with a number that is
            not finite.
    """
    size = windows.windows[0].embeddings.shape[-1]
    for number, window in enumerate(windows.windows):
        shape = window.embeddings.shape
        if len(shape) != 2 or shape[0] == 0 or shape[1] != size or size == 0:
            raise DataError(
                f"The embeddings of window {window.key or number} of {windows.source} have the "
                f"shape {shape}, not (n, {size}). Make all with one model, and leave out windows "
                "without a face."
            )
        if not np.isfinite(window.embeddings).all():
            raise DataError(
                f"The embeddings of window {window.key or number} of {windows.source} are not all "
                "finite. Make them again."
            )


def subject_wise(samples: Samples, folds: int, seed: int) -> list[Split]:
    """Cross-validation that holds out whole people, levels spread as evenly as that allows.

    With as many folds as people, or more, one person at a time.
    """
    people = len(set(samples.people))
    if people <= folds:
        parts = LeaveOneGroupOut().split(samples.levels, samples.levels, samples.people)
    else:
        folder = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        with warnings.catch_warnings():  # levels rarer than folds are no fault here
            warnings.simplefilter("ignore", UserWarning)
            parts = iter(list(folder.split(samples.levels, samples.levels, samples.people)))
    splits = [Split(train, held) for train, held in parts if len(held)]
    check_apart(samples.people, splits)
    return splits


def check_apart(people: Sequence[str], splits: Sequence[Split]) -> None:
    """Refuse splits that have the same person on both sides, or a window in no held-out part.

    Raises:
        DataError: see above.
    """
    for split in splits:
        both = {people[i] for i in split.train} & {people[i] for i in split.held}
        if both:
            raise DataError(
                f"{min(both)} is on both sides of a split, so that the figures would say how well "
                "people are recognised. Split by person."
            )
    held = np.sort(np.concatenate([split.held for split in splits]))
    if not np.array_equal(held, np.arange(len(people))):
        raise DataError("The splits do not hold out every window once. Split by person.")
