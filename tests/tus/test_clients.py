"""Two independent clients of tus 1.0 against a server that is killed while they send.

tuspy (Python) and tus-js-client (JavaScript, under Node) are the protocol's own clients; neither
knows anything of this site. Checksums must be equal at the end, and there must be one recording.
"""

import hashlib
import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from tusclient.client import TusClient
from tusclient.uploader import Uploader

from tests.postgres_server import database, postgres, programs
from tests.running_site import RunningSite, site_without_worker
from tests.tus.conftest import MIB, Killer, Student, arrived, parts, random_file, random_offsets

SIZE = 48 * MIB
KILLS = 4


def recordings(site: RunningSite) -> list[tuple[Any, ...]]:
    return site.query("SELECT id, size_bytes, sha256 FROM recordings_recording")


def assert_arrived(site: RunningSite, file: Path) -> str:
    """There is one recording, it is the file, and nothing is left over; returns its id."""
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    [(recording_id, size, stored)] = recordings(site)
    assert (size, stored) == (file.stat().st_size, sha256)
    [kept] = site.stored_files()
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == sha256
    assert parts(site) == []
    return str(recording_id).replace("-", "")


def assert_killed_on_the_way(killer: Killer, size: int) -> None:
    """The test is none if the upload was over before the first kill, or never began."""
    assert len(killer.seen) == KILLS
    assert all(0 < seen <= size for seen in killer.seen)


# -- tuspy --


def tuspy(student: Student, file: Path, **options: Any) -> Uploader:
    """A file to be sent in pieces, with patience for a server that comes back."""
    return TusClient(student.endpoint, student.headers).uploader(
        str(file),
        chunk_size=3 * MIB,
        metadata={"lesson": str(student.site.lesson_id), "filename": "me.mp4"},
        retries=100,
        retry_delay=0.1,  # type: ignore[arg-type]
        **options,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "checksum"), [(1, False), (2, False), (3, True)], ids=["1", "2", "3, with checksums"]
)
def test_tuspy_goes_on_after_every_kill(
    seed: int, checksum: bool, site: RunningSite, student: Student, tmp_path: Path
) -> None:
    file = random_file(tmp_path / "me.mp4", SIZE, seed)
    offsets = random_offsets(seed, KILLS, SIZE - 8 * MIB)
    uploader = tuspy(student, file, upload_checksum=checksum)
    with Killer(site, offsets) as killer:
        uploader.upload()
    assert_killed_on_the_way(killer, SIZE)
    recording = assert_arrived(site, file)
    assert uploader.request.response_headers["engagement-recording"].replace("-", "") == recording


@pytest.mark.slow
@pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed")
def test_tuspy_goes_on_after_every_kill_over_postgresql(tmp_path: Path) -> None:
    file = random_file(tmp_path / "me.mp4", SIZE, 9)
    with (
        postgres() as server,
        database(server, "site") as url,
        site_without_worker(tmp_path / "site", database_url=url) as site,
    ):
        uploader = tuspy(Student(site), file)
        with Killer(site, random_offsets(9, KILLS, SIZE - 8 * MIB)) as killer:
            uploader.upload()
        assert_killed_on_the_way(killer, SIZE)
        assert_arrived(site, file)


# -- tus-js-client --


class Node:
    """tus-js-client in a process of its own."""

    def __init__(self, home: Path, student: Student, file: Path, **options: Any) -> None:
        lesson = str(student.site.lesson_id)
        job = {
            "endpoint": student.endpoint,
            "headers": student.headers,
            "file": str(file),
            "urls": str(home / f"{file.stat().st_ino}-urls.json"),
            "metadata": {"lesson": lesson, "filename": file.name},
            **options,
        }
        self._process = subprocess.Popen(
            ["node", "upload.js"],
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job).encode())
        self._process.stdin.close()
        self._process.stdin = None

    def finish(self) -> dict[str, Any]:
        """What came of it."""
        out, err = self._process.communicate(timeout=180)
        assert self._process.returncode == 0, err.decode()
        return json.loads(out)

    def kill(self) -> None:
        self._process.kill()
        assert self._process.wait() == -signal.SIGKILL
        self._process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "chunk"), [(4, None), (5, 5 * MIB)], ids=["4, in one piece", "5, in pieces"]
)
def test_tus_js_client_goes_on_after_every_kill(
    seed: int,
    chunk: int | None,
    site: RunningSite,
    student: Student,
    node_client: Path,
    tmp_path: Path,
) -> None:
    file = random_file(tmp_path / "me.mp4", SIZE, seed)
    with Killer(site, random_offsets(seed, KILLS, SIZE - 8 * MIB)) as killer:
        came = Node(node_client, student, file, chunkSize=chunk).finish()
    assert_killed_on_the_way(killer, SIZE)
    assert came["lost"] >= 1
    assert came["recording"].replace("-", "") == assert_arrived(site, file)


@pytest.mark.slow
def test_a_killed_client_goes_on_in_its_next_life(
    site: RunningSite, student: Student, node_client: Path, tmp_path: Path
) -> None:
    file = random_file(tmp_path / "me.mp4", SIZE, 7)
    first = Node(node_client, student, file, chunkSize=2 * MIB)
    site.wait_until(lambda: (arrived(site) or 0) > 4 * MIB, "the first bytes")
    first.kill()
    [part] = parts(site)
    before = part.stat().st_size
    assert before < SIZE
    second = Node(node_client, student, file, chunkSize=2 * MIB)
    came = second.finish()
    assert part.stem == came["url"].rsplit("/", 1)[-1], "it began anew"
    assert came["recording"].replace("-", "") == assert_arrived(site, file)


@pytest.mark.slow
def test_a_server_killed_at_the_last_byte_loses_nothing(
    site: RunningSite, student: Student, node_client: Path, tmp_path: Path
) -> None:
    # Between the last byte and the recording: what a client sees as "nothing left to send".
    size = 200 * MIB
    file = random_file(tmp_path / "me.mp4", size, 8)
    with Killer(site, [size]) as killer:
        came = Node(node_client, student, file).finish()
        time.sleep(0.1)
    assert killer.seen == [size]
    assert came["recording"].replace("-", "") == assert_arrived(site, file)
