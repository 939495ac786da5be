"""The published packages' classes under our roof: shapes, types, and what they refuse.

That their numbers are the published packages' own is proven by ``make oracle``.
"""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from engagement.errors import DataError, ModelError
from engagement.hsemotion import EmotiEffLibRecognizer, HSEmotionRecognizer, get_model_list
from engagement.hsemotion.facial_emotions_onnx import HSEmotionRecognizer as OnnxRecognizer
from engagement.networks.architectures import build
from engagement.runtimes.graph import export_graph
from engagement.types import Pixels
from engagement.weights.cache import git_blob_id, models_folder
from engagement.weights.registry import find_model
from engagement.windows.single_attention import (
    AttentionClassifier,
    SingleAttention,
    published_card,
    published_spans,
)

NAME = "mbf_va_mtl"
EMOTIONS = {"Anger", "Contempt", "Disgust", "Fear", "Happiness", "Neutral", "Sadness", "Surprise"}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of the smallest model, named as in the published file."""
    torch.manual_seed(0)
    network = build("mobilefacenet", 10)
    with torch.no_grad():
        # Norms that have measured what they see: else embeddings of all faces are alike.
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                module.momentum = None
        network.train()
        network(torch.rand(8, 3, 112, 112) * 2 - 1)
        network.eval()
    folder = tmp_path_factory.mktemp("weights")
    tensors = {
        name.replace("classifier.", "fc."): tensor.contiguous()
        for name, tensor in network.state_dict().items()
    }
    save_file(tensors, folder / f"{NAME}.safetensors")
    spec = find_model(NAME).spec
    assert spec is not None
    (folder / f"{NAME}.onnx").write_bytes(export_graph(network, spec))
    return folder / f"{NAME}.safetensors"


@pytest.fixture(scope="module")
def faces() -> list[Pixels]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (h, w, 3), dtype=np.uint8) for h, w in ((90, 70), (112, 112))]


def test_hsemotion_gives_a_name_and_a_row_of_scores_for_one_face(
    checkpoint: Path, faces: list[Pixels]
) -> None:
    fer = HSEmotionRecognizer(NAME, "cpu", weights=checkpoint)
    emotion, scores = fer.predict_emotions(faces[0])
    assert emotion in EMOTIONS
    assert scores.shape == (10,)
    assert fer.idx_to_class[int(scores[:8].argmax())] == emotion
    features = fer.extract_features(faces[0])
    assert features.shape == (1, 512)
    assert features.dtype == np.float32
    assert fer.get_probab(features)[0] == pytest.approx(scores, abs=1e-5)


def test_hsemotion_gives_a_list_and_a_table_for_many_faces(
    checkpoint: Path, faces: list[Pixels]
) -> None:
    fer = HSEmotionRecognizer(NAME, weights=checkpoint)
    names, scores = fer.predict_multi_emotions(faces, logits=False)
    assert isinstance(names, list)
    assert scores.shape == (2, 10)
    assert scores[:, :8].sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
    # Valence and arousal are no probabilities and stay as they are.
    _, logits = fer.predict_multi_emotions(faces)
    assert scores[:, 8:] == pytest.approx(logits[:, 8:])
    assert fer.extract_multi_features(faces).shape == (2, 512)


def test_emotiefflib_always_gives_lists(checkpoint: Path, faces: list[Pixels]) -> None:
    fer = EmotiEffLibRecognizer("torch", NAME, weights=checkpoint)
    names, scores = fer.predict_emotions(faces[0])
    assert isinstance(names, list)
    assert scores.shape == (1, 10)
    features = fer.extract_features(faces)
    again, probabilities = fer.classify_emotions(features, logits=False)
    assert again == fer.predict_emotions(faces)[0]
    assert probabilities[:, :8].sum(axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_the_onnx_classes_shrink_faces_as_opencv_does_and_else_agree(
    checkpoint: Path, faces: list[Pixels]
) -> None:
    on_torch = EmotiEffLibRecognizer("torch", NAME, weights=checkpoint)
    graph = checkpoint.with_suffix(".onnx")
    for on_onnx in (
        EmotiEffLibRecognizer("onnx", NAME, weights=graph),
        OnnxRecognizer(NAME, weights=graph),
    ):
        assert on_onnx.classifier_weights == pytest.approx(on_torch.classifier_weights)
        assert on_onnx.extract_features(faces[1]) == pytest.approx(
            on_torch.extract_features(faces[1]), abs=1e-4
        )
        # On fine patterns the smoothing filter and the plain one see different faces.
        large = np.random.default_rng(1).integers(0, 255, (360, 280, 3), dtype=np.uint8)
        differences = on_onnx.extract_features(large) - on_torch.extract_features(large)
        assert np.abs(differences).max() > 1e-3, np.abs(differences).max()


@pytest.mark.parametrize(
    ("face", "error", "words"),
    [
        (np.zeros((0, 50, 3), np.uint8), DataError, r"\(0, 50, 3\) uint8"),
        (np.zeros((50, 50), np.uint8), DataError, "RGB array"),
        (np.zeros((50, 50, 3), np.float32), DataError, "float32"),
        ("face.jpg", TypeError, "NumPy array"),
        ([np.zeros((9, 9, 3), np.uint8), None], TypeError, "list of them"),
    ],
)
def test_what_is_no_face_image_is_refused_with_a_sentence(
    face: Any, error: type[Exception], words: str, checkpoint: Path
) -> None:
    fer = EmotiEffLibRecognizer("torch", NAME, weights=checkpoint)
    with pytest.raises(error, match=words):
        fer.predict_emotions(face)


def test_no_faces_are_no_rows(checkpoint: Path) -> None:
    fer = HSEmotionRecognizer(NAME, weights=checkpoint)
    names, scores = fer.predict_multi_emotions([], logits=False)
    assert names == []
    assert scores.shape == (0, 10)


def test_unknown_models_engines_and_forms_are_told(checkpoint: Path) -> None:
    with pytest.raises(ModelError, match="Did you mean"):
        HSEmotionRecognizer("enet_b0_8_best_vgf")
    with pytest.raises(ValueError, match="torch or onnx"):
        EmotiEffLibRecognizer("tensorflow", NAME)
    with pytest.raises(ModelError, match="not published as onnx"):
        OnnxRecognizer("enet_b0_7")
    with pytest.raises(ModelError, match="and enet_b0_8_best_vgaf is efficientnet_b0"):
        HSEmotionRecognizer("enet_b0_8_best_vgaf", weights=checkpoint)
    assert "enet_b0_8_best_vgaf" in get_model_list()


def test_an_absent_model_is_fetched_verified_and_found_again(
    checkpoint: Path,
    faces: list[Pixels],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From a mirror that has another file under that name: it is refused, and not kept."""
    monkeypatch.setenv("ENGAGEMENT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mirror").mkdir()
    copy = tmp_path / "mirror" / f"{NAME}.pt"
    copy.write_bytes(checkpoint.read_bytes())
    monkeypatch.setenv("ENGAGEMENT_MODEL_MIRROR", str(copy.parent))
    with pytest.raises(ModelError, match=git_blob_id(copy)):
        HSEmotionRecognizer(NAME)
    assert not (models_folder() / f"{NAME}.pt").exists()


