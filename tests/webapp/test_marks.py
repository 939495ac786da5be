"""Markers and notes of a report: who may write, who may see, and what is asked of them."""

import pytest
from django.http import HttpResponse
from django.urls import reverse

from tests.webapp.conftest import World, client_of
from webapp import access
from webapp.accounts.models import User
from webapp.marks.models import Mark
from webapp.marks.times import seconds_of, time_text
from webapp.privacy import holdings

HTMX = {"HX-Request": "true"}


def add(world: World, user: User, **fields: str) -> HttpResponse:
    said = {"start": "0:05", "end": "", "text": "", "tags": "", "audience": "private", **fields}
    url = reverse("marks:marks", args=[world.recording.pk])
    return client_of(user).post(url, said, headers=HTMX)


def seen_by(world: World, user: User) -> set[str]:
    return set(access.visible_marks(user).values_list("text", flat=True))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("65", 65.0),
        ("1:05", 65.0),
        ("1:02:05.5", 3725.5),
        (" 0:07,5 ", 7.5),
        ("soon", None),
        ("1:2:3:4", None),
        ("-3", None),
        ("", None),
    ],
)
def test_times_are_read_as_people_write_them(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("seconds", [0.0, 7.5, 59.9, 60.0, 3725.5])
def test_a_time_that_is_written_is_read_again(seconds: float) -> None:
    assert seconds_of(time_text(seconds)) == seconds


def test_a_private_mark_is_its_authors_alone(world: World) -> None:
    assert "Mine" in add(world, world.instructor, text="Mine").content.decode()
    for who in ("student", "other_student", "other_instructor", "admin"):
        assert seen_by(world, getattr(world, who)) == set(), who
    text = client_of(world.student).get(reverse("reports:recording", args=[world.recording.pk]))
    assert "Mine" not in text.content.decode()


def test_a_mark_is_shown_to_those_whom_it_is_for(world: World) -> None:
    colleague = User.objects.create_user("colleague@example.org")
    world.course.enrolments.create(user=colleague, role="instructor")
    add(world, world.instructor, text="For us", audience="instructors")
    add(world, world.instructor, text="For all", audience="everyone")
    assert seen_by(world, colleague) == {"For us", "For all"}
    assert seen_by(world, world.student) == {"For all"}
    assert seen_by(world, world.other_student) == set()
    page = client_of(world.student).get(reverse("reports:recording", args=[world.recording.pk]))
    assert "For all" in page.content.decode()
    assert "For us" not in page.content.decode()


def test_a_student_shows_a_note_to_the_instructors_or_to_nobody(world: World) -> None:
    add(world, world.student, text="I was ill", audience="everyone")
    add(world, world.student, text="My own")
    assert seen_by(world, world.instructor) == {"I was ill"}
    refused = add(world, world.student, text="Whispered", audience="instructors")
    assert "Whispered" in refused.content.decode(), "what was written is kept in the form"
    assert not Mark.objects.filter(text="Whispered").exists()


def test_whoever_leaves_the_course_sees_its_marks_no_more(world: World) -> None:
    add(world, world.instructor, text="Mine")
    world.instructor.enrolments.all().delete()
    assert seen_by(world, world.instructor) == set()


def test_only_the_author_changes_and_deletes_a_mark(world: World) -> None:
    add(world, world.instructor, text="For all", audience="everyone", tags="Question, question ,b")
    mark = Mark.objects.get()
    assert [one.name for one in mark.tags.all()] == ["b", "question"]
    change = reverse("marks:mark", args=[mark.pk])
    said = {"start": "0:07", "text": "Changed", "tags": "c", "audience": "everyone"}
    assert client_of(world.student).post(change, said).status_code == 404
    assert client_of(world.instructor).post(change, said).status_code == 302
    mark.refresh_from_db()
    assert (mark.text, mark.start_s) == ("Changed", 7.0)
    assert [one.name for one in mark.tags.all()] == ["c"]
    delete = reverse("marks:delete_mark", args=[mark.pk])
    assert client_of(world.admin).post(delete).status_code == 404
    assert client_of(world.instructor).post(delete).status_code == 302
    assert not Mark.objects.exists()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"start": "soon"}, "is no time"),
        ({"start": "9:00"}, "The recording ends at 0:20"),
        ({"start": "0:10", "end": "0:08"}, "The end must come after the start"),
    ],
)
def test_a_wrong_time_is_said_and_nothing_is_written(
    world: World, fields: dict[str, str], words: str
) -> None:
    text = add(world, world.instructor, text="Kept", **fields).content.decode()
    assert words in text
    assert "Kept" in text
    assert not Mark.objects.exists()


def test_the_panel_shows_the_marks_of_one_tag(world: World) -> None:
    add(world, world.instructor, text="First", tags="good question")
    add(world, world.instructor, text="Second", tags="pause")
    url = reverse("marks:marks", args=[world.recording.pk])
    text = client_of(world.instructor).get(f"{url}?tag=pause", headers=HTMX).content.decode()
    assert "Second" in text
    assert "First" not in text
    known = client_of(world.instructor).get(f"{url}?suggest=1").json()
    assert known == {"tags": ["good question", "pause"]}
    assert client_of(world.student).get(f"{url}?suggest=1").json() == {"tags": []}


def test_text_of_a_note_is_no_markup(world: World) -> None:
    text = add(world, world.instructor, text="<script>alert(1)</script>", tags="<b>").content
    assert b"<script>alert" not in text
    assert b"<b>" not in text


def test_what_is_held_about_a_student_has_shared_notes_and_no_private_ones(world: World) -> None:
    add(world, world.instructor, text="Private")
    add(world, world.instructor, text="Shared", audience="everyone", tags="question")
    add(world, world.student, text="Own")
    held = {one.key: one for one in holdings.holders()}["notes"]
    assert {row["text"] for row in held.rows(world.student)} == {"Shared", "Own"}
    assert len(list(held.lines(world.student))) == 2
    assert {row["text"] for row in held.rows(world.instructor)} == {"Private", "Shared"}
