"""Both stages as their user sees them: the data's counts, a bar, a line an epoch, final figures."""

from pathlib import Path

import torch
from rich.console import Console

from engagement.datasets.labelled_faces import LabelledFaces
from engagement.errors import DataError
from engagement.evaluation.expression import print_report
from engagement.training.affectnet import AffectNetConfig, read_data, train_affectnet
from engagement.training.faces import FacesConfig, read_faces, train_faces
from engagement.training.loop import EpochDone
from engagement.training.progress import TrainingBar, training_bar
from engagement.training.records import Row
from engagement.training.setup import Running, check_running

#: What is said of an epoch, in the history's names and in words.
_TOLD = {
    "train_accuracy": "train",
    "val_accuracy": "val",
    "val_macro_f1": "macro F1",
    "val_ccc_valence": "CCC of valence",
    "val_ccc_arousal": "of arousal",
}


def run_faces(
    data: Path,
    out: Path,
    config: FacesConfig,
    *,
    start: Path | None,
    running: Running,
    threads: int,
    console: Console,
) -> None:
    """Stage 1; see `train_faces`."""
    _set_threads(threads)
    config.check()
    check_running(out, running)
    faces = read_faces(data, config)
    _say_start(console, faces.train, faces.val, start)
    with training_bar(console, config.loop.epochs) as bar:
        row = train_faces(
            faces,
            out,
            config,
            start=start,
            running=running,
            on_batch=bar.show,
            on_epoch=_teller(bar),
        )
    console.print(
        f"accuracy {float(row['val_accuracy']):.4f} over {len(faces.train.classes)} identities",
        highlight=False,
    )
    console.print(f"Backbone: {out / 'backbone.safetensors'}", highlight=False)


def run_affectnet(
    data: Path,
    out: Path,
    config: AffectNetConfig,
    *,
    backbone: Path | None,
    running: Running,
    threads: int,
    console: Console,
) -> None:
    """Stage 2; see `train_affectnet`."""
    _set_threads(threads)
    config.check()
    check_running(out, running)
    found = read_data(data, config)
    _say_start(console, found.train, found.val, backbone)
    with training_bar(console, config.loop.epochs) as bar:
        report = train_affectnet(
            found,
            out,
            config,
            backbone=backbone,
            running=running,
            on_batch=bar.show,
            on_epoch=_teller(bar),
        )
    print_report(report, console)
    console.print(f"Model: {out / 'model.safetensors'}", highlight=False)


def _set_threads(threads: int) -> None:
    if threads < 0:
        raise DataError(f"--threads must be 0 or more, not {threads}.")
    if threads:
        torch.set_num_threads(threads)


def _say_start(
    console: Console, train: LabelledFaces, val: LabelledFaces, backbone: Path | None
) -> None:
    for name, faces in (("train", train), ("val", val)):
        console.print(f"{name}: {faces.summary()}", highlight=False, soft_wrap=True)
    if backbone is None:
        console.print("No backbone was named: the network begins at random weights.")


def _teller(bar: TrainingBar) -> EpochDone:
    def tell(row: Row) -> None:
        figures = [f"{text} {float(row[name]):.4f}" for name, text in _TOLD.items() if name in row]
        bar.say(
            f"epoch {row['epoch']:>2} ({row['phase']}): {', '.join(figures)} "
            f"({float(row['seconds']):.0f} s)"
        )

    return tell
