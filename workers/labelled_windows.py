"""From labels in the database to windows of embeddings, and what is in use says of each."""

import logging
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engagement.datasets.engagement_windows import TWO_LEVELS, LabelledWindow, WindowSet
from engagement.types import Floats
from webapp.calibration.models import Classifier
from webapp.calibration.selectors import Key, agree, usable_labels
from webapp.calibration.windows import WINDOW_S, estimate_of
from webapp.recordings.models import Recording
from webapp.reports.selectors import latest_finished, main_track, read_document

logger = logging.getLogger(__name__)

_ENGAGED_FROM = 0.5
_MANY = "the reports' own models"


@dataclass(frozen=True)
class Collected:
    """What a classifier is fitted with.

    Attributes:
        windows: the labelled windows.
        keys: recording and start of each.
        shown: level that the newest report shows for each.
        shown_by: what made these reports' engagement.
        left_out: how many windows were left out, by reason.
    """

    windows: WindowSet
    keys: tuple[Key, ...]
    shown: NDArray[np.int64]
    shown_by: str
    left_out: dict[str, int]

    @property
    def recordings(self) -> frozenset[uuid.UUID]:
        """Whose labels they are, recording by recording."""
        return frozenset(recording for recording, _ in self.keys)


@dataclass(frozen=True)
class _Answer:
    """What was agreed on of one window."""

    key: Key
    end_s: float
    level: int


@dataclass(frozen=True)
class _Found:
    """One labelled window with its embeddings, and what its report says of it and of itself."""

    key: Key
    window: LabelledWindow
    shown: int
    shown_by: str
    model: str
    sampling_fps: float


def collect(classifier: Classifier) -> Collected:
    """Every window whose labels agree and whose embeddings are there.

    People are students, so that none is on both sides of a split; for a student's own classifier
    recordings stand in for them. One recording's embeddings are in memory at a time.
    """
    labels = list(usable_labels(classifier.course, classifier.student).select_related("recording"))
    agreed = agree(labels)
    recordings = {label.recording_id: label.recording for label in labels}
    ends = {(label.recording_id, label.start_s): label.end_s for label in labels}
    answers: dict[uuid.UUID, list[_Answer]] = {}
    for key, value in sorted(agreed.levels.items()):
        answers.setdefault(key[0], []).append(_Answer(key, ends[key], TWO_LEVELS.index(value)))
    found: list[_Found] = []
    for recording_id, mine in answers.items():
        recording = recordings[recording_id]
        person = str(recording.pk if classifier.student_id else recording.student_id)
        found += _windows(recording, person, mine)
    models = Counter(one.model for one in found)
    model = models.most_common(1)[0][0] if models else ""
    kept = [one for one in found if one.model == model]
    return Collected(
        windows=WindowSet(
            windows=tuple(one.window for one in kept),
            levels=TWO_LEVELS,
            embedding_model=model,
            window_s=WINDOW_S,
            sampling_fps=median([one.sampling_fps for one in kept] or [0.0]),
            source=f"windows labelled by the instructors of {classifier.course.code}",
        ),
        keys=tuple(one.key for one in kept),
        shown=np.array([one.shown for one in kept], dtype=np.int64),
        shown_by=_shown_by({one.shown_by for one in kept}),
        left_out={
            "disagreed": agreed.disagreed,
            "unsure": agreed.unsure,
            "no_face": len(agreed.levels) - len(found),
            "other_model": len(found) - len(kept),
        },
    )


def _windows(recording: Recording, person: str, answers: Sequence[_Answer]) -> Iterator[_Found]:
    """The recording's labelled windows that have embeddings and an estimate in its report."""
    finished = latest_finished(recording)
    document = read_document(finished) if finished else None
    track = main_track(document) if document else None
    if document is None or track is None:
        return
    try:
        table = pq.read_table(recording.embeddings_path, filters=[("track_id", "=", track.id)])
    except (FileNotFoundError, pa.ArrowInvalid):
        logger.warning("The embeddings of the recording %s cannot be read", recording.pk)
        return
    times, embeddings = table["t"].to_numpy(), _rows(table)
    model = (table.schema.metadata or {}).get(b"model", b"").decode()
    for one in answers:
        start_s = one.key[1]
        inside = (times >= start_s) & (times < one.end_s)
        estimate = estimate_of(track.windows, start_s, one.end_s)
        if inside.any() and estimate is not None:
            name = f"{recording.pk}@{start_s:g}"
            yield _Found(
                key=one.key,
                window=LabelledWindow(person, embeddings[inside], one.level, name),
                shown=int(estimate >= _ENGAGED_FROM),
                shown_by=document.models.engagement.name,
                model=model,
                sampling_fps=document.sampling_fps,
            )


def _rows(table: pa.Table) -> Floats:
    """The embeddings ``(n, d)`` of a table."""
    flat = np.asarray(pc.list_flatten(table["embedding"]).to_numpy(), dtype=np.float32)
    return flat.reshape(len(table), -1 if len(table) else 0)


def levels_in_use(
    current: Classifier | None, collected: Collected
) -> tuple[str, NDArray[np.int64]]:
    """What is in use, and its level of each window.

    Of a classifier that learned from a window itself, the level is the one that it gave while it
    had not seen the person: anything else would flatter it.
    """
    model = collected.windows.embedding_model
    if current is None or current.embedding_model != model or not current.path.is_file():
        return collected.shown_by, collected.shown
    from engagement.windows.classifier_file import read_classifier

    embeddings = (window.embeddings for window in collected.windows.windows)
    probabilities = read_classifier(current.path).probabilities(embeddings)
    levels = [
        int(current.out_of_fold.get(window.key, said))
        for window, said in zip(
            collected.windows.windows, probabilities.argmax(axis=1), strict=True
        )
    ]
    return current.name, np.array(levels, dtype=np.int64)


def _shown_by(names: set[str]) -> str:
    return names.pop() if len(names) == 1 else _MANY
