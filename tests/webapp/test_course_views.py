"""Finding lessons and students, the trend, and views that are kept under a name."""

import html
import json
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from tests.webapp.class_world import ClassWorld, make_class
from tests.webapp.conftest import client_of
from webapp.courses.models import Course, SavedView


@pytest.fixture
def world(db: None, sent: list) -> ClassWorld:
    return make_class("found", 12, lessons=6)


def get(client: Client, course: Course, query: str = "") -> str:
    response = client.get(reverse("courses:course", args=[course.pk]) + query)
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def lessons_on(text: str) -> list[str]:
    section = text.split('aria-labelledby="lessons"')[1].split("</section>")[0]
    return re.findall(r'<th scope="row"><a href="[^"]*">([^<]*)<', section)


def students_on(text: str) -> list[str]:
    section = text.split('aria-labelledby="students"')[1].split("</section>")[0]
    return re.findall(r'<th scope="row"><a href="[^"]*">([^<]*)<', section)


# -- finding --


def test_lessons_are_found_by_title_and_date(world: ClassWorld) -> None:
    client = client_of(world.instructor)
    assert lessons_on(get(client, world.course, "?title=lesson 3")) == ["Lesson 3"]
    day = world.lessons[4].starts_at.date()
    found = lessons_on(get(client, world.course, f"?from={day}"))
    assert found == ["Lesson 5", "Lesson 4"]
    found = lessons_on(get(client, world.course, f"?to={day}&from={day}"))
    assert found == ["Lesson 4"]
    before = day - timedelta(days=1)
    assert "Lesson 4" not in lessons_on(get(client, world.course, f"?to={before}"))


@pytest.mark.parametrize(
    "query", ["?from=nonsense", "?to=9999-12-31", "?from=2026-13-45", "?q=%00"]
)
def test_nonsense_finds_what_no_filter_finds(world: ClassWorld, query: str) -> None:
    text = get(client_of(world.instructor), world.course, query)
    assert len(lessons_on(text)) == 6


def test_what_nothing_fits_says_so_with_a_way_back(world: ClassWorld) -> None:
    text = get(client_of(world.instructor), world.course, "?title=chemistry&student=nobody")
    assert "No lesson fits" in text
    assert "No student fits" in text
    assert 'href="/courses/' in text
    assert "?view=none" in text


def test_students_are_found_by_name_and_by_what_is_missing(world: ClassWorld) -> None:
    client = client_of(world.instructor)
    assert students_on(get(client, world.course, "?student=student 007")) == ["Student 007"]
    assert students_on(get(client, world.course, "?having=some")) == []
    world.lessons[2].recordings.filter(student=world.students[3]).delete()
    assert students_on(get(client, world.course, "?having=some")) == ["Student 003"]
    for lesson in world.lessons:
        lesson.recordings.filter(student=world.students[3]).delete()
    assert students_on(get(client, world.course, "?having=none")) == ["Student 003"]


def test_counts_in_the_head_are_the_courses_whatever_is_found(world: ClassWorld) -> None:
    text = get(client_of(world.instructor), world.course, "?title=lesson 3&student=007")
    assert "6 lessons, 12 students" in text


def test_missing_is_counted_against_all_students_whoever_is_found(world: ClassWorld) -> None:
    world.lessons[2].recordings.filter(student=world.students[3]).delete()
    text = get(client_of(world.instructor), world.course, "?student=007&title=lesson 2")
    assert re.search(r'data-label="Missing">1<', text)


# -- the trend --


def trend_of(client: Client, course: Course, query: str = "") -> list[dict]:
    response = client.get(reverse("courses:trend", args=[course.pk]) + query)
    assert response.status_code == 200
    text = response.content.decode()
    found = re.search(r'<script id="trend-data" type="application/json">(.*?)</script>', text)
    assert found
    return json.loads(found[1])["lessons"]


def test_the_trend_is_in_order_of_time_with_spread_and_number(world: ClassWorld) -> None:
    client = client_of(world.instructor)
    lessons = trend_of(client, world.course)
    assert [one["title"] for one in lessons] == [f"Lesson {n}" for n in range(6)]
    first = lessons[0]
    assert (first["over"], first["mean"], first["coverage"]) == (12, 0.5, 0.9)
    assert first["spread"] == pytest.approx(0.082, abs=0.001)
    assert first["emotions"] == {"neutral": 4, "happiness": 4, "sadness": 4}
    assert first["words"].startswith("Lesson 0, ")
    assert "12 students, face usable 90%" in first["words"]


