"""A student across lessons: their own figures, their own median, and the class's as a whole."""

import html

import pytest
from django.test import Client
from django.urls import reverse

from tests.webapp.conftest import client_of
from tests.webapp.course_world import course_of, curve, reported
from webapp.accounts.models import User
from webapp.courses.models import Course
from webapp.courses.student_page import student_figures
from webapp.privacy.models import AccessLog


@pytest.fixture
def course(db: None, sent: list) -> Course:
    """Four students; the first is in three of four lessons, the others in the first two."""
    made, lessons, people = course_of("across", 4, lessons=4)
    for lesson, level in zip(lessons[:3], (0.4, 0.5, 0.8), strict=True):
        reported(lesson, people[0], curve(level), mean_engagement=level)
    for number, one in enumerate(people[1:]):
        for lesson in lessons[:2]:
            reported(lesson, one, curve(0.6), mean_engagement=0.6 + 0.1 * number)
    return made


def student(name: str = "Student 00") -> User:
    return User.objects.get(name=name)


def page_of(client: Client, course: Course, who: User) -> str:
    response = client.get(reverse("courses:student", args=[course.pk, who.pk]))
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def test_figures_are_held_against_the_own_median_and_the_others(course: Course) -> None:
    figures = student_figures(course, student())
    assert [one.engagement for one in figures.points] == [0.4, 0.5, 0.8, None]
    assert figures.own_median == 0.5
    # Of the three others, the student not among them.
    assert figures.points[0].class_median == pytest.approx(0.7)
    assert figures.points[0].others == 3
    assert figures.points[0].shares == {"neutral": 0.75, "happiness": 0.25}


def test_one_other_student_is_no_class(course: Course) -> None:
    third = student_figures(course, student()).points[2]
    assert (third.class_median, third.others) == (None, 0)
    reported(third.lesson, student("Student 01"), curve(0.6))
    third = student_figures(course, student()).points[2]
    assert (third.class_median, third.others) == (None, 1)
    reported(third.lesson, student("Student 02"), curve(0.6))
    assert student_figures(course, student()).points[2].class_median is not None


def test_a_report_by_another_model_is_in_neither_curve_nor_median(course: Course) -> None:
    lesson = course.lessons.get(title="Week 4")
    reported(lesson, student(), curve(0.1), engagement_model="other", engagement_kind="trained")
    figures = student_figures(course, student())
    assert figures.own_median == 0.5
    assert figures.points[3].engagement is None
    assert figures.points[3].other_model == "other"


def test_the_student_reads_the_same_page(course: Course) -> None:
    teacher = student("The teacher")
    theirs = page_of(client_of(student()), course, student())
    seen = page_of(client_of(teacher), course, student())
    data = '<script id="student-data"'
    assert theirs.split(data)[1].split("</script>")[0] == seen.split(data)[1].split("</script>")[0]
    for words in ("0.40 ± 0.10", "concentration_index", "too few others"):
        assert words in theirs
        assert words in seen


def test_nobody_reads_a_classmates_page(course: Course) -> None:
    url = reverse("courses:student", args=[course.pk, student().pk])
    assert client_of(student("Student 01")).get(url).status_code == 404
    teacher_url = reverse("courses:student", args=[course.pk, student("The teacher").pk])
    assert client_of(student("The teacher")).get(teacher_url).status_code == 404


def test_opening_it_is_written_down(course: Course) -> None:
    teacher = student("The teacher")
    page_of(client_of(teacher), course, student())
    (line,) = AccessLog.objects.filter(actor=teacher, action="figures")
    assert (line.subject, line.course_id) == (student(), course.pk)


def test_no_other_student_is_named_on_it(course: Course) -> None:
    text = page_of(client_of(student()), course, student())
    assert "Student 01" not in text


def test_without_a_report_it_says_so(course: Course) -> None:
    someone = User.objects.create_user("new@across.example", name="New")
    course.enrolments.create(user=someone, role="student")
    text = page_of(client_of(someone), course, someone)
    assert "No report yet" in text
    assert "To the course" in text


def test_two_of_the_recordings_can_be_compared(course: Course) -> None:
    text = page_of(client_of(student("The teacher")), course, student())
    assert 'action="/compare/recordings/"' in text
    assert text.count("<option") == 6
