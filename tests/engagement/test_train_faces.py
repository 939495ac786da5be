"""Stage 1 of the published training, on "people" that are patterns, and on into stage 2."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from engagement import cli
from engagement.datasets.affectnet import AffectNet
from engagement.datasets.vggface2 import FaceIdentities, read_identities
from engagement.errors import DataError, ModelError
from engagement.networks.spec import EIGHT_EMOTIONS, IMAGENET_224
from engagement.training.affectnet import AffectNetConfig, train_affectnet
from engagement.training.backbone import build_network, input_of
from engagement.training.batches import Views, view
from engagement.training.faces import FacesConfig, published_faces_loop, train_faces
from engagement.training.loop import LoopConfig, Phase
from engagement.training.setup import Running
from engagement.weights.bundled import BACKBONE
from engagement.weights.expression_file import description_of
from tests.engagement.coloured_faces import listed, write_faces

ALONE = Running(device="cpu", workers=0)
PEOPLE = ("n000001", "n000002", "n000003", "n000004")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four people with sixteen pictures each, in one folder."""
    root = tmp_path_factory.mktemp("vggface2")
    write_faces(root / "train", PEOPLE, 16)
    return root


@pytest.fixture(scope="module")
def faces(folder: Path) -> FaceIdentities:
    return read_identities(folder, val_share=0.25)


