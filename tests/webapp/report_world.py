"""A course with its people, and recordings in every state, for the tests of the reports."""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from tests.factories import build_document
from webapp.accounts.models import User
from webapp.courses.models import Course, Enrolment, Lesson
from webapp.recordings.models import Analysis, AnalysisDocument, Recording


@dataclass(frozen=True)
class ReportWorld:
    """One course with a student and an instructor, and people who have no business there."""

    lesson: Lesson
    student: User
    classmate: User
    instructor: User
    other_instructor: User
    admin: User

    def recording(self, **fields: Any) -> Recording:
        """A recording of the student without any analysis."""
        values = {"original_name": "week-1.mp4", "size_bytes": 1000, "sha256": "ab" * 32}
        return Recording.objects.create(
            lesson=self.lesson, student=self.student, **{**values, **fields}
        )

    def analysed(self, recording: Recording | None = None, **options: Any) -> Recording:
        """A recording with a finished analysis of `build_document(**options)`."""
        recording = recording or self.recording()
        analysis = Analysis.objects.create(
            recording=recording, state=Analysis.State.FINISHED, finished_at=timezone.now()
        )
        AnalysisDocument.objects.create(analysis=analysis, document=build_document(**options))
        return recording

    def unfinished(self, state: str, **fields: Any) -> Recording:
        """A recording whose only analysis is in the given state."""
        recording = self.recording()
        Analysis.objects.create(recording=recording, state=state, **fields)
        return recording


def build_world() -> ReportWorld:
    """Makes the rows."""
    course = Course.objects.create(title="Astronomy", code="AST-101")
    other = Course.objects.create(title="Statistics", code="STA-101")
    lesson = Lesson.objects.create(course=course, title="The night sky", starts_at=timezone.now())
    people = {}
    for name, where, role in (
        ("student", course, "student"),
        ("classmate", course, "student"),
        ("instructor", course, "instructor"),
        ("other_instructor", other, "instructor"),
    ):
        people[name] = User.objects.create_user(f"{name}@example.org", name=name.title())
        Enrolment.objects.create(course=where, user=people[name], role=role)
    admin = User.objects.create_superuser("admin@example.org", name="Admin")
    return ReportWorld(lesson=lesson, admin=admin, **people)
