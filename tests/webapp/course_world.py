"""What the tests of a course's pages put in place: materials, and students with their curves."""

from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from webapp.accounts.models import User
from webapp.courses import storage, strips
from webapp.courses.models import Course, Enrolment, Lesson, LessonMaterial, Strip
from webapp.privacy import consent_text
from webapp.privacy.models import Consent
from webapp.recordings.models import Analysis, Recording

PDF = b"%PDF-1.4\n%%EOF\n"


def attached(
    lesson: Lesson, kind: str = "slides", content: bytes = PDF, **fields: object
) -> LessonMaterial:
    """A material of a lesson with its file in private storage."""
    values = {"title": f"The {kind}", "size_bytes": len(content), **fields}
    material = LessonMaterial.objects.create(lesson=lesson, kind=kind, **values)
    storage.materials_dir()
    material.path.parent.mkdir(mode=0o700)
    material.path.write_bytes(content)
    return material


def curve(
    level: float,
    bins: int = 40,
    dips: Sequence[tuple[int, int]] = (),
    depth: float = 0.25,
    phase: int = 0,
) -> strips.Bins:
    """A student who is at a level, with a small ripple, save in the dips; always in view."""
    values = [
        level
        + 0.01 * ((7 * number + phase) % 5 - 2)
        - (depth if any(start <= number < end for start, end in dips) else 0.0)
        for number in range(bins)
    ]
    return strips.Bins(values, [0.1] * bins, [1.0] * bins, ["neutral"] * bins)


def reported(lesson: Lesson, student: User, bins: strips.Bins, **fields: object) -> Recording:
    """A recording with a report whose bins are these."""
    known = [one for one in bins.engagement if one is not None]
    recording = Recording.objects.create(
        lesson=lesson,
        student=student,
        original_name="lesson.mp4",
        size_bytes=1,
        sha256="ab" * 32,
        duration_s=len(bins) * strips.BIN_S,
    )
    values = {
        "mean_engagement": sum(known) / len(known) if known else None,
        "engagement_spread": 0.1,
        "coverage": sum(bins.coverage) / max(1, len(bins)),
        "dominant_emotion": "neutral",
        "engagement_model": "concentration_index",
        "engagement_kind": "index",
        "expression_model": "mobilenet_7_fer",
        **fields,
    }
    analysis = Analysis.objects.create(
        recording=recording, state="finished", finished_at=timezone.now(), **values
    )
    Strip.objects.create(
        analysis=analysis,
        form=strips.FORM,
        bins=strips.pack(bins),
        emotion_share={"neutral": 0.75, "happiness": 0.25},
    )
    return recording


def course_of(
    code: str, students: int, lessons: int = 1
) -> tuple[Course, list[Lesson], list[User]]:
    """A course with students who consent, and an instructor `teacher@CODE.example`."""
    course = Course.objects.create(title=f"Course {code}", code=code)
    people = [
        User.objects.create_user(f"s{number:02d}@{code}.example", name=f"Student {number:02d}")
        for number in range(students)
    ]
    teacher = User.objects.create_user(f"teacher@{code}.example", name="The teacher")
    roles = [(one, "student") for one in people] + [(teacher, "instructor")]
    Enrolment.objects.bulk_create(
        Enrolment(course=course, user=user, role=role) for user, role in roles
    )
    Consent.objects.bulk_create(
        Consent(user=one, course=course, text_version=consent_text.VERSION) for one in people
    )
    start = timezone.now() - timedelta(days=7 * lessons)
    made = [
        Lesson.objects.create(
            course=course, title=f"Week {number + 1}", starts_at=start + timedelta(days=7 * number)
        )
        for number in range(lessons)
    ]
    return course, made, people
