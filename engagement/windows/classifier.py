"""What every engagement classifier has, however it was trained."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from engagement.types import Floats

Method = Literal["single_attention", "ridge", "svr", "boosting"]
Scope = Literal["general", "course", "student"]


@dataclass(frozen=True)
class Measured:
    """A figure on people who were not trained on, with the bounds of its 95% bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ClassifierCard:
    """What a classifier is: enough to use it, and to say how far to trust it.

    Attributes:
        name: as reports show it.
        method: what kind of classifier.
        embedding_model: name of the expression model whose embeddings it takes.
        embedding_size: their length d.
        levels: what its outputs mean, lowest first.
        window_s: length of a window in seconds of presentation time.
        sampling_fps: observations a second that it was trained on, 0 for every frame.
        temperature: the logits are divided by it, so that a probability means what it says.
        trained_on: in words, what data.
        people, windows: how many were trained on.
        scope: whom it was fitted for.
        metrics: figures of the cross-validation by name, among them ``balanced_recall``.
        guessing: what always naming the most frequent level gets, by the same names.
    """

    name: str
    method: Method
    embedding_model: str
    embedding_size: int
    levels: tuple[str, ...]
    window_s: float
    sampling_fps: float
    temperature: float
    trained_on: str
    people: int
    windows: int
    scope: Scope
    metrics: dict[str, Measured]
    guessing: dict[str, float]


class EngagementClassifier(Protocol):
    """Anything that turns windows of embeddings into probabilities of levels."""

    @property
    def card(self) -> ClassifierCard: ...

    def probabilities(self, windows: Iterable[Floats]) -> Floats:
        """Probabilities ``(w, levels)`` of windows of embeddings ``(n_i, d)``, taken one by one."""
        ...


def engagement_of(probabilities: Floats) -> Floats:
    """Engagement in 0..1 of probabilities ``(w, k)``: the expected level, lowest 0, highest 1.

    >>> engagement_of(np.array([[0.25, 0.75]], dtype=np.float32))
    array([0.75], dtype=float32)
    """
    steps = np.linspace(0.0, 1.0, probabilities.shape[1], dtype=np.float32)
    return np.asarray(probabilities @ steps, dtype=np.float32)
