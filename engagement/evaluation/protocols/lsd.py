"""LSD: six basic expressions on real images, by a model that has not been trained for them."""

import time
from pathlib import Path

from engagement.datasets.lsd import read_lsd_validation
from engagement.evaluation.embedded import OnProgress
from engagement.evaluation.embedder import Embedder
from engagement.evaluation.labelled_images import judge_faces
from engagement.evaluation.result import Figure, ProtocolResult, published_figure


def evaluate_lsd(
    data: Path,
    embedder: Embedder,
    *,
    embeddings: Path | None = None,
    on_progress: OnProgress | None = None,
) -> ProtocolResult:
    """Macro F1 of six expressions on the validation set of ABAW 4's challenge.

    The published figures are those of models as they are, without the challenge's synthetic
    training images: the most probable of the six expressions, other outputs left out.

    Args:
        data: folder with ``validation_set_real_images/<EXPRESSION>/``.
        embeddings: file that keeps what the model says for the next run.

    Raises:
        DataError: `data` is laid out otherwise.
        ModelError: the model does not know the six expressions.
    """
    began = time.monotonic()
    faces = read_lsd_validation(data)
    judged = judge_faces(
        faces, embedder, data="LSD", embeddings=embeddings, on_progress=on_progress
    )
    report = judged.report(faces)
    return ProtocolResult(
        protocol="LSD (ABAW 4)",
        model=embedder.spec.name,
        weights_sha256=embedder.weights_sha256,
        figures=(
            Figure("macro F1", report.macro_f1, published_figure(embedder.spec.name, "lsd_f1")),
            Figure("accuracy", report.accuracy),
        ),
        counts=judged.counts(faces),
        settings={"classes": len(faces.classes), "synthetic training images": "not used"},
        unreadable=judged.unreadable,
        report=report,
        seconds=time.monotonic() - began,
    )
