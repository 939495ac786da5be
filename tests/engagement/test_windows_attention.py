"""Single attention in numpy and in torch: the same numbers, however windows are put together."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engagement.types import Floats
from engagement.windows.attention_network import SingleAttentionNetwork, padded
from engagement.windows.single_attention import (
    AttentionClassifier,
    SingleAttention,
    published_card,
    published_spans,
)


def random_attention(
    size: int, levels: int = 2, *, hidden: int = 32, seed: int = 3
) -> SingleAttention:
    """Weights under which the rows of a window matter unequally and no level always wins."""
    rng = np.random.default_rng(seed)

    def normal(scale: float, *shape: int) -> Floats:
        return rng.normal(0, scale, shape).astype(np.float32)

    weights = SingleAttention(
        score=normal(1.5 * size**-0.5, 2 * size),
        score_bias=0.3,
        hidden=normal(size**-0.5, 2 * size, hidden),
        hidden_bias=normal(0.1, hidden),
        output=normal(6 * hidden**-0.5, hidden, levels),
        output_bias=np.zeros(levels, np.float32),
    )
    usual = np.mean([weights.logits(rows) for rows in random_windows(size, (20,) * 20, 9)], axis=0)
    return replace(weights, output_bias=-usual)


def random_windows(size: int, lengths: tuple[int, ...], seed: int = 1) -> list[Floats]:
    rng = np.random.default_rng(seed)
    return [rng.normal(0.3, 1, (n, size)).astype(np.float32) for n in lengths]


def classifier_of(weights: SingleAttention) -> AttentionClassifier:
    return AttentionClassifier(published_card(weights), weights)


LENGTHS = (17, 1, 40, 128, 2)


@pytest.mark.parametrize("levels", [2, 4])
def test_numpy_and_torch_agree_on_windows_of_unequal_length(levels: int) -> None:
    weights = random_attention(24, levels)
    windows = random_windows(24, LENGTHS)
    network = SingleAttentionNetwork.from_weights(weights).eval()
    with torch.no_grad():
        theirs = network(*padded(windows)).softmax(dim=1).numpy()
    card = replace(published_card(weights), levels=tuple("abcd"[:levels]))
    ours = AttentionClassifier(card, weights).probabilities(windows)
    assert ours.shape == (len(LENGTHS), levels)
    assert np.abs(ours - theirs).max() < 1e-5
    assert np.ptp(ours, axis=0).max() > 0.1, "windows that all look alike would agree by themselves"


def test_padding_never_shows_in_the_result() -> None:
    network = SingleAttentionNetwork.from_weights(random_attention(8)).eval()
    embeddings, mask = padded(random_windows(8, (5, 30)))
    with torch.no_grad():
        clean = network(embeddings, mask)
        embeddings[~mask] = 1e4
        assert torch.allclose(network(embeddings, mask), clean, atol=1e-5)


def test_a_trained_network_gives_its_weights_back_and_trains_on_rows_that_do_not_differ() -> None:
    torch.manual_seed(0)
    network = SingleAttentionNetwork(8, 4, hidden=16)
    embeddings, mask = padded([np.ones((6, 8), np.float32), *random_windows(8, (9,))])
    embeddings.requires_grad_()
    before = network.weights()
    torch.nn.functional.cross_entropy(network(embeddings, mask), torch.tensor([0, 3])).backward()
    torch.optim.SGD(network.parameters(), lr=0.5).step()
    assert all(torch.isfinite(p).all() for p in network.parameters())
    assert embeddings.grad is not None
    assert torch.isfinite(embeddings.grad).all()
    assert not np.allclose(before.output, network.weights().output)
    again = SingleAttentionNetwork.from_weights(network.weights())
    with torch.no_grad():
        assert torch.equal(again(embeddings, mask), network(embeddings, mask))


def test_a_temperature_flattens_probabilities_and_keeps_their_order() -> None:
    weights = random_attention(8)
    sharp = classifier_of(weights)
    flat = AttentionClassifier(replace(sharp.card, temperature=4.0), weights)
    windows = random_windows(8, (20,) * 6)
    p, q = sharp.probabilities(windows), flat.probabilities(windows)
    assert (p.argmax(axis=1) == q.argmax(axis=1)).all()
    assert (q.max(axis=1) < p.max(axis=1)).all()


@pytest.mark.parametrize("kind", ["ordinary", "far from zero", "frozen picture"])
def test_overlapping_windows_at_once_equal_each_window_alone(kind: str) -> None:
    rows = random_windows(24, (300,))[0]
    if kind == "far from zero":
        rows += 10
    elif kind == "frozen picture":
        rows[40:200] = rows[40]
    classifier = classifier_of(random_attention(24))
    spans = published_spans(len(rows), 64)
    together = classifier.probabilities_over(rows, spans)
    alone = classifier.probabilities([rows[a:b] for a, b in spans])
    exact = np.array([in_double_precision(classifier.weights, rows[a:b]) for a, b in spans])
    assert np.abs(together - exact).max() < 1e-6
    assert np.abs(together - alone).max() < (1e-5 if kind == "far from zero" else 1e-6)


def in_double_precision(weights: SingleAttention, window: Floats) -> Floats:
    """The formula of the design, written out."""
    x = window.astype(float)
    rows = np.hstack([np.tile(x.std(axis=0), (len(x), 1)), x])
    powers = np.exp(rows @ weights.score + weights.score_bias)
    context = (powers / powers.sum()) @ rows
    logits = np.maximum(context @ weights.hidden + weights.hidden_bias, 0) @ weights.output
    powers = np.exp(logits + weights.output_bias)
    return powers / powers.sum()


def test_the_published_windows_leave_the_last_one_out() -> None:
    assert published_spans(131).tolist() == [[0, 128], [1, 129], [2, 130]]
    assert len(published_spans(128)) == 0
    assert len(published_spans(5)) == 0
