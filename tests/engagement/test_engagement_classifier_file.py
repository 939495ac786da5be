"""Classifiers that were written are read back the same, and damaged ones are refused."""

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from scipy.special import softmax
from sklearn.linear_model import Ridge as RidgeRegression
from sklearn.svm import SVR

from engagement.datasets.engagement_windows import FOUR_LEVELS
from engagement.errors import ModelError
from engagement.training.engagement_attention import AttentionFitter
from engagement.training.engagement_methods import (
    BoostingFitter,
    Fitter,
    RidgeFitter,
    SvrFitter,
    calibrate,
)
from engagement.training.engagement_samples import Samples, samples_of
from engagement.windows.classifier import ClassifierCard, EngagementClassifier, Measured, Method
from engagement.windows.classifier_file import read_classifier, write_classifier
from tests.engagement.generated_windows import Generator

METHODS: tuple[Method, ...] = ("ridge", "svr", "boosting", "single_attention")
CARD = ClassifierCard(
    name="a class",
    method="ridge",
    embedding_model="generated",
    embedding_size=6,
    levels=FOUR_LEVELS,
    window_s=10.0,
    sampling_fps=5.0,
    temperature=1.0,
    trained_on="generated windows",
    people=5,
    windows=60,
    scope="course",
    metrics={"balanced_recall": Measured(0.7, 0.6, 0.8)},
    guessing={"balanced_recall": 0.25},
)
GENERATORS = {2: Generator(size=6), 4: Generator(size=6, levels=4)}


@pytest.fixture(scope="module")
def samples() -> dict[int, Samples]:
    return {k: samples_of(g.windows(5, 12, seed=1)) for k, g in GENERATORS.items()}


@pytest.fixture(scope="module")
def fitted(samples: dict[int, Samples]) -> dict[Method, EngagementClassifier]:
    """One classifier of each kind, soon fitted."""
    fitters: dict[Method, Fitter] = {
        "ridge": RidgeFitter((0.1,)),
        "svr": SvrFitter(((1.0, 0.5),)),
        "boosting": BoostingFitter(rounds=(5,)),
        "single_attention": AttentionFitter(steps=(20,)),
    }
    found: dict[Method, EngagementClassifier] = {}
    for method, fitter in fitters.items():
        model = fitter.fit(samples[4], 0)
        calibration = calibrate(model.raw(samples[4]), samples[4])
        found[method] = model.classifier(replace(CARD, method=method), calibration)
    return found


@pytest.mark.parametrize("method", METHODS)
def test_a_classifier_that_was_written_is_read_back_the_same(
    fitted: dict[Method, EngagementClassifier], method: Method, tmp_path: Path
) -> None:
    classifier = fitted[method]
    write_classifier(classifier, tmp_path / "a.safetensors")
    write_classifier(classifier, tmp_path / "b.safetensors")
    read = read_classifier(tmp_path / "a.safetensors")
    rows = [w.embeddings for w in GENERATORS[4].windows(3, 4, seed=3).windows]
    assert read.card == classifier.card
    np.testing.assert_array_equal(read.probabilities(rows), classifier.probabilities(rows))
    assert read.probabilities([]).shape == (0, 4)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


@pytest.mark.parametrize("levels", [2, 4])
def test_ridge_predicts_as_scikit_learn_does(samples: dict[int, Samples], levels: int) -> None:
    train = samples[levels]
    model = RidgeFitter((0.1,)).fit(train, 0)
    scaled = (train.features - train.features.mean(axis=0)) / train.features.std(axis=0)
    expected = RidgeRegression(alpha=0.1 * len(train)).fit(scaled, train.values).predict(scaled)
    np.testing.assert_allclose(model.raw(train), expected, atol=1e-5)


@pytest.mark.parametrize("levels", [2, 4])
def test_support_vectors_predict_as_scikit_learn_does(
    samples: dict[int, Samples], levels: int
) -> None:
    train = samples[levels]
    model = SvrFitter(((1.0, 0.5),)).fit(train, 0)
    scaled = (train.features - train.features.mean(axis=0)) / train.features.std(axis=0)
    regression = SVR(C=1.0, gamma=0.5 / scaled.shape[1], epsilon=0.1).fit(scaled, train.values)
    np.testing.assert_allclose(model.raw(train), regression.predict(scaled), atol=1e-5)


@pytest.mark.parametrize("levels", [2, 4])
def test_trees_predict_as_scikit_learn_does(samples: dict[int, Samples], levels: int) -> None:
    train = samples[levels]
    fitter = BoostingFitter(rounds=(3, 30))
    theirs = fitter.trees(train, 30)
    assert theirs is not None
    ours = fitter.fit(train, 1).raw(train)
    np.testing.assert_allclose(
        softmax(ours, axis=1), theirs.predict_proba(train.features), atol=1e-5
    )
    early = fitter.path(train, train)[0]
    staged = list(theirs.staged_predict_proba(train.features))
    np.testing.assert_allclose(softmax(early, axis=1), staged[2], atol=1e-5)


def test_a_network_takes_embeddings_that_are_not_standardised(samples: dict[int, Samples]) -> None:
    """Standardisation is folded into the weights, whatever the embeddings' place and scale."""
    train = samples[2]
    moved = replace(train, rows=tuple(40 + 7 * rows for rows in train.rows))
    fitter = AttentionFitter(steps=(40,))
    plain, shifted = fitter.fit(train, 0).raw(train), fitter.fit(moved, 0).raw(moved)
    np.testing.assert_allclose(shifted, plain, atol=5e-3)


