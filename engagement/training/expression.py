"""Fine-tune the face backbone on labelled expressions.

The backbone's folded batch norms are put back first: without them the same recipe ends two points
lower. Size grows in stages, since small faces teach most of it at a third of the cost. What ships
is the exponential average of the weights, batch norms folded, in fp16.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from engagement.datasets.image_folder import FaceFolder, load_grey, native_size, scan_folder
from engagement.errors import DataError
from engagement.evaluation.metrics import ClassificationReport, classification_report
from engagement.files import make_out_folder, sha256_of
from engagement.networks.mobilenet import (
    MobileNetFace,
    fold_batch_norm,
    load_backbone,
    unfold_batch_norm,
)
from engagement.networks.preprocess import normalise_grey
from engagement.training.augment import AugmentConfig, augment
from engagement.training.averaging import AveragedWeights
from engagement.training.checkpoint import read_checkpoint
from engagement.training.records import write_checkpoint
from engagement.training.sam import sharpness_aware_gradient
from engagement.weights.bundled import read_backbone
from engagement.weights.expression_file import (
    grey_spec,
    load_expression,
    save_expression,
)

#: Called after every batch with (epoch, epochs, share of the epoch done, running loss).
BatchProgress = Callable[[int, int, float, float], None]
#: Called after every epoch with that epoch's row of the history.
EpochDone = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Stage:
    """Some epochs at one input size."""

    size: int
    epochs: int


@dataclass(frozen=True)
class TrainingConfig:
    """The recipe. Everything that changes the result is here, and is written beside it.

    Attributes:
        stages: input sizes in order.
        input_size: the model's own, 0 for the last stage's. A little larger than in training often
            reads better, since augmentation enlarges faces (Touvron et al., arXiv 1906.06423).
        sam_epochs: how many of the last epochs are sharpness-aware.
        sam_rho: radius of the sharpness-aware step.
        class_weight_power: weight of a class is its frequency to minus this power.
        crop_scale, crop_shift_y: how the data's faces are framed around a detector's box, for
            inference (see `CropSpec`).
    """

    name: str = "expression"
    stages: tuple[Stage, ...] = (Stage(112, 8),)
    input_size: int = 0
    optimiser: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    batch_size: int = 64
    label_smoothing: float = 0.1
    class_weight_power: float = 0.5
    dropout: float = 0.2
    warmup: float = 0.2
    average_decay: float = 0.998
    sam_epochs: int = 0
    sam_rho: float = 0.05
    seed: int = 0
    bf16: bool = True
    crop_scale: float = 1.0
    crop_shift_y: float = 0.0
    augmentation: AugmentConfig = field(default_factory=AugmentConfig)

    @property
    def epochs(self) -> int:
        return sum(stage.epochs for stage in self.stages)

    @property
    def model_size(self) -> int:
        """Side of the input that the model is measured and written with."""
        return self.input_size or self.stages[-1].size

    def size_of(self, epoch: int) -> int:
        """Input size of an epoch, counted from 0."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage.size
            epoch -= stage.epochs
        return self.stages[-1].size


@dataclass(frozen=True)
class _Faces:
    grey: torch.Tensor
    labels: torch.Tensor


def train_expression(
    data: Path,
    backbone: Path,
    out: Path,
    config: TrainingConfig,
    *,
    start: Path | None = None,
    resume: bool = False,
    on_batch: BatchProgress | None = None,
    on_epoch: EpochDone | None = None,
) -> ClassificationReport:
    """Train on ``data/train``, watch ``data/val``, write the model and its record to `out`.

    Training begins at the face backbone, or, to go on with other settings, at the model `start`.

    Writes ``model.safetensors`` (averaged weights of the epoch with the best macro F1 plus
    accuracy on val), ``checkpoint.pt``, ``history.json``, ``recipe.json``, ``metrics.json``.

    Returns:
        Metrics of the written model on ``data/val``.

    Raises:
        DataError: the data are not laid out as ``train/<emotion>/...`` and ``val/<emotion>/...``.
        ModelError: the backbone does not fit.
        OutputError: `out` cannot be made.
    """
    train, val = _scan(data)
    make_out_folder(out)
    stored = native_size(train, config.stages[-1].size)
    faces = _load(train, stored)
    network = _build(backbone, start, train.classes, faces, config)
    run = _Run(network, faces, _load(val, stored), train.classes, config, out)
    if resume:
        run.restore()
    recipe = asdict(config) | {"start_sha256": sha256_of(start) if start else None}
    (out / "recipe.json").write_text(json.dumps(recipe, indent=2))
    return run.finish(on_batch, on_epoch)


