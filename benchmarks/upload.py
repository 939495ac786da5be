"""How fast the site takes resumable uploads, and how little memory that costs its web server.

    python -m benchmarks.upload [--small]

The site's own web server over a data folder of the benchmark's own; the demo student sends noise
over the loopback, by tus 1.0: 50 MB, 500 MB and 2 GB in one piece, 500 MB in pieces of 32 MiB with
their checksums, and four times 250 MB at once. A row's peak is the most that the web process had
resident while that row was sent; the page cache is not its own. The floor beside it writes the
same bytes to the same disk, syncs them and reads them again for their SHA-256, in this process and
without a server. Peaks that grow with the size of the file are a regression; speeds are for reading
and for ratios, and never judged.
"""

import argparse
import base64
import hashlib
import http.client
import os
import re
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from benchmarks import measuring, site
from benchmarks.measuring import Bound, say

_MB = 1_000_000
_PIECE_BYTES = 32 * 1024 * 1024
_NOISE = os.urandom(1024 * 1024)
_PASSWORD = "a password for a benchmark"  # noqa: S105  (of a site that lives for a minute)
_TIMEOUT_S = 600.0
#: Of what the smallest row had at its most: what a longer file may have more by chance.
_MOST_GROWTH = 1.15


@dataclass(frozen=True)
class Plan:
    """One row: how much is sent, and how."""

    name: str
    size_bytes: int
    pieces: bool = False
    at_once: int = 1


@dataclass(frozen=True)
class Measured:
    """What one row took."""

    name: str
    size_mb: float
    seconds: float
    mb_a_second: float
    floor_mb_a_second: float
    peak_mb: float
    peak_to_first: float


