"""Fitting of the single-attention network on labelled windows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

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
    """Cross-entropy with AdamW and dropout; the candidates are numbers of epochs."""

    epochs: tuple[int, ...] = (1, 2, 4, 8, 16, 24)
    batch_size: int = 32
    rate: float = 1e-3
    weight_decay: float = 1e-2
    dropout: float = 0.5
    seed: int = 0
    device: str = "cpu"

    def path(self, train: Samples, held: Samples) -> list[Doubles]:
        """See `engagement.training.engagement_methods.Fitter`."""
        return [model.raw(held) for model in self._models(train, self.epochs)]

    def fit(self, train: Samples, candidate: int) -> AttentionFitted:
        """See `engagement.training.engagement_methods.Fitter`."""
        (model,) = self._models(train, (self.epochs[candidate],))
        return model

    def _models(self, train: Samples, epochs: tuple[int, ...]) -> Iterator[AttentionFitted]:
        """Models after so many epochs each, ascending, of one run."""
        scaling = scaling_of(np.concatenate(train.rows))
        rows = [scaling.apply(r).astype(np.float32) for r in train.rows]
        levels = torch.from_numpy(train.levels)
        weights = torch.from_numpy(train.weights.astype(np.float32))
        size = train.rows[0].shape[1]
        # Runs between others must not change what dropout draws.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = SingleAttentionNetwork(size, train.level_count, dropout=self.dropout)
            network.to(self.device)
            optimiser = torch.optim.AdamW(
                network.parameters(), lr=self.rate, weight_decay=self.weight_decay
            )
            for epoch in range(1, epochs[-1] + 1):
                network.train()
                for numbers in self._batches(train.rows):
                    embeddings, mask = padded([rows[i] for i in numbers])
                    logits = network(embeddings.to(self.device), mask.to(self.device)).cpu()
                    losses = cross_entropy(logits, levels[numbers], reduction="none")
                    optimiser.zero_grad()
                    (losses * weights[numbers]).mean().backward()  # type: ignore[no-untyped-call]
                    optimiser.step()
                if epoch in epochs:
                    yield AttentionFitted(unscaled(network.weights(), scaling))

    def _batches(self, rows: tuple[Floats, ...]) -> Iterator[list[int]]:
        """Random batches, smaller where windows are long."""
        longest = max(len(r) for r in rows)
        size = max(1, min(self.batch_size, _ROWS // longest))
        order = torch.randperm(len(rows)).tolist()
        return (order[i : i + size] for i in range(0, len(order), size))


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
