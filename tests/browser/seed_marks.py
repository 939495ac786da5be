"""A course for the browser tests of marks, corrections and comparison: two students with reports of
the sample's video, one of them with a second person in view. Run with the site's settings."""

import uuid

from django.contrib.auth.hashers import make_password
from django.utils import timezone

from engagement.sample import sample_path
from tests.factories import build_document
from webapp.accounts.models import User
from webapp.courses.models import Course, Enrolment, Lesson
from webapp.privacy.services import grant
from webapp.recordings import storage
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from webapp.reports import ready

COURSE = "Marking a class"


def seed(password: str, duration_s: float) -> None:
    """Makes the rows and files; reports are as long as the sample."""
    course = Course.objects.create(title=COURSE, code="MRK-101")
    instructor = User.objects.get(email="instructor@demo.example")
    Enrolment.objects.create(course=course, user=instructor, role="instructor")
    lessons = [
        Lesson.objects.create(course=course, title=f"Meeting {n}", starts_at=timezone.now())
        for n in (1, 2)
    ]
    for name, people, kind in (("Ada", 2, "index"), ("Grace", 1, "index"), ("Alan", 1, "trained")):
        student = User.objects.create(
            email=f"{name.lower()}@marks.example", name=name, password=make_password(password)
        )
        Enrolment.objects.create(course=course, user=student, role="student")
        grant(student, course)
        for lesson in lessons:
            _analysed(student, lesson, people, kind, duration_s)


def _analysed(student: User, lesson: Lesson, people: int, kind: str, duration_s: float) -> None:
    recording = Recording.objects.create(
        student=student,
        lesson=lesson,
        original_name="me.mp4",
        size_bytes=1,
        sha256=uuid.uuid4().hex * 2,
        playback=Recording.Playback.ORIGINAL,
        duration_s=duration_s,
    )
    storage.recordings_dir()
    storage.folder(recording.pk).mkdir(mode=0o700)
    recording.video_path.write_bytes(sample_path().read_bytes())
    document = build_document(
        duration_s=duration_s, absent=[(8.0, 9.5)], people=people, kind=kind, file="me.mp4"
    )
    analysis = Analysis.objects.create(
        recording=recording,
        state=Analysis.State.FINISHED,
        progress=1.0,
        finished_at=timezone.now(),
        expression_model=document["models"]["expression"]["name"],
        engagement_model=document["models"]["engagement"]["name"],
        engagement_kind=kind,
    )
    AnalysisDocument.objects.create(analysis=analysis, document=document)
    ready.write(analysis, ready.make_for(analysis, document))
