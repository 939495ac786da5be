"""Uploading through the page: what is kept, what is refused, and in which order things happen."""

import hashlib
import io
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from tests.webapp.conftest import World, client_of
from webapp.privacy import services as privacy
from webapp.recordings import services, storage
from webapp.recordings.models import Analysis, Recording
from webapp.recordings.naming import display_name
from webapp.recordings.queue import ANALYSE_TASK
from webapp.recordings.uploads import PrivateUploadHandler

CONTENT = b"\x00\x01\x02 a video, as far as the page knows" * 1000


def upload(
    world: World, content: bytes = CONTENT, name: str = "me.mp4", client: Client | None = None
) -> HttpResponse:
    client = client or client_of(world.student)
    page = reverse("recordings:upload", args=[world.lesson.pk])
    return client.post(page, {"video": SimpleUploadedFile(name, content)})


def stored_files(data_dir: Path) -> list[Path]:
    return sorted(path for path in data_dir.rglob("*") if path.is_file())


@pytest.fixture
def empty(world: World) -> World:
    """The world without its recording."""
    storage.erase(world.recording.pk)
    world.recording.delete()
    return world


@pytest.mark.django_db(transaction=True)
def test_an_upload_is_stored_hashed_queued_and_sent(
    empty: World, sent: list[tuple[str, str]], data_dir: Path
) -> None:
    response = upload(empty)
    assert response.status_code == 302
    assert response.headers["Location"] == reverse("recordings:mine")
    recording = Recording.objects.get()
    assert recording.video_path.read_bytes() == CONTENT
    assert recording.video_path.name == str(recording.pk)
    assert recording.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert recording.size_bytes == len(CONTENT)
    analysis = recording.analyses.get()
    assert analysis.state == Analysis.State.QUEUED
    assert sent == [(ANALYSE_TASK, str(analysis.pk))]
    assert analysis.sent_at is not None
    assert stored_files(data_dir) == [recording.video_path]


@pytest.mark.django_db(transaction=True)
def test_the_message_is_sent_after_the_commit_and_the_bytes(
    empty: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def send(task: str, analysis_id: object) -> bool:
        row = Analysis.objects.get(pk=analysis_id)
        seen.append((connection.in_atomic_block, row.recording.video_path.read_bytes()))
        return True

    monkeypatch.setattr("webapp.recordings.queue._send", send)
    upload(empty)
    assert seen == [(False, CONTENT)]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("my \N{GRINNING FACE} lesson.mp4", "my \N{GRINNING FACE} lesson.mp4"),
        ("a" * 300 + ".mp4", "a" * 115 + "….mp4"),
        ("<script>alert(1)</script>.mp4", "script>.mp4"),
        ("with\ttab.mp4", "with tab.mp4"),
        ("right\N{RIGHT-TO-LEFT OVERRIDE}4pm.exe", "right4pm.exe"),
    ],
)
def test_any_file_name_is_harmless(name: str, shown: str) -> None:
    assert display_name(name) == shown


@pytest.mark.parametrize("name", ["", ".", "..", "///", "\x00\x01"])
def test_a_name_without_content_becomes_a_word(name: str) -> None:
    assert display_name(name) == "recording"


@pytest.mark.parametrize(
    "name",
    [
        "../../../../tmp/evil.mp4",
        "my \N{GRINNING FACE} lesson.mp4",
        "n" * 300 + ".mp4",
        "'\";%00.mp4",
    ],
)
def test_hostile_names_are_stored_under_the_id_and_shown_escaped(
    name: str, empty: World, data_dir: Path
) -> None:
    client = client_of(empty.student)
    assert upload(empty, name=name, client=client).status_code == 302
    recording = Recording.objects.get()
    assert stored_files(data_dir) == [recording.video_path]
    assert data_dir in recording.video_path.parents
    assert len(recording.original_name) <= 120
    assert client.get(reverse("recordings:mine")).status_code == 200


def test_an_empty_file_is_refused_with_a_sentence(empty: World, data_dir: Path) -> None:
    response = upload(empty, content=b"")
    assert response.status_code == 400
    assert "has no bytes" in response.content.decode()
    assert not Recording.objects.exists()
    assert stored_files(data_dir) == []


def test_no_file_is_refused_with_a_sentence(empty: World) -> None:
    page = reverse("recordings:upload", args=[empty.lesson.pk])
    response = client_of(empty.student).post(page, {})
    assert response.status_code == 400
    assert "Choose a video file" in response.content.decode()


