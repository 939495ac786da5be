"""The tus 1.0 protocol, header by header and status by status."""

import datetime as dt
import hashlib
import uuid
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.http import parse_http_date

from tests.webapp.conftest import World, client_of
from tests.webapp.tus_client import PIECE_TYPE, ask, checksum, create, metadata, offset, patch
from webapp.recordings.models import Recording
from webapp.uploads import storage
from webapp.uploads.models import Upload

CONTENT = b"a video, as far as the server knows " * 100
HALF = len(CONTENT) // 2


@pytest.fixture
def client(world: World) -> Client:
    return client_of(world.student)


@pytest.fixture
def path(world: World, client: Client) -> str:
    """The address of an upload that has been begun, without a byte yet."""
    return create(client, world.lesson, len(CONTENT)).headers["Location"]


def sentence(response: HttpResponse) -> str:
    """What a refusal says; it is for people, so it is plain text with an end."""
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    text = response.content.decode().strip()
    assert text.endswith(".")
    return text


def only_file(data_dir: Path) -> Path:
    [file] = (data_dir / "uploads").iterdir()
    return file


# -- OPTIONS --


@pytest.mark.parametrize("where", ["uploads", "upload"])
def test_options_tells_what_the_server_can_do_to_anybody(
    where: str, db: None, settings: object
) -> None:
    settings.MAX_UPLOAD_BYTES = 123  # type: ignore[attr-defined]
    arguments = [uuid.uuid4()] if where == "upload" else []
    response = ask(
        Client(), "OPTIONS", reverse(f"uploads:{where}", args=arguments), Tus_Resumable=None
    )
    assert response.status_code == 204
    assert response.headers["Tus-Resumable"] == "1.0.0"
    assert response.headers["Tus-Version"] == "1.0.0"
    assert response.headers["Tus-Max-Size"] == "123"
    assert set(response.headers["Tus-Extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "termination",
        "checksum",
        "expiration",
    }
    assert response.headers["Tus-Checksum-Algorithm"] == "sha1,sha256,md5"


# -- creation --


def test_creation_gives_an_address_and_a_time_limit(world: World, client: Client) -> None:
    before = timezone.now()
    response = create(client, world.lesson, 10, filename="../me.mp4")
    assert response.status_code == 201
    upload = Upload.objects.get()
    assert response.headers["Location"] == f"/uploads/{upload.pk}"
    expires = parse_http_date(response.headers["Upload-Expires"])
    assert abs(expires - (before + dt.timedelta(hours=72)).timestamp()) < 60
    assert "Upload-Offset" not in response.headers
    assert upload.name == "me.mp4"
    assert not Recording.objects.exclude(pk=world.recording.pk).exists()


BAD_CREATIONS = {
    "no length": ({"Upload_Length": None}, 400),
    "a length that is no number": ({"Upload_Length": "many"}, 400),
    "a negative length": ({"Upload_Length": "-1"}, 400),
    "a length to be told later": ({"Upload_Length": None, "Upload_Defer_Length": "1"}, 400),
    "no bytes at all": ({"Upload_Length": "0"}, 400),
    "too many bytes": ({"Upload_Length": "1001"}, 413),
    "no metadata": ({"Upload_Metadata": None}, 400),
    "metadata that is not base64": ({"Upload_Metadata": "lesson 1"}, 400),
    "metadata with a key twice": ({"Upload_Metadata": "lesson MQ==,lesson MQ=="}, 400),
    "a lesson that is no number": ({"Upload_Metadata": "lesson YQ=="}, 400),
    "a lesson that is not there": ({"Upload_Metadata": "lesson OTk5OTk5"}, 404),
    "another version": ({"Tus_Resumable": "0.2.2"}, 412),
    "no version": ({"Tus_Resumable": None}, 412),
    "a form": ({"content_type": "multipart/form-data; boundary=x"}, 415),
}


@pytest.mark.parametrize("case", BAD_CREATIONS)
def test_a_creation_is_refused_with_a_sentence(
    case: str, world: World, client: Client, settings: object, data_dir: Path
) -> None:
    settings.MAX_UPLOAD_BYTES = 1000  # type: ignore[attr-defined]
    changed, status = BAD_CREATIONS[case]
    headers = {"Upload_Length": "10", "Upload_Metadata": metadata(world.lesson), **changed}
    response = ask(client, "POST", reverse("uploads:uploads"), **headers)
    assert response.status_code == status
    assert sentence(response)
    assert response.headers["Tus-Resumable"] == "1.0.0"
    assert response.headers.get("Tus-Version") == ("1.0.0" if status == 412 else None)
    assert not Upload.objects.exists()
    assert not [*data_dir.glob("uploads/*")]


def test_a_checksum_of_the_file_must_be_one(world: World, client: Client) -> None:
    assert create(client, world.lesson, 10, sha256="abc").status_code == 400
    assert create(client, world.lesson, 10, sha256="AB" * 32).status_code == 201


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", [1, HALF, len(CONTENT)])
def test_creation_may_bring_the_first_bytes(size: int, world: World, client: Client) -> None:
    response = ask(
        client,
        "POST",
        reverse("uploads:uploads"),
        CONTENT[:size],
        content_type=PIECE_TYPE,
        Upload_Length=str(len(CONTENT)),
        Upload_Metadata=metadata(world.lesson),
    )
    assert response.status_code == 201
    assert response.headers["Upload-Offset"] == str(size)
    assert offset(client, response.headers["Location"]) == size
    assert ("Engagement-Recording" in response.headers) == (size == len(CONTENT))


def test_first_bytes_of_another_type_are_refused(world: World, client: Client) -> None:
    response = ask(
        client,
        "POST",
        reverse("uploads:uploads"),
        CONTENT,
        content_type="video/mp4",
        Upload_Length=str(len(CONTENT)),
        Upload_Metadata=metadata(world.lesson),
    )
    assert response.status_code == 415


# -- the core: HEAD and PATCH --


@pytest.mark.django_db(transaction=True)
def test_pieces_become_a_recording_and_its_id_is_told(
    world: World, client: Client, path: str, sent: list[tuple[str, str]], data_dir: Path
) -> None:
    first = patch(client, path, 0, CONTENT[:HALF])
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, str(HALF))
    assert "Upload-Expires" in first.headers
    assert "Engagement-Recording" not in first.headers
    last = patch(client, path, HALF, CONTENT[HALF:])
    assert (last.status_code, last.headers["Upload-Offset"]) == (204, str(len(CONTENT)))
    recording = Recording.objects.get(pk=last.headers["Engagement-Recording"])
    assert recording.video_path.read_bytes() == CONTENT
    assert recording.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert (recording.student, recording.lesson) == (world.student, world.lesson)
    assert [subject for _, subject in sent] == [str(recording.analyses.get().pk)]
    assert [*(data_dir / "uploads").iterdir()] == [*(data_dir / "incoming").iterdir()] == []


