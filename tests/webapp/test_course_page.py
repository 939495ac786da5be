"""A course as its instructors see it: counts, figures with their spread, pages, and the export."""

import csv
import html
import io
import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.webapp.class_world import ClassWorld, make_class
from tests.webapp.conftest import client_of, make_recording
from webapp.accounts.models import User
from webapp.courses import export, overview
from webapp.courses.models import Course, Enrolment, Lesson
from webapp.privacy.models import AccessLog
from webapp.recordings.models import Analysis, Recording


@pytest.fixture
def world(db: None, sent: list) -> ClassWorld:
    return make_class("course", 6)


@pytest.fixture
def large(db: None, sent: list) -> ClassWorld:
    return make_class("large", 60, lessons=45)


def empty_course(students: int) -> tuple[Lesson, list[User]]:
    course = Course.objects.create(title="Small", code="SMALL")
    people = [User.objects.create_user(f"s{n}@x.example", name=f"S{n}") for n in range(students)]
    for one in people:
        Enrolment.objects.create(course=course, user=one, role="student")
    return Lesson.objects.create(course=course, title="One", starts_at=timezone.now()), people


def analysed(lesson: Lesson, student: User, engagement: float | None, **fields: object) -> Analysis:
    values = {
        "coverage": 0.8,
        "dominant_emotion": "neutral",
        "engagement_model": "concentration_index",
        "engagement_kind": "index",
        "finished_at": timezone.now(),
        **fields,
    }
    return Analysis.objects.create(
        recording=make_recording(student, lesson),
        state="finished",
        mean_engagement=engagement,
        **values,
    )


def lesson_row(lesson: Lesson, students: int) -> overview.LessonRow:
    (row,) = overview.lesson_rows(lesson.course, [lesson], students)
    return row


def page_of(client: Client, course: Course, query: str = "") -> str:
    response = client.get(reverse("courses:course", args=[course.pk]) + query)
    assert response.status_code == 200
    return response.content.decode()


