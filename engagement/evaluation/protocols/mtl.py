"""MTL: expression, valence, arousal and action units together, on s-Aff-Wild2."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engagement.datasets.affwild2_mtl import EXPRESSIONS, AnnotatedFaces, read_affwild2_mtl
from engagement.datasets.image_folder import read_face
from engagement.errors import DataError
from engagement.evaluation.agreement import ccc, mean_f1_of_action_units, multi_task_score
from engagement.evaluation.embedded import Embedded, OnProgress
from engagement.evaluation.embedder import Embedder
from engagement.evaluation.heads import (
    HEADS,
    Annotations,
    Features,
    HeadAnswers,
    HeadSettings,
    train_heads,
)
from engagement.evaluation.images import embed_images
from engagement.evaluation.metrics import classification_report
from engagement.evaluation.result import Figure, ProtocolResult, published_figure
from engagement.types import Floats

#: The heads that the authors' notebook names beside the figure that was then published.
_PUBLISHED_WITH = {
    "mobilenet_7": "linear",
    "enet_b0_8_best_afew": "linear",
    "enet_b0_8_best_vgaf": "linear",
    "enet_b2_8": "linear",
    "enet_b0_8_va_mtl": "slice",
    "enet_b2_7": "a hidden layer of 128 for all tasks",
}
# Share of the progress bar that reading images takes.
_READING = 0.9


def evaluate_mtl(
    data: Path,
    embedder: Embedder,
    *,
    heads: HeadSettings = HEADS["linear"],
    embeddings: Path | None = None,
    on_progress: OnProgress | None = None,
) -> ProtocolResult:
    """P_MTL of small heads on a model's embeddings and outputs, on the validation set.

    The model stays as it is; the heads are trained on the training set. Every annotated image is
    one row of 4 bytes a number in memory: 0.9 GB for s-Aff-Wild2 and an EfficientNet-B0.

    Args:
        data: folder of s-Aff-Wild2, see `read_affwild2_mtl`.
        heads: a published variant, of `HEADS`.
        embeddings: file that keeps what the model says for the next run.

    Raises:
        DataError: `data` is laid out otherwise, not one image can be read, or a task has too
            little to learn from or to be judged on.
    """
    began = time.monotonic()
    train, validation = read_affwild2_mtl(data)
    gathered = _gather((train, validation), embedder, embeddings, on_progress)
    known = _annotations(train, gathered.train.rows, "training")
    truth = _annotations(validation, gathered.validation.rows, "validation")
    answers = train_heads(
        gathered.train.features(),
        known,
        gathered.validation.features(),
        heads,
        lambda share: on_progress(_READING + (1 - _READING) * share) if on_progress else None,
    )
    name = embedder.spec.name
    published = published_figure(name, "mtl")
    return ProtocolResult(
        protocol="MTL (ABAW 4)",
        model=name,
        weights_sha256=embedder.weights_sha256,
        figures=_figures(truth, answers, published),
        counts={
            "training images": len(known.expression),
            **_counts(truth),
            "images without any annotation": train.unannotated + validation.unannotated,
            "unreadable images": len(gathered.unreadable),
        },
        settings={"heads": heads.name, "epochs": ", ".join(map(str, heads.epochs))},
        unreadable=tuple(gathered.unreadable),
        notes=_notes(name, heads.name, published),
        seconds=time.monotonic() - began,
    )


class _Rows:
    """Collects the features of one part's faces that could be read, in the order of its names."""

    def __init__(self, part: AnnotatedFaces) -> None:
        self._index_of = {name: index for index, name in enumerate(part.names)}
        self._joined: Floats | None = None
        self._outputs = 0
        self.rows: list[int] = []

    def add(self, item: Embedded) -> None:
        index = self._index_of.get(item.key)
        if index is None:
            return
        row = np.concatenate([item.faces.embeddings[0], item.faces.outputs[0]])
        if self._joined is None:
            self._joined = np.empty((len(self._index_of), len(row)), dtype=np.float32)
            self._outputs = item.faces.outputs.shape[1]
        self._joined[len(self.rows)] = row
        self.rows.append(index)

    def features(self) -> Features:
        joined = np.empty((0, 0), dtype=np.float32) if self._joined is None else self._joined
        return Features(joined[: len(self.rows)], self._outputs)


@dataclass(frozen=True, eq=False)
class _Gathered:
    train: _Rows
    validation: _Rows
    unreadable: list[str]


def _gather(
    parts: tuple[AnnotatedFaces, AnnotatedFaces],
    embedder: Embedder,
    embeddings: Path | None,
    on_progress: OnProgress | None,
) -> _Gathered:
    gathered = _Gathered(_Rows(parts[0]), _Rows(parts[1]), [])
    images = parts[0].images
    for item in embed_images(
        sorted({name for part in parts for name in part.names}),
        lambda name: read_face(images / name),
        embedder,
        data="s-Aff-Wild2",
        file=embeddings,
        on_progress=(lambda share: on_progress(_READING * share)) if on_progress else None,
    ):
        if item.problem is not None:
            gathered.unreadable.append(item.problem)
            continue
        gathered.train.add(item)
        gathered.validation.add(item)
    return gathered


def _annotations(part: AnnotatedFaces, rows: Sequence[int], name: str) -> Annotations:
    kept = np.array(rows, dtype=np.int64)
    for what, mask in (
        ("valence and arousal", part.has_affect),
        ("an expression", part.has_expression),
        ("action units", part.has_action_units),
    ):
        if not mask[kept].any():
            raise DataError(
                f"None of the {len(kept)} readable {name} images in {part.images} has {what} "
                "annotated. Check the list of annotations and the images."
            )
    return Annotations(part.affect[kept], part.expression[kept], part.action_units[kept])


def _figures(
    truth: Annotations, answers: HeadAnswers, published: float | None
) -> tuple[Figure, ...]:
    rated = ~np.isnan(truth.affect[:, 0])
    valence, arousal = (ccc(truth.affect[rated, i], answers.affect[rated, i]) for i in (0, 1))
    named = truth.expression >= 0
    report = classification_report(truth.expression[named], answers.expression[named], EXPRESSIONS)
    coded = truth.action_units[:, 0] >= 0
    units = mean_f1_of_action_units(truth.action_units[coded], answers.action_units[coded])
    score = multi_task_score(valence, arousal, report.macro_f1, units)
    return (
        Figure("P_MTL", score, published, percent=False),
        Figure("CCC of valence", valence, percent=False),
        Figure("CCC of arousal", arousal, percent=False),
        Figure("macro F1 of expressions", report.macro_f1, percent=False),
        Figure("mean F1 of action units", units, percent=False),
    )


def _counts(truth: Annotations) -> dict[str, int]:
    return {
        "validation images": len(truth.expression),
        "validation images with an expression": int((truth.expression >= 0).sum()),
        "validation images with valence and arousal": int((~np.isnan(truth.affect[:, 0])).sum()),
        "validation images with action units": int((truth.action_units[:, 0] >= 0).sum()),
    }


def _notes(name: str, heads: str, published: float | None) -> tuple[str, ...]:
    if published is None:
        return ()
    used = _PUBLISHED_WITH.get(name)
    reached = f"with the heads: {used}" if used else "with heads that are not named"
    return (
        f"The published figure was reached {reached}; here they are: {heads}.",
        "It is of the epoch that was best on the validation set; here the last epoch counts.",
    )
