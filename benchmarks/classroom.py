"""A class of simulated students for the web benchmark: rows of finished analyses, no videos.

Import it after `django.setup()`. Figures are drawn from a fixed seed. A few recordings have a
document as long as a lesson, most a short one: what a page of the class reads is the same, and
the class is made in a minute.
"""

import math
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from webapp.accounts.models import User
from webapp.courses import strips
from webapp.courses.models import Course, Enrolment, Lesson, Strip
from webapp.privacy import consent_text
from webapp.privacy.models import Consent
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from webapp.reports import ready

EMOTIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
LONG_S = 45 * 60.0
_SHORT_S = 10.0
_BINNED_S = 3600.0
_FPS = 5.0
_WINDOW_S, _STRIDE_S = 10.0, 5.0
_FIRST_LESSON = datetime(2026, 1, 12, 9, 0, tzinfo=UTC)
_AT_ONCE = 500


@dataclass(frozen=True)
class Classroom:
    """A course full of finished analyses.

    `long` is a recording with the document of a whole lesson; `earlier` and `long_earlier` are the
    lesson before and the same student's recording of it, to compare with.
    """

    course: Course
    lesson: Lesson
    earlier: Lesson
    student: User
    long: Recording
    long_earlier: Recording


def make_classroom(
    course: Course, instructor: User, student: User, students: int, lessons: int, long: int = 2
) -> Classroom:
    """Fills the course: every student has a finished analysis of every lesson.

    Args:
        student: one of the students, who is somebody that can log in.
        lessons: at least two.
        long: so many of their recordings get the document of a whole lesson.
    """
    chance = random.Random(f"{course.code} {students} {lessons}")
    with transaction.atomic():
        people = [student, *_people(course, students - 1)]
        Enrolment.objects.bulk_create(
            (Enrolment(course=course, user=one, role="student") for one in people),
            ignore_conflicts=True,
        )
        Enrolment.objects.get_or_create(course=course, user=instructor, role="instructor")
        Consent.objects.bulk_create(
            Consent(user=one, course=course, text_version=consent_text.VERSION) for one in people
        )
        course.lessons.all().delete()
        meetings = Lesson.objects.bulk_create(
            Lesson(course=course, title=f"Lesson {n + 1}", starts_at=_FIRST_LESSON + _weeks(n))
            for n in range(lessons)
        )
        analyses = [_analysis(one, who, chance) for one in meetings for who in people]
        Recording.objects.bulk_create([one.recording for one in analyses], _AT_ONCE)
        Analysis.objects.bulk_create(analyses, _AT_ONCE)
        own = [one for one in analyses if one.recording.student_id == student.pk]
        Strip.objects.bulk_create((_strip(one, chance) for one in analyses), _AT_ONCE)
        _documents(analyses, {one.pk for one in own[-long:]})
    earlier, last = (one.recording for one in own[-2:])
    return Classroom(course, meetings[-1], meetings[-2], student, last, earlier)


