"""What both stages do before their first step, and how they keep what they found."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError

from engagement.datasets.labelled_faces import LabelledFaces
from engagement.errors import DataError, OutputError
from engagement.files import make_out_folder, sha256_of
from engagement.networks.base import ExpressionNetwork
from engagement.networks.spec import ExpressionSpec, InputSpec
from engagement.training.backbone import build_network, prepare_for_training
from engagement.training.batches import Batches, Views, network_input
from engagement.training.device import Device, choose_device
from engagement.training.loop import LoopConfig, Run, Setting, Task
from engagement.training.records import check_events, open_events, write_json
from engagement.weights.expression_file import save_expression

_CALIBRATION_FACES = 128
_INPUT_SIZES = (32, 1024)


@dataclass(frozen=True)
class Running:
    """How a run is carried out; on a CPU none of it changes the result.

    Attributes:
        device: see `choose_device`.
        workers: processes that decode images, 0 for none.
        resume: go on from ``OUT/checkpoint.pt``.
        tensorboard: write event files into ``OUT/events``.
    """

    device: str = "auto"
    workers: int = 4
    resume: bool = False
    tensorboard: bool = False


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that a run's result follows from.

    Attributes:
        recipe: the settings as plain values.
        outputs: length of the network's output vector.
        spec: what the network takes.
        backbone: file that its backbone is filled from; None for random weights.
    """

    task: Task
    train: LabelledFaces
    val: LabelledFaces
    views: Views
    loop: LoopConfig
    recipe: Mapping[str, object]
    architecture: str
    outputs: int
    spec: InputSpec
    backbone: Path | None


def check_input_size(size: int) -> None:
    """Refuse sizes that no face network takes; 0 stands for the architecture's own.

    Raises:
        DataError: out of range.
    """
    least, most = _INPUT_SIZES
    if size and not least <= size <= most:
        raise DataError(f"--input-size must lie between {least} and {most}, not {size}.")


def check_running(out: Path, running: Running) -> None:
    """Refuse what would end a run before its first step; cheap, so to be asked first.

    Raises:
        DataError: `out` holds another run that is not to be resumed, or settings that cannot be.
        OutputError: `out` is a file.
    """
    if running.workers < 0:
        raise DataError(f"--workers must be 0 or more, not {running.workers}.")
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file, not a folder. Choose another --out.")
    if (out / "checkpoint.pt").exists() and not running.resume:
        raise DataError(
            f"{out} already holds a training run. Add --resume to go on with it, or name another "
            "--out."
        )
    check_events(wanted=running.tensorboard)


@contextmanager
def opened_run(plan: Plan, out: Path, running: Running) -> Iterator[Run]:
    """A run at its start, or where its checkpoint left it.

    Raises:
        DataError: settings that no run can have, too few faces, or a checkpoint of another run.
        ModelError: an unknown architecture, or a backbone that does not fit it.
        OutputError: `out` cannot be written.
    """
    device = choose_device(running.device, plan.loop.precision)
    check_running(out, running)
    if len(plan.train) < plan.loop.batch_size:
        raise DataError(
            f"There are {len(plan.train)} faces to train on, fewer than one batch of "
            f"{plan.loop.batch_size}. Add images or lower --batch-size."
        )
    network = build_network(
        plan.architecture, plan.outputs, plan.spec, plan.backbone, plan.loop.seed
    )
    prepare_for_training(network, _calibration(plan), fresh=plan.backbone is None)
    make_out_folder(out)
    run = Run(network, plan.task, plan.loop, _setting(plan, out, running, device))
    if running.resume:
        run.restore()
    write_json(out / "recipe.json", {**_recipe(plan), **_record(plan)})
    run.events = open_events(
        out / "events", wanted=running.tensorboard, after_epoch=len(run.history)
    )
    try:
        yield run
    finally:
        run.events.close()


def _setting(plan: Plan, out: Path, running: Running, device: Device) -> Setting:
    loop, pinned = plan.loop, device.torch.type == "cuda"
    return Setting(
        train=Batches(
            plan.train,
            plan.spec,
            loop.batch_size,
            views=plan.views,
            seed=loop.seed,
            workers=running.workers,
            pinned=pinned,
        ),
        val=Batches(
            plan.val,
            plan.spec,
            loop.batch_size,
            views=None,
            workers=running.workers,
            pinned=pinned,
        ),
        spec=plan.spec,
        device=device,
        out=out,
        fingerprint=plan.train.fingerprint() + plan.val.fingerprint(),
        recipe=json.dumps(_recipe(plan)),
    )


def _calibration(plan: Plan) -> torch.Tensor:
    """Some of the training's faces, prepared, the same in every run of a seed."""
    dice = np.random.default_rng(plan.loop.seed)
    places = dice.permutation(len(plan.train))[:_CALIBRATION_FACES]
    faces = Batches(plan.train.subset(places), plan.spec, _CALIBRATION_FACES, views=None)
    return network_input(next(iter(faces.epoch())).pixels, plan.spec)


def _recipe(plan: Plan) -> dict[str, object]:
    """What a checkpoint must have been made with."""
    start = sha256_of(plan.backbone) if plan.backbone else None
    return {**plan.recipe, "backbone_sha256": start}


def _record(plan: Plan) -> dict[str, object]:
    """What is written beside the recipe, for people."""
    return {
        "train": plan.train.summary(),
        "val": plan.val.summary(),
        "torch": str(torch.__version__),
    }


def store_expression(network: ExpressionNetwork, spec: ExpressionSpec, path: Path) -> None:
    """Write a finished expression model in full precision.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        save_expression(network, spec, path, torch.float32)
    except SafetensorError as error:  # its writer hides the operating system's error
        raise OutputError(
            f"{path} cannot be written ({error}). Make room on the disk, and go on with --resume."
        ) from error