@pytest.mark.django_db(transaction=True)
def test_a_client_that_lost_the_last_answer_learns_it(client: Client, path: str) -> None:
    last = patch(client, path, 0, CONTENT)
    said = ask(client, "HEAD", path)
    assert said.headers["Upload-Offset"] == said.headers["Upload-Length"] == str(len(CONTENT))
    assert said.headers["Engagement-Recording"] == last.headers["Engagement-Recording"]
    again = patch(client, path, len(CONTENT), b"")
    assert again.status_code == 204
    assert again.headers["Engagement-Recording"] == last.headers["Engagement-Recording"]
    assert Recording.objects.filter(sha256=hashlib.sha256(CONTENT).hexdigest()).count() == 1


def test_head_repeats_what_was_announced_and_is_not_kept(world: World, client: Client) -> None:
    path = create(client, world.lesson, 10, filename="me.mp4").headers["Location"]
    response = ask(client, "HEAD", path)
    assert response.headers["Upload-Offset"] == "0"
    assert response.headers["Upload-Length"] == "10"
    assert response.headers["Upload-Metadata"] == metadata(world.lesson, filename="me.mp4")
    assert "no-store" in response.headers["Cache-Control"]
    assert response.headers["Tus-Resumable"] == "1.0.0"


BAD_PIECES = {
    "another offset": ({"Upload_Offset": "1"}, 409),
    "no offset": ({"Upload_Offset": None}, 400),
    "a negative offset": ({"Upload_Offset": "-1"}, 400),
    "another type": ({"content_type": "application/octet-stream"}, 415),
    "no type": ({"content_type": ""}, 415),
    "another version": ({"Tus_Resumable": "2.0.0"}, 412),
    "an unknown checksum": ({"Upload_Checksum": "crc32 AAAA"}, 400),
    "a checksum that is none": ({"Upload_Checksum": "sha1 AAAA"}, 400),
    "a checksum of other bytes": ({"Upload_Checksum": checksum(b"other")}, 460),
}


@pytest.mark.parametrize("case", BAD_PIECES)
def test_a_piece_is_refused_with_a_sentence_and_nothing_of_it_stays(
    case: str, client: Client, path: str
) -> None:
    headers, status = BAD_PIECES[case]
    response = patch(client, path, 0, CONTENT[:HALF], **headers)
    assert response.status_code == status
    assert sentence(response)
    assert response.headers["Tus-Resumable"] == "1.0.0"
    assert offset(client, path) == 0


def test_another_offset_is_told_the_right_one(client: Client, path: str) -> None:
    patch(client, path, 0, CONTENT[:HALF])
    response = patch(client, path, 0, CONTENT[:HALF])
    assert response.status_code == 409
    assert response.headers["Upload-Offset"] == str(HALF)


def test_more_than_was_announced_is_refused_and_what_was_there_stays(
    client: Client, path: str
) -> None:
    patch(client, path, 0, CONTENT[:HALF])
    assert patch(client, path, HALF, CONTENT).status_code == 413
    assert offset(client, path) == HALF


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_a_piece_with_its_checksum_is_taken(algorithm: str, client: Client, path: str) -> None:
    piece = CONTENT[:HALF]
    response = patch(client, path, 0, piece, Upload_Checksum=checksum(piece, algorithm))
    assert response.status_code == 204
    assert offset(client, path) == HALF


