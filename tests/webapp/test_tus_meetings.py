"""Recordings of meetings sent piece by piece: who may, what comes of it, what is left of none."""

import hashlib
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from tests.webapp.conftest import World, client_of
from tests.webapp.test_privacy_data import downloaded
from tests.webapp.test_tus_protocol import sentence
from tests.webapp.tus_client import ask, create, offset, patch
from webapp.groups.models import GroupRecording
from webapp.privacy import services as privacy
from webapp.recordings.models import Recording
from webapp.uploads.models import Upload

pytestmark = pytest.mark.django_db(transaction=True)

CONTENT = b"a meeting, as far as the server knows " * 100
HALF = len(CONTENT) // 2


@pytest.fixture
def client(world: World) -> Client:
    return client_of(world.instructor)


def begun(client: Client, world: World, **said: str) -> str:
    """A meeting with its first half."""
    said = {"kind": "meeting", "filename": "gallery.mp4", **said}
    response = create(client, world.lesson, len(CONTENT), **said)
    assert response.status_code == 201, sentence(response)
    assert patch(client, response.headers["Location"], 0, CONTENT[:HALF]).status_code == 204
    return response.headers["Location"]


def finish(client: Client, path: str) -> HttpResponse:
    return patch(client, path, HALF, CONTENT[HALF:])


def files(data_dir: Path) -> list[Path]:
    """What is kept of uploads and meetings."""
    kept = ("uploads/*", "incoming/*", "groups/*")
    return [path for pattern in kept for path in data_dir.glob(pattern)]


def test_the_whole_file_is_a_meeting_whose_people_are_looked_for(
    world: World, client: Client, data_dir: Path, sent: list[tuple[str, str]]
) -> None:
    sent.clear()
    response = finish(client, begun(client, world, sha256=hashlib.sha256(CONTENT).hexdigest()))
    assert response.status_code == 204
    group = GroupRecording.objects.get()
    assert response.headers["Engagement-Meeting"] == str(group.pk)
    assert "Engagement-Recording" not in response.headers
    assert (group.uploaded_by, group.lesson) == (world.instructor, world.lesson)
    assert (group.original_name, group.size_bytes) == ("gallery.mp4", len(CONTENT))
    assert (group.step, group.state) == ("find", "queued")
    assert group.video_path.read_bytes() == CONTENT
    assert files(data_dir) == [group.video_path.parent]
    assert len(sent) == 1
    assert Recording.objects.count() == 1, "nobody's own recording came of it"


def test_a_lost_last_answer_can_be_asked_for(world: World, client: Client) -> None:
    path = begun(client, world)
    finish(client, path)
    response = ask(client, "HEAD", path)
    assert response.headers["Upload-Offset"] == str(len(CONTENT))
    assert response.headers["Engagement-Meeting"] == str(GroupRecording.objects.get().pk)
    assert finish(client, path).status_code == 409
    assert GroupRecording.objects.count() == 1


@pytest.mark.parametrize("who", ["student", "other_student"])
def test_students_send_no_meeting(who: str, world: World, data_dir: Path) -> None:
    response = create(client_of(getattr(world, who)), world.lesson, 10, kind="meeting")
    assert response.status_code in (403, 404)
    assert files(data_dir) == []


def test_an_instructor_sends_no_recording_of_themself(world: World, client: Client) -> None:
    response = create(client, world.lesson, 10)
    assert response.status_code == 403
    assert "students" in sentence(response)


def test_a_kind_that_there_is_not_is_refused(world: World, client: Client) -> None:
    response = create(client, world.lesson, 10, kind="lecture")
    assert response.status_code == 400
    assert "meeting" in sentence(response)


def test_without_anybodys_consent_nothing_begins(
    world: World, client: Client, data_dir: Path
) -> None:
    privacy.withdraw(world.student, world.course)
    response = create(client, world.lesson, 10, kind="meeting")
    assert response.status_code == 403
    assert "No student of" in sentence(response)
    assert files(data_dir) == []


def test_consent_that_ends_on_the_way_leaves_nothing(
    world: World, client: Client, data_dir: Path
) -> None:
    path = begun(client, world)
    world.student.consents.update(withdrawn_at=timezone.now())
    response = finish(client, path)
    assert response.status_code == 403
    assert "No student of" in sentence(response)
    assert files(data_dir) == []
    assert not Upload.objects.exists()
    assert not GroupRecording.objects.exists()


def test_a_student_who_withdraws_ends_no_meeting_of_an_instructor(
    world: World, client: Client
) -> None:
    path = begun(client, world)
    privacy.withdraw(world.student, world.course)
    assert offset(client, path) == HALF


def test_an_instructor_who_leaves_the_course_keeps_no_unfinished_meeting(
    world: World, client: Client, data_dir: Path
) -> None:
    path = begun(client, world)
    world.instructor.enrolments.get(course=world.course).delete()
    assert files(data_dir) == []
    assert finish(client, path).status_code == 404


def test_a_meeting_under_way_is_told_to_who_asks_what_is_held(world: World, client: Client) -> None:
    begun(client, world)
    page = client.get("/privacy/").content.decode()
    assert "The part of “gallery.mp4”" in page
    assert f'href="/groups/upload/{world.lesson.pk}/"' in page
    # Others are in it: it is named, and not handed out.
    archive = downloaded(world.instructor)
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"gallery.mp4" in everything
    assert CONTENT[:20] not in everything


def test_a_deleted_meeting_takes_its_upload_along(world: World, client: Client) -> None:
    path = begun(client, world)
    finish(client, path)
    GroupRecording.objects.get().delete()
    assert ask(client, "HEAD", path).status_code == 404