def students_on(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><a [^>]*>(Student \d+)</a></th>', text)


# -- counts and figures --


def test_a_lessons_counts_say_what_came_of_every_recording(world: ClassWorld) -> None:
    # Of three students' recordings one is analysed, one failed, one waits.
    world.lessons[1].recordings.get(student=world.students[5]).delete()
    counts = lesson_row(world.lessons[1], 6).counts
    assert counts == overview.Counts(recordings=5, analysed=2, failed=2, waiting=1, missing=1)


def test_a_failure_after_a_report_does_not_count_as_failed(db: None, sent: list) -> None:
    lesson, (student,) = empty_course(1)
    done = analysed(lesson, student, 0.5)
    Analysis.objects.create(recording=done.recording, state="failed")
    counts = lesson_row(lesson, 1).counts
    assert (counts.analysed, counts.failed) == (1, 0)


def test_a_lessons_figures_are_over_students_with_their_spread(db: None, sent: list) -> None:
    lesson, (one, two) = empty_course(2)
    analysed(lesson, one, 0.2, coverage=0.5)
    # Somebody's second recording does not make them count twice.
    analysed(lesson, two, 0.5)
    analysed(lesson, two, 0.7)
    figures = lesson_row(lesson, 2).figures
    assert figures
    assert figures.engagement
    assert figures.coverage
    assert figures.engagement.value == pytest.approx(0.4)
    assert figures.engagement.spread == pytest.approx(0.2)
    assert figures.engagement.over == 2
    assert figures.coverage.value == pytest.approx(0.65)


def test_only_the_newest_report_of_a_recording_counts(db: None, sent: list) -> None:
    lesson, (one, two) = empty_course(2)
    analysed(lesson, one, 0.4)
    newest = analysed(lesson, two, 0.6)
    Analysis.objects.create(
        recording=newest.recording,
        state="finished",
        mean_engagement=0.0,
        finished_at=newest.finished_at - timedelta(days=1),
    )
    figures = lesson_row(lesson, 2).figures
    assert figures
    assert figures.engagement
    assert figures.engagement.value == pytest.approx(0.5)


def test_one_students_figures_are_no_lessons_figures(db: None, sent: list) -> None:
    lesson, (one, _) = empty_course(2)
    analysed(lesson, one, 0.4)
    assert lesson_row(lesson, 2).figures is None
    (row,) = overview.student_rows(lesson.course, [one], 1)
    assert row.figures
    assert row.figures.engagement == overview.Mean(0.4, None, 1)


def test_estimates_of_different_models_are_not_averaged(db: None, sent: list) -> None:
    lesson, people = empty_course(3)
    for one, value in zip(people, (0.2, 0.4, 0.9), strict=True):
        trained = value == 0.9
        model = {"engagement_model": "single_attention", "engagement_kind": "trained"}
        analysed(lesson, one, value, **(model if trained else {}))
    figures = lesson_row(lesson, 3).figures
    assert figures
    assert figures.engagement
    assert figures.engagement.value == pytest.approx(0.3)
    assert (figures.model, figures.left_out) == ("concentration_index", 1)


def test_the_emotion_is_the_one_of_most_students(db: None, sent: list) -> None:
    lesson, people = empty_course(3)
    for one, emotion in zip(people, ("sadness", "neutral", "sadness"), strict=True):
        analysed(lesson, one, 0.5, dominant_emotion=emotion)
    figures = lesson_row(lesson, 3).figures
    assert figures
    assert figures.emotion == overview.Emotion("sadness", 2, 3)


def test_a_recording_without_a_face_has_no_figure_and_breaks_none(db: None, sent: list) -> None:
    lesson, (one, two) = empty_course(2)
    analysed(lesson, one, None, coverage=0.0, dominant_emotion="", engagement_model="")
    analysed(lesson, two, 0.6)
    figures = lesson_row(lesson, 2).figures
    assert figures
    assert (figures.over, figures.engagement, figures.emotion) == (2, None, None)


def test_the_page_shows_them_with_the_model(world: ClassWorld) -> None:
    text = page_of(client_of(world.instructor), world.course)
    assert "0.50 ± 0.08" in text
    assert "6 students" in text
    assert "by <code>concentration_index</code>, a published rule and not a trained model" in text
    assert "in 2 of 6 students" in text


def test_students_see_lessons_and_nobodys_figures(world: ClassWorld) -> None:
    text = page_of(client_of(world.students[0]), world.course)
    assert "Lesson 1" in text
    for words in ("Engagement</th>", "Student 001", "figures.csv", "±"):
        assert words not in text


# -- who saw what --


def test_seeing_students_figures_is_logged_once_a_viewing(world: ClassWorld) -> None:
    client = client_of(world.instructor)
    for _ in range(2):
        page_of(client, world.course)
    lines = AccessLog.objects.filter(action="figures", actor=world.instructor)
    assert {one.subject for one in lines} == set(world.students)
    assert lines.count() == len(world.students)
    assert {(one.course_id, one.recording_id) for one in lines} == {(world.course.pk, None)}


def test_only_those_on_the_page_are_logged(large: ClassWorld) -> None:
    page_of(client_of(large.instructor), large.course, "?students_page=3")
    lines = AccessLog.objects.filter(action="figures")
    assert {one.subject for one in lines} == set(large.students[50:])


# -- pages and orders --


def test_students_come_in_pages_by_name(large: ClassWorld) -> None:
    client = client_of(large.instructor)
    names = [one.name for one in large.students]
    assert students_on(page_of(client, large.course)) == names[:25]
    last = page_of(client, large.course, "?students_page=3")
    assert students_on(last) == names[50:]
    assert "51 to 60 of 60 students" in last
    # What is no page leads to one that is.
    assert students_on(page_of(client, large.course, "?students_page=99")) == names[50:]
    assert students_on(page_of(client, large.course, "?students_page=x")) == names[:25]


def test_turning_one_list_keeps_the_other_where_it_is(large: ClassWorld) -> None:
    text = page_of(client_of(large.instructor), large.course, "?students_page=2&lessons=oldest")
    links = [html.unescape(one) for one in re.findall(r'href="([^"]*_page=[^"]*)"', text)]
    asked = [(QueryDict(urlsplit(one).query).dict(), urlsplit(one).fragment) for one in links]
    kept = {"lessons": "oldest", "students_page": "2"}
    assert ({**kept, "students_page": "3"}, "students") in asked
    assert ({**kept, "lessons_page": "2"}, "lessons") in asked
    # Another order begins at its own first page, and leaves the other list alone.
    assert ({"students_page": "2", "lessons": "title"}, "lessons") in asked


def test_lessons_are_sorted_by_date_or_title(large: ClassWorld) -> None:
    client = client_of(large.instructor)

    def first(query: str) -> str:
        found = re.search(
            r'<th scope="row"><a href="[^"]*">([^<]*)<', page_of(client, large.course, query)
        )
        assert found
        return found[1]

    assert first("") == "Lesson 44"
    assert first("?lessons=oldest") == "Lesson 0"
    assert first("?lessons=title&lessons_page=2") == "Lesson 27"
    assert first("?lessons=engagement") == "Lesson 44"


def test_no_order_ranks_students_by_what_a_model_says(world: ClassWorld) -> None:
    client = client_of(world.instructor)
    names = [one.name for one in world.students]
    for order in ("engagement", "-mean_engagement", "emotion", "coverage"):
        assert students_on(page_of(client, world.course, f"?students={order}")) == names
    newest = world.students[3]
    make_recording(newest, world.lessons[0])
    assert students_on(page_of(client, world.course, "?students=recording"))[0] == newest.name


def test_a_lessons_recordings_come_in_pages(large: ClassWorld) -> None:
    client = client_of(large.instructor)
    seen = []
    for number in (1, 2, 3):
        url = reverse("courses:lesson", args=[large.lessons[0].pk])
        text = client.get(f"{url}?order=name&page={number}").content.decode()
        seen += re.findall(r'data-label="Student">([^<]*)<', text)
    assert seen == [one.name for one in large.students]


def test_ones_own_recordings_come_in_pages(large: ClassWorld) -> None:
    client = client_of(large.students[0])
    seen = []
    for number in (1, 2):
        text = client.get(reverse("recordings:mine"), {"page": number}).content.decode()
        seen += re.findall(r'data-label="Lesson"><div><a[^>]*>([^<]*)<', text)
    assert sorted(seen) == sorted(one.title for one in large.lessons)


def test_many_courses_come_in_pages(world: ClassWorld) -> None:
    admin = User.objects.create_superuser("admin@example.org", name="Admin")
    Course.objects.bulk_create(Course(title=f"T{n:02d}", code=f"c{n}") for n in range(60))
    text = client_of(admin).get("/?page=2").content.decode()
    assert "51 to 61 of 61 courses" in text


def test_a_short_list_has_no_pages(world: ClassWorld) -> None:
    assert 'class="pages"' not in page_of(client_of(world.instructor), world.course)


# -- export --


def exported(user: User, course: Course, query: str = "") -> list[dict[str, str]]:
    response = client_of(user).get(reverse("courses:figures", args=[course.pk]) + query)
    assert response.status_code == 200
    assert response.streaming
    text = b"".join(response.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_the_export_has_a_row_a_recording_by_its_newest_report(world: ClassWorld) -> None:
    rows = {one["recording"]: one for one in exported(world.instructor, world.course)}
    assert set(rows) == {str(one.pk) for one in Recording.objects.all()}
    newest = Analysis.objects.filter(recording=world.recording).latest("finished_at")
    row = rows[str(world.recording.pk)]
    assert float(row["mean_engagement"]) == newest.mean_engagement
    assert float(row["engagement_spread"]) == newest.engagement_spread
    assert float(row["coverage"]) == newest.coverage
    assert row["dominant_emotion"] == newest.dominant_emotion
    assert row["engagement_model"] == "concentration_index"
    assert row["engagement_kind"] == "index"
    assert row["analysed_at"] == newest.finished_at.isoformat(timespec="seconds")
    assert row["lesson"] == "Lesson 0"


def test_what_has_no_report_is_in_the_export_with_its_state(world: ClassWorld) -> None:
    rows = exported(world.instructor, world.course)
    states = {
        state: [one for one in rows if one["state"] == state] for state in ("failed", "queued")
    }
    assert len(states["failed"]) == len(states["queued"]) == 6
    assert all(not one["mean_engagement"] for one in states["failed"])


def test_students_are_pseudonyms_unless_names_are_asked_for(world: ClassWorld) -> None:
    rows = exported(world.instructor, world.course)
    assert "name" not in rows[0]
    assert not any("Student" in value for one in rows for value in one.values())
    assert {one["student"] for one in rows} == {
        export.pseudonym(world.course, one.pk) for one in world.students
    }
    other = Course.objects.create(title="Other", code="OTHER")
    assert export.pseudonym(other, world.students[0].pk) not in {one["student"] for one in rows}
    named = exported(world.instructor, world.course, "?names=1")
    assert {one["name"] for one in named} == {one.name for one in world.students}


def test_the_export_is_logged_for_everybody_in_it(world: ClassWorld) -> None:
    exported(world.instructor, world.course)
    exported(world.instructor, world.course)
    lines = AccessLog.objects.filter(action="export", actor=world.instructor)
    assert sorted(one.subject_id for one in lines) == sorted(2 * [s.pk for s in world.students])


def test_a_hostile_name_cannot_become_a_formula(world: ClassWorld) -> None:
    User.objects.filter(pk=world.students[0].pk).update(name="=HYPERLINK(1)")
    world.lessons[0].title = "@SUM(1)"
    world.lessons[0].save()
    rows = exported(world.instructor, world.course, "?names=1")
    hostile = [one for one in rows if one["recording"] == str(world.recording.pk)]
    assert [(one["name"], one["lesson"]) for one in hostile] == [("'=HYPERLINK(1)", "'@SUM(1)")]


def test_an_empty_course_has_an_export_with_only_a_header(db: None, sent: list) -> None:
    lesson, _ = empty_course(0)
    admin = User.objects.create_superuser("admin@example.org", name="Admin")
    assert exported(admin, lesson.course) == []