def _weeks(number: int) -> timedelta:
    return timedelta(days=7 * (number // 2) + 2 * (number % 2))


def _people(course: Course, number: int) -> list[User]:
    return User.objects.bulk_create(
        User(
            email=f"student{n:04d}@{course.code.lower()}.example",
            name=f"Student {n:04d} of {course.code}",
            password="!",  # noqa: S106  (nobody can log in with it)
        )
        for n in range(number)
    )


def _analysis(lesson: Lesson, student: User, chance: random.Random) -> Analysis:
    at = lesson.starts_at + timedelta(hours=2)
    recording = Recording(
        id=uuid.UUID(int=chance.getrandbits(128), version=4),
        lesson=lesson,
        student=student,
        original_name=f"{lesson.title} simulated.mp4",
        size_bytes=chance.randrange(50_000_000, 400_000_000),
        sha256=f"{chance.getrandbits(256):064x}",
        duration_s=LONG_S,
        playback=Recording.Playback.ORIGINAL,
    )
    return Analysis(
        recording=recording,
        state=Analysis.State.FINISHED,
        progress=1.0,
        started_at=at,
        finished_at=at + timedelta(minutes=3),
        mean_engagement=chance.betavariate(6, 4),
        engagement_spread=chance.uniform(0.05, 0.2),
        engaged_share=chance.random(),
        coverage=chance.betavariate(9, 2),
        dominant_emotion=chance.choices(EMOTIONS, (1, 1, 1, 6, 12, 3, 2))[0],
        face_share=chance.betavariate(9, 1),
        expression_model="mobilenet_7_fer",
        engagement_model="concentration_index",
        engagement_kind="index",
    )


def _strip(analysis: Analysis, chance: random.Random) -> Strip:
    """Bins of an hour, as of a report of that length; the documents here are mostly shorter."""
    level, bins = analysis.mean_engagement or 0.5, round(_BINNED_S / strips.BIN_S)
    values = [min(1.0, max(0.0, chance.gauss(level, 0.08))) for _ in range(bins)]
    row = strips.Bins(values, [0.1] * bins, [0.9] * bins, ["neutral"] * bins)
    return Strip(
        analysis=analysis,
        form=strips.FORM,
        bins=strips.pack(row),
        emotion_share={"neutral": 0.7, "happiness": 0.2, "sadness": 0.1},
    )


def _documents(analyses: Sequence[Analysis], long: set[uuid.UUID]) -> None:
    # Many have the same short one: only its size matters to anybody here.
    short = simulated_document(_SHORT_S)

    def rows() -> Iterator[AnalysisDocument]:
        for one in analyses:
            if one.pk not in long:
                yield AnalysisDocument(analysis=one, document=short)

    AnalysisDocument.objects.bulk_create(rows(), _AT_ONCE)
    for one in analyses:
        if one.pk in long:
            document = simulated_document(LONG_S)
            AnalysisDocument.objects.create(analysis=one, document=document)
            # As the worker does when an analysis is finished.
            ready.store(one, ready.make_from_stored(document))


def simulated_document(duration_s: float) -> dict[str, Any]:
    """A valid document of one person in view all the time."""
    observations = [_observation(step / _FPS) for step in range(int(duration_s * _FPS))]
    starts = [n * _STRIDE_S for n in range(max(1, int((duration_s - _WINDOW_S) // _STRIDE_S) + 1))]
    windows = [_window(start) for start in starts]
    summary = {
        "dominant_emotion": "neutral",
        "emotion_share": {name: float(name == "neutral") for name in EMOTIONS},
        "mean_engagement": 0.6,
        "engagement_spread": 0.1,
        "engaged_share": 0.8,
        "coverage": 1.0,
        "signals": _SIGNALS,
    }
    track = {
        "id": 1,
        "first_s": 0.0,
        "last_s": duration_s,
        "observations": observations,
        "windows": windows,
        "summary": summary,
        "zero": {"yaw": 4.0, "pitch": -6.0, "estimated": True},
        "name_tag": None,
    }
    return {
        "schema": "engagement.analysis/1",
        "source": {
            "file": "simulated.mp4",
            "sha256": "0" * 64,
            "duration_s": duration_s,
            "width": 1280,
            "height": 720,
            "fps": 25.0,
        },
        "sampling_fps": _FPS,
        "models": _MODELS,
        "tracks": [track],
        "presence": {"face_share": 1.0, "absent": []},
        "group_affect": [],
        "summary": summary,
        "warnings": [{"code": "simulated", "text": "Simulated for a benchmark: no video."}],
    }


_SIGNALS = {
    "facing": 0.8,
    "turned_away": 0.15,
    "head_down": 0.05,
    "eyes_closed": None,
    "movement": 0.12,
}
_MODELS = {
    "detector": {"name": "mtcnn", "min_face_px": 40, "max_side_px": 640},
    "expression": {
        "name": "mobilenet_7_fer",
        "weights_sha256": "0" * 64,
        "classes": list(EMOTIONS),
        "valence_arousal": "derived",
        "runtime": "simulated",
    },
    "engagement": {
        "name": "concentration_index",
        "kind": "index",
        "window_s": _WINDOW_S,
        "stride_s": _STRIDE_S,
    },
}


def _observation(t: float) -> dict[str, Any]:
    raw = [math.exp(2 * math.sin(0.31 * t * (1 + 0.2 * rank) + rank)) for rank in range(7)]
    return {
        "t": round(t, 3),
        "box": [round(400 + 40 * math.sin(t / 7), 2), 120.0, 660.0, 470.0],
        "score": 0.998,
        "emotions": {
            name: round(value / sum(raw), 6) for name, value in zip(EMOTIONS, raw, strict=True)
        },
        "valence": round(0.5 * math.sin(t / 11), 5),
        "arousal": round(0.4 * math.cos(t / 13), 5),
        "yaw": round(12 * math.sin(t / 5), 2),
        "pitch": -3.5,
        "eyes_closed": None,
    }


def _window(start_s: float) -> dict[str, Any]:
    return {
        "start_s": start_s,
        "end_s": start_s + _WINDOW_S,
        "engagement": round(0.6 + 0.2 * math.sin(start_s / 60), 5),
        "spread": 0.08,
        "level": "engaged",
        "coverage": 1.0,
        "signals": _SIGNALS,
    }
