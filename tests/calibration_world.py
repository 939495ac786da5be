"""Recordings with reports, embeddings and labels, for the tests of calibration.

The embeddings are generated: the labelled level moves every sixteenth of their numbers by `signal`
deviations, beside a part of each person's own. With `signal=0` there is nothing to learn.
"""

import math
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from django.utils import timezone

from engagement.report.schema import Analysis as Document
from tests.factories import build_analysis
from webapp.accounts.models import User
from webapp.calibration.models import WindowLabel
from webapp.calibration.windows import WINDOW_S, stretches
from webapp.courses.models import Enrolment, Lesson
from webapp.privacy.services import grant
from webapp.recordings import storage
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from webapp.reports.ready import page_of

MODEL = "mobilenet_7_fer"
SIZE = 16


def is_engaged(number: int, window: int) -> bool:
    """The level that a recording's window really has: not the one that its report shows."""
    return (window * 7 + number * 3) % 5 < 3


def enrol(lesson: Lesson, number: int) -> User:
    """A consenting student of the lesson's course."""
    student = User.objects.create_user(f"pupil{number}@example.org", name=f"Pupil {number}")
    Enrolment.objects.create(course=lesson.course, user=student, role="student")
    grant(student, lesson.course)
    return student


def analysed(
    student: User,
    lesson: Lesson,
    *,
    number: int = 0,
    minutes: float = 3.0,
    signal: float = 3.0,
    video: Path | None = None,
    model: str = MODEL,
    size: int = SIZE,
) -> Recording:
    """A recording with a report and generated embeddings beside it."""
    recording = Recording.objects.create(
        student=student,
        lesson=lesson,
        original_name=f"recording-{number}.mp4",
        size_bytes=1,
        sha256=uuid.uuid4().hex * 2,
        playback=Recording.Playback.ORIGINAL,
    )
    storage.recordings_dir()
    storage.folder(recording.pk).mkdir(mode=0o700)
    recording.video_path.write_bytes(video.read_bytes() if video else b"video")
    document = build_analysis(duration_s=60 * minutes, absent=[], window_s=5.0, stride_s=2.5)
    write_embeddings(recording, document, number, signal=signal, model=model, size=size)
    analysis = Analysis.objects.create(
        recording=recording,
        state=Analysis.State.FINISHED,
        progress=1.0,
        finished_at=timezone.now(),
        expression_model=model,
        engagement_model="concentration_index",
        engagement_kind="index",
    )
    AnalysisDocument.objects.create(
        analysis=analysis, document=document.model_dump(mode="json", by_alias=True)
    )
    return recording


def write_embeddings(
    recording: Recording, document: Document, number: int, *, signal: float, model: str, size: int
) -> None:
    """Embeddings of every observation, in the analysis' own format."""
    random = np.random.default_rng(number)
    times = [one.t for one in document.tracks[0].observations]
    own = random.normal(0, 0.5, size)
    values = own + random.normal(0, 1, (len(times), size))
    engaged = [is_engaged(number, math.floor(t / WINDOW_S)) for t in times]
    values[:, ::SIZE] += signal * (np.array(engaged)[:, None] - 0.5)
    table = pa.table(
        {
            "track_id": pa.array([1] * len(times), pa.int32()),
            "t": pa.array(times, pa.float64()),
            "embedding": pa.FixedSizeListArray.from_arrays(
                pa.array(values.astype(np.float32).ravel()), size
            ),
        }
    ).replace_schema_metadata({"model": model})
    pq.write_table(table, recording.embeddings_path)


def label_all(
    recording: Recording, instructor: User, number: int, skip: Sequence[int] = ()
) -> None:
    """The instructor labels every window as it is, save those whose numbers are in `skip`."""
    document = Document.model_validate(recording.analyses.get().document.document)
    WindowLabel.objects.bulk_create(
        WindowLabel(
            recording=recording,
            start_s=one.start_s,
            end_s=one.end_s,
            value="engaged" if is_engaged(number, window) else "distracted",
            labelled_by=instructor,
        )
        for window, one in enumerate(stretches(page_of(document)))
        if window not in skip
    )


def labelled_class(
    lesson: Lesson, instructor: User, *, students: int = 6, signal: float = 3.0, size: int = SIZE
) -> list[Recording]:
    """A class in which one instructor has labelled everything."""
    recordings = []
    for number in range(students):
        recording = analysed(enrol(lesson, number), lesson, number=number, signal=signal, size=size)
        label_all(recording, instructor, number)
        recordings.append(recording)
    return recordings
