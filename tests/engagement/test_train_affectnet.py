"""Stage 2 of the published training, on pictures whose right answers are known."""

import csv
import json
import resource
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from engagement import cli
from engagement.datasets.affectnet import AffectNet
from engagement.errors import DataError, ModelError, OutputError
from engagement.expressions.recognizer import ExpressionRecognizer
from engagement.networks.preprocess import prepare
from engagement.networks.spec import EIGHT_EMOTIONS, InputSpec
from engagement.training.affectnet import (
    AffectNetConfig,
    published_affectnet_loop,
    read_data,
    train_affectnet,
)
from engagement.training.backbone import build_network, input_of, read_backbone_file
from engagement.training.batches import Batches, Views, network_input
from engagement.training.device import Device
from engagement.training.loop import LoopConfig, Phase, Task
from engagement.training.losses import (
    affect_loss,
    concordance,
    inverse_frequencies,
    smoothed_cross_entropy,
)
from engagement.training.sam import sharpness_aware_gradient
from engagement.training.setup import Plan, Running, opened_run
from engagement.weights.bundled import BACKBONE
from engagement.weights.expression_file import load_expression
from tests.engagement.coloured_faces import DeadlyFaces, listed, write_faces

ALONE = Running(device="cpu", workers=0)
#: Fast: eighteen steps from random weights.
CONFIG = AffectNetConfig(
    name="colours",
    architecture="mobilenet_face",
    input_size=32,
    loop=LoopConfig((Phase(True, 1, 1e-2), Phase(False, 2, 1e-3)), 16, checkpoint_steps=3),
)
#: Learns: the packaged face network's embeddings tell the patterns apart.
LEARNING = replace(CONFIG, input_size=96, loop=LoopConfig((Phase(True, 4, 1e-2),), 16))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("affectnet")
    write_faces(root / "train", EIGHT_EMOTIONS, 12)
    write_faces(root / "val", EIGHT_EMOTIONS, 4, seed=1)
    return root


@pytest.fixture(scope="module")
def data(folder: Path) -> AffectNet:
    return AffectNet(
        "folders", listed(folder / "train", EIGHT_EMOTIONS), listed(folder / "val", EIGHT_EMOTIONS)
    )


@pytest.fixture(scope="module")
def trained(data: AffectNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    train_affectnet(data, out, CONFIG, running=ALONE)
    return out


def history(out: Path) -> list[dict[str, str]]:
    with (out / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_loss_is_the_published_one_worked_out_by_hand() -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 3.0]], dtype=torch.float64)
    weights = torch.tensor([1.0, 4.0, 2.5], dtype=torch.float64)
    labels, smoothing = [0, 1], 0.1
    total = 0.0
    for row, label in zip(logits.tolist(), labels, strict=True):
        share = sum(np.exp(row))
        for place, logit in enumerate(row):
            target = (0.9 if place == label else 0.0) + smoothing / 3
            total += -float(weights[place]) * target * (logit - np.log(share))
    loss = smoothed_cross_entropy(logits, torch.tensor(labels), weights, smoothing)
    assert float(loss) == pytest.approx(total / 2)
    torch_own = torch.nn.functional.cross_entropy(
        logits, torch.tensor(labels), weights, label_smoothing=smoothing
    )
    assert float(loss) != pytest.approx(float(torch_own))


def test_class_weights_are_those_that_the_authors_notebook_printed() -> None:
    counts = torch.tensor([24882, 3750, 3803, 6378, 134415, 74874, 25459, 14090])
    printed = [5.402097902, 35.844, 35.344464896, 21.074788335, 1.0, 1.795215963, 5.279665344,
               9.539744500]  # fmt: skip
    assert inverse_frequencies(counts, EIGHT_EMOTIONS).tolist() == pytest.approx(printed)
    counts[1] = 0
    with pytest.raises(DataError, match="show no contempt"):
        inverse_frequencies(counts, EIGHT_EMOTIONS)


def test_concordance_is_lins() -> None:
    dice = np.random.default_rng(0)
    x, y = dice.normal(size=50), dice.normal(0.3, 2, size=50)
    deviations = 2 * np.corrcoef(x, y)[0, 1] * x.std(ddof=1) * y.std(ddof=1)
    lin = deviations / (x.var(ddof=1) + y.var(ddof=1) + (x.mean() - y.mean()) ** 2)
    both = torch.from_numpy(np.stack([x, y], axis=1))
    assert concordance(both[:, :1], both[:, 1:]).item() == pytest.approx(lin)
    assert concordance(both, both).tolist() == pytest.approx([1, 1])
    assert concordance(both - both.mean(0), both.mean(0) - both).tolist() == pytest.approx([-1, -1])
    assert concordance(torch.ones(3, 1), torch.ones(3, 1)).item() == 0


