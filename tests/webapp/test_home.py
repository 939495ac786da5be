"""The list of courses: what each reader sees of a course before they open it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.webapp.conftest import World, client_of
from webapp.accounts.models import User
from webapp.courses.models import Course, Enrolment, Lesson
from webapp.disputes.models import Dispute
from webapp.privacy.models import Consent
from webapp.recordings.models import Analysis

pytestmark = pytest.mark.django_db


def home(user) -> str:
    return client_of(user).get("/").content.decode()


def test_an_instructor_sees_what_waits_in_a_course(world: World) -> None:
    Dispute.objects.create(recording=world.recording, text="I was reading.")
    Dispute.objects.create(recording=world.recording, text="Settled.", closed_at=timezone.now())
    Analysis.objects.filter(recording=world.recording).update(state="queued")
    page = home(world.instructor)
    assert "1 open dispute" in page
    assert "1 being analysed" in page
    assert "recordings of yours" not in page
    assert "No consent given" not in page


def test_a_student_sees_their_own_part_and_nothing_of_others(world: World) -> None:
    Dispute.objects.create(recording=world.recording, text="I was reading.")
    page = home(world.student)
    assert "1 recording of yours" in page
    assert "open dispute" not in page
    assert "being analysed" not in page
    assert "student" not in page.split('<ul class="list')[1].split("</ul>")[0]


def test_who_has_not_consented_is_led_to_what_is_measured(world: World) -> None:
    assert "No consent given" not in home(world.student)
    Consent.objects.filter(user=world.student).update(withdrawn_at=timezone.now())
    page = home(world.student)
    assert "No consent given" in page
    assert f"/courses/{world.course.pk}/consent/" in page


def test_the_last_lesson_and_the_next_one_are_told(world: World) -> None:
    Lesson.objects.filter(course=world.course).delete()
    now = timezone.now()
    for days in (-9, -2, 3, 8):
        Lesson.objects.create(
            course=world.course, title=f"Day {days}", starts_at=now + timedelta(days=days)
        )
    page = home(world.instructor)
    assert "4 lessons" in page
    day = (now - timedelta(days=2)).strftime("%-d %B %Y")
    assert f"Last lesson on {day}" in page
    assert f"Next lesson on {(now + timedelta(days=3)).strftime('%-d %B %Y')}" in page


def test_many_courses_take_no_more_queries(world: World, django_assert_max_num_queries) -> None:
    for number in range(20):
        course = Course.objects.create(title=f"More {number}", code=f"M-{number}")
        Enrolment.objects.create(course=course, user=world.instructor, role="instructor")
    client = client_of(world.instructor)
    with django_assert_max_num_queries(14):
        assert client.get("/").content.decode().count("list__title") == 21


def course_page(world: World, user) -> str:
    return client_of(user).get(f"/courses/{world.course.pk}/").content.decode()


def test_a_student_sees_what_there_is_of_each_lesson(world: World) -> None:
    Lesson.objects.create(course=world.course, title="Not recorded", starts_at=timezone.now())
    analysis = Analysis.objects.filter(recording=world.recording)
    report = f"/recordings/{world.recording.pk}/report/"
    for state, shown in (("queued", "Being analysed"), ("failed", "Failed"), ("finished", report)):
        analysis.update(state=state)
        page = course_page(world, world.student)
        assert shown in page
        # Of the lesson that has none, and of no other.
        assert page.count("Add a recording") == 1
    Consent.objects.filter(user=world.student).update(withdrawn_at=timezone.now())
    page = course_page(world, world.student)
    assert "Add a recording" not in page
    assert "No recording" in page


def test_a_student_sees_no_recording_of_another_in_the_list_of_lessons(world: World) -> None:
    other = User.objects.create_user("other@home.example", "a password of theirs")
    Enrolment.objects.create(course=world.course, user=other, role="student")
    Analysis.objects.filter(recording=world.recording).update(state="finished")
    assert str(world.recording.pk) not in course_page(world, other)
