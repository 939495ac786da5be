"""The network, its weights on disk, and what it is fed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from engagement.errors import ModelError, OutputError
from engagement.expressions.recognizer import ExpressionRecognizer
from engagement.expressions.valence_arousal import COORDINATES, coordinates_of, derive
from engagement.networks.mobilenet import (
    MobileNetFace,
    fold_batch_norm,
    load_backbone,
    unfold_batch_norm,
)
from engagement.networks.preprocess import normalise_grey, resize_square, stack_grey
from engagement.networks.spec import SEVEN_EMOTIONS
from engagement.weights.bundled import BACKBONE, load_identity, read_backbone
from engagement.weights.expression_file import grey_spec, load_expression, save_expression
from engagement.weights.registry import find_model


@pytest.fixture
def faces() -> torch.Tensor:
    grey = torch.randint(0, 255, (16, 64, 64), generator=torch.Generator().manual_seed(0))
    return normalise_grey(grey)


def test_putting_batch_norms_back_and_folding_them_changes_nothing(faces: torch.Tensor) -> None:
    network = load_identity()
    with torch.inference_mode():
        before = network.embed(faces)
    unfold_batch_norm(network, faces)
    with torch.inference_mode():
        assert torch.allclose(network.embed(faces), before, atol=1e-4)
        assert torch.allclose(fold_batch_norm(network).embed(faces), before, atol=1e-4)
    assert sum(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules()) == 27


def test_the_backbone_ships_without_its_other_heads() -> None:
    assert {name.split(".")[0] for name in load_file(BACKBONE)} == {"conv1", "blocks"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda t: t.pop("blocks.7.depthwise.bias"), "missing: blocks.7.depthwise.bias"),
        (lambda t: t.update(surplus=torch.zeros(1)), "left over: surplus"),
        (lambda t: t.update({"conv1.bias": torch.zeros(31)}), "misshapen: conv1.bias"),
    ],
)
def test_a_backbone_that_does_not_fit_is_refused_by_name(change, problem: str) -> None:
    tensors = dict(load_file(BACKBONE))
    change(tensors)
    with pytest.raises(ModelError, match=problem):
        load_backbone(MobileNetFace(0), tensors)


def test_a_model_file_round_trips_in_half_precision(tmp_path: Path, faces: torch.Tensor) -> None:
    torch.manual_seed(0)
    network = MobileNetFace(3).eval()
    spec = grey_spec("tiny", ("anger", "fear", "neutral"), 64, 0.95, -0.015)
    save_expression(network, spec, tmp_path / "m.safetensors")
    loaded, read = load_expression(tmp_path / "m.safetensors")
    assert read == spec
    with torch.inference_mode():
        assert torch.allclose(loaded(faces), network(faces), atol=1e-2)
    assert not list(tmp_path.glob("*.partial"))


def test_what_is_no_model_of_ours_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.safetensors"
    text.write_text("hello")
    other = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, other)
    for path in (text, other):
        with pytest.raises(ModelError, match=path.name):
            load_expression(path)
    with pytest.raises(ModelError, match="no model 'enet_b9'"):
        ExpressionRecognizer.open("enet_b9")


def test_a_pickle_is_never_executed(tmp_path: Path) -> None:
    import pickle

    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    path = tmp_path / "bomb.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ModelError):
        load_expression(path)
    assert not (tmp_path / "executed").exists()


def test_input_is_square_grey_and_centred() -> None:
    colour = np.zeros((50, 40, 3), np.uint8)
    colour[..., 0] = 255  # pure red has a luminance of 76
    stacked = stack_grey([colour, np.full((7, 9), 76, np.uint8)], 32)
    assert stacked.shape == (2, 32, 32)
    assert (stacked == 76).all()
    prepared = normalise_grey(torch.from_numpy(stacked))
    assert prepared[0, :, 0, 0].tolist() == pytest.approx([76 - 103.939, 76 - 116.779, 76 - 123.68])
    assert resize_square(colour, 10).shape == (10, 10, 3)
    assert stack_grey([], 32).shape == (0, 32, 32)


def test_valence_and_arousal_are_expectations() -> None:
    classes = tuple(COORDINATES)
    certain = np.eye(len(classes), dtype=np.float32)
    assert derive(certain, coordinates_of(classes)) == pytest.approx(
        np.array(list(COORDINATES.values()))
    )
    half = np.array([[0.5, 0.5]], np.float32)
    assert derive(half, coordinates_of(("happiness", "neutral")))[0] == pytest.approx(
        [0.405, 0.255]
    )
    with pytest.raises(ModelError, match="boredom"):
        coordinates_of(("boredom",))


def test_the_bundled_model_says_what_it_is_and_gives_probabilities() -> None:
    recognizer = ExpressionRecognizer.open("mobilenet_7_fer")
    assert recognizer.spec.name == "mobilenet_7_fer"
    assert recognizer.spec.classes == SEVEN_EMOTIONS
    crops = [np.full((60, 60, 3), 128, np.uint8), np.full((200, 200, 3), 30, np.uint8)]
    probabilities, embeddings = recognizer.predict(crops)
    assert probabilities.sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert embeddings.shape == (2, 1024)
    again, _ = recognizer.predict(crops[1:])
    assert again[0] == pytest.approx(probabilities[1], abs=1e-5)
    bundled = find_model("mobilenet_7_fer").bundled
    assert bundled is not None
    assert bundled.stat().st_size < 8e6


def test_the_same_model_is_the_same_file_and_readable_to_all(tmp_path: Path) -> None:
    """Equal training runs can be told from their sha256."""
    torch.manual_seed(0)
    network = MobileNetFace(2).eval()
    spec = grey_spec("tiny", ("anger", "fear"), 64)
    paths = [tmp_path / f"{i}.safetensors" for i in range(4)]
    for path in paths:
        save_expression(network, spec, path)
    assert len({path.read_bytes() for path in paths}) == 1
    plain = tmp_path / "plain"
    plain.touch()
    assert paths[0].stat().st_mode == plain.stat().st_mode


def test_a_model_whose_disk_is_full_is_told_in_a_sentence(tmp_path: Path) -> None:
    network, spec = MobileNetFace(2), grey_spec("tiny", ("anger", "fear"), 64)
    with pytest.raises(OutputError, match="cannot be written"):
        save_expression(network, spec, Path("/dev/full/m.safetensors"))
    with pytest.raises(OutputError, match="cannot be written"):
        save_expression(network, spec, tmp_path / "absent" / "m.safetensors")
    damaged = tmp_path / "backbone.safetensors"
    damaged.write_bytes(BACKBONE.read_bytes()[:5000])
    with pytest.raises(ModelError, match="cannot be read as a safetensors backbone"):
        read_backbone(damaged)