@pytest.fixture
def attention(tmp_path: Path) -> Path:
    """Keras weights with the published layers' names, for embeddings of 6 numbers."""
    rng = np.random.default_rng(5)
    path = tmp_path / "engagement.h5"
    shapes = {"e": (12, 1), "hidden_FC": (12, 512), "dense": (512, 2)}
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in shapes]
        for name, shape in shapes.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/kernel:0".encode(), f"{name}/bias:0".encode()]
            group[f"{name}/kernel:0"] = rng.normal(0, 0.5, shape).astype(np.float32)
            group[f"{name}/bias:0"] = rng.normal(0, 0.5, shape[1]).astype(np.float32)
    return path


def test_the_engagement_classifier_is_the_published_arithmetic(attention: Path) -> None:
    """Against the same formula written out for one window, in double precision."""
    model = SingleAttention.from_file(attention)
    rng = np.random.default_rng(1)
    embeddings = rng.normal(size=(20, 6)).astype(np.float32)
    width = 8
    classifier = AttentionClassifier(published_card(model), model)
    scores = classifier.probabilities_over(embeddings, published_spans(20, width))
    with h5py.File(attention) as file:
        (we, be), (wh, bh), (wo, bo) = (
            (file[f"{n}/{n}/kernel:0"][()].astype(float), file[f"{n}/{n}/bias:0"][()].astype(float))
            for n in ("e", "hidden_FC", "dense")
        )
    for i in range(12):
        rows = embeddings[i : i + width].astype(float)
        x = np.hstack([np.tile(rows.std(axis=0), (width, 1)), rows])
        alpha = np.exp(x @ we + be)
        context = (alpha / alpha.sum() * x).sum(axis=0)
        logits = np.maximum(context @ wh + bh, 0) @ wo + bo
        assert scores[i] == pytest.approx(np.exp(logits) / np.exp(logits).sum(), abs=1e-5)


def test_engagement_slides_by_a_frame_and_leaves_the_last_window_out(
    checkpoint: Path, attention: Path
) -> None:
    fer = EmotiEffLibRecognizer("torch", NAME, weights=checkpoint)
    fer._attention = SingleAttention.from_file(attention)
    features = np.random.default_rng(2).normal(size=(20, 6)).astype(np.float32)
    names, scores = fer.classify_engagement(features, sliding_window_width=8)
    assert len(names) == 12
    assert scores.shape == (12, 2)
    assert set(names) <= {"Distracted", "Engaged"}
    with pytest.raises(ValueError, match="fewer than the sliding window"):
        fer.classify_engagement(features[:7], 8)
    with pytest.raises(ValueError, match="takes embeddings of 6"):
        fer.classify_engagement(np.zeros((20, 512), np.float32), 8)


def test_other_layers_are_no_engagement_classifier(tmp_path: Path, attention: Path) -> None:
    with h5py.File(attention, "a") as file:
        del file["hidden_FC"]
        file.attrs["layer_names"] = [b"e", b"dense"]
    with pytest.raises(ModelError, match="does not hold the layers"):
        SingleAttention.from_file(attention)
