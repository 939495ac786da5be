"""Training and evaluation on a tiny data set made here: three kinds of stripes."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import accuracy_score, f1_score
from typer.testing import CliRunner

from engagement.cli import app
from engagement.datasets.image_folder import read_face, scan_folder
from engagement.errors import DataError
from engagement.evaluation.metrics import classification_report
from engagement.networks.mobilenet import MobileNetFace
from engagement.training.augment import AugmentConfig, augment
from engagement.training.expression import Stage, TrainingConfig, parse_stages, train_expression
from engagement.training.sam import sharpness_aware_gradient
from engagement.weights.bundled import BACKBONE
from engagement.weights.expression_file import load_expression

CONFIG = TrainingConfig(
    name="stripes", stages=(Stage(32, 1), Stage(48, 2)), batch_size=12, learning_rate=2e-3
)


def stripes(kind: int, rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:48, :48]
    wave = [np.sin(x / 2), np.sin(y / 2), np.sin(x / 4) * np.sin(y / 4)][kind]
    noisy = 128 + 90 * wave + rng.normal(0, 10, (48, 48))
    return np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for split, count in (("train", 24), ("val", 8)):
        for kind, name in enumerate(("Angry", "happy", "neutral")):
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                cv2.imwrite(str(folder / f"{i}.png"), stripes(kind, rng))
    return root


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    train_expression(data, BACKBONE, out, CONFIG)
    return out


def test_a_run_leaves_a_model_and_its_record(trained: Path) -> None:
    history = json.loads((trained / "history.json").read_text())
    assert [row["size"] for row in history] == [32, 48, 48]
    assert json.loads((trained / "recipe.json").read_text())["name"] == "stripes"
    _, spec = load_expression(trained / "model.safetensors")
    assert spec.classes == ("anger", "happiness", "neutral")
    metrics = json.loads((trained / "metrics.json").read_text())
    best = max(history, key=lambda row: row["val_accuracy"] + row["val_macro_f1"])
    assert metrics["accuracy"] == best["val_accuracy"]
    assert history[-1]["train_loss"] < history[0]["train_loss"]


def test_an_interrupted_run_ends_like_an_unbroken_one_with_the_same_seed(
    data: Path, trained: Path, tmp_path: Path
) -> None:
    def interrupt(row: dict[str, Any]) -> None:
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_expression(data, BACKBONE, tmp_path, CONFIG, on_epoch=interrupt)
    train_expression(data, BACKBONE, tmp_path, CONFIG, resume=True)
    resumed = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["average"]
    unbroken = torch.load(trained / "checkpoint.pt", weights_only=True)["average"]
    for name, tensor in unbroken.items():
        assert torch.allclose(resumed[name].float(), tensor.float(), atol=1e-4), name


def test_another_recipe_cannot_resume_it(data: Path, trained: Path) -> None:
    other = TrainingConfig(stages=CONFIG.stages, batch_size=12, learning_rate=1e-4)
    with pytest.raises(DataError, match="other settings"):
        train_expression(data, BACKBONE, trained, other, resume=True)


def test_training_can_begin_at_a_model(data: Path, trained: Path, tmp_path: Path) -> None:
    still = TrainingConfig(stages=(Stage(48, 1),), batch_size=12, learning_rate=1e-9, sam_epochs=1)
    start = trained / "model.safetensors"
    train_expression(data, BACKBONE, tmp_path, still, start=start)
    before, after = load_file(start), load_file(tmp_path / "model.safetensors")
    assert torch.allclose(before["classifier.weight"], after["classifier.weight"], atol=1e-3)


def test_the_command_trains_and_evaluates(data: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    out = tmp_path / "run"
    arguments = ["train", "expression", str(data), "--backbone", str(BACKBONE), "--out", str(out)]
    arguments += [
        "--stage",
        "32:1",
        "--batch-size",
        "12",
        "--optimiser",
        "sgd",
        "--sam-epochs",
        "1",
    ]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert (out / "curves.png").stat().st_size > 1000
    again = runner.invoke(app, arguments)
    assert isinstance(again.exception, DataError)
    assert "--resume" in str(again.exception)
    model = str(out / "model.safetensors")
    figures = tmp_path / "figures.json"
    measured = runner.invoke(
        app, ["evaluate", "expression", str(data / "val"), "--model", model, "--json", str(figures)]
    )
    assert measured.exit_code == 0, measured.output
    assert "macro F1" in measured.output
    report = json.loads(figures.read_text())
    assert report["count"] == 24
    trained = json.loads((out / "metrics.json").read_text())
    assert report["accuracy"] == pytest.approx(trained["accuracy"], abs=0.05)


def test_metrics_equal_scikit_learn_and_ignore_absent_classes() -> None:
    truth, predicted = np.array([0, 0, 1, 1, 1, 0]), np.array([0, 1, 1, 1, 2, 0])
    report = classification_report(truth, predicted, ("a", "b", "c"))
    assert report.accuracy == accuracy_score(truth, predicted)
    assert report.macro_f1 == pytest.approx(
        f1_score(truth, predicted, labels=[0, 1], average="macro")
    )
    assert report.recall == {"a": pytest.approx(2 / 3), "b": pytest.approx(2 / 3), "c": None}
    assert report.confusion == ((2, 1, 0), (0, 2, 1), (0, 0, 0))
    with pytest.raises(DataError):
        classification_report(np.array([], np.int64), np.array([], np.int64), ("a",))


def test_folders_that_are_no_data_set_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        scan_folder(tmp_path / "nowhere")
    (tmp_path / "one").mkdir()
    with pytest.raises(DataError, match="not laid out"):
        scan_folder(tmp_path)
    broken = tmp_path / "broken.png"
    broken.write_text("no picture")
    with pytest.raises(DataError, match=r"broken\.png"):
        read_face(broken)
    for text in ("112", "a:b", "8:2", "112:0"):
        with pytest.raises(DataError):
            parse_stages([text])


def test_augmentation_is_the_generators_alone() -> None:
    faces = torch.randint(0, 255, (4, 48, 48), dtype=torch.uint8)
    first, again = (
        augment(faces, 64, AugmentConfig(), torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert torch.equal(first, again)
    assert first.shape == (4, 64, 64)
    assert first.min() >= 0
    assert first.max() <= 255


@pytest.mark.parametrize("rho", [0.0, 0.1])
def test_a_sharpness_aware_step_leaves_the_weights_where_they_were(rho: float) -> None:
    torch.manual_seed(0)
    network = MobileNetFace(3).train()
    inputs, labels = torch.randn(4, 3, 32, 32) * 50, torch.tensor([0, 1, 2, 0])

    def loss() -> torch.Tensor:
        return torch.nn.functional.cross_entropy(network(inputs), labels)

    loss().backward()
    plain = network.classifier.weight.grad.clone()
    network.zero_grad()
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    sharpness_aware_gradient(network, loss, rho)
    for name, parameter in network.named_parameters():
        assert torch.allclose(parameter, before[name], atol=1e-6), name
    assert torch.allclose(network.classifier.weight.grad, plain, atol=1e-7) == (rho == 0.0)
