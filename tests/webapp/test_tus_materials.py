"""A lesson's own video and slides, sent piece by piece: who may, and what comes of it."""

from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import Client

from tests.webapp.conftest import World, client_of
from tests.webapp.test_tus_protocol import sentence
from tests.webapp.tus_client import ask, create, patch
from webapp.courses.models import LessonMaterial
from webapp.uploads.models import Upload

pytestmark = pytest.mark.django_db(transaction=True)

PDF = b"%PDF-1.4 slides, as far as a first look says " * 50
HALF = len(PDF) // 2


@pytest.fixture
def client(world: World) -> Client:
    return client_of(world.instructor)


def begun(client: Client, world: World, content: bytes = PDF, **said: str) -> str:
    """A file with its first half."""
    said = {"kind": "material", "filename": "slides.pdf", **said}
    response = create(client, world.lesson, len(content), **said)
    assert response.status_code == 201, sentence(response)
    assert patch(client, response.headers["Location"], 0, content[:HALF]).status_code == 204
    return response.headers["Location"]


def finish(client: Client, path: str, content: bytes = PDF) -> HttpResponse:
    return patch(client, path, HALF, content[HALF:])


def files(data_dir: Path) -> list[Path]:
    """What is kept of uploads and materials."""
    kept = ("uploads/*", "incoming/*", "materials/*")
    return [path for pattern in kept for path in data_dir.glob(pattern)]


def test_the_whole_file_is_attached_with_what_was_said_of_it(
    world: World, client: Client, data_dir: Path
) -> None:
    path = begun(client, world, title="Deck", cues="1 0:00\n4 12:30")
    assert not LessonMaterial.objects.exists()
    response = finish(client, path)
    assert response.status_code == 204
    material = LessonMaterial.objects.get()
    assert response.headers["Engagement-Material"] == str(material.pk)
    assert (material.lesson, material.added_by) == (world.lesson, world.instructor)
    assert (material.kind, material.title, material.size_bytes) == ("slides", "Deck", len(PDF))
    assert material.cues == [[1, 0.0], [4, 750.0]]
    assert material.path.read_bytes() == PDF
    assert files(data_dir) == [material.path.parent]
    # The answer may be lost.
    assert ask(client, "HEAD", path).headers["Engagement-Material"] == str(material.pk)


def test_without_a_title_it_is_called_as_its_file(world: World, client: Client) -> None:
    finish(client, begun(client, world))
    material = LessonMaterial.objects.get()
    assert (material.title, material.starts_s, material.cues) == ("slides.pdf", 0.0, [])


@pytest.mark.parametrize(
    ("said", "words"),
    [({"cues": "4 later"}, "“4 later” is not a slide"), ({"starts": "soon"}, "is not a time")],
)
def test_times_that_are_none_are_refused_before_anything_is_sent(
    said: dict[str, str], words: str, world: World, client: Client, data_dir: Path
) -> None:
    response = create(client, world.lesson, 10, kind="material", **said)
    assert response.status_code == 400
    assert words in sentence(response)
    assert files(data_dir) == []


@pytest.mark.parametrize("sent", [100, 10, 1500])
def test_a_file_that_no_browser_shows_is_refused_as_soon_as_that_is_seen(
    sent: int, world: World, client: Client, data_dir: Path
) -> None:
    content = b"neither of them" * 100
    path = create(client, world.lesson, len(content), kind="material").headers["Location"]
    response = patch(client, path, 0, content[:sent])
    if sent < 16:
        # Too little to tell by.
        assert response.status_code == 204
        response = patch(client, path, sent, content[sent:30])
    assert response.status_code == 400
    assert "neither an MP4 or WebM video nor a PDF" in sentence(response)
    assert files(data_dir) == []
    assert not LessonMaterial.objects.exists()
    assert not Upload.objects.exists()


def test_students_attach_nothing(world: World, data_dir: Path) -> None:
    response = create(client_of(world.student), world.lesson, 10, kind="material")
    assert response.status_code == 403
    assert "Only instructors" in sentence(response)
    assert files(data_dir) == []


def test_an_instructor_who_leaves_keeps_no_unfinished_file(
    world: World, client: Client, data_dir: Path
) -> None:
    path = begun(client, world)
    world.instructor.enrolments.get(course=world.course).delete()
    assert files(data_dir) == []
    assert finish(client, path).status_code == 404


def test_what_is_taken_away_takes_its_upload_along(world: World, client: Client) -> None:
    path = begun(client, world)
    finish(client, path)
    LessonMaterial.objects.get().delete()
    assert ask(client, "HEAD", path).status_code == 404
