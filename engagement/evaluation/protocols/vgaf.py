"""VGAF: the affect of a group of people in a short video."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from engagement.datasets.vgaf import read_vgaf
from engagement.errors import DataError
from engagement.evaluation.clip_classifier import SvmSettings
from engagement.evaluation.clip_protocol import ClipProtocol, run_clip_protocol
from engagement.evaluation.clips import Detector
from engagement.evaluation.embedded import OnProgress
from engagement.evaluation.embedder import Embedder
from engagement.evaluation.group_affect import fit_group_classifier
from engagement.evaluation.result import ProtocolResult
from engagement.windows.group_classifier import GroupCard, group_vector, save_group_classifier

#: C in the published notebooks: of the linear SVM, and of the one with a radial kernel.
PUBLISHED_C = {"linear": 0.01, "rbf": 1.9}

VGAF = ClipProtocol(
    name="VGAF",
    published="vgaf",
    published_on_all=frozenset({"mobilenet_7", "enet_b0_8_va_mtl", "enet_b2_7", "enet_b2_8"}),
    all_faces=True,
    vector=lambda item: group_vector(item.faces.embeddings, item.frames),
    vector_name="mean, deviation over the faces of a frame, then over frames",
)


def evaluate_vgaf(
    data: Path,
    embedder: Embedder,
    detector: Detector,
    *,
    kernel: Literal["linear", "rbf"] = "linear",
    c: float | None = None,
    fps: float = 0.0,
    embeddings: Path | None = None,
    save: Path | None = None,
    on_progress: OnProgress | None = None,
) -> ProtocolResult:
    """Accuracy of positive, neutral and negative on VGAF's validation clips.

    Args:
        data: folder with ``Train/``, ``Val/``, ``Train_labels.txt`` and ``Val_labels.txt``.
        kernel: the SVM's; both are in the published notebooks.
        c: the SVM's penalty; None for the notebooks'.
        fps: frames a second of the videos; 0 for every frame, as published.
        embeddings: file that keeps the embeddings for the next run.
        save: file for a classifier of group affect, which `Analyzer` takes. It is written only if
            it is better than guessing, and a note of the result says which.

    Raises:
        DataError: `data` is laid out otherwise, or holds too little; or `save` with another kernel
            than the linear one.
    """
    if save is not None and kernel != "linear":
        raise DataError(
            f"A classifier with the kernel {kernel} cannot be saved, only a linear one. Choose the "
            "linear kernel, or leave out where to save."
        )
    penalty = PUBLISHED_C[kernel] if c is None else c
    run = run_clip_protocol(
        VGAF,
        read_vgaf(data),
        embedder,
        detector,
        SvmSettings(kernel, penalty),
        fps=fps,
        embeddings=embeddings,
        on_progress=on_progress,
    )
    if save is None:
        return run.result
    classifier = fit_group_classifier(
        run.train,
        run.validation,
        c=penalty,
        embedding_model=embedder.spec.name,
        sampling_fps=fps,
        trained_on=VGAF.name,
    )
    if classifier.card.has_skill:
        save_group_classifier(classifier, save)
    return replace(run.result, notes=(*run.result.notes, _saved_note(classifier.card, save)))


def _saved_note(card: GroupCard, file: Path) -> str:
    accuracy = card.accuracy
    skill = (
        f"accuracy {accuracy.value:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f}) on clips with "
        f"a face, {card.guessing:.3f} by naming the most frequent class"
    )
    if card.has_skill:
        return f"Saved as {file}: {skill}."
    return f"Not saved as {file}, since it is no better than guessing: {skill}."