@pytest.fixture(scope="module")
def trained(faces: FaceIdentities, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("faces")
    loop = LoopConfig((Phase(True, 3, 1e-2), Phase(False, 1, 1e-4)), 8)
    config = FacesConfig("mobilenet_face", loop, crop=0.6, input_size=80)
    train_faces(faces, out, config, start=BACKBONE, running=ALONE)
    return out


def test_people_are_told_apart_after_a_short_training(trained: Path, faces: FaceIdentities) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["identities"] == 4
    assert metrics["count"] == len(faces.val) == 16
    assert metrics["accuracy"] > 0.8


def test_what_is_kept_is_the_network_without_its_head(trained: Path) -> None:
    path = trained / "backbone.safetensors"
    assert set(load_file(path)) == set(load_file(BACKBONE))
    with safe_open(path, framework="pt") as file:
        metadata = description_of(file.metadata())
    assert metadata["architecture"] == "mobilenet_face"
    assert json.loads(metadata["input"])["size"] == 80


def test_the_second_stage_begins_at_the_first_ones_backbone(trained: Path, tmp_path: Path) -> None:
    for split in ("train", "val"):
        write_faces(tmp_path / split, EIGHT_EMOTIONS, 2)
    data = AffectNet(
        "folders",
        listed(tmp_path / "train", EIGHT_EMOTIONS),
        listed(tmp_path / "val", EIGHT_EMOTIONS),
    )
    head = LoopConfig((Phase(True, 1, 1e-3),), 8)
    config = AffectNetConfig(architecture="mobilenet_face", input_size=80, loop=head)
    backbone = trained / "backbone.safetensors"
    train_affectnet(data, tmp_path / "out", config, backbone=backbone, running=ALONE)
    state = torch.load(tmp_path / "out" / "checkpoint.pt", weights_only=True)["network"]
    for name, tensor in load_file(backbone).items():
        assert torch.equal(state[name], tensor), name
    other = replace(config, architecture="efficientnet_b0")
    with pytest.raises(ModelError, match="do not fit efficientnet_b0"):
        train_affectnet(data, tmp_path / "other", other, backbone=backbone, running=ALONE)


def test_a_whole_classifier_of_timms_fills_the_backbone(tmp_path: Path) -> None:
    """As `tf_efficientnet_b0` is handed out with ImageNet's head."""
    spec = input_of("efficientnet_b0", 32)
    network = build_network("efficientnet_b0", 4, spec, None, seed=1)
    tensors = {name: t.contiguous() for name, t in network.backbone.state_dict().items()}
    tensors |= {"classifier.weight": torch.zeros(1000, 1280), "classifier.bias": torch.zeros(1000)}
    save_file(tensors, tmp_path / "timm.safetensors")
    filled = build_network("efficientnet_b0", 4, spec, tmp_path / "timm.safetensors", seed=2)
    stem = "backbone.conv_stem.weight"
    assert torch.equal(filled.state_dict()[stem], network.state_dict()[stem])
    assert filled.classifier.out_features == 4


def test_random_weights_learn_too(faces: FaceIdentities, tmp_path: Path) -> None:
    """A MobileNet's norms are fresh then: ones that keep its signal would keep it from learning."""
    loop = LoopConfig((Phase(False, 3, 1e-3),), 16, sam_rho=0)
    config = FacesConfig("mobilenet_face", loop, crop=1.0, input_size=32)
    losses: list[float] = []
    train_faces(
        faces,
        tmp_path,
        config,
        running=ALONE,
        on_epoch=lambda row: losses.append(float(row["train_loss"])),
    )
    assert losses[-1] < 0.8 * losses[0]


def test_the_published_recipe_is_the_default() -> None:
    assert published_faces_loop() == LoopConfig(
        (Phase(True, 1, 1e-3), Phase(False, 10, 1e-4)), batch_size=48, sam_rho=0.05
    )
    assert FacesConfig().input() == IMAGENET_224
    assert FacesConfig().views() == Views(resize=256, crop=0.08, flip=True)
    assert FacesConfig("efficientnet_b2").input().size == 224
    assert FacesConfig("mobilefacenet").views().resize == 128


def test_a_random_crop_shows_a_part_of_the_face_at_the_inputs_size() -> None:
    ramp = np.linspace(0, 255, 100).astype(np.uint8)
    face = np.repeat(np.tile(ramp, (100, 1))[..., None], 3, axis=2)
    spec = replace(IMAGENET_224, size=40)
    spans, mirrored = [], 0
    for seed in range(200):
        seen = view(face, spec, Views(resize=64, crop=0.25), np.random.default_rng(seed))
        assert seen.shape == (40, 40, 3)
        left, right = int(seen[0, 0, 0]), int(seen[0, -1, 0])
        spans.append(abs(right - left) / 255)
        mirrored += right < left
    assert min(spans) > 0.35  # a quarter of the area at 3:4 is 0.43 wide
    assert max(spans) > 0.9
    assert 70 < mirrored < 130
    whole = view(face, spec, Views(flip=False), np.random.default_rng(0))
    assert abs(int(whole[0, -1, 0]) - int(whole[0, 0, 0])) > 245


def run(arguments: list[object], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["engagement", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_the_command_trains_a_backbone_and_says_where_it_lies(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--architecture", "mobilenet_face", "--input-size", 32, "--batch-size", 16]
    options += ["--head-epochs", 0, "--epochs", 1, "--workers", 1, "--sam-rho", 0]
    out = tmp_path / "run"
    assert run(["train", "faces", folder, "--out", out, *options], monkeypatch) == 0
    said = capsys.readouterr().out.replace("\n", "")
    assert "train: 56 faces" in said
    assert "val: 8 faces" in said
    assert "begins at random weights" in said
    assert "over 4 identities" in said
    assert (out / "backbone.safetensors").is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--architecture", "vit"], "There is no architecture 'vit' to train"),
        (["--crop", "0"], "--crop must be above 0 and at most 1, not 0"),
        (["--val-share", "1"], "must lie between 0 and 1, not 1"),
        (["--batch-size", "999"], "fewer than one batch of 999"),
        (["--start", "gone.safetensors"], "gone.safetensors cannot be read"),
    ],
)
def test_what_cannot_be_trained_is_one_line(
    options: list[str],
    words: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert run(["train", "faces", folder, "--out", out, *options], monkeypatch) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_a_start_of_another_architecture_is_refused(faces: FaceIdentities, tmp_path: Path) -> None:
    config = FacesConfig("mobilefacenet", LoopConfig((Phase(True, 1, 1e-3),), 8))
    with pytest.raises(ModelError, match="do not fit mobilefacenet"):
        train_faces(faces, tmp_path / "out", config, start=BACKBONE, running=ALONE)
    with pytest.raises(DataError, match="does not take faces of 64 pixels"):
        train_faces(faces, tmp_path / "out", replace(config, input_size=64), running=ALONE)
