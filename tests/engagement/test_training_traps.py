"""What goes wrong around training: interruption at any moment, other data, broken files."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from engagement import cli
from engagement.datasets.image_folder import read_face, scan_folder
from engagement.errors import DataError, ModelError
from engagement.networks.mobilenet import MobileNetFace
from engagement.training.expression import Stage, TrainingConfig, train_expression
from engagement.training.sam import sharpness_aware_gradient
from engagement.weights.bundled import BACKBONE
from engagement.weights.expression_file import grey_spec, load_expression, save_expression

CONFIG = TrainingConfig(stages=(Stage(32, 1),), batch_size=8, bf16=False)


def write_data(root: Path, *names: str, count: int = 6) -> Path:
    """Noise of another brightness a class, in ImageFolder layout."""
    dice = np.random.default_rng(0)
    for split in ("train", "val"):
        for shade, name in enumerate(names):
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                noise = dice.integers(0, 80, (40, 40)) + 60 * shade
                Image.fromarray(noise.astype(np.uint8)).save(folder / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"), "anger", "happiness", "neutral")


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    train_expression(data, BACKBONE, out, CONFIG)
    return out


def test_the_seed_decides_everything(data: Path, run: Path, tmp_path: Path) -> None:
    train_expression(data, BACKBONE, tmp_path / "again", CONFIG)
    other = TrainingConfig(stages=CONFIG.stages, batch_size=8, bf16=False, seed=1)
    train_expression(data, BACKBONE, tmp_path / "other", other)
    first = load_file(run / "model.safetensors")
    again = load_file(tmp_path / "again" / "model.safetensors")
    reseeded = load_file(tmp_path / "other" / "model.safetensors")
    for name, tensor in first.items():
        assert torch.allclose(tensor.float(), again[name].float(), atol=1e-3), name
    head = "classifier.weight"
    assert not torch.allclose(first[head].float(), reseeded[head].float(), atol=1e-2)


def test_a_finished_run_that_is_resumed_says_the_same_and_trains_no_more(
    data: Path, run: Path
) -> None:
    before = (run / "model.safetensors").read_bytes()
    report = train_expression(data, BACKBONE, run, CONFIG, resume=True)
    assert report.accuracy == json.loads((run / "metrics.json").read_text())["accuracy"]
    assert len(json.loads((run / "history.json").read_text())) == 1
    assert (run / "model.safetensors").read_bytes() == before


def test_a_run_cannot_go_on_with_other_emotions(run: Path, tmp_path: Path) -> None:
    others = write_data(tmp_path, "fear", "sadness", "surprise")
    with pytest.raises(DataError, match="emotions anger, happiness, neutral, not fear"):
        train_expression(others, BACKBONE, run, CONFIG, resume=True)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 half an archive"])
def test_a_damaged_checkpoint_is_a_sentence(content: bytes, data: Path, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(DataError, match=r"checkpoint\.pt is damaged"):
        train_expression(data, BACKBONE, tmp_path, CONFIG, resume=True)


def test_different_folders_in_train_and_val_are_refused(tmp_path: Path) -> None:
    data = write_data(tmp_path, "anger", "happiness")
    (data / "val" / "anger").rename(data / "val" / "fear")
    with pytest.raises(DataError, match="val/ has fear"):
        train_expression(data, BACKBONE, tmp_path / "out", CONFIG)


def test_too_few_images_for_a_batch_are_refused(tmp_path: Path) -> None:
    data = write_data(tmp_path, "anger", "happiness", count=2)
    with pytest.raises(DataError, match="4 images, fewer than one batch of 8"):
        train_expression(data, BACKBONE, tmp_path / "out", CONFIG)


def broken_picture(data: Path) -> None:
    (data / "train" / "anger" / "0.png").write_text("no picture")


def cut_picture(data: Path) -> None:
    path = data / "train" / "anger" / "0.png"
    path.write_bytes(path.read_bytes()[:200])


def empty_class(data: Path) -> None:
    (data / "train" / "boredom").mkdir()


def no_val(data: Path) -> None:
    (data / "val").rename(data / "test")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (broken_picture, "0.png cannot be read as an image"),
        (cut_picture, "0.png cannot be read as an image"),
        (empty_class, "no images in boredom"),
        (no_val, "There is no folder"),
    ],
)
def test_the_command_refuses_bad_data_with_one_line(
    damage: Callable[[Path], None],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = write_data(tmp_path / "data", "anger", "happiness")
    damage(data)
    arguments = ["train", "expression", data, "--backbone", BACKBONE, "--out", tmp_path / "out"]
    monkeypatch.setattr("sys.argv", ["engagement", *map(str, arguments), "--batch-size", "8"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_pictures_of_every_kind_are_read_alike(tmp_path: Path) -> None:
    grey = np.linspace(0, 255, 400).reshape(20, 20).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    Image.fromarray(grey).convert("RGBA").save(tmp_path / "alpha.png")
    Image.fromarray(grey).convert("P").save(tmp_path / "palette.png")
    for name in ("grey", "deep", "alpha", "palette"):
        face = read_face(tmp_path / f"{name}.png")
        assert face.dtype == np.uint8
        luminance = face if face.ndim == 2 else face.mean(axis=2)
        assert np.abs(luminance - grey.astype(float)).max() <= 1, name


def test_an_archives_own_files_are_not_pictures(tmp_path: Path) -> None:
    data = write_data(tmp_path, "anger", "Happy") / "train"
    (data / "anger" / "._0.png").write_bytes(b"not a picture")
    (data / "anger" / "notes.txt").write_text("nor this")
    folder = scan_folder(data)
    assert len(folder) == 12
    assert folder.classes == ("anger", "happiness")


@pytest.mark.parametrize(
    "spec",
    ["no json", "{}", '{"name": "m", "classes": 7}', '{"name": "m", "classes": [], "extra": 1}'],
)
def test_a_model_that_describes_itself_wrongly_is_refused(spec: str, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_file(
        {"a": torch.zeros(1)}, path, metadata={"format": "engagement.expression/1", "spec": spec}
    )
    with pytest.raises(ModelError, match=r"m\.safetensors does not describe itself"):
        load_expression(path)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda t: t.pop("conv1.weight"), "missing: conv1.weight"),
        (lambda t: t.update(surplus=torch.zeros(1)), "left over: surplus"),
        (lambda t: t.update({"classifier.bias": torch.zeros(9)}), "misshapen: classifier.bias"),
    ],
)
def test_a_model_whose_tensors_do_not_fit_is_refused_by_name(
    change: Callable[[dict[str, torch.Tensor]], object], problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "m.safetensors"
    save_expression(MobileNetFace(2), grey_spec("m", ("anger", "fear"), 48), path)
    tensors = dict(load_file(path))
    spec = json.dumps({"name": "m", "classes": ["anger", "fear"], "input_size": 48})
    change(tensors)
    save_file(tensors, path, metadata={"format": "engagement.expression/1", "spec": spec})
    with pytest.raises(ModelError, match=problem):
        load_expression(path)


def test_a_sharp_step_takes_the_gradient_at_the_top_of_the_climb() -> None:
    """On f(w) = w^3 at 2 with a radius of 0.5, the gradient is that at 2.5: 3 * 2.5^2."""
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(network.weight, 2.0)
    loss = sharpness_aware_gradient(network, lambda: network(torch.ones(1, 1)).pow(3).sum(), 0.5)
    assert float(loss) == pytest.approx(8.0)
    assert network.weight.grad.item() == pytest.approx(18.75)
    assert network.weight.item() == pytest.approx(2.0)


def test_a_sharp_step_lets_batch_norms_learn_from_the_true_weights_only() -> None:
    torch.manual_seed(0)
    norm = torch.nn.BatchNorm2d(2)
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), norm).train()
    faces = torch.randn(8, 1, 4, 4)
    with torch.no_grad():
        expected = 0.1 * network[0](faces).mean(dim=(0, 2, 3))
    sharpness_aware_gradient(network, lambda: network(faces).pow(3).mean(), 5.0)
    assert norm.running_mean == pytest.approx(expected, abs=1e-6)
    assert norm.momentum == 0.1
