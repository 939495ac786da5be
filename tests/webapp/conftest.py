"""Named people in a small world: two courses, one lesson each, one recording with a report."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from tests.factories import build_document
from webapp.accounts.models import User
from webapp.courses.models import Course, Enrolment, Lesson
from webapp.privacy.services import grant
from webapp.recordings import queue, storage
from webapp.recordings.models import Analysis, AnalysisDocument, Recording


@dataclass
class World:
    """Everything that a test may want to name."""

    student: User
    other_student: User
    instructor: User
    other_instructor: User
    admin: User
    course: Course
    other_course: Course
    lesson: Lesson
    other_lesson: Lesson
    recording: Recording
    analysis: Analysis


def client_of(user: User | None) -> Client:
    """A browser in which the user is logged in; None is a stranger."""
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def make_recording(student: User, lesson: Lesson, content: bytes = b"video") -> Recording:
    """A recording whose bytes are in private storage."""
    recording = Recording.objects.create(
        student=student,
        lesson=lesson,
        original_name="lesson.mp4",
        size_bytes=len(content),
        sha256="ab" * 32,
    )
    storage.recordings_dir()
    storage.folder(recording.pk).mkdir()
    recording.video_path.write_bytes(content)
    return recording


def finish(recording: Recording) -> Analysis:
    """A finished analysis with a document."""
    analysis = Analysis.objects.create(
        recording=recording,
        state=Analysis.State.FINISHED,
        progress=1.0,
        finished_at=timezone.now(),
    )
    AnalysisDocument.objects.create(analysis=analysis, document=build_document())
    return analysis


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, settings: object) -> Path:
    """Private storage of the test's own."""
    settings.DATA_DIR = tmp_path / "data"  # type: ignore[attr-defined]
    settings.PASSWORD_HASHERS = [  # type: ignore[attr-defined]
        "django.contrib.auth.hashers.MD5PasswordHasher"
    ]
    return tmp_path / "data"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """Messages that would go to the broker, which unit tests of the pages do not have."""
    messages: list[tuple[str, str]] = []

    def send(task: str, subject_id: object) -> bool:
        messages.append((task, str(subject_id)))
        return True

    monkeypatch.setattr(queue, "_send", send)
    return messages


@pytest.fixture
def world(db: None, sent: list[tuple[str, str]]) -> World:
    """The small world."""
    make = User.objects.create_user
    people = {
        name: make(f"{name}@example.org", name=name.replace("_", " ").title())
        for name in ("student", "other_student", "instructor", "other_instructor")
    }
    admin = User.objects.create_superuser("admin@example.org", name="Admin")
    course = Course.objects.create(title="Algebra", code="ALG")
    other_course = Course.objects.create(title="Biology", code="BIO")
    for who, where, role in (
        ("student", course, "student"),
        ("other_student", course, "student"),
        ("instructor", course, "instructor"),
        ("other_instructor", other_course, "instructor"),
    ):
        Enrolment.objects.create(user=people[who], course=where, role=role)
    lesson, other_lesson = (
        Lesson.objects.create(course=one, title=f"{one.title} 1", starts_at=timezone.now())
        for one in (course, other_course)
    )
    grant(people["student"], course)
    recording = make_recording(people["student"], lesson)
    return World(
        **people,
        admin=admin,
        course=course,
        other_course=other_course,
        lesson=lesson,
        other_lesson=other_lesson,
        recording=recording,
        analysis=finish(recording),
    )
