"""A course for the browser test of calibration: three students with reports, two of whom are
labelled already. Run with the site's settings."""

from django.utils import timezone

from engagement.sample import sample_path
from tests.calibration_world import analysed, enrol, label_all
from webapp.accounts.models import User
from webapp.courses.models import Course, Enrolment, Lesson

# As long as the real model's, since the fitted classifier then judges a real video.
_SIZE = 1024


def seed() -> None:
    """Makes the rows and files; the third recording is the sample, and nobody has labelled it."""
    # Of its own: what other tests upload to the demo course must not meet this one's classifier.
    course = Course.objects.create(title="Calibrating a class", code="CAL-101")
    lesson = Lesson.objects.create(course=course, title="Week 1", starts_at=timezone.now())
    instructor = User.objects.get(email="instructor@demo.example")
    Enrolment.objects.create(course=course, user=instructor, role="instructor")
    for number in range(3):
        student = enrol(lesson, number)
        recording = analysed(
            student, lesson, number=number, minutes=5, video=sample_path(), size=_SIZE
        )
        if number < 2:
            label_all(recording, instructor, number)
