"""A student across lessons: their own figures, their own median, and the class's as a whole."""

import csv
import html
import io
import json
import re

import pytest
from django.test import Client
from django.urls import reverse

from tests.webapp.conftest import client_of
from tests.webapp.course_world import course_of, curve, reported
from webapp.accounts.models import User
from webapp.courses.models import Course
from webapp.courses.student_page import student_figures
from webapp.privacy.models import AccessLog
from webapp.reports.templatetags.report_format import NOTHING


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
    figures = student_figures(course, student(), sees_others=True)
    assert [one.engagement for one in figures.points] == [0.4, 0.5, 0.8, None]
    assert figures.own_median == 0.5
    # Of the three others, the student not among them.
    assert figures.points[0].class_median == pytest.approx(0.7)
    assert figures.points[0].others == 3
    assert figures.points[0].shares == {"neutral": 0.75, "happiness": 0.25}


def test_one_other_student_is_no_class(course: Course) -> None:
    third = student_figures(course, student(), sees_others=True).points[2]
    assert (third.class_median, third.others) == (None, 0)
    reported(third.lesson, student("Student 01"), curve(0.6))
    third = student_figures(course, student(), sees_others=True).points[2]
    assert (third.class_median, third.others) == (None, 1)
    reported(third.lesson, student("Student 02"), curve(0.6))
    third = student_figures(course, student(), sees_others=True).points[2]
    assert third.class_median is not None


LEVELS = (0.101, 0.203, 0.333333, 0.407, 0.509)


def median_read_by(reader: User, course: Course, of: User) -> tuple[float | None, str, str]:
    """The others' median of the only lesson: in the chart's data, the table, and the file."""
    client = client_of(reader)
    text = page_of(client, course, of)
    data = text.split('<script id="student-data" type="application/json">')[1]
    (lesson,) = json.loads(data.split("</script>")[0])["lessons"]
    (cell,) = re.findall(r'<td[^>]*data-label="Median of the others"><span>(.*?)</td>', text)
    ids = {"course_id": course.pk, "student_id": of.pk, "ending": "csv"}
    path = reverse("exports:student", kwargs=ids) + "?table=lessons"
    answer = client.get(path)
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    (row,) = csv.DictReader(io.StringIO(body.decode("utf-8-sig")))
    return lesson["class_median"], re.sub("<[^>]*>", " ", cell).strip(), row["others_median"]


@pytest.mark.parametrize("others", [4, 5])
def test_a_student_is_told_of_five_others_or_of_none(db: None, sent: list, others: int) -> None:
    course, (lesson,), people = course_of("peers", 1 + others)
    reported(lesson, people[0], curve(0.4), mean_engagement=0.4)
    for one, level in zip(people[1:], LEVELS, strict=False):
        reported(lesson, one, curve(level), mean_engagement=level)
    teacher = student("The teacher")
    middle = 0.333333 if others == 5 else (0.203 + 0.333333) / 2
    seen = median_read_by(teacher, course, people[0])
    assert seen == (pytest.approx(middle), f"{middle:.2f} {others} students", str(middle))
    own = median_read_by(people[0], course, people[0])
    if others == 4:
        assert own == (None, f"{NOTHING} shown from 5 others on", "")
    else:
        # One classmate's figure is this median: not with all of its digits.
        assert own == (0.33, "0.33 5 students", "0.33")


def test_the_page_says_from_how_many_others_on(course: Course) -> None:
    own = page_of(client_of(student()), course, student())
    assert "You see it from 5 others on" in own
    assert "your instructors, who may read each report, see it from 2 on" in own
    seen = page_of(client_of(student("The teacher")), course, student())
    assert "shown from 2 others on" in seen
    assert "5 others" not in seen


def test_a_report_by_another_model_is_in_neither_curve_nor_median(course: Course) -> None:
    lesson = course.lessons.get(title="Week 4")
    reported(lesson, student(), curve(0.1), engagement_model="other", engagement_kind="trained")
    figures = student_figures(course, student(), sees_others=True)
    assert figures.own_median == 0.5
    assert figures.points[3].engagement is None
    assert figures.points[3].other_model == "other"


def test_the_student_reads_the_same_figures_of_themself(course: Course) -> None:
    teacher = student("The teacher")
    theirs = page_of(client_of(student()), course, student())
    seen = page_of(client_of(teacher), course, student())
    own_median = '<script id="student-data" type="application/json">', '"own_median": 0.5'
    for words in (*own_median, "0.40 ± 0.10", "0.80 ± 0.10", "concentration_index"):
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