def test_faces_without_affect_count_for_nothing_in_its_loss() -> None:
    predicted = torch.randn(6, 2, generator=torch.Generator().manual_seed(0), requires_grad=True)
    truth = torch.linspace(-1, 1, 12).reshape(6, 2)
    truth[1] = truth[4, 0] = torch.nan
    known = [0, 2, 3, 5]
    loss = affect_loss(predicted, truth)
    by_hand = ((1 - concordance(predicted[known], truth[known])) / 2).sum()
    assert loss.item() == pytest.approx(by_hand.item())
    loss.backward()
    assert predicted.grad[[1, 4]].abs().sum() == 0
    assert predicted.grad[known].abs().min() > 0
    truth[1:] = torch.nan
    predicted.grad = None
    affect_loss(predicted, truth).backward()
    assert predicted.grad.abs().sum() == 0


@pytest.mark.parametrize("architecture", ["efficientnet_b2", "mobilefacenet", "mobilenet_face"])
def test_training_sees_the_pixels_that_inference_sees(architecture: str, data: AffectNet) -> None:
    spec: InputSpec = input_of(architecture)
    batch = next(Batches(data.val, spec, 5, views=None).epoch())
    crops = [data.val.read(i) for i in range(5)]
    assert network_input(batch.pixels, spec).numpy() == pytest.approx(
        prepare(crops, spec), abs=1e-6
    )