@pytest.mark.parametrize("excess", [1, 200_000])
def test_a_file_over_the_limit_is_refused_with_the_limit_and_nothing_is_kept(
    excess: int, empty: World, settings: object, data_dir: Path
) -> None:
    # By one byte it is found while writing; by much from the announced length, before.
    settings.MAX_UPLOAD_BYTES = 300_000  # type: ignore[attr-defined]
    response = upload(empty, content=b"x" * (300_000 + excess))
    assert response.status_code == 413
    assert "larger than the limit of 293.0" in response.content.decode()
    assert not Recording.objects.exists()
    assert stored_files(data_dir) == []


def test_a_file_of_exactly_the_limit_is_accepted(empty: World, settings: object) -> None:
    settings.MAX_UPLOAD_BYTES = 300_000  # type: ignore[attr-defined]
    assert upload(empty, content=b"x" * 300_000).status_code == 302


def test_a_full_disk_is_said_and_nothing_is_kept(
    empty: World, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("webapp.recordings.uploads._write_all", full)
    response = upload(empty)
    assert response.status_code == 400
    assert "could not be stored" in response.content.decode()
    assert stored_files(data_dir) == []


def test_a_connection_that_breaks_leaves_nothing(data_dir: Path) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="video"; filename="a.mp4"\r\n'
        b"Content-Type: video/mp4\r\n\r\nonly the beginning"
    )
    request = RequestFactory().generic(
        "POST", "/", body, content_type="multipart/form-data; boundary=b"
    )
    handler = PrivateUploadHandler(request)
    request.upload_handlers = [handler]
    assert not request.FILES
    assert handler.interrupted
    assert stored_files(data_dir) == []


def test_a_second_file_in_the_same_request_is_ignored(empty: World, data_dir: Path) -> None:
    page = reverse("recordings:upload", args=[empty.lesson.pk])
    files = {
        "video": SimpleUploadedFile("a.mp4", CONTENT),
        "more": SimpleUploadedFile("b.mp4", CONTENT),
    }
    assert client_of(empty.student).post(page, files).status_code == 302
    assert stored_files(data_dir) == [Recording.objects.get().video_path]


def test_without_a_csrf_token_nothing_is_kept(empty: World, data_dir: Path) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(empty.student)
    assert upload(empty, client=client).status_code == 403
    assert not Recording.objects.exists()
    assert stored_files(data_dir) == []


def test_a_stranger_cannot_fill_the_disk(empty: World, data_dir: Path) -> None:
    assert upload(empty, client=Client()).status_code == 302
    assert upload(empty, client=client_of(empty.instructor)).status_code == 403
    assert stored_files(data_dir) == []


def test_without_consent_the_student_is_led_to_it(empty: World, data_dir: Path) -> None:
    response = upload(empty, client=client_of(empty.other_student))
    assert response.headers["Location"] == reverse("privacy:consent", args=[empty.course.pk])
    assert stored_files(data_dir) == []


def test_consent_withdrawn_during_the_upload_keeps_nothing(
    empty: World, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The page still saw the consent; the transaction that writes the row must not.
    monkeypatch.setattr(privacy, "has_consent", lambda *args: True)
    privacy.withdraw(empty.student, empty.course)
    upload(empty)
    assert not Recording.objects.exists()
    assert stored_files(data_dir) == []


def test_a_database_error_keeps_no_file(
    empty: World, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(recording: Recording) -> Analysis:
        raise RuntimeError("the database went away")

    monkeypatch.setattr(services, "_queue", broken)
    with pytest.raises(RuntimeError):
        upload(empty)
    assert not Recording.objects.exists()
    assert stored_files(data_dir) == []


@pytest.mark.django_db(transaction=True)
def test_with_the_broker_away_the_upload_is_acknowledged_and_left_to_the_reaper(
    empty: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.recordings.queue._send", lambda task, subject_id: False)
    assert upload(empty).status_code == 302
    assert Analysis.objects.get().sent_at is None


def test_chunks_are_written_whole_by_a_file_that_takes_few_bytes_at_a_time() -> None:
    from webapp.recordings.uploads import _write_all

    class Slow(io.BytesIO):
        def write(self, data: bytes) -> int:  # type: ignore[override]
            return super().write(bytes(data[:3]))

    file = Slow()
    _write_all(file, b"0123456789")  # type: ignore[arg-type]
    assert file.getvalue() == b"0123456789"