def _scan(data: Path) -> tuple[FaceFolder, FaceFolder]:
    train, val = scan_folder(data / "train"), scan_folder(data / "val")
    if train.classes != val.classes:
        raise DataError(
            f"{data}: train/ has the classes {', '.join(train.classes)} but val/ has "
            f"{', '.join(val.classes)}. Give both the same subfolders."
        )
    return train, val


def _load(folder: FaceFolder, size: int) -> _Faces:
    return _Faces(torch.from_numpy(load_grey(folder, size)), torch.from_numpy(folder.labels))


def _build(
    backbone: Path,
    start: Path | None,
    classes: tuple[str, ...],
    faces: _Faces,
    config: TrainingConfig,
) -> MobileNetFace:
    torch.manual_seed(config.seed)
    network = MobileNetFace(len(classes), config.dropout)
    if start is None:
        load_backbone(network, read_backbone(backbone))
    else:
        trained, spec = load_expression(start)
        if spec.classes != classes:
            raise DataError(
                f"{start} knows {', '.join(spec.classes)}, but the data have {', '.join(classes)}. "
                "Start from a model of the same emotions, or from the backbone alone."
            )
        network.load_state_dict(trained.state_dict())
    generator = torch.Generator().manual_seed(config.seed)
    sample = torch.randperm(len(faces.grey), generator=generator)[:512]
    calibration = augment(faces.grey[sample], config.stages[0].size, config.augmentation, generator)
    unfold_batch_norm(network, normalise_grey(calibration))
    return network.to(memory_format=torch.channels_last)


def _make_optimiser(network: MobileNetFace, config: TrainingConfig) -> torch.optim.Optimizer:
    # Biases and norms are not decayed: they do not over-fit, and decaying them shifts features.
    decayed = [p for p in network.parameters() if p.ndim > 1]
    free = [p for p in network.parameters() if p.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    if config.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=config.learning_rate)
    if config.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=0.9, nesterov=True)
    raise DataError(f"There is no optimiser {config.optimiser!r}. Choose adamw or sgd.")