def test_a_damaged_piece_takes_nothing_away_from_those_before(client: Client, path: str) -> None:
    patch(client, path, 0, CONTENT[:HALF])
    damaged = patch(client, path, HALF, CONTENT[HALF:-5], Upload_Checksum=checksum(b"x"))
    assert damaged.status_code == 460
    assert damaged.reason_phrase == "Checksum Mismatch"
    assert offset(client, path) == HALF


def test_bytes_without_their_checksums_confirmation_never_arrived(
    client: Client, path: str
) -> None:
    patch(client, path, 0, CONTENT[:HALF])
    upload = Upload.objects.get()
    # As a kill in the middle of a piece with a checksum leaves it.
    storage.unverified_path(upload.pk).write_text(str(HALF))
    with storage.part_path(upload.pk).open("ab") as file:
        file.write(b"not confirmed")
    assert offset(client, path) == HALF
    assert not storage.unverified_path(upload.pk).exists()


def test_a_post_may_stand_for_another_method(client: Client, path: str) -> None:
    response = ask(
        client,
        "POST",
        path,
        CONTENT[:HALF],
        content_type=PIECE_TYPE,
        Upload_Offset="0",
        X_HTTP_Method_Override="PATCH",
    )
    assert response.status_code == 204
    assert offset(client, path) == HALF


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_other_methods_are_refused(method: str, client: Client, path: str) -> None:
    response = ask(client, method, path)
    assert response.status_code == 405
    assert "PATCH" in response.headers["Allow"]


# -- termination and expiration --


def test_a_terminated_upload_is_gone_with_its_bytes(
    client: Client, path: str, data_dir: Path, django_capture_on_commit_callbacks: object
) -> None:
    patch(client, path, 0, CONTENT[:HALF])
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        response = ask(client, "DELETE", path)
    assert response.status_code == 204
    assert response.headers["Tus-Resumable"] == "1.0.0"
    assert not [*data_dir.glob("uploads/*")]
    assert ask(client, "HEAD", path).status_code == 404
    assert patch(client, path, HALF, CONTENT[HALF:]).status_code == 404
    assert ask(client, "DELETE", path).status_code == 404


def test_an_expired_upload_is_gone(client: Client, path: str) -> None:
    Upload.objects.update(expires_at=timezone.now())
    assert ask(client, "HEAD", path).status_code == 410
    response = patch(client, path, 0, CONTENT)
    assert response.status_code == 410
    assert sentence(response)


def test_an_upload_whose_file_is_gone_is_gone(client: Client, path: str, data_dir: Path) -> None:
    only_file(data_dir).unlink()
    assert ask(client, "HEAD", path).status_code == 410


# -- who, and one at a time --


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
@pytest.mark.parametrize("actor", ["other_student", "instructor", "admin"])
def test_an_upload_is_its_students_alone(
    method: str, actor: str, world: World, path: str, data_dir: Path
) -> None:
    stranger = client_of(getattr(world, actor))
    asked = {"content_type": PIECE_TYPE, "Upload_Offset": "0"} if method == "PATCH" else {}
    assert ask(stranger, method, path, CONTENT if asked else b"", **asked).status_code == 404
    assert only_file(data_dir).stat().st_size == 0


def test_who_is_logged_out_is_told_so(path: str) -> None:
    response = patch(Client(), path, 0, CONTENT)
    assert response.status_code == 401
    assert "log in" in sentence(response).lower()


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_requests_without_the_sites_token_are_refused(
    method: str, world: World, path: str, data_dir: Path
) -> None:
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(world.student)
    where = reverse("uploads:uploads") if method == "POST" else path
    headers = {"Upload_Length": "5", "Upload_Metadata": metadata(world.lesson)}
    asked = {"content_type": PIECE_TYPE, "Upload_Offset": "0"} if method == "PATCH" else headers
    assert ask(careful, method, where, **asked).status_code == 403
    assert only_file(data_dir).stat().st_size == 0
    careful.get(reverse("accounts:login"))
    page = careful.get(reverse("recordings:upload", args=[world.lesson.pk]))
    token = page.context["csrf_token"]
    asked["X_CSRFToken"] = str(token)
    assert ask(careful, method, where, **asked).status_code in (201, 204)


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
def test_an_upload_that_is_being_written_to_is_locked(
    method: str, client: Client, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.uploads.services._PATIENCE_S", 0.0)
    upload = Upload.objects.get()
    asked = {"content_type": PIECE_TYPE, "Upload_Offset": "0"} if method == "PATCH" else {}
    with storage.Part(upload.pk):
        response = ask(client, method, path, **asked)
        assert response.status_code == 423
        assert response.headers["Retry-After"] == "2"
    assert ask(client, method, path, **asked).status_code in (200, 204)
