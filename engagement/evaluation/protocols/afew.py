"""AFEW: the expression of an actor in a film's scene."""

from pathlib import Path

from engagement.datasets.afew import read_afew
from engagement.datasets.clips import Kind
from engagement.evaluation.clip_classifier import SvmSettings
from engagement.evaluation.clip_protocol import ClipProtocol, run_clip_protocol
from engagement.evaluation.clips import Detector
from engagement.evaluation.embedded import OnProgress
from engagement.evaluation.embedder import Embedder
from engagement.evaluation.result import ProtocolResult
from engagement.windows.statistics import clip_vector

#: C with which the published notebook reaches its figure for enet_b0_8_best_afew.
PUBLISHED_C = 1.1

AFEW = ClipProtocol(
    name="AFEW",
    published="afew",
    published_on_all=frozenset({"mobilenet_7"}),
    all_faces=False,
    vector=lambda item: clip_vector(item.faces.embeddings),
    vector_name="mean, deviation, minimum, maximum over frames",
)


def evaluate_afew(
    data: Path,
    embedder: Embedder,
    detector: Detector,
    *,
    source: Kind = "video",
    c: float = PUBLISHED_C,
    fps: float = 0.0,
    embeddings: Path | None = None,
    on_progress: OnProgress | None = None,
) -> ProtocolResult:
    """Accuracy of seven expressions on AFEW's validation clips.

    Args:
        data: folder with ``Train_AFEW/<Emotion>/`` and ``Val_AFEW/<Emotion>/``.
        source: what to take the faces from, see `read_afew`.
        c: the linear SVM's penalty.
        fps: frames a second of the videos; 0 for every frame, as published.
        embeddings: file that keeps the embeddings for the next run.

    Raises:
        DataError: `data` is laid out otherwise, or holds too little.
    """
    return run_clip_protocol(
        AFEW,
        read_afew(data, source),
        embedder,
        detector,
        SvmSettings("linear", c),
        fps=fps,
        embeddings=embeddings,
        on_progress=on_progress,
    ).result