class Sender:
    """The demo's student, who sends files of noise."""

    def __init__(self, url: str, headers: dict[str, str], lesson_id: int) -> None:
        self._host = urlsplit(url).netloc
        self._headers = headers | {"Tus-Resumable": "1.0.0"}
        lesson = base64.b64encode(str(lesson_id).encode()).decode()
        self._metadata = f"lesson {lesson}"

    def send(self, size_bytes: int, *, pieces: bool) -> uuid.UUID:
        """Sends a file; returns the recording that came of it."""
        connection = http.client.HTTPConnection(self._host, timeout=_TIMEOUT_S)
        said = {"Upload-Length": str(size_bytes), "Upload-Metadata": self._metadata}
        path = self._ask(connection, "POST", "/uploads/", said)["Location"]
        at = 0
        told: Any = {}
        while at < size_bytes:
            length = min(_PIECE_BYTES if pieces else size_bytes, size_bytes - at)
            headers = {
                "Upload-Offset": str(at),
                "Content-Length": str(length),
                "Content-Type": "application/offset+octet-stream",
            }
            if pieces:
                headers["Upload-Checksum"] = _checksum(length)
            told = self._ask(connection, "PATCH", path, headers, _noise(length))
            at = int(told["Upload-Offset"])
        connection.close()
        return uuid.UUID(told["Engagement-Recording"])

    def _ask(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: dict[str, str],
        body: Iterator[bytes] | None = None,
    ) -> http.client.HTTPMessage:
        connection.request(method, path, body, self._headers | headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status not in (201, 204):
            raise SystemExit(f"{method} {path} answered {answer.status}: {text}")
        return answer.headers


def _noise(size_bytes: int) -> Iterator[bytes]:
    for at in range(0, size_bytes, len(_NOISE)):
        yield _NOISE[: size_bytes - at]


def _checksum(size_bytes: int) -> str:
    summed = hashlib.sha1(usedforsecurity=False)
    for piece in _noise(size_bytes):
        summed.update(piece)
    return f"sha1 {base64.b64encode(summed.digest()).decode()}"


def main(given: Sequence[str] | None = None) -> int:
    """Measure, print a table and a line of JSON; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.upload", description=__doc__)
    parser.add_argument("--small", action="store_true", help="quick: 5 MB to 100 MB")
    options = parser.parse_args(given)
    with measuring.workplace("upload") as folder:
        site.set_up(folder)
        from webapp.stack import demo_data

        demo = demo_data.create(_PASSWORD)
        with site.server(folder) as (url, process):
            sender = _log_in(url, demo.lesson)
            say("sending the first file, which is not counted ...")
            sender.send(5 * _MB, pieces=False)
            idle_mb = process.memory_info().rss / 1e6
            measured = _measure(sender, process, folder, _plans(small=options.small))
    told = {
        "benchmark": "upload",
        "environment": measuring.environment(),
        "idle_mb": round(idle_mb, 1),
        "results": [asdict(one) for one in measured],
    }
    return _report(measured, told)


def _plans(*, small: bool) -> list[Plan]:
    first, second, third, each = (5, 50, 100, 10) if small else (50, 500, 2000, 250)
    return [
        Plan(f"{first} MB", first * _MB),
        Plan(f"{second} MB", second * _MB),
        Plan(f"{third} MB", third * _MB),
        Plan(f"{second} MB, in pieces with checksums", second * _MB, pieces=True),
        Plan(f"{each} MB, four at once", each * _MB, at_once=4),
    ]


def _log_in(url: str, lesson: Any) -> Sender:
    from webapp.stack.demo_client import DemoClient

    client = DemoClient(url)
    client.log_in("student@demo.example", _PASSWORD)
    client.agree(lesson.course_id)
    cookies = client.cookies()
    pairs = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return Sender(url, {"Cookie": pairs, "X-CSRFToken": cookies["csrftoken"]}, lesson.pk)


def _measure(
    sender: Sender, process: psutil.Process, folder: Path, plans: Sequence[Plan]
) -> list[Measured]:
    measured: list[Measured] = []
    for plan in plans:
        say(f"sending {plan.name} ...")
        floor_s = _floor_s(folder, plan.size_bytes)
        _forget_peak(process)
        started = time.perf_counter()
        recordings = _send(sender, plan)
        seconds = time.perf_counter() - started
        peak_mb = _peak_mb(process)
        _check(folder, recordings, plan)
        size_mb = plan.at_once * plan.size_bytes / 1e6
        measured.append(
            Measured(
                name=plan.name,
                size_mb=size_mb,
                seconds=round(seconds, 2),
                mb_a_second=round(size_mb / seconds, 1),
                floor_mb_a_second=round(plan.size_bytes / 1e6 / floor_s, 1),
                peak_mb=round(peak_mb, 1),
                peak_to_first=round(peak_mb / (measured[0].peak_mb if measured else peak_mb), 3),
            )
        )
    return measured


def _send(sender: Sender, plan: Plan) -> list[uuid.UUID]:
    recordings: list[uuid.UUID] = []

    def one() -> None:
        recordings.append(sender.send(plan.size_bytes, pieces=plan.pieces))

    threads = [threading.Thread(target=one) for _ in range(plan.at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(recordings) < plan.at_once:
        raise SystemExit(f"Not every upload of {plan.name} came to its end.")
    return recordings


def _check(folder: Path, recordings: Sequence[uuid.UUID], plan: Plan) -> None:
    """What was sent is what is kept; it is removed, since the disk may be small."""
    from webapp.recordings import storage
    from webapp.recordings.models import Recording

    summed = hashlib.sha256()
    for piece in _noise(plan.size_bytes):
        summed.update(piece)
    for recording in recordings:
        if Recording.objects.get(pk=recording).sha256 != summed.hexdigest():
            raise SystemExit(f"{plan.name} arrived damaged.")
        storage.erase(recording)


def _floor_s(folder: Path, size_bytes: int) -> float:
    """Seconds to write, sync, read and hash as much on the same disk."""
    path = folder / "floor"
    started = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        for piece in _noise(size_bytes):
            file.write(piece)
        os.fsync(file.fileno())
    with path.open("rb") as file:
        hashlib.file_digest(file, "sha256")
    seconds = time.perf_counter() - started
    path.unlink()
    return seconds


def _forget_peak(process: psutil.Process) -> None:
    """Makes the kernel count the process's peak anew (proc(5), clear_refs)."""
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def _peak_mb(process: psutil.Process) -> float:
    """Most memory that was resident since then, in 10^6 bytes."""
    text = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB", text, re.MULTILINE)
    if found is None:
        raise SystemExit("This system does not tell a process's peak of memory.")
    return int(found[1]) * 1024 / 1e6


def bounds_of(measured: Sequence[Measured]) -> list[Bound]:
    """What must hold: however large a file, the web server has no more memory."""
    return [
        Bound(f"Peak to that of the first row, {one.name}", one.peak_to_first, most=_MOST_GROWTH)
        for one in measured
        if "at once" not in one.name
    ]


def _report(measured: Sequence[Measured], told: dict[str, Any]) -> int:
    table = measuring.table(
        f"Resumable uploads over the loopback; the web process at {told['idle_mb']:.0f} MB idle",
        ["file", "seconds", "MB/s", "of the floor", "peak of memory", "to the first row"],
    )
    for one in measured:
        table.add_row(
            one.name,
            f"{one.seconds:.1f}",
            f"{one.mb_a_second:.0f}",
            f"{one.mb_a_second / one.floor_mb_a_second:.2f}",
            f"{one.peak_mb:.0f} MB",
            f"{one.peak_to_first:.2f}",
        )
    return measuring.finish(table, told, bounds_of(measured))


if __name__ == "__main__":
    sys.exit(main())
