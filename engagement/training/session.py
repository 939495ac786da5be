"""A training run as its user sees it: progress bar, a line an epoch, curves, final figures."""

from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from engagement.errors import DataError
from engagement.evaluation.expression import print_report
from engagement.training.curves import draw_curves
from engagement.training.expression import TrainingConfig, train_expression
from engagement.training.progress import training_bar


def run_training(
    data: Path,
    backbone: Path,
    out: Path,
    config: TrainingConfig,
    *,
    start: Path | None,
    resume: bool,
    threads: int,
    console: Console,
) -> None:
    """Train with a progress bar; the curves' picture is redrawn after every epoch.

    Raises:
        DataError: `out` holds another run and `resume` is not asked for.
    """
    if (out / "checkpoint.pt").exists() and not resume:
        raise DataError(
            f"{out} already holds a training run. Add --resume to go on with it, or name another "
            "--out."
        )
    if threads:
        torch.set_num_threads(threads)
    with training_bar(console, config.epochs) as bar:

        def on_batch(epoch: int, epochs: int, share: float, loss: float) -> None:
            del epochs  # the bar knows
            bar.show(epoch - 1, share, loss)

        def on_epoch(row: dict[str, Any]) -> None:
            draw_curves(out / "history.json", out / "curves.png")
            bar.say(
                f"epoch {row['epoch']:>2} at {row['size']} px: train {row['train_accuracy']:.3f}, "
                f"val {row['val_accuracy']:.4f}, macro F1 {row['val_macro_f1']:.4f} "
                f"({row['seconds']:.0f} s)"
            )

        report = train_expression(
            data,
            backbone,
            out,
            config,
            start=start,
            resume=resume,
            on_batch=on_batch,
            on_epoch=on_epoch,
        )
    print_report(report, console)
    console.print(f"Model: {out / 'model.safetensors'}", highlight=False)
