"""Stage 2: a face network learns expressions on AffectNet, alone or with valence and arousal.

As the authors' notebooks ``src/affectnet/train_emotions-pytorch.ipynb`` and
``train_affectnet_march2021_pytorch.ipynb`` (repository av-savchenko/face-emotion-recognition) do:
sharpness-aware Adam, the head alone for three epochs at 1e-3, then everything for six at 1e-4.
Expressions alone: label smoothing of 0.1 and weights of one over a class's count, in batches of 64.
With valence and arousal: torch's weighted cross-entropy without smoothing, plus half of one minus
the concordance for each, in batches of 48. Faces are mirrored as in the second notebook; the first
does not.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from engagement.datasets.affectnet import AffectNet, affectnet_classes, read_affectnet
from engagement.datasets.labelled_faces import LabelledFaces
from engagement.errors import DataError
from engagement.evaluation.metrics import ClassificationReport, classification_report
from engagement.networks.base import ExpressionNetwork
from engagement.networks.spec import CropSpec, ExpressionSpec, InputSpec
from engagement.training.backbone import finished, input_of
from engagement.training.batches import Batch, Views
from engagement.training.loop import BatchProgress, EpochDone, LoopConfig, Phase, Task
from engagement.training.losses import (
    affect_loss,
    concordance,
    inverse_frequencies,
    smoothed_cross_entropy,
)
from engagement.training.records import Row, write_json
from engagement.training.setup import (
    Plan,
    Running,
    check_input_size,
    opened_run,
    store_expression,
)

#: How the columns of valence and arousal begin in the history.
_AFFECT = ("val_ccc_", "val_mse_")


def published_affectnet_loop(*, affect: bool = False) -> LoopConfig:
    """The notebooks' phases and batch sizes."""
    phases = (Phase(True, 3, 1e-3), Phase(False, 6, 1e-4))
    return LoopConfig(phases, published_batch(affect=affect))


def published_batch(*, affect: bool) -> int:
    """The notebooks' batch size."""
    return 48 if affect else 64


def published_smoothing(*, affect: bool) -> float:
    """The notebooks' label smoothing."""
    return 0.0 if affect else 0.1


@dataclass(frozen=True)
class AffectNetConfig:
    """The recipe; the defaults are the published ones for eight expressions alone.

    Attributes:
        name: the model's name in reports.
        classes: 8, or 7 without contempt.
        affect: whether valence and arousal are learnt too, as the last two outputs.
        input_size: side of the network's input; 0 for the architecture's own.
    """

    name: str = "affectnet"
    architecture: str = "efficientnet_b0"
    classes: int = 8
    affect: bool = False
    label_smoothing: float = 0.1
    flip: bool = True
    input_size: int = 0
    loop: LoopConfig = field(default_factory=published_affectnet_loop)

    def check(self) -> None:
        """Refuse values that no run can have.

        Raises:
            DataError: the first such value.
            ModelError: an unknown architecture.
        """
        self.loop.check()
        self._input()
        check_input_size(self.input_size)
        affectnet_classes(self.classes)
        if not 0 <= self.label_smoothing < 1:
            raise DataError(
                f"--label-smoothing must be at least 0 and below 1, not {self.label_smoothing}."
            )

    def spec(self) -> ExpressionSpec:
        """What has to be known of the model to use it: faces are boxes, as in AffectNet.

        Raises:
            ModelError: an unknown architecture.
        """
        return ExpressionSpec(
            name=self.name,
            classes=affectnet_classes(self.classes),
            architecture=self.architecture,
            input=self._input(),
            crop=CropSpec("box"),
            predicts_affect=self.affect,
        )

    def _input(self) -> InputSpec:
        return input_of(self.architecture, self.input_size)


def read_data(data: Path, config: AffectNetConfig) -> AffectNet:
    """The data with the classes that the recipe asks for; see `read_affectnet`.

    Raises:
        DataError: no AffectNet, or it has no valence and arousal where they are to be learnt.
    """
    config.check()
    found = read_affectnet(data, affectnet_classes(config.classes), affect=config.affect)
    if config.affect and any(_with_affect(faces) < 2 for faces in (found.train, found.val)):
        raise DataError(
            f"{data} has no valence and arousal to learn. Leave --affect away, or use one of "
            "AffectNet's own releases."
        )
    return found


