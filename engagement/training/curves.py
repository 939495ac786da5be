"""Learning curves as a picture."""

import json
from itertools import pairwise
from pathlib import Path

from engagement.errors import DataError


def draw_curves(history: Path, picture: Path) -> None:
    """Draw loss and accuracies of a ``history.json`` as a PNG.

    Raises:
        DataError: matplotlib, of the extra `train`, is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DataError(
            "Drawing the curves needs matplotlib. Install the extra: pip install '.[train]'."
        ) from error
    rows = json.loads(history.read_text())
    epochs = [row["epoch"] for row in rows]
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    loss.plot(epochs, [row["train_loss"] for row in rows], marker="o", color="tab:grey")
    loss.set(title="Training loss", xlabel="epoch")
    for key, label in (
        ("train_accuracy", "train accuracy (augmented)"),
        ("val_accuracy", "val accuracy"),
        ("val_macro_f1", "val macro F1"),
    ):
        accuracy.plot(epochs, [row[key] for row in rows], marker="o", label=label)
    accuracy.set(title="Accuracy of the averaged weights", xlabel="epoch")
    accuracy.legend()
    for axes in (loss, accuracy):
        axes.xaxis.get_major_locator().set_params(integer=True)
    for before, row in pairwise(rows):
        if before["size"] != row["size"]:
            for axes in (loss, accuracy):
                axes.axvline(row["epoch"] - 0.5, color="lightgrey", linestyle="--")
    figure.savefig(picture, dpi=110)
