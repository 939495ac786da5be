"""The two protocols on video clips, AFEW and VGAF, in what they share."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engagement.datasets.clips import Clip, ClipSet
from engagement.evaluation.clip_classifier import (
    ClipAnswers,
    ClipVectors,
    SvmSettings,
    classify_clips,
)
from engagement.evaluation.clips import ClipReading, Detector, embed_clips
from engagement.evaluation.embedded import Embedded, OnProgress
from engagement.evaluation.embedder import Embedder
from engagement.evaluation.result import Figure, ProtocolResult, published_figure
from engagement.types import Floats

_NO_FACE_NOTE = (
    "A clip without a face is a vector of zeros: the SVM's constant answer is its answer."
)


@dataclass(frozen=True)
class ClipProtocol:
    """What tells one protocol on clips from the other.

    Attributes:
        name: for reports, for example ``AFEW``.
        published: field of the registry's figures that holds the published accuracy.
        published_on_all: models whose published accuracy is of all clips. The README says that it
            is of the clips with a face, but as a share of so many clips these can only be of all;
            docs/evaluation.md has the arithmetic.
        all_faces: every face of a frame counts; else the largest.
        vector: makes one vector of a clip's faces; called with at least one.
        vector_name: what that vector is, in words.
    """

    name: str
    published: str
    published_on_all: frozenset[str]
    all_faces: bool
    vector: Callable[[Embedded], Floats]
    vector_name: str


@dataclass(frozen=True)
class ClipRun:
    """What a protocol measured, and the vectors that it measured it on."""

    result: ProtocolResult
    train: ClipVectors
    validation: ClipVectors


def run_clip_protocol(
    protocol: ClipProtocol,
    clips: ClipSet,
    embedder: Embedder,
    detector: Detector,
    svm: SvmSettings,
    *,
    fps: float = 0.0,
    embeddings: Path | None = None,
    on_progress: OnProgress | None = None,
) -> ClipRun:
    """Embed the clips, train an SVM on the training clips and judge the others.

    Raises:
        DataError: nothing to learn from or to judge, or `embeddings` was made otherwise.
    """
    began = time.monotonic()
    everything = clips.train + clips.validation
    vectors: dict[str, Floats] = {}
    faces, unreadable = 0, []
    for item in embed_clips(
        everything,
        embedder,
        detector,
        ClipReading(protocol.all_faces, fps),
        data=protocol.name,
        file=embeddings,
        on_progress=on_progress,
    ):
        faces += len(item)
        if item.problem is not None:
            unreadable.append(item.problem)
        if len(item):
            vectors[item.key] = protocol.vector(item)
    train, validation = (_vectors(part, vectors) for part in (clips.train, clips.validation))
    answers = classify_clips(train, validation, svm)
    result = ProtocolResult(
        protocol=protocol.name,
        model=embedder.spec.name,
        weights_sha256=embedder.weights_sha256,
        figures=_figures(protocol, embedder.spec.name, answers),
        counts={
            "training clips": len(train.labels),
            "training clips with a face": int(train.has_face.sum()),
            "validation clips": len(validation.labels),
            "validation clips with a face": int(validation.has_face.sum()),
            "faces": faces,
        },
        settings={
            "vector": protocol.vector_name,
            "svm": svm.kernel,
            "C": svm.c,
            "fps": fps or "every frame",
            "detector": detector.name,
            "clips": ", ".join(sorted({clip.kind for clip in everything})),
        },
        unreadable=tuple(unreadable),
        notes=(_NO_FACE_NOTE,),
        seconds=time.monotonic() - began,
    )
    return ClipRun(result, train, validation)


def _figures(protocol: ClipProtocol, model: str, answers: ClipAnswers) -> tuple[Figure, Figure]:
    published = published_figure(model, protocol.published)
    on_all = model in protocol.published_on_all
    return (
        Figure("accuracy, clips with a face", answers.subset, None if on_all else published),
        Figure("accuracy, all clips", answers.whole, published if on_all else None),
    )


def _vectors(clips: tuple[Clip, ...], vectors: dict[str, Floats]) -> ClipVectors:
    size = next((len(vector) for vector in vectors.values()), 1)
    nothing = np.zeros(size, dtype=np.float32)
    return ClipVectors(
        np.stack([vectors.get(clip.key, nothing) for clip in clips])
        if clips
        else np.empty((0, size), dtype=np.float32),
        np.array([clip.label for clip in clips], dtype=np.int64),
        np.array([clip.key in vectors for clip in clips], dtype=np.bool_),
    )
