"""The student's own list: found by words, course and state, in the order asked for."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from tests.webapp.conftest import World, client_of, make_recording
from webapp.courses.models import Course, Enrolment, Lesson
from webapp.recordings.models import Analysis, Recording

MINE = reverse("recordings:mine")


@pytest.fixture
def shelf(world: World) -> World:
    """Four more recordings, in two courses, in four states; and one of somebody else."""
    other = Course.objects.create(title="Botany", code="BOT-1")
    Enrolment.objects.create(course=other, user=world.student, role="student")
    meadow = Lesson.objects.create(course=other, title="Meadows", starts_at=timezone.now())
    for name, lesson, state in (
        ("alpha.webm", world.lesson, "queued"),
        ("beta.webm", world.lesson, "failed"),
        ("gamma 100%.mp4", meadow, "cancelled"),
        ("delta.mp4", meadow, "finished"),
    ):
        recording = make_recording(world.student, lesson)
        recording.original_name = name
        recording.save()
        # The state that counts is the newest run's.
        old = Analysis.objects.create(recording=recording, state="failed")
        new = Analysis.objects.create(recording=recording, state=state)
        Analysis.objects.filter(pk=old.pk).update(created_at=new.created_at - dt.timedelta(hours=1))
    make_recording(world.other_student, world.lesson)
    return world


def names(world: World, query: str) -> list[str]:
    response = client_of(world.student).get(f"{MINE}?{query}")
    assert response.status_code == 200
    return [one.original_name for one in response.context["recordings"]]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", {"alpha.webm", "beta.webm", "gamma 100%.mp4", "delta.mp4", "lesson.mp4"}),
        ("q=ALPHA", {"alpha.webm"}),
        ("q=meadows", {"gamma 100%.mp4", "delta.mp4"}),
        ("q=bot-1+delta", {"delta.mp4"}),
        ("q=100%25", {"gamma 100%.mp4"}),
        ("q=%00", {"alpha.webm", "beta.webm", "gamma 100%.mp4", "delta.mp4", "lesson.mp4"}),
        ("q=nothing", set()),
        ("state=open", {"alpha.webm"}),
        ("state=failed", {"beta.webm"}),
        ("state=stopped", {"gamma 100%.mp4"}),
        ("state=finished", {"delta.mp4", "lesson.mp4"}),
        (
            "state=nonsense&course=x",
            {"alpha.webm", "beta.webm", "gamma 100%.mp4", "delta.mp4", "lesson.mp4"},
        ),
        (
            "course=99999999999999999999",
            {"alpha.webm", "beta.webm", "gamma 100%.mp4", "delta.mp4", "lesson.mp4"},
        ),
    ],
)
def test_what_fits_is_listed(shelf: World, query: str, wanted: set[str]) -> None:
    assert set(names(shelf, query)) == wanted


def test_one_course_alone(shelf: World) -> None:
    botany = Course.objects.get(code="BOT-1")
    assert set(names(shelf, f"course={botany.pk}")) == {"gamma 100%.mp4", "delta.mp4"}
    assert names(shelf, f"course={botany.pk}&state=finished") == ["delta.mp4"]


def test_the_orders(shelf: World) -> None:
    newest = names(shelf, "")
    assert newest[0] == "delta.mp4"
    assert names(shelf, "order=oldest") == newest[::-1]
    assert names(shelf, "order=name") == sorted(newest)
    assert set(names(shelf, "order=lesson")[:2]) == {"gamma 100%.mp4", "delta.mp4"}


def test_other_pages_and_orders_keep_what_was_asked(shelf: World) -> None:
    Recording.objects.bulk_create(
        Recording(
            lesson=shelf.lesson,
            student=shelf.student,
            original_name=f"many {number}.mp4",
            size_bytes=1,
            sha256="0" * 64,
        )
        for number in range(30)
    )
    page = client_of(shelf.student).get(f"{MINE}?q=many&order=name")
    assert page.context["recordings"].next_url == f"{MINE}?q=many&order=name&page=2"
    assert '<input type="hidden" name="order" value="name">' in page.content.decode()
    assert "30 recordings" in page.content.decode()


def test_a_search_without_a_result_leads_back(shelf: World) -> None:
    page = client_of(shelf.student).get(f"{MINE}?q=nothing").content.decode()
    assert "No recording fits" in page
    assert f'href="{MINE}">Show all' in page


def test_the_first_visit_says_what_to_do(world: World) -> None:
    page = client_of(world.other_student).get(MINE).content.decode()
    assert "No recordings yet" in page
    assert "Search" not in page
