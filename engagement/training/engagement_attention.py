"""Fitting of the single-attention network on labelled windows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from engagement.evaluation.resampling import Doubles
from engagement.training.engagement_methods import Calibration, scaling_of
from engagement.training.engagement_samples import Samples
from engagement.types import Floats
from engagement.windows.attention_network import SingleAttentionNetwork, padded
from engagement.windows.classifier import ClassifierCard
from engagement.windows.single_attention import AttentionClassifier, SingleAttention
from engagement.windows.stat_classifiers import Scaling

# Rows of a batch together, padding included: 128 MB of embeddings of 1280 numbers, with what the
# network makes of them.
_ROWS = 8192


@dataclass(frozen=True)
class AttentionFitted:
    """A trained network's weights."""

    weights: SingleAttention

    def raw(self, samples: Samples) -> Doubles:
        """Logits ``(w, k)``."""
        return np.stack([self.weights.logits(rows) for rows in samples.rows]).astype(np.float64)

    def classifier(self, card: ClassifierCard, calibration: Calibration) -> AttentionClassifier:
        """The network with its card, in numpy."""
        return AttentionClassifier(replace(card, temperature=calibration.temperature), self.weights)


@dataclass(frozen=True)
class AttentionFitter:
    """Cross-entropy with AdamW and dropout; the candidates are numbers of steps.

    Steps and not epochs, so that a network that was calibrated on fewer people has come as far."""

    steps: tuple[int, ...] = (30, 60, 125, 250, 500)
    batch_size: int = 32
    rate: float = 1e-3
    weight_decay: float = 1e-2
    dropout: float = 0.5
    seed: int = 0
    device: str = "cpu"

    def path(self, train: Samples, held: Samples) -> list[Doubles]:
        """See `engagement.training.engagement_methods.Fitter`."""
        return [model.raw(held) for model in self._models(train, self.steps)]

    def fit(self, train: Samples, candidate: int) -> AttentionFitted:
        """See `engagement.training.engagement_methods.Fitter`."""
        (model,) = self._models(train, (self.steps[candidate],))
        return model

    def _models(self, train: Samples, steps: tuple[int, ...]) -> Iterator[AttentionFitted]:
        """Models after so many steps each, ascending, of one run."""
        scaling = scaling_of(np.concatenate(train.rows))
        rows = [scaling.apply(r).astype(np.float32) for r in train.rows]
        levels = torch.from_numpy(train.levels)
        weights = torch.from_numpy(train.weights.astype(np.float32))
        # Another run before this one must not change what this one draws.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = SingleAttentionNetwork(
                rows[0].shape[1], train.level_count, dropout=self.dropout
            ).to(self.device)
            optimiser = torch.optim.AdamW(
                network.parameters(), lr=self.rate, weight_decay=self.weight_decay
            )
            network.train()
            batches = islice(self._batches(rows), steps[-1])
            for step, numbers in enumerate(batches, start=1):
                embeddings, mask = padded([rows[i] for i in numbers])
                logits = network(embeddings.to(self.device), mask.to(self.device)).cpu()
                losses = cross_entropy(logits, levels[numbers], reduction="none")
                optimiser.zero_grad()
                (losses * weights[numbers]).mean().backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                if step in steps:
                    yield AttentionFitted(unscaled(network.weights(), scaling))

    def _batches(self, rows: list[Floats]) -> Iterator[list[int]]:
        """Random batches without end, smaller where windows are long."""
        longest = max(len(r) for r in rows)
        size = max(1, min(self.batch_size, _ROWS // longest))
        while True:
            order = torch.randperm(len(rows)).tolist()
            yield from (order[i : i + size] for i in range(0, len(order), size))


def unscaled(weights: SingleAttention, scaling: Scaling) -> SingleAttention:
    """The same network for embeddings that are not standardised.

    A window's deviations lose their scale, its weighted sum (the weights add up to 1) its mean and
    scale; both go into the score and the hidden layer.
    """
    twice = np.tile(scaling.scale, 2)
    shift = np.concatenate((np.zeros_like(scaling.mean), scaling.mean)) / twice
    score, hidden = weights.score / twice, weights.hidden / twice[:, None]
    return replace(
        weights,
        score=score.astype(np.float32),
        score_bias=float(weights.score_bias - shift @ weights.score),
        hidden=hidden.astype(np.float32),
        hidden_bias=(weights.hidden_bias - shift @ weights.hidden).astype(np.float32),
    )
