"""Small networks that read expression, valence, arousal and action units off a model's output.

Savchenko, "HSE-NN Team at the 4th ABAW Competition", ECCV 2022 workshops, and the authors'
notebook. Two of its variants:

- `linear`: one linear layer a task on embedding and outputs together ("output layers only");
- `slice`: the same for expressions; valence and arousal from the outputs alone; action units
  through a hidden layer of 128.

In both, expressions and action units are weighed against their frequency, and valence and arousal
are trained on their CCC. Tasks share no weights and are trained one after the other, each on the
rows that are annotated for it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from engagement.datasets.affwild2_mtl import ACTION_UNITS, EXPRESSIONS
from engagement.types import Floats

_EPSILON = 1e-7
_Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class HeadSettings:
    """How the heads are built and trained, with Adam.

    Attributes:
        name: of the variant.
        affect_from_outputs: valence and arousal see the model's outputs only.
        hidden_action_units: size of the hidden layer before the action units; 0 for none.
        batch_size: rows a step.
        penalty: on the squares of the weights of heads without a hidden layer.
        epochs: for expressions, for valence and arousal, for action units.
        learning_rate: Adam's.
        seed: of the first weights and of the order of rows.
    """

    name: str
    affect_from_outputs: bool = False
    hidden_action_units: int = 0
    batch_size: int = 256
    penalty: float = 1 / 256
    epochs: tuple[int, int, int] = (20, 20, 20)
    learning_rate: float = 1e-3
    seed: int = 0


#: The published variants by name.
HEADS = {
    "linear": HeadSettings("linear"),
    "slice": HeadSettings(
        "slice",
        affect_from_outputs=True,
        hidden_action_units=128,
        batch_size=512,
        penalty=1 / 512,
        epochs=(10, 20, 10),
    ),
}


@dataclass(frozen=True, eq=False)
class Features:
    """What the heads see of n faces: embeddings ``(n, d)`` and outputs ``(n, k)``, joined."""

    joined: Floats
    outputs: int

    @property
    def only_outputs(self) -> Floats:
        """The outputs alone, ``(n, k)``."""
        return self.joined[:, -self.outputs :]


@dataclass(frozen=True, eq=False)
class Annotations:
    """What is known of n faces, as `engagement.datasets.affwild2_mtl.AnnotatedFaces`."""

    affect: Floats
    expression: NDArray[np.int64]
    action_units: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class HeadAnswers:
    """What the heads say of n faces.

    Attributes:
        affect: ``(n, 2)`` float32 valence and arousal in -1..1.
        expression: ``(n,)`` int64.
        action_units: ``(n, 12)`` int64 of 0 and 1: probability at least one half.
    """

    affect: Floats
    expression: NDArray[np.int64]
    action_units: NDArray[np.int64]


#: Told what share of the training is done.
OnEpoch = Callable[[float], None]


def train_heads(
    train: Features,
    annotations: Annotations,
    judged: Features,
    settings: HeadSettings,
    on_epoch: OnEpoch | None = None,
) -> HeadAnswers:
    """Train the heads on `train` and let them answer for `judged`. Deterministic on one machine."""
    count = _Counter(sum(settings.epochs), on_epoch)
    expressions, affects, units = settings.epochs

    truth = annotations.expression
    task = _Task(train.joined, truth, np.flatnonzero(truth >= 0), len(EXPRESSIONS))
    expression = _fit(task, _expression_loss(truth[task.rows]), expressions, settings, count)

    rated = np.flatnonzero(~np.isnan(annotations.affect[:, 0]))
    task = _Task(_affect_input(train, settings), annotations.affect, rated, 2)
    affect = _fit(task, _affect_loss, affects, settings, count)

    coded = annotations.action_units.astype(np.float32)
    rows = np.flatnonzero(annotations.action_units[:, 0] >= 0)
    hidden = settings.hidden_action_units
    task = _Task(train.joined, coded, rows, len(ACTION_UNITS), hidden)
    action_units = _fit(task, _units_loss(coded[rows]), units, settings, count)

    return HeadAnswers(
        np.tanh(_run(affect, _affect_input(judged, settings))),
        _run(expression, judged.joined).argmax(axis=1).astype(np.int64),
        (_run(action_units, judged.joined) >= 0).astype(np.int64),
    )


def _affect_input(features: Features, settings: HeadSettings) -> Floats:
    return features.only_outputs if settings.affect_from_outputs else features.joined


class _Counter:
    """Counts epochs over all tasks."""

    def __init__(self, total: int, on_epoch: OnEpoch | None) -> None:
        self._total, self._done, self._on_epoch = total, 0, on_epoch

    def step(self) -> None:
        self._done += 1
        if self._on_epoch:
            self._on_epoch(self._done / self._total)


@dataclass(frozen=True, eq=False)
class _Task:
    """Inputs ``(n, d)``, the truth ``(n, ...)``, and the rows of both that are annotated."""

    inputs: Floats
    truth: Floats | NDArray[np.int64]
    rows: NDArray[np.int64]
    outputs: int
    hidden: int = 0


def _fit(
    task: _Task, loss: _Loss, epochs: int, settings: HeadSettings, count: _Counter
) -> nn.Module:
    generator = torch.Generator().manual_seed(settings.seed)
    head = _head(task.inputs.shape[1], task.hidden, task.outputs, generator)
    optimiser = torch.optim.Adam(head.parameters(), lr=settings.learning_rate, eps=_EPSILON)
    inputs, truth = torch.from_numpy(task.inputs), torch.from_numpy(task.truth)
    rows = torch.from_numpy(task.rows)
    penalised = (
        [] if task.hidden else [p for name, p in head.named_parameters() if "weight" in name]
    )
    for _ in range(epochs):
        order = torch.randperm(len(rows), generator=generator)
        for start in range(0, len(rows), settings.batch_size):
            batch = rows[order[start : start + settings.batch_size]]
            optimiser.zero_grad()
            value = loss(head(inputs[batch]), truth[batch])
            for weight in penalised:
                value = value + settings.penalty * weight.square().sum()
            value.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        count.step()
    return head.eval()


def _head(size: int, hidden: int, outputs: int, generator: torch.Generator) -> nn.Sequential:
    layers: list[nn.Module] = []
    if hidden:
        layers += [nn.Linear(size, hidden), nn.ReLU()]
    layers.append(nn.Linear(hidden or size, outputs))
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def _run(head: nn.Module, x: Floats) -> Floats:
    with torch.inference_mode():
        return np.asarray(head(torch.from_numpy(x)).numpy(), dtype=np.float32)


def _expression_loss(truth: NDArray[np.int64]) -> _Loss:
    counts = np.maximum(np.bincount(truth, minlength=len(EXPRESSIONS)), 1)
    weights = torch.from_numpy((counts.max() / counts).astype(np.float32))

    def loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return (F.cross_entropy(logits, labels, reduction="none") * weights[labels]).mean()

    return loss


def _affect_loss(values: torch.Tensor, rated: torch.Tensor) -> torch.Tensor:
    """One minus the mean CCC of a batch's valence and arousal."""
    predicted = torch.tanh(values)
    x, y = rated - rated.mean(dim=0), predicted - predicted.mean(dim=0)
    apart = (rated.mean(dim=0) - predicted.mean(dim=0)).square()
    spread = x.square().mean(dim=0) + y.square().mean(dim=0) + apart
    return 1 - (2 * (x * y).mean(dim=0) / (spread + _EPSILON)).mean()


def _units_loss(truth: Floats) -> _Loss:
    present = truth.sum(axis=0)
    absent = len(truth) - present
    positive = torch.from_numpy((len(truth) / 2 / np.maximum(present, 1)).astype(np.float32))
    negative = torch.from_numpy((len(truth) / 2 / np.maximum(absent, 1)).astype(np.float32))

    def loss(logits: torch.Tensor, units: torch.Tensor) -> torch.Tensor:
        weights = torch.where(units > 0, positive, negative)
        return F.binary_cross_entropy_with_logits(logits, units, weight=weights)

    return loss
