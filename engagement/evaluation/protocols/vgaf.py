"""VGAF: the affect of a group of people in a short video."""

from pathlib import Path
from typing import Literal

from engagement.datasets.vgaf import read_vgaf
from engagement.evaluation.clip_classifier import SvmSettings
from engagement.evaluation.clip_protocol import ClipProtocol, run_clip_protocol
from engagement.evaluation.clips import Detector
from engagement.evaluation.embedded import OnProgress
from engagement.evaluation.embedder import Embedder
from engagement.evaluation.result import ProtocolResult
from engagement.evaluation.statistics import group_vector

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
    on_progress: OnProgress | None = None,
) -> ProtocolResult:
    """Accuracy of positive, neutral and negative on VGAF's validation clips.

    Args:
        data: folder with ``Train/``, ``Val/``, ``Train_labels.txt`` and ``Val_labels.txt``.
        kernel: the SVM's; both are in the published notebooks.
        c: the SVM's penalty; None for the notebooks'.
        fps: frames a second of the videos; 0 for every frame, as published.
        embeddings: file that keeps the embeddings for the next run.

    Raises:
        DataError: `data` is laid out otherwise, or holds too little.
    """
    return run_clip_protocol(
        VGAF,
        read_vgaf(data),
        embedder,
        detector,
        SvmSettings(kernel, PUBLISHED_C[kernel] if c is None else c),
        fps=fps,
        embeddings=embeddings,
        on_progress=on_progress,
    )
