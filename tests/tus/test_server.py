"""The web server itself: connections that stall, hang or end, and pages beside slow uploads."""

import base64
import hashlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.running_site import RunningSite
from tests.tus.conftest import MIB, Student, arrived, parts

PIECE_TYPE = "application/offset+octet-stream"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[RunningSite]:
    """A site of four threads, three of which uploads may take, and little patience."""
    impatient = {
        "UPLOADS_AT_ONCE": "3",
        "UPLOAD_STALL_S": "5",
        # Far shorter than the uploads below.
        "GUNICORN_CMD_ARGS": "--timeout 2",
    }
    running = RunningSite(tmp_path, **impatient)
    try:
        running.prepare()
        running.start_broker()
        running.start_web()
        yield running
    finally:
        running.stop()


def begin(student: Student, size: int) -> str:
    """The address of a new upload."""
    lesson = base64.b64encode(str(student.site.lesson_id).encode()).decode()
    headers = {"Upload-Length": str(size), "Upload-Metadata": f"lesson {lesson}"}
    answer = ask(student, "POST", "/uploads/", **headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


def ask(
    student: Student, method: str, path: str, body: bytes | None = None, **headers: str
) -> requests.Response:
    """One whole request."""
    headers = {**student.headers, "Tus-Resumable": "1.0.0", **headers}
    session = requests.Session()
    session.trust_env = False
    return session.request(method, student.site.url + path, headers=headers, data=body, timeout=60)


class Sending:
    """A PATCH of which only the beginning has been sent so far."""

    def __init__(self, student: Student, path: str, size: int, at: int = 0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", student.site.port), timeout=60)
        headers = {
            **student.headers,
            "Host": "127.0.0.1",
            "Tus-Resumable": "1.0.0",
            "Upload-Offset": str(at),
            "Content-Type": PIECE_TYPE,
            "Content-Length": str(size),
        }
        lines = [f"PATCH {path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
        self._socket.sendall("\r\n".join(lines).encode())

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def status(self) -> int:
        """Of the answer."""
        return int(self._socket.recv(4096).split()[1])

    def close(self) -> None:
        self._socket.close()


def has(site: RunningSite, size: int) -> None:
    site.wait_until(lambda: arrived(site) == size, f"{size} bytes")


def test_a_second_request_waits_its_turn_and_a_lost_connection_ends_the_first(
    site: RunningSite, student: Student
) -> None:
    path = begin(student, 2 * MIB)
    first = Sending(student, path, 2 * MIB)
    first.send(bytes(MIB))
    has(site, MIB)
    for method in ("HEAD", "DELETE"):
        assert ask(student, method, path).status_code == 423
    first.close()
    said = ask(student, "HEAD", path)
    assert (said.status_code, said.headers["Upload-Offset"]) == (200, str(MIB))


def test_a_client_that_says_nothing_more_loses_the_lock(
    site: RunningSite, student: Student
) -> None:
    path = begin(student, 2 * MIB)
    silent = Sending(student, path, 2 * MIB)
    silent.send(bytes(MIB))
    has(site, MIB)
    site.wait_until(lambda: ask(student, "HEAD", path).status_code == 200, "the lock's end")
    rest = {"Content-Type": PIECE_TYPE, "Upload-Offset": str(MIB)}
    assert ask(student, "PATCH", path, bytes(MIB), **rest).status_code == 204
    assert silent.status() == 408
    [(sha256,)] = site.query("SELECT sha256 FROM recordings_recording")
    assert sha256 == hashlib.sha256(bytes(2 * MIB)).hexdigest()


def test_an_upload_outlives_the_web_servers_timeout(site: RunningSite, student: Student) -> None:
    path = begin(student, 60 * 1000)
    slow = Sending(student, path, 60 * 1000)
    for _ in range(60):
        slow.send(bytes(1000))
        time.sleep(0.1)
    assert slow.status() == 204
    assert "WORKER TIMEOUT" not in site.log("web")


def test_pages_answer_while_uploads_are_slow(site: RunningSite, student: Student) -> None:
    paths = [begin(student, 1000) for _ in range(6)]
    slow = [Sending(student, path, 1000) for path in paths]
    # Three wait for their bytes, and three are told to come back: nobody waits for a thread.
    assert ask(student, "GET", "/recordings/").status_code == 200
    for one in slow:
        one.send(bytes(1000))
    assert sorted(one.status() for one in slow) == [204] * 3 + [503] * 3


def test_withdrawn_consent_ends_an_upload_under_way(site: RunningSite, student: Student) -> None:
    path = begin(student, 60 * MIB)
    sending = Sending(student, path, 60 * MIB)
    sending.send(bytes(MIB))
    has(site, MIB)
    site.log_in().withdraw(site.course_id)
    assert parts(site) == []
    sending.send(bytes(59 * MIB))
    assert sending.status() == 410
    assert site.query("SELECT count(*) FROM recordings_recording") == [(0,)]
    assert site.stored_files() == []


def test_a_body_of_unknown_length_arrives(site: RunningSite, student: Student) -> None:
    path = begin(student, 3 * MIB)
    pieces = iter([bytes(MIB)] * 3)
    headers = {"Content-Type": PIECE_TYPE, "Upload-Offset": "0"}
    answer = ask(student, "PATCH", path, pieces, **headers)  # type: ignore[arg-type]
    assert answer.request.headers["Transfer-Encoding"] == "chunked"
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(3 * MIB))


def test_a_refused_piece_is_answered_after_it_was_sent(site: RunningSite, student: Student) -> None:
    path = begin(student, 20 * MIB)
    wrong = Sending(student, path, 20 * MIB, at=5)
    wrong.send(bytes(20 * MIB))
    assert wrong.status() == 409
