"""From labels in the database to windows of embeddings, and what is in use says of each."""

import uuid
from collections import Counter
from dataclasses import dataclass
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engagement.datasets.engagement_windows import TWO_LEVELS, LabelledWindow, WindowSet
from engagement.report.schema import Analysis as Document
from engagement.report.schema import Track
from engagement.types import Floats
from webapp.calibration.models import Classifier
from webapp.calibration.selectors import Key, agree, usable_labels
from webapp.calibration.windows import WINDOW_S, estimate_of
from webapp.recordings.models import Recording
from webapp.reports.selectors import latest_finished, main_track, read_document

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
class _Source:
    """The main track of one recording's newest report, with its embeddings."""

    person: str
    document: Document
    track: Track
    model: str
    times: NDArray[np.float64]
    embeddings: Floats


@dataclass(frozen=True)
class _Kept:
    """One window that a fit can use, and the level that its report shows."""

    key: Key
    window: LabelledWindow
    shown: int


def collect(classifier: Classifier) -> Collected:
    """Every window whose labels agree and whose embeddings are there.

    People are students, so that none is on both sides of a split; for a student's own classifier
    recordings stand in for them.
    """
    labels = list(usable_labels(classifier.course, classifier.student).select_related("recording"))
    agreed = agree(labels)
    ends = {(label.recording_id, label.start_s): label.end_s for label in labels}
    sources: dict[uuid.UUID, _Source] = {}
    for recording in {label.recording_id: label.recording for label in labels}.values():
        source = _source(recording, per_recording=classifier.student_id is not None)
        if source is not None:
            sources[recording.pk] = source
    models = Counter(
        sources[recording].model for recording, _ in agreed.levels if recording in sources
    )
    model = models.most_common(1)[0][0] if models else ""
    left_out = Counter(disagreed=agreed.disagreed, unsure=agreed.unsure)
    kept: list[_Kept] = []
    for key, value in sorted(agreed.levels.items()):
        found = _window(key, ends[key], value, sources.get(key[0]), model)
        if isinstance(found, str):
            left_out[found] += 1
        else:
            kept.append(found)
    documents = [sources[key].document for key in {one.key[0] for one in kept}]
    return Collected(
        windows=WindowSet(
            windows=tuple(one.window for one in kept),
            levels=TWO_LEVELS,
            embedding_model=model,
            window_s=WINDOW_S,
            sampling_fps=median([one.sampling_fps for one in documents] or [0.0]),
            source=f"windows labelled by the instructors of {classifier.course.code}",
        ),
        keys=tuple(one.key for one in kept),
        shown=np.array([one.shown for one in kept], dtype=np.int64),
        shown_by=_shown_by(documents),
        left_out=dict(left_out),
    )


def _window(key: Key, end_s: float, value: str, source: _Source | None, model: str) -> _Kept | str:
    """The window with its embeddings, or the reason why it is left out."""
    if source is None:
        return "no_face"
    if source.model != model:
        return "other_model"
    start_s = key[1]
    inside = (source.times >= start_s) & (source.times < end_s)
    estimate = estimate_of(source.track, start_s, end_s)
    if not inside.any() or estimate is None:
        return "no_face"
    window = LabelledWindow(
        person=source.person,
        embeddings=source.embeddings[inside],
        level=TWO_LEVELS.index(value),
        key=f"{key[0]}@{start_s:g}",
    )
    return _Kept(key, window, int(estimate >= _ENGAGED_FROM))


def levels_in_use(
    current: Classifier | None, collected: Collected
) -> tuple[str, NDArray[np.int64]]:
    """What is in use, and its level of each window.

    Of a classifier that learned from a window itself, the level is the one that it gave while it
    had not seen the person: anything else would flatter it.
    """
    if current is None or current.embedding_model != collected.windows.embedding_model:
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


def _source(recording: Recording, *, per_recording: bool) -> _Source | None:
    finished = latest_finished(recording)
    if finished is None:
        return None
    document = read_document(finished)
    track = main_track(document)
    if track is None:
        return None
    try:
        table = pq.read_table(recording.embeddings_path)
    except (FileNotFoundError, pa.ArrowInvalid):
        return None
    rows = table.filter(pc.equal(table["track_id"], track.id))
    values = rows["embedding"].combine_chunks()
    flat = values.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    metadata = table.schema.metadata or {}
    return _Source(
        person=str(recording.pk if per_recording else recording.student_id),
        document=document,
        track=track,
        model=metadata.get(b"model", b"").decode(),
        times=rows["t"].to_numpy(),
        embeddings=flat.reshape(len(rows), -1) if len(rows) else flat.reshape(0, 0),
    )


def _shown_by(documents: list[Document]) -> str:
    names = {document.models.engagement.name for document in documents}
    return names.pop() if len(names) == 1 else _MANY
