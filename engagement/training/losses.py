"""Losses that the published models were fine-tuned with.

Source: the authors' notebook ``src/affectnet/train_emotions-pytorch.ipynb`` (repository
av-savchenko/face-emotion-recognition): the expressions' loss from its part on expressions alone,
the affect's from its part on both.
"""

import torch
from torch.nn import functional as F

from engagement.errors import DataError


def inverse_frequencies(counts: torch.Tensor, classes: tuple[str, ...]) -> torch.Tensor:
    """Weight of a class: one over its count, scaled so that the smallest weight is 1.

    Args:
        counts: ``(c,)`` number of training images a class.
        classes: their names, for the message.

    Raises:
        DataError: a class has no image.
    """
    absent = [name for name, count in zip(classes, counts.tolist(), strict=True) if not count]
    if absent:
        raise DataError(
            f"The training images show no {', '.join(absent)}, so a model cannot learn it. Add "
            "images, or choose classes that the data have."
        )
    return (counts.max() / counts).float()


def smoothed_cross_entropy(
    logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, smoothing: float
) -> torch.Tensor:
    """Weighted cross-entropy with soft targets, as the published models were trained.

    The target is ``1 - smoothing`` on the label plus ``smoothing / c`` everywhere. Every class's
    term has that class's weight, and the batch is averaged plainly; torch's own weighted loss
    divides by the sum of the labels' weights instead.

    Args:
        logits: ``(n, c)``.
        labels: ``(n,)`` int64.
        weights: ``(c,)``.
        smoothing: 0 for hard targets.
    """
    targets = F.one_hot(labels, logits.shape[1]).to(logits.dtype) * (1 - smoothing)
    targets = targets + smoothing / logits.shape[1]
    return -(weights * targets * logits.log_softmax(1)).sum(1).mean()


def concordance(predicted: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Concordance correlation coefficients (Lin, Biometrics 45, 1989), one a column.

    Args:
        predicted, truth: ``(n, k)``, n at least 2.

    Returns:
        ``(k,)`` in -1..1; 0 where neither varies and the means are equal.
    """
    from_mean, from_truth = predicted - predicted.mean(0), truth - truth.mean(0)
    spread = from_mean.square().sum(0) + from_truth.square().sum(0)
    apart = (predicted.mean(0) - truth.mean(0)).square() * (len(truth) - 1)
    together: torch.Tensor = 2 * (from_mean * from_truth).sum(0)
    return together / (spread + apart).clamp_min(1e-12)


def affect_loss(predicted: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Half of one minus the concordance, of valence plus of arousal.

    Args:
        predicted: ``(n, 2)``.
        truth: ``(n, 2)``; rows with NaN count for nothing.

    Returns:
        In 0..2; 0, with a gradient of 0, where fewer than two rows have affect.
    """
    known = truth.isfinite().all(1)
    if int(known.sum()) < 2:
        return predicted.sum() * 0.0
    return ((1 - concordance(predicted[known], truth[known])) / 2).sum()