def _with_affect(faces: LabelledFaces) -> int:
    return 0 if faces.affect is None else int(np.isfinite(faces.affect).all(1).sum())


def train_affectnet(
    data: AffectNet,
    out: Path,
    config: AffectNetConfig,
    *,
    backbone: Path | None = None,
    running: Running | None = None,
    on_batch: BatchProgress | None = None,
    on_epoch: EpochDone | None = None,
) -> ClassificationReport:
    """Fine-tune a backbone and write the model with its record to `out`.

    Writes ``model.safetensors`` (the epoch with the best accuracy on val), ``checkpoint.pt``,
    ``history.csv``, ``recipe.json`` and ``metrics.json``.

    Args:
        data: what `read_data` found.
        backbone: file of the face network to begin at; None for random weights.

    Returns:
        Metrics of the written model on val.

    Raises:
        DataError: settings or data that cannot be trained on.
        ModelError: an unknown architecture, or a backbone that does not fit it.
        OutputError: `out` cannot be written.
    """
    config.check()
    spec = config.spec()

    def keep(network: ExpressionNetwork, row: Row, outputs: torch.Tensor) -> None:
        store_expression(finished(network), spec, out / "model.safetensors")
        affect = {name: value for name, value in row.items() if name.startswith(_AFFECT)}
        write_json(out / "metrics.json", {**asdict(_report(outputs, data.val)), **affect})

    with opened_run(_plan(config, data, backbone), out, running or Running()) as run:
        run.finish(keep, on_batch, on_epoch)
    values = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    own = {field.name: values[field.name] for field in fields(ClassificationReport)}
    return ClassificationReport.from_json(json.dumps(own))


def _plan(config: AffectNetConfig, data: AffectNet, backbone: Path | None) -> Plan:
    spec = config.spec()
    return Plan(
        task=_task(config, data),
        train=data.train,
        val=data.val,
        views=Views(flip=config.flip),
        loop=config.loop,
        recipe=asdict(config),
        architecture=config.architecture,
        outputs=spec.outputs,
        spec=spec.input,
        backbone=backbone,
    )


def _task(config: AffectNetConfig, data: AffectNet) -> Task:
    count = config.classes
    weights = inverse_frequencies(torch.from_numpy(data.train.counts()), data.train.classes)

    def loss(outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        own = weights.to(outputs.device)
        if not config.affect:
            return smoothed_cross_entropy(outputs, batch.labels, own, config.label_smoothing)
        expressions = F.cross_entropy(
            outputs[:, :count], batch.labels, own, label_smoothing=config.label_smoothing
        )
        return expressions + affect_loss(outputs[:, count:], batch.affect)

    def figures(outputs: torch.Tensor) -> Mapping[str, float]:
        found = {"val_macro_f1": _report(outputs, data.val).macro_f1}
        return found | _affect_figures(outputs[:, count:], data.val) if config.affect else found

    return Task(count, loss, figures)


def _report(outputs: torch.Tensor, val: LabelledFaces) -> ClassificationReport:
    answers = outputs[:, : len(val.classes)].argmax(1).numpy()
    return classification_report(val.labels, answers, val.classes)


def _affect_figures(outputs: torch.Tensor, val: LabelledFaces) -> dict[str, float]:
    """Concordance and mean squared error of valence and arousal, over the faces that have them."""
    truth = torch.from_numpy(val.affect)
    known = truth.isfinite().all(1)
    agreement = concordance(outputs[known], truth[known]).tolist()
    errors = (outputs[known] - truth[known]).square().mean(0).tolist()
    return {
        "val_ccc_valence": agreement[0],
        "val_ccc_arousal": agreement[1],
        "val_mse_valence": errors[0],
        "val_mse_arousal": errors[1],
    }
