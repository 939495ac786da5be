"""What becomes of resumable uploads: permission, consent, the whole file, what is erased when."""

import datetime as dt
import errno
import hashlib
import io
import os
import socket
import threading
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from tests.webapp.conftest import World, client_of
from tests.webapp.test_tus_protocol import sentence
from tests.webapp.tus_client import PIECE_TYPE, ask, create, offset, patch
from webapp.accounts.models import User
from webapp.privacy import services as privacy
from webapp.recordings.models import Recording
from webapp.uploads import receiving, services, storage
from webapp.uploads.errors import CutShortError
from webapp.uploads.models import Upload
from workers import reaper

pytestmark = pytest.mark.django_db(transaction=True)

CONTENT = b"another video, as far as the server knows " * 100
HALF = len(CONTENT) // 2
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def client(world: World) -> Client:
    return client_of(world.student)


def begun(client: Client, world: World, **said: str) -> str:
    """An upload with its first half."""
    path = create(client, world.lesson, len(CONTENT), **said).headers["Location"]
    assert patch(client, path, 0, CONTENT[:HALF]).status_code == 204
    return path


def finish(client: Client, path: str) -> HttpResponse:
    return patch(client, path, HALF, CONTENT[HALF:])


def came_of_it() -> Recording:
    return Recording.objects.get(size_bytes=len(CONTENT))


def nothing_came_of_it() -> bool:
    return not Recording.objects.filter(size_bytes=len(CONTENT)).exists()


def files(data_dir: Path) -> list[Path]:
    """What is kept of uploads that are not recordings."""
    return [*data_dir.glob("uploads/*"), *data_dir.glob("incoming/*")]


# -- may they? --


def test_nothing_begins_without_consent(world: World) -> None:
    response = create(client_of(world.other_student), world.lesson, 10)
    assert response.status_code == 403
    assert "consent" in sentence(response)


def test_who_withdraws_consent_keeps_no_unfinished_upload(
    world: World, client: Client, data_dir: Path
) -> None:
    path = begun(client, world)
    privacy.withdraw(world.student, world.course)
    assert files(data_dir) == []
    assert finish(client, path).status_code == 404
    assert nothing_came_of_it()


def test_consent_is_asked_for_again_at_the_end(
    world: World, client: Client, data_dir: Path
) -> None:
    path = begun(client, world)
    # As if withdrawn in the moment of the last byte: past the first look, before the second.
    world.student.consents.update(withdrawn_at=timezone.now())
    response = finish(client, path)
    assert response.status_code == 403
    assert "consent" in sentence(response)
    assert nothing_came_of_it()
    assert files(data_dir) == []
    assert not Upload.objects.exists()


