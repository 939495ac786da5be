"""Measure an expression model on any ImageFolder of face crops."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from engagement.datasets.image_folder import FaceFolder, read_face, scan_folder
from engagement.errors import DataError
from engagement.evaluation.metrics import ClassificationReport, classification_report
from engagement.expressions.recognizer import ExpressionRecognizer
from engagement.runtimes.base import RuntimeSettings

_BATCH = 64


def evaluate_expression(
    data: Path,
    model: str,
    *,
    weights: Path | None = None,
    runtime: RuntimeSettings | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> ClassificationReport:
    """Compare a model's most probable emotion with the folder that each face lies in.

    Images are taken as face crops, whole. The model may know emotions that the data lack; they
    stay possible answers, and count as wrong.

    Raises:
        DataError: not an ImageFolder, or it has an emotion that the model does not know.
        ModelError: there is no such model.
    """
    folder = scan_folder(data)
    recognizer = ExpressionRecognizer.open(model, weights=weights, runtime=runtime)
    classes = recognizer.spec.classes
    unknown = [name for name in folder.classes if name not in classes]
    if unknown:
        raise DataError(
            f"{data} has {', '.join(unknown)}, which {recognizer.spec.name} does not know. It "
            f"knows {', '.join(classes)}; rename or remove the other folders."
        )
    to_model = np.array([classes.index(name) for name in folder.classes], dtype=np.int64)
    predicted = _predict(folder, recognizer, on_progress)
    return classification_report(to_model[folder.labels], predicted, classes)


def _predict(
    folder: FaceFolder,
    recognizer: ExpressionRecognizer,
    on_progress: Callable[[float], None] | None,
) -> NDArray[np.int64]:
    answers = []
    for start in range(0, len(folder), _BATCH):
        faces = [read_face(path) for path in folder.paths[start : start + _BATCH]]
        probabilities, _ = recognizer.predict(faces)
        answers.append(probabilities.argmax(axis=1).astype(np.int64))
        if on_progress:
            on_progress(min(1.0, (start + _BATCH) / len(folder)))
    return np.concatenate(answers)


def print_report(report: ClassificationReport, console: Console) -> None:
    """Accuracy, macro F1, recall a class and the confusion matrix (rows are the truth)."""
    console.print(
        f"accuracy {report.accuracy:.4f}   macro F1 {report.macro_f1:.4f}   ({report.count} faces)",
        highlight=False,
    )
    # Without rules between columns seven emotions fit into eighty characters.
    table = Table(
        title="Confusion matrix: rows are the truth",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("")
    for name in report.classes:
        table.add_column(name, justify="right")
    table.add_column("recall", justify="right")
    for name, row in zip(report.classes, report.confusion, strict=True):
        recall = report.recall[name]
        table.add_row(name, *map(str, row), "-" if recall is None else f"{recall:.3f}")
    console.print(table)