def test_batches_are_the_same_however_they_are_loaded(data: AffectNet) -> None:
    spec = input_of("efficientnet_b0", 32)

    def epoch(workers: int, number: int, first: int = 0) -> list[torch.Tensor]:
        made = Batches(data.train, spec, 20, views=Views(40, 0.3), seed=3, workers=workers)
        return [batch.pixels for batch in made.epoch(number, first)]

    alone = epoch(0, 1)
    assert len(alone) == 4  # 96 faces: the incomplete batch waits for another epoch
    assert all(torch.equal(a, b) for a, b in zip(alone, epoch(2, 1), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(alone[2:], epoch(0, 1, 2), strict=True))
    assert not torch.equal(alone[0], epoch(0, 2)[0])


def test_a_run_leaves_its_record(trained: Path) -> None:
    rows = history(trained)
    assert [row["phase"] for row in rows] == ["1 head", "2 all", "2 all"]
    assert float(rows[-1]["train_loss"]) < 0.9 * float(rows[0]["train_loss"])
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["accuracy"] == max(float(row["val_accuracy"]) for row in rows)
    recipe = json.loads((trained / "recipe.json").read_text())
    assert recipe["loop"]["sam_rho"] == 0.05
    assert recipe["train"] == "96 faces"


class PowerError(Exception):
    """The power goes."""


@pytest.mark.parametrize("steps", [4, 6, 13])
def test_an_interrupted_run_ends_bit_for_bit_like_an_unbroken_one(
    steps: int, data: AffectNet, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the head's phase, at the change of phase, and within the last epoch."""
    from engagement.training import loop

    taken = 0

    def counted(*arguments: object) -> torch.Tensor:
        nonlocal taken
        taken += 1
        if taken > steps:
            raise PowerError
        return sharpness_aware_gradient(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "sharpness_aware_gradient", counted)
        with pytest.raises(PowerError):
            train_affectnet(data, tmp_path, CONFIG, running=ALONE)
    train_affectnet(data, tmp_path, CONFIG, running=replace(ALONE, resume=True, workers=1))
    same = load_file(trained / "model.safetensors")
    for name, tensor in load_file(tmp_path / "model.safetensors").items():
        assert torch.equal(tensor, same[name]), name
    resumed, unbroken = (
        torch.load(out / "checkpoint.pt", weights_only=True) for out in (tmp_path, trained)
    )
    for part in ("network", "best"):
        for name, tensor in unbroken[part].items():
            assert torch.equal(resumed[part][name], tensor), (part, name)
    for row, other in zip(history(tmp_path), history(trained), strict=True):
        assert row | {"seconds": ""} == other | {"seconds": ""}


def test_a_finished_run_that_is_resumed_says_the_same(data: AffectNet, trained: Path) -> None:
    before = (trained / "model.safetensors").read_bytes()
    report = train_affectnet(data, trained, CONFIG, running=replace(ALONE, resume=True))
    assert report.accuracy == json.loads((trained / "metrics.json").read_text())["accuracy"]
    assert (trained / "model.safetensors").read_bytes() == before
    assert len(history(trained)) == 3


def test_a_run_goes_on_only_with_its_own_settings_and_data(
    data: AffectNet, trained: Path, folder: Path
) -> None:
    resume = replace(ALONE, resume=True)
    with pytest.raises(DataError, match="already holds a training run"):
        train_affectnet(data, trained, CONFIG, running=ALONE)
    other = replace(CONFIG, label_smoothing=0.2)
    with pytest.raises(DataError, match="other settings"):
        train_affectnet(data, trained, other, running=resume)
    fewer = replace(data, train=data.train.subset(np.arange(90)))
    with pytest.raises(DataError, match="other data"):
        train_affectnet(fewer, trained, CONFIG, running=resume)


def test_a_phase_ends_when_val_gets_no_better(data: AffectNet, tmp_path: Path) -> None:
    phases = (Phase(True, 4, 1e-12), Phase(False, 4, 1e-12))
    still = replace(CONFIG, loop=replace(CONFIG.loop, phases=phases, patience=1, sam_rho=0))
    few = AffectNet("folders", data.train.subset(np.arange(0, 96, 3)), data.val)
    train_affectnet(few, tmp_path, still, running=ALONE)
    assert [row["phase"] for row in history(tmp_path)] == ["1 head", "1 head", "2 all", "2 all"]


def test_expressions_are_learnt_together_with_valence_and_arousal(
    folder: Path, tmp_path: Path
) -> None:
    data = AffectNet(
        "sets",
        listed(folder / "train", EIGHT_EMOTIONS, affect=True),
        listed(folder / "val", EIGHT_EMOTIONS, affect=True),
    )
    both = replace(LEARNING, affect=True, label_smoothing=0.0)
    train_affectnet(data, tmp_path, both, backbone=BACKBONE, running=ALONE)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["accuracy"] > 0.8
    assert metrics["val_ccc_valence"] > 0.4
    assert metrics["val_ccc_arousal"] > 0.4
    network, spec = load_expression(tmp_path / "model.safetensors")
    assert spec.predicts_affect
    outputs = network(torch.from_numpy(prepare([data.val.read(0)], spec.input)))
    assert outputs.shape == (1, 10)


def test_the_head_alone_leaves_the_backbones_weights(data: AffectNet, tmp_path: Path) -> None:
    head = replace(CONFIG, loop=replace(CONFIG.loop, phases=(Phase(True, 1, 1e-2),)))
    train_affectnet(data, tmp_path, head, backbone=BACKBONE, running=ALONE)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["network"]
    for name, tensor in load_file(BACKBONE).items():
        assert torch.equal(state[name], tensor.float()), name


def test_an_efficientnet_and_a_mobilefacenet_take_a_step(data: AffectNet, tmp_path: Path) -> None:
    for architecture, size in (("efficientnet_b0", 32), ("mobilefacenet", 112)):
        two = AffectNet("folders", data.train.subset(np.arange(0, 96, 12)), data.val)
        loop = LoopConfig((Phase(False, 1, 1e-4),), 8, precision="bf16")
        config = AffectNetConfig(architecture=architecture, input_size=size, loop=loop)
        small = replace(two, val=data.val.subset(np.arange(4)))
        train_affectnet(small, tmp_path / architecture, config, running=ALONE)
        _, spec = load_expression(tmp_path / architecture / "model.safetensors")
        assert spec.architecture == architecture


def test_a_published_state_dict_fills_the_backbone(tmp_path: Path) -> None:
    spec = input_of("efficientnet_b0", 32)
    network = build_network("efficientnet_b0", 8, spec, None, seed=5)
    published = {f"{name}": t for name, t in network.backbone.state_dict().items()}
    del published["bn1.num_batches_tracked"]  # as in files of old
    published["classifier.0.weight"] = torch.zeros(8, 1280)
    torch.save(published, tmp_path / "state_vggface2_enet0_new.pt")
    filled = build_network("efficientnet_b0", 8, spec, tmp_path / "state_vggface2_enet0_new.pt", 6)
    faces = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(filled.embed(faces), network.embed(faces))
    assert not torch.equal(filled.classifier.weight, network.classifier.weight)
    del published["bn1.weight"]
    torch.save(published, tmp_path / "less.pt")
    with pytest.raises(ModelError, match=r"efficientnet_b0 .*missing: bn1\.weight"):
        build_network("efficientnet_b0", 8, spec, tmp_path / "less.pt", 6)


@pytest.mark.parametrize("content", [b"", b"no model"])
def test_a_backbone_that_is_no_model_is_a_sentence(content: bytes, tmp_path: Path) -> None:
    for name in ("b.safetensors", "b.pt"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match=name.replace(".", r"\.")):
            read_backbone_file(tmp_path / name)
        with pytest.raises(ModelError, match="gone"):
            read_backbone_file(tmp_path / f"gone-{name}")


def test_batch_norms_of_vectors_learn_from_the_true_weights_only() -> None:
    torch.manual_seed(0)
    norm = torch.nn.BatchNorm1d(2)
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), norm).train()
    faces = torch.randn(8, 3)
    with torch.no_grad():
        expected = 0.1 * network[0](faces).mean(dim=0)
    sharpness_aware_gradient(network, lambda: network(faces).pow(3).mean(), 5.0)
    assert norm.running_mean == pytest.approx(expected, abs=1e-6)