class _Run:
    """State of one training run: everything that a checkpoint has to hold."""

    def __init__(
        self,
        network: MobileNetFace,
        train: _Faces,
        val: _Faces,
        classes: tuple[str, ...],
        config: TrainingConfig,
        out: Path,
    ) -> None:
        self.network, self.train, self.val = network, train, val
        self.classes, self.config, self.out = classes, config, out
        self.average = AveragedWeights(network, config.average_decay)
        self.optimiser = _make_optimiser(network, config)
        self.steps = len(train.labels) // config.batch_size
        if not self.steps:
            raise DataError(
                f"train/ has {len(train.labels)} images, fewer than one batch of "
                f"{config.batch_size}. Add images or lower the batch size."
            )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser,
            max_lr=config.learning_rate,
            total_steps=self.steps * config.epochs + 1,
            pct_start=config.warmup,
            cycle_momentum=False,
        )
        counts = torch.bincount(train.labels, minlength=len(classes)).float()
        weights = counts**-config.class_weight_power
        # Scaled so that the mean weight of an image is one: the loss stays comparable.
        self.class_weights = weights * counts.sum() / (weights * counts).sum()
        self.epoch = 0
        self.history: list[dict[str, Any]] = []

    def finish(
        self, on_batch: BatchProgress | None, on_epoch: EpochDone | None
    ) -> ClassificationReport:
        while self.epoch < self.config.epochs:
            started = time.monotonic()
            row: dict[str, Any] = {"epoch": self.epoch + 1, "size": self._size}
            row |= self._train_epoch(on_batch)
            folded = fold_batch_norm(self.average.network)
            report = self._validate(folded)
            row |= {"val_accuracy": report.accuracy, "val_macro_f1": report.macro_f1}
            row["seconds"] = round(time.monotonic() - started, 1)
            self._keep_if_best(folded, report)
            self.history.append(row)
            self.epoch += 1
            self._save()
            if on_epoch:
                on_epoch(row)
        return ClassificationReport.from_json((self.out / "metrics.json").read_text())

    @property
    def _size(self) -> int:
        return self.config.size_of(self.epoch)

    def _train_epoch(self, on_batch: BatchProgress | None) -> dict[str, float]:
        config = self.config
        # Seeded by epoch, so that a resumed run goes through the same batches as an unbroken one.
        generator = torch.Generator().manual_seed(config.seed * 100_003 + self.epoch)
        torch.manual_seed(config.seed * 100_003 + self.epoch)
        order = torch.randperm(len(self.train.labels), generator=generator)
        sharp = self.epoch >= config.epochs - config.sam_epochs
        self.network.train()
        running, hits = 0.0, 0
        for step in range(self.steps):
            chosen = order[step * config.batch_size : (step + 1) * config.batch_size]
            faces = augment(self.train.grey[chosen], self._size, config.augmentation, generator)
            loss, correct = self._step(normalise_grey(faces), self.train.labels[chosen], sharp)
            hits += correct
            running += (loss - running) / min(step + 1, 50)
            if on_batch:
                on_batch(self.epoch + 1, config.epochs, (step + 1) / self.steps, running)
        seen = self.steps * config.batch_size
        return {"train_loss": running, "train_accuracy": hits / seen}

    def _step(self, inputs: torch.Tensor, labels: torch.Tensor, sharp: bool) -> tuple[float, int]:
        correct = 0

        def loss() -> torch.Tensor:
            nonlocal correct
            with torch.autocast("cpu", torch.bfloat16, enabled=self.config.bf16):
                logits = self.network(inputs)
            correct = int((logits.argmax(1) == labels).sum())
            return F.cross_entropy(
                logits.float(),
                labels,
                self.class_weights,
                label_smoothing=self.config.label_smoothing,
            )

        self.optimiser.zero_grad(set_to_none=True)
        value = sharpness_aware_gradient(self.network, loss, self.config.sam_rho if sharp else 0.0)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.schedule.step()
        self.average.update(self.network)
        return float(value), correct

    @torch.inference_mode()
    def _validate(self, network: MobileNetFace) -> ClassificationReport:
        predictions: list[NDArray[np.int64]] = []
        network = network.to(memory_format=torch.channels_last)
        for grey in torch.split(self.val.grey, 256):
            resized = F.interpolate(grey.float()[:, None], self.config.model_size, mode="bilinear")[
                :, 0
            ]
            predictions.append(network(normalise_grey(resized)).argmax(1).numpy())
        return classification_report(
            self.val.labels.numpy(), np.concatenate(predictions), self.classes
        )

    def _keep_if_best(self, folded: MobileNetFace, report: ClassificationReport) -> None:
        score = report.accuracy + report.macro_f1
        best = max(
            (row["val_accuracy"] + row["val_macro_f1"] for row in self.history), default=-1.0
        )
        if score < best:
            return
        config = self.config
        spec = grey_spec(
            config.name, self.classes, config.model_size, config.crop_scale, config.crop_shift_y
        )
        save_expression(folded, spec, self.out / "model.safetensors")
        (self.out / "metrics.json").write_text(report.to_json())

    def _save(self) -> None:
        (self.out / "history.json").write_text(json.dumps(self.history, indent=1))
        state = {
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "average_steps": self.average.steps,
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "config": json.dumps(asdict(self.config)),
            "history": json.dumps(self.history),
            "classes": list(self.classes),
        }
        write_checkpoint(self.out / "checkpoint.pt", state)

    def restore(self) -> None:
        """Go on from ``checkpoint.pt``, if there is one."""
        path = self.out / "checkpoint.pt"
        if not path.is_file():
            return
        state = read_checkpoint(path, json.dumps(asdict(self.config)), self.classes)
        self.network.load_state_dict(state["network"])
        self.average.network.load_state_dict(state["average"])
        self.average.steps = state["average_steps"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.epoch = state["epoch"]
        self.history = json.loads(state["history"])


def parse_stages(texts: Sequence[str]) -> tuple[Stage, ...]:
    """Stages from ``SIZE:EPOCHS`` texts.

    Raises:
        DataError: not of that form, or out of range.
    """
    stages = []
    for text in texts:
        size, _, epochs = text.partition(":")
        if not (size.isdecimal() and epochs.isdecimal() and int(size) >= 32 and int(epochs) > 0):
            raise DataError(
                f"A stage is SIZE:EPOCHS, a size of at least 32, for example 112:8, not {text!r}."
            )
        stages.append(Stage(int(size), int(epochs)))
    return tuple(stages)
