"""The published engagement classifier: emotiefflib's Keras model and ours, given the same file.

TensorFlow has an environment of its own, ``var/oracle/keras``: it asks for other
releases of what the packages beside it need.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from rich.console import Console

from engagement.types import Floats
from engagement.windows.attention_network import SingleAttentionNetwork, padded
from engagement.windows.sequences import FrameWindows, slide
from engagement.windows.single_attention import (
    AttentionClassifier,
    SingleAttention,
    published_card,
    published_spans,
)
from tests.engagement.test_windows_attention import random_attention
from tests.oracle.environments import NotInstalledError, environment_with

pytestmark = pytest.mark.oracle

PACKAGES = ("emotiefflib==1.1.1", "tensorflow-cpu")
FRAMES = 300
#: Most that a probability may differ.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def keras_python() -> Path:
    """Interpreter of an environment with the package and TensorFlow, made where it is not there."""
    try:
        # The package imports torch where it is there, and the two end each other in one process.
        return environment_with("keras", PACKAGES, shared=False)
    except NotInstalledError as error:
        pytest.skip(f"TensorFlow cannot be installed here: {str(error)[-300:]}")


@pytest.fixture(scope="module")
def embeddings() -> Floats:
    """A track of 1280 numbers an observation that drifts, mostly positive as the models' are."""
    rng = np.random.default_rng(11)
    drift = np.sin(np.arange(FRAMES) / 40)[:, None] * rng.normal(0, 0.5, 1280)
    return np.maximum(rng.normal(0.3, 0.5, (FRAMES, 1280)) + drift, -0.2).astype(np.float32)


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory: pytest.TempPathFactory, embeddings: Floats) -> Path:
    """Random weights in the published file's layout, under the published name."""
    weights = random_attention(1280, hidden=512)
    usual = np.mean([weights.logits(embeddings[a:b]) for a, b in published_spans(FRAMES)], axis=0)
    folder = tmp_path_factory.mktemp("home") / ".emotiefflib"
    folder.mkdir()
    path = folder / "engagement_single_attention.h5"
    layers = {
        "e": (weights.score[:, None], np.array([weights.score_bias], np.float32)),
        "hidden_FC": (weights.hidden, weights.hidden_bias),
        # So that neither level wins in every window, and some windows are clear.
        "dense": (4 * weights.output, 4 * (weights.output_bias - usual)),
    }
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in layers]
        for name, (kernel, bias) in layers.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/kernel:0".encode(), f"{name}/bias:0".encode()]
            group[f"{name}/kernel:0"], group[f"{name}/bias:0"] = kernel, bias
    return path


@pytest.fixture(scope="module")
def published_scores(keras_python: Path, weights_file: Path, embeddings: Floats) -> Floats:
    folder = weights_file.parent
    given, scores = folder / "embeddings.npy", folder / "scores.npy"
    np.save(given, embeddings)
    script = Path(__file__).with_name("published_engagement.py")
    done = subprocess.run(
        [keras_python, script, given, scores],
        env=os.environ | {"HOME": str(folder.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: Floats = np.load(scores)
    # Scores that hardly move would agree whatever the arithmetic did.
    assert np.ptp(found[:, 1]) > 0.3
    assert len(found) == FRAMES - 128
    return found


@pytest.fixture(scope="module")
def largest() -> Iterator[dict[str, float]]:
    """Collects the largest difference a side, and prints them at the end."""
    found: dict[str, float] = {}
    yield found
    listed = ", ".join(f"{name} {value:.1e}" for name, value in found.items())
    Console(width=120).print(f"Largest difference from emotiefflib's Keras model: {listed}")


@pytest.mark.parametrize("side", ["one by one", "overlapping", "sliding", "torch"])
def test_every_probability_is_keras_own(
    side: str,
    published_scores: Floats,
    weights_file: Path,
    embeddings: Floats,
    largest: dict[str, float],
) -> None:
    weights = SingleAttention.from_file(weights_file)
    classifier = AttentionClassifier(published_card(weights), weights)
    spans = published_spans(FRAMES)
    windows = [embeddings[start:stop] for start, stop in spans]
    if side == "one by one":
        ours = classifier.probabilities(windows)
    elif side == "overlapping":
        ours = classifier.probabilities_over(embeddings, spans)
    elif side == "sliding":
        found = slide(classifier, FrameWindows(), enumerate(embeddings))
        ours = np.stack([one.probabilities for one in found])
    else:
        with torch.no_grad():
            network = SingleAttentionNetwork.from_weights(weights).eval()
            ours = network(*padded(windows)).softmax(dim=1).numpy()
    assert ours.shape == published_scores.shape
    largest[side] = float(np.abs(ours - published_scores).max())
    assert largest[side] < TOLERANCE