def test_a_gradient_that_overflows_moves_no_weight() -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(network.weight, 2.0)
    sharpness_aware_gradient(network, lambda: network(torch.ones(1, 1)).sum() * torch.inf, 0.5)
    assert network.weight.item() == 2.0


def plan_of(data: AffectNet, scale: float = 1.0) -> Plan:
    """A run whose loss is the sum of the outputs times `scale`."""
    task = Task(8, lambda outputs, batch: outputs.sum() * scale)
    return Plan(
        task,
        data.train,
        data.val,
        Views(),
        CONFIG.loop,
        {},
        "mobilenet_face",
        8,
        input_of("mobilenet_face", 32),
        None,
    )


def test_a_loss_that_is_no_number_ends_in_a_sentence(data: AffectNet, tmp_path: Path) -> None:
    with opened_run(plan_of(data, scale=torch.nan), tmp_path, ALONE) as run:
        match = r"not a number any more in epoch 1\. Lower the learning"
        with pytest.raises(DataError, match=match):
            run.finish(lambda network, row, outputs: None)


def test_half_precision_gets_over_gradients_that_overflow(
    data: AffectNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real scaler, on the CPU since no CUDA device is here."""
    half = Device(torch.device("cpu"), "fp16")
    monkeypatch.setattr("engagement.training.setup.choose_device", lambda *names: half)
    loop = replace(CONFIG.loop, phases=(Phase(False, 2, 1e-3),))
    train_affectnet(data, tmp_path, replace(CONFIG, loop=loop), running=ALONE)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert 0 < state["scaler"]["scale"] < 65536  # its first value was too large
    assert all(tensor.isfinite().all() for tensor in state["network"].values())


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_picture_ends_in_a_sentence_that_names_it(workers: int, tmp_path: Path) -> None:
    for split in ("train", "val"):
        write_faces(tmp_path / split, EIGHT_EMOTIONS, 2)
    (tmp_path / "train" / "fear" / "001.png").write_text("no picture")
    data = AffectNet(
        "folders",
        listed(tmp_path / "train", EIGHT_EMOTIONS),
        listed(tmp_path / "val", EIGHT_EMOTIONS),
    )
    running = replace(ALONE, workers=workers)
    config = replace(CONFIG, architecture="efficientnet_b0")
    with pytest.raises(DataError, match=r"^\S+001\.png cannot be read as an image"):
        train_affectnet(data, tmp_path / "out", config, running=running)


def test_a_worker_that_is_killed_ends_in_a_sentence(data: AffectNet, tmp_path: Path) -> None:
    values = {field.name: getattr(data.train, field.name) for field in fields(data.train)}
    deadly = replace(data, train=DeadlyFaces(**values))
    with (
        opened_run(plan_of(deadly), tmp_path, replace(ALONE, workers=1)) as run,
        pytest.raises(DataError, match=r"worker was ended.*Lower --workers"),
    ):
        run.finish(lambda network, row, outputs: None)


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow over 300 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_ends_in_a_sentence(data: AffectNet, tmp_path: Path) -> None:
    head = replace(CONFIG, loop=replace(CONFIG.loop, checkpoint_steps=0))
    with pytest.raises(OutputError, match=r"model\.safetensors cannot be written"):
        train_affectnet(data, tmp_path / "model", head, running=ALONE)
    with pytest.raises(OutputError, match=r"checkpoint\.pt cannot be written"):
        train_affectnet(data, tmp_path / "state", CONFIG, running=ALONE)
    assert not [*tmp_path.glob("*/*.partial")]


def test_the_published_recipe_is_the_default() -> None:
    assert published_affectnet_loop() == LoopConfig(
        (Phase(True, 3, 1e-3), Phase(False, 6, 1e-4)), batch_size=64, sam_rho=0.05
    )
    assert published_affectnet_loop(affect=True).batch_size == 48


def run(arguments: list[object], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["engagement", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_the_command_trains_a_model_that_can_be_used(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    options = ["--architecture", "mobilenet_face", "--backbone", BACKBONE, "--classes", 7]
    options += ["--head-epochs", 4, "--head-rate", 1e-2, "--epochs", 0, "--batch-size", 16]
    options += ["--input-size", 96, "--workers", 1, "--device", "cpu", "--name", "mine"]
    assert run(["train", "affectnet", folder, "--out", out, *options], monkeypatch) == 0
    said = capsys.readouterr().out
    assert "train: 84 faces (left out: 12 in contempt/)" in said
    assert "epoch  4 (1 head): train" in said
    assert "Confusion matrix" in said
    recognizer = ExpressionRecognizer.open(str(out / "model.safetensors"))
    assert (recognizer.spec.name, recognizer.spec.crop.style) == ("mine", "box")
    seven = read_data(folder, AffectNetConfig(classes=7)).val
    assert recognizer.spec.classes == seven.classes
    probabilities, _ = recognizer.predict([seven.read(i) for i in range(len(seven))])
    accuracy = np.mean(probabilities.argmax(1) == seven.labels)
    assert accuracy == json.loads((out / "metrics.json").read_text())["accuracy"] > 0.8


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--architecture", "resnet"], "There is no architecture 'resnet' to train"),
        (["--classes", "9"], "AffectNet has 8 classes, or 7 without contempt, not 9"),
        (["--batch-size", "1"], "--batch-size must be at least 2, not 1"),
        (["--batch-size", "200"], "96 faces to train on, fewer than one batch of 200"),
        (["--head-epochs", "0", "--epochs", "0"], "needs one epoch or more"),
        (["--rate", "0"], "learning rate must be above 0 and at most 10, not 0"),
        (["--sam-rho", "-1"], "--sam-rho must be 0 or more, not -1"),
        (["--label-smoothing", "1"], "--label-smoothing must be at least 0 and below 1, not 1"),
        (["--input-size", "5"], "--input-size must lie between 32 and 1024, not 5"),
        (["--seed", "-1"], "--seed must be at least 0, not -1"),
        (["--workers", "-1"], "--workers must be 0 or more, not -1"),
        (["--threads", "-1"], "--threads must be 0 or more, not -1"),
        (["--device", "tpu"], "There is no device 'tpu'. Choose auto, cpu, cuda, mps"),
        (["--precision", "fp8"], "There is no precision 'fp8'. Choose auto, fp32"),
        (["--precision", "fp16", "--device", "cpu"], "fp16 needs a CUDA device, not cpu"),
        (["--affect"], "has no valence and arousal to learn"),
        (["--backbone", "gone.safetensors"], "gone.safetensors cannot be read"),
        (["--architecture", "mobilefacenet", "--input-size", "64"], "faces of 64 pixels"),
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
    arguments = ["train", "affectnet", folder, "--out", out, "--workers", 0, *options]
    assert run(arguments, monkeypatch) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_event_files_need_tensorboard_and_say_so(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--architecture", "mobilenet_face", "--backbone", BACKBONE, "--input-size", 32]
    options += ["--head-epochs", 1, "--epochs", 0, "--workers", 0, "--tensorboard"]
    ended = run(["train", "affectnet", folder, "--out", tmp_path / "o", *options], monkeypatch)
    if ended:
        assert "needs the package tensorboard" in capsys.readouterr().err
        assert not (tmp_path / "o").exists()
    else:
        assert [*tmp_path.glob("o/events/events.out.tfevents.*")]
