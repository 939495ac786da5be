"""A course for the browser tests of its pages: seven students, of whom six dip together in week 1.
Run with the site's settings."""

import shutil

from engagement.sample import sample_path
from tests.factories import build_document
from tests.webapp.course_world import course_of, curve, reported
from webapp.accounts.models import User
from webapp.courses.models import Enrolment
from webapp.recordings import storage
from webapp.recordings.models import Analysis, AnalysisDocument, Recording

CODE = "DIP-101"


def seed() -> None:
    """Makes the rows; those of week 1 have the sample as their video."""
    course, lessons, people = course_of(CODE, 7, lessons=6)
    instructor = User.objects.get(email="instructor@demo.example")
    Enrolment.objects.create(course=course, user=instructor, role="instructor")
    for number, student in enumerate(people[:6]):
        for place, lesson in enumerate(lessons):
            dips = [(20, 26)] if place == 0 else []
            recording = reported(lesson, student, curve(0.5 + 0.05 * number, dips=dips))
            Recording.objects.filter(pk=recording.pk).update(
                started_at=lesson.starts_at, playback=Recording.Playback.ORIGINAL
            )
            if place == 0:
                storage.recordings_dir()
                storage.folder(recording.pk).mkdir()
                shutil.copyfile(sample_path(), recording.video_path)
    document = build_document(duration_s=1200.0, fps=1.0, window_s=20.0, stride_s=10.0)
    AnalysisDocument.objects.bulk_create(
        AnalysisDocument(analysis=one, document=document)
        for one in Analysis.objects.filter(recording__lesson=lessons[0])
    )
