"""AffectNet: eight emotions, or seven without contempt, and valence and arousal."""

import time
from pathlib import Path

import numpy as np

from engagement.datasets.affectnet import affectnet_classes, read_split
from engagement.datasets.labelled_faces import LabelledFaces
from engagement.evaluation.agreement import ccc, rmse
from engagement.evaluation.embedded import OnProgress
from engagement.evaluation.embedder import Embedder
from engagement.evaluation.labelled_images import Judged, judge_faces
from engagement.evaluation.result import Figure, ProtocolResult, published_figure


def evaluate_affectnet(
    data: Path,
    embedder: Embedder,
    *,
    classes: int = 8,
    embeddings: Path | None = None,
    on_progress: OnProgress | None = None,
) -> ProtocolResult:
    """Accuracy on AffectNet's validation set.

    On seven classes the images of contempt are left out, and so is a model's output for it, before
    the most probable is taken. A model that predicts valence and arousal is judged on them too, on
    the images that are rated.

    Args:
        data: folder of AffectNet, in any layout that `read_split` knows.
        classes: 8, or 7 without contempt.
        embeddings: file that keeps what the model says for the next run; it serves both.

    Raises:
        DataError: `data` is laid out otherwise, or `classes` is neither.
        ModelError: the model does not know one of the emotions.
    """
    began = time.monotonic()
    faces = read_split(
        data, "val", affectnet_classes(classes), affect=embedder.spec.predicts_affect
    )
    judged = judge_faces(
        faces, embedder, data="AffectNet", embeddings=embeddings, on_progress=on_progress
    )
    report = judged.report(faces)
    published = published_figure(embedder.spec.name, f"affectnet_{classes}")
    return ProtocolResult(
        protocol=f"AffectNet, {classes} classes",
        model=embedder.spec.name,
        weights_sha256=embedder.weights_sha256,
        figures=(
            Figure("accuracy", report.accuracy, published),
            Figure("macro F1", report.macro_f1),
            *_affect_figures(faces, judged),
        ),
        counts=judged.counts(faces),
        settings={"classes": classes},
        unreadable=judged.unreadable,
        report=report,
        seconds=time.monotonic() - began,
    )


def _affect_figures(faces: LabelledFaces, judged: Judged) -> tuple[Figure, ...]:
    if faces.affect is None or judged.affect is None:
        return ()
    rated = judged.read & ~np.isnan(faces.affect).any(axis=1)
    if not rated.any():
        return ()
    truth, predicted = faces.affect[rated], judged.affect[rated]
    return tuple(
        Figure(
            f"{measure.__name__.upper()} of {name}",
            measure(truth[:, i], predicted[:, i]),
            percent=False,
        )
        for i, name in enumerate(("valence", "arousal"))
        for measure in (ccc, rmse)
    )