def test_training_a_network_leaves_the_random_numbers_of_others_alone(
    samples: dict[int, Samples],
) -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    AttentionFitter(steps=(5,)).fit(samples[2], 0)
    assert torch.equal(torch.rand(3), expected)


Change = Callable[[dict[str, np.ndarray], dict[str, str]], None]


def drop_tensor(tensors: dict[str, np.ndarray], described: dict[str, str]) -> None:
    tensors.popitem()


def add_tensor(tensors: dict[str, np.ndarray], described: dict[str, str]) -> None:
    tensors["extra"] = np.zeros(2)


def poison(tensors: dict[str, np.ndarray], described: dict[str, str]) -> None:
    name = next(name for name, t in tensors.items() if t.dtype.kind == "f")
    tensors[name] = np.full_like(tensors[name], np.nan)


def shorten(tensors: dict[str, np.ndarray], described: dict[str, str]) -> None:
    name = max(tensors, key=lambda n: tensors[n].size)
    tensors[name] = tensors[name][:-1]


def as_text(tensors: dict[str, np.ndarray], described: dict[str, str]) -> None:
    name = next(iter(tensors))
    tensors[name] = np.zeros(tensors[name].shape, dtype=np.uint8)


def other_format(tensors: dict[str, np.ndarray], described: dict[str, str]) -> None:
    described["format"] = "engagement.expression/2"


def other_method(tensors: dict[str, np.ndarray], described: dict[str, str]) -> None:
    described["card"] = described["card"].replace('"method": "', '"method": "x')


def no_card(tensors: dict[str, np.ndarray], described: dict[str, str]) -> None:
    del described["card"]


def frozen(tensors: dict[str, np.ndarray], described: dict[str, str]) -> None:
    described["card"] = json.dumps({**json.loads(described["card"]), "temperature": 0.0})


def endless(tensors: dict[str, np.ndarray], described: dict[str, str]) -> None:
    described["card"] = json.dumps({**json.loads(described["card"]), "window_s": float("inf")})


def one_level(tensors: dict[str, np.ndarray], described: dict[str, str]) -> None:
    described["card"] = json.dumps({**json.loads(described["card"]), "levels": ["engaged"]})


def nested(tensors: dict[str, np.ndarray], described: dict[str, str]) -> None:
    described["card"] = "[" * 100_000


CHANGES = [
    drop_tensor,
    add_tensor,
    poison,
    shorten,
    as_text,
    other_format,
    other_method,
    no_card,
    frozen,
    endless,
    one_level,
    nested,
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("method", METHODS)
def test_a_damaged_classifier_is_refused_with_one_sentence(
    fitted: dict[Method, EngagementClassifier], method: Method, change: Change, tmp_path: Path
) -> None:
    assert_refused(fitted, method, change, tmp_path)


def loop(tensors: dict[str, np.ndarray], described: dict[str, str]) -> None:
    tensors["left"] = np.where(tensors["features"] >= 0, 0, tensors["left"]).astype(np.int32)


def outside(tensors: dict[str, np.ndarray], described: dict[str, str]) -> None:
    tensors["right"] = tensors["right"] + np.int32(10**6)


def no_column(tensors: dict[str, np.ndarray], described: dict[str, str]) -> None:
    tensors["features"] = np.where(tensors["features"] >= 0, 999, -1).astype(np.int32)


def no_root(tensors: dict[str, np.ndarray], described: dict[str, str]) -> None:
    tensors["starts"] = tensors["starts"] - np.int32(1)


def no_level(tensors: dict[str, np.ndarray], described: dict[str, str]) -> None:
    tensors["outputs"] = tensors["outputs"] + np.int32(9)


@pytest.mark.parametrize("change", [loop, outside, no_column, no_root, no_level])
def test_trees_that_lead_nowhere_are_refused(
    fitted: dict[Method, EngagementClassifier], change: Change, tmp_path: Path
) -> None:
    assert_refused(fitted, "boosting", change, tmp_path)


@pytest.mark.parametrize("content", [b"", b"not safetensors", pickle.dumps({"a": 1})])
def test_what_is_no_such_file_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(content)
    for path in (file, tmp_path, tmp_path / "absent"):
        with pytest.raises(ModelError, match="cannot be read as an engagement classifier"):
            read_classifier(path)


def test_a_file_that_was_cut_short_is_refused(
    fitted: dict[Method, EngagementClassifier], tmp_path: Path
) -> None:
    file = tmp_path / "x.safetensors"
    write_classifier(fitted["ridge"], file)
    whole = file.read_bytes()
    for length in (7, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(ModelError):
            read_classifier(file)


def assert_refused(
    fitted: dict[Method, EngagementClassifier], method: Method, change: Change, folder: Path
) -> None:
    file = folder / "x.safetensors"
    write_classifier(fitted[method], file)
    tensors = load_file(file)
    described = {
        "format": "engagement.classifier/1",
        "card": json.dumps(_card_of(file)),
    }
    change(tensors, described)
    save_file(tensors, file, metadata={"engagement": json.dumps(described)})
    with pytest.raises(ModelError) as caught:
        read_classifier(file)
    assert "x.safetensors" in str(caught.value)


def _card_of(file: Path) -> dict[str, object]:
    header_size = int.from_bytes(file.read_bytes()[:8], "little")
    header = json.loads(file.read_bytes()[8 : 8 + header_size])
    card: dict[str, object] = json.loads(json.loads(header["__metadata__"]["engagement"])["card"])
    return card