def test_the_trend_is_of_the_lessons_that_are_found(world: ClassWorld) -> None:
    client = client_of(world.instructor)
    text = get(client, world.course, "?title=lesson&from=2026-09-08")
    found = re.search(r'hx-get="[^"]*/trend/(\?[^"]*)"', text)
    assert found
    lessons = trend_of(client, world.course, found[1])
    assert [one["title"] for one in lessons] == [f"Lesson {n}" for n in range(1, 6)]


def test_a_lesson_of_one_student_has_no_point(world: ClassWorld) -> None:
    world.lessons[1].recordings.exclude(student=world.students[0]).delete()
    lessons = trend_of(client_of(world.instructor), world.course)
    assert lessons[1]["mean"] is None
    assert "too few reports" in lessons[1]["words"]


# -- saved views --


def save(client: Client, course: Course, name: str, query: str, **fields: str) -> str:
    url = reverse("courses:save_view", args=[course.pk, "course"])
    back = reverse("courses:course", args=[course.pk])
    answer = client.post(url, {"name": name, "query": query, "back": back, **fields})
    assert answer.status_code == 302
    return answer.headers["Location"]


def test_a_view_is_kept_and_found_again(world: ClassWorld) -> None:
    client = client_of(world.instructor)
    query = "student=00&lessons=oldest&students_page=2"
    there = save(client, world.course, "My  view", query)
    # Pages of lists are no part of a view.
    assert there.endswith("?lessons=oldest&student=00")
    text = html.unescape(client.get(there).content.decode())
    assert re.search(
        r'<a href="[^"]*\?lessons=oldest&student=00" aria-current="true">My view', text
    )
    assert "My view" in get(client, world.course)


def test_the_default_view_is_shown_first_and_can_be_left(world: ClassWorld) -> None:
    client = client_of(world.instructor)
    save(client, world.course, "First", "lessons=title", default="1")
    save(client, world.course, "Second", "lessons=oldest", default="1")
    page = reverse("courses:course", args=[world.course.pk])
    assert client.get(page).headers["Location"] == f"{page}?lessons=oldest"
    assert client.get(f"{page}?view=none").status_code == 200
    view = SavedView.objects.get(name="Second")
    url = reverse("courses:change_view", args=[view.pk])
    client.post(url, {"action": "ordinary", "back": page})
    assert client.get(page).status_code == 200
    client.post(url, {"action": "delete", "back": page})
    assert [one.name for one in SavedView.objects.all()] == ["First"]


def test_views_are_their_owners(world: ClassWorld) -> None:
    client = client_of(world.instructor)
    save(client, world.course, "Mine", "lessons=title")
    other = make_class("other", 3, lessons=2)
    other.instructor.enrolments.create(course=world.course, role="instructor")
    stranger = client_of(other.instructor)
    assert "Mine" not in get(stranger, world.course)
    view = SavedView.objects.get()
    url = reverse("courses:change_view", args=[view.pk])
    assert stranger.post(url, {"action": "delete"}).status_code == 404
    student = client_of(world.students[0])
    url = reverse("courses:save_view", args=[world.course.pk, "course"])
    assert student.post(url, {"name": "x"}).status_code == 403


def test_saving_leads_nowhere_else(world: ClassWorld) -> None:
    client = client_of(world.instructor)
    there = save(client, world.course, "x", "", back="https://elsewhere.example/")
    assert there.startswith(f"/courses/{world.course.pk}/")


def test_a_view_needs_a_name_and_one_name_is_one_view(world: ClassWorld) -> None:
    client = client_of(world.instructor)
    save(client, world.course, "  ", "lessons=title")
    assert not SavedView.objects.exists()
    save(client, world.course, "A", "lessons=title")
    save(client, world.course, "A", "lessons=oldest")
    assert [one.query for one in SavedView.objects.all()] == ["lessons=oldest"]