def test_consent_that_ends_between_the_looks_leaves_nothing(
    world: World, client: Client, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = begun(client, world)
    allowed = services._require_permission

    def withdrawn_after(student: User, *about: object) -> None:
        allowed(student, *about)  # type: ignore[arg-type]
        student.consents.update(withdrawn_at=timezone.now())

    monkeypatch.setattr(services, "_require_permission", withdrawn_after)
    assert finish(client, path).status_code == 403
    assert files(data_dir) == []
    assert {path.name for path in (data_dir / "recordings").iterdir()} == {str(world.recording.pk)}


def test_who_leaves_the_course_keeps_no_unfinished_upload(
    world: World, client: Client, data_dir: Path
) -> None:
    path = begun(client, world)
    world.student.enrolments.get().delete()
    assert files(data_dir) == []
    assert finish(client, path).status_code == 404


def test_withdrawal_in_another_course_takes_nothing(world: World, client: Client) -> None:
    path = begun(client, world)
    privacy.withdraw(world.student, world.other_course)
    assert finish(client, path).status_code == 204


def test_a_deleted_recording_takes_its_upload_along(world: World, client: Client) -> None:
    path = begun(client, world)
    finish(client, path)
    came_of_it().delete()
    assert not Upload.objects.exists()
    assert ask(client, "HEAD", path).status_code == 404


def test_giving_up_a_finished_upload_keeps_the_recording(world: World, client: Client) -> None:
    path = begun(client, world)
    finish(client, path)
    assert ask(client, "DELETE", path).status_code == 204
    assert came_of_it().video_path.read_bytes() == CONTENT


def test_a_student_cannot_begin_uploads_without_end(world: World, client: Client) -> None:
    soon = timezone.now() + dt.timedelta(hours=1)
    more = {"sender": world.student, "lesson": world.lesson, "size_bytes": 1, "expires_at": soon}
    Upload.objects.bulk_create(Upload(name="me.mp4", **more) for _ in range(50))
    assert create(client, world.lesson, 10).status_code == 429


# -- the whole file --


def test_the_announced_checksum_is_that_of_the_whole_file(world: World, client: Client) -> None:
    assert finish(client, begun(client, world, sha256=SHA256.upper())).status_code == 204
    assert came_of_it().sha256 == SHA256


def test_another_file_than_announced_is_refused_and_kept_until_the_client_decides(
    world: World, client: Client, data_dir: Path
) -> None:
    path = begun(client, world, sha256="ab" * 32)
    response = finish(client, path)
    assert response.status_code == 422
    assert "checksum" in sentence(response)
    assert nothing_came_of_it()
    # A client that asks how it stands must not take it for finished.
    assert ask(client, "HEAD", path).status_code == 422
    [part] = files(data_dir)
    assert part.read_bytes() == CONTENT
    assert ask(client, "DELETE", path).status_code == 204
    assert files(data_dir) == []


@pytest.mark.parametrize(
    ("ago", "zone", "kept"),
    [
        (dt.timedelta(hours=1), "+02:00", True),
        (dt.timedelta(days=300), "+00:00", True),
        (dt.timedelta(hours=-1), "+00:00", False),
        (dt.timedelta(days=366), "+00:00", False),
        (dt.timedelta(hours=1), "", False),
    ],
)
def test_the_recordings_beginning_is_kept_where_it_can_be_so(
    ago: dt.timedelta, zone: str, kept: bool, world: World, client: Client
) -> None:
    hours = int(zone[1:3]) if zone else 0
    at = (timezone.now() - ago).replace(microsecond=0)
    local = (at + dt.timedelta(hours=hours)).replace(tzinfo=None)
    finish(client, begun(client, world, started_at=local.isoformat() + zone))
    assert came_of_it().started_at == (at if kept else None)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-99-99T00:00:00Z"])
def test_a_beginning_that_is_no_time_is_passed_over(
    text: str, world: World, client: Client
) -> None:
    assert finish(client, begun(client, world, started_at=text)).status_code == 204
    assert came_of_it().started_at is None


def test_a_crash_after_the_last_byte_is_made_good_by_the_next_request(
    world: World, client: Client, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*args: object, **kwargs: object) -> None:
        raise Killed

    path = begun(client, world)
    with monkeypatch.context() as patched:
        patched.setattr("webapp.recordings.services.Recording.objects.create", die)
        with pytest.raises(Killed):
            finish(client, path)
    assert nothing_came_of_it()
    # A client sees that nothing is left to send, and sends nothing more.
    response = ask(client, "HEAD", path)
    assert response.headers["Upload-Offset"] == str(len(CONTENT))
    assert response.headers["Engagement-Recording"] == str(came_of_it().pk)
    assert came_of_it().video_path.read_bytes() == CONTENT
    assert files(data_dir) == []


def test_a_full_disk_keeps_what_could_be_written(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = begun(client, world)

    def full(handle: int, data: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        response = finish(client, path)
    assert response.status_code == 507
    assert "disk is full" in sentence(response)
    assert offset(client, path) == HALF
    assert finish(client, path).status_code == 204


def test_a_file_that_cannot_fit_is_refused_before_it_is_sent(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 9}))
    assert create(client, world.lesson, 10).status_code == 507


# -- bodies --


class _Slow(io.RawIOBase):
    """A body that loses its connection after some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        data = self._data.read(size)
        if not data:
            raise ConnectionResetError
        return data


def test_a_lost_connection_keeps_what_arrived(world: World, client: Client) -> None:
    path = create(client, world.lesson, len(CONTENT)).headers["Location"]
    upload = Upload.objects.get()
    request = RequestFactory().patch(path, CONTENT, content_type=PIECE_TYPE)
    request._stream = _Slow(CONTENT[:HALF])
    with pytest.raises(CutShortError):
        services.write(upload, 0, receiving.Body(request))
    assert offset(client, path) == HALF
    assert finish(client, path).status_code == 204
    assert came_of_it().sha256 == SHA256


def test_a_body_of_unknown_length_is_read_where_the_server_knows_its_end(
    world: World, client: Client
) -> None:
    path = create(client, world.lesson, len(CONTENT)).headers["Location"]
    request = RequestFactory().patch(path, b"", headers={"Transfer-Encoding": "chunked"})
    request.META |= {"wsgi.input": io.BytesIO(CONTENT), "wsgi.input_terminated": True}
    assert services.write(Upload.objects.get(), 0, receiving.Body(request)) == len(CONTENT)
    assert came_of_it().sha256 == SHA256


def test_a_body_of_unknown_length_that_is_too_long_leaves_nothing(
    world: World, client: Client
) -> None:
    path = begun(client, world)
    request = RequestFactory().patch(path, b"", headers={"Transfer-Encoding": "chunked"})
    request.META |= {"wsgi.input": io.BytesIO(CONTENT), "wsgi.input_terminated": True}
    with pytest.raises(services.TooLargeError):
        services.write(Upload.objects.get(), HALF, receiving.Body(request))
    assert offset(client, path) == HALF


def test_a_client_that_vanished_lets_go_of_its_upload(
    world: World, client: Client, settings: object
) -> None:
    settings.UPLOAD_STALL_S = 0.2  # type: ignore[attr-defined]
    path = create(client, world.lesson, len(CONTENT)).headers["Location"]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(CONTENT[:HALF])
        request = RequestFactory().patch(path, CONTENT, content_type=PIECE_TYPE)
        request._stream = ours.makefile("rb", buffering=0)
        request.META["gunicorn.socket"] = ours
        with pytest.raises(CutShortError):
            services.write(Upload.objects.get(), 0, receiving.Body(request))
        assert ours.gettimeout() is None
    assert offset(client, path) == HALF


def test_slow_uploads_leave_threads_for_pages(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = begun(client, world)
    monkeypatch.setattr(receiving, "_places", threading.BoundedSemaphore(1))
    with receiving.a_place():
        response = finish(client, path)
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "5"
        # Asking takes no place.
        assert offset(client, path) == HALF
    assert finish(client, path).status_code == 204


def test_no_offset_is_told_before_its_bytes_are_on_the_disk(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk = [0]

    def sync(handle: int) -> None:
        on_disk.append(os.fstat(handle).st_size)

    monkeypatch.setattr(storage, "_sync_data", sync)
    path = create(client, world.lesson, len(CONTENT)).headers["Location"]
    assert patch(client, path, 0, CONTENT[:HALF]).headers["Upload-Offset"] == str(on_disk[-1])
    # As a request that was killed leaves it: written, and not synced.
    with storage.part_path(Upload.objects.get().pk).open("ab") as file:
        file.write(CONTENT[HALF:-1])
    assert offset(client, path) == on_disk[-1] == len(CONTENT) - 1
    last = patch(client, path, len(CONTENT) - 1, CONTENT[-1:])
    assert last.headers["Upload-Offset"] == str(on_disk[-1]) == str(len(CONTENT))


# -- what is left over --


def test_the_worker_erases_what_expired(world: World, client: Client, data_dir: Path) -> None:
    path = begun(client, world)
    reaper.sweep_files()
    assert offset(client, path) == HALF
    Upload.objects.update(expires_at=timezone.now())
    with storage.Part(Upload.objects.get().pk):
        reaper.sweep_files()
        assert len(files(data_dir)) == 1, "it was taken away while somebody wrote to it"
    reaper.sweep_files()
    assert files(data_dir) == []
    assert ask(client, "HEAD", path).status_code == 404


def test_the_worker_forgets_a_finished_upload_and_keeps_its_recording(
    world: World, client: Client
) -> None:
    finish(client, begun(client, world))
    Upload.objects.update(expires_at=timezone.now())
    reaper.sweep_files()
    assert not Upload.objects.exists()
    assert came_of_it().video_path.read_bytes() == CONTENT


def test_the_worker_removes_files_without_a_row_once_they_are_old(
    world: World, client: Client, data_dir: Path
) -> None:
    path = begun(client, world)
    orphan = data_dir / "uploads" / "00000000-0000-4000-8000-000000000000.part"
    orphan.write_bytes(b"x")
    reaper.sweep_files()
    assert orphan.exists()
    two_hours_ago = dt.datetime.now().timestamp() - 7200
    for file in (data_dir / "uploads").iterdir():
        os.utime(file, (two_hours_ago, two_hours_ago))
    reaper.sweep_files()
    assert not orphan.exists()
    assert finish(client, path).status_code == 204
