"""How many recordings an hour a machine gets through with 1, 2 and 4 worker processes.

    python -m benchmarks.workers [--small] [--recordings N] [--threads T ...] [--video FILE]

The real thing: the embedded broker, a database and a data folder of the benchmark's own,
recordings accepted as an upload is, and the Celery worker of `workers.app` with so many processes,
one number after the other. A first round has every process load its models, and is told for
itself; the second is measured, from the first message to the last report. (What is done once a
machine, making the models' files fit it, is done before.) Memory is the most that the worker's
whole family of processes had at one time, what they share counted once where the system tells
(PSS).
"""

import argparse
import os
import shutil
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import django
import psutil
from django.db.models import QuerySet

from benchmarks import measuring
from benchmarks.measuring import Bound, say
from engagement.files import sha256_of
from engagement.sample import sample_path
from webapp.stack import processes, valkey

_ROOT = Path(__file__).parents[1]
_PROCESSES = (1, 2, 4)
_EVERY_S = 0.1
_MEMORY_EVERY_S = 0.5
_START_S = 60.0
_PATIENCE_S = 3600.0
#: A gross regression: so much slower than one process may two be, and no more.
_LEAST_RATIO = 0.5


@dataclass(frozen=True)
class Measured:
    """What one number of processes did.

    Attributes:
        processes, threads: of the worker; threads of each process, 0 for its share of the cores.
        recordings_an_hour: with the models loaded.
        cpu_s: processor seconds a recording, over all processes; what else the machine does
            hardly changes it.
        start_s: from the worker's start until each process had made its first report.
        peak_mb: most memory of the worker's whole family at one time, in 10^6 bytes.
    """

    processes: int
    threads: int
    recordings_an_hour: float
    cpu_s: float
    start_s: float
    peak_mb: float


class Memory:
    """The most memory that a process and all it started had together, while a `with` block runs."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.peak_mb = 0.0

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(_MEMORY_EVERY_S):
            self.peak_mb = max(self.peak_mb, sum(map(_bytes_of, _family(self._root))) / 1e6)


def _family(root: psutil.Process) -> list[psutil.Process]:
    return [root, *root.children(recursive=True)]


def _cpu_s(pid: int) -> float:
    """Processor seconds that a process and all it started, and that are there, have used."""
    times = [one.cpu_times() for one in _family(psutil.Process(pid))]
    return sum(one.user + one.system for one in times)


def _bytes_of(process: psutil.Process) -> int:
    try:
        facts = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(facts, "pss", facts.rss))


class Site:
    """A site of the benchmark's own, as far as uploads and workers need one.

    Args:
        folder: where everything is kept. Django is set up for it, once for the whole process.
    """

    def __init__(self, folder: Path) -> None:
        for name in ("DATABASE_URL", "REDIS_URL"):
            os.environ.pop(name, None)
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "webapp.config.settings",
            "ENGAGEMENT_DATA_DIR": str(folder),
            "PYTHONPATH": str(_ROOT),
        }
        self._folder = folder
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0, interactive=False)
        self._make_people()

    def _make_people(self) -> None:
        from webapp.privacy.services import grant
        from webapp.stack import demo_data

        demo = demo_data.create()
        self._lesson = demo.lesson
        self._student = demo.logins["student"].user
        grant(self._student, self._lesson.course)

    @contextmanager
    def broker(self) -> Iterator[None]:
        """Runs the embedded broker."""
        with (self._folder / "broker.log").open("ab") as log:
            process = processes.start(
                "The broker", valkey.command(self._folder), os.environ, log=log
            )
            try:
                process.wait_until(lambda: valkey.answers(self._folder), _START_S)
                yield
            finally:
                process.stop()

    @contextmanager
    def worker(self, number: int, threads: int) -> Iterator[processes.Process]:
        """Runs a worker with so many processes."""
        command = [sys.executable, "-m", "celery", "--app", "workers.app", "worker"]
        settings = {"WORKER_CONCURRENCY": str(number), "WORKER_THREADS": str(threads)}
        with (self._folder / "worker.log").open("ab") as log:
            process = processes.start(
                "The worker",
                [*command, "--loglevel", "INFO", "--without-gossip", "--without-mingle"],
                os.environ | settings,
                log=log,
                stop_signal=signal.SIGQUIT,
            )
            try:
                yield process
            finally:
                process.stop()

    def upload(self, video: Path, number: int) -> "QuerySet[Any]":
        """Accepts so many copies as uploads; their analyses."""
        from webapp.recordings import services, storage
        from webapp.recordings.models import Analysis
        from webapp.recordings.uploads import ReceivedFile

        sha256, accepted = sha256_of(video), []
        for _ in range(number):
            key = uuid.uuid4()
            part = storage.incoming_dir() / f"{key}.part"
            shutil.copyfile(video, part)
            received = ReceivedFile(key, part, video.name, part.stat().st_size, sha256)
            accepted.append(services.accept(received, self._lesson, self._student))
        return Analysis.objects.filter(recording__in=accepted)

    def wait(self, analyses: "QuerySet[Any]", worker: processes.Process) -> None:
        """Returns when all have their reports.

        Raises:
            SystemExit: the worker ended, or an analysis did not end well.
        """
        end = time.monotonic() + _PATIENCE_S
        while analyses.filter(state__in=analyses.model.OPEN).exists():
            if not worker.running or time.monotonic() > end:
                raise SystemExit(f"The worker did not finish.\n{self._log()}")
            time.sleep(_EVERY_S)
        bad = analyses.exclude(state=analyses.model.State.FINISHED).first()
        if bad is not None:
            raise SystemExit(f"An analysis ended {bad.state}: {bad.error_text}\n{self._log()}")

    def _log(self) -> str:
        return (self._folder / "worker.log").read_text(errors="replace")[-2000:]


def measure(site: Site, video: Path, recordings: int, number: int, threads: int) -> Measured:
    """Runs the worker with so many processes over so many copies."""
    started = time.perf_counter()
    with site.worker(number, threads) as worker:
        # As many as there are processes: each is given one while the others are busy.
        site.wait(site.upload(video, number), worker)
        start_s = time.perf_counter() - started
        with Memory(worker.popen.pid) as memory:
            started, used_s = time.perf_counter(), _cpu_s(worker.popen.pid)
            site.wait(site.upload(video, recordings), worker)
            seconds = time.perf_counter() - started
            cpu_s = (_cpu_s(worker.popen.pid) - used_s) / recordings
    return Measured(number, threads, 3600 * recordings / seconds, cpu_s, start_s, memory.peak_mb)


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers", description=__doc__)
    parser.add_argument("--small", action="store_true", help="quick: two recordings, 1 and 2")
    parser.add_argument("--recordings", type=int, help="copies to analyse (8)")
    parser.add_argument("--threads", type=int, nargs="+", default=[0], help="a process (its share)")
    parser.add_argument("--video", type=Path, default=sample_path(), help="recording to copy")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Measure, print a table and a line of JSON; the exit code."""
    options = _arguments(given)
    recordings = options.recordings or (2 if options.small else 8)
    numbers = _PROCESSES[:2] if options.small else _PROCESSES
    done: list[Measured] = []
    with measuring.workplace("workers") as folder:
        site = Site(folder)
        with site.broker():
            say("A first worker fits the models to this machine; later ones find them so ...")
            measure(site, options.video, 1, 1, options.threads[0])
            for threads in options.threads:
                for number in numbers:
                    say(f"{number} at a time, threads each: {threads or 'its share'} ...")
                    done.append(measure(site, options.video, recordings, number, threads))
    return _report(done, recordings, options)


def _report(done: Sequence[Measured], recordings: int, options: argparse.Namespace) -> int:
    table = measuring.table(
        f"{recordings} copies of {options.video.name} through the real worker",
        [
            "processes",
            "threads each",
            "recordings an hour",
            "to 1 process",
            "processor time each",
            "peak",
            "start",
        ],
        left=0,
    )
    bounds = []
    for one in done:
        alone = next(o for o in done if (o.processes, o.threads) == (1, one.threads))
        ratio = one.recordings_an_hour / alone.recordings_an_hour
        table.add_row(
            str(one.processes),
            str(one.threads or "share"),
            f"{one.recordings_an_hour:.0f}",
            f"{ratio:.2f}",
            f"{one.cpu_s:.2f} s",
            f"{one.peak_mb:.0f} MB",
            f"{one.start_s:.1f} s",
        )
        if one.processes == 2:
            bounds.append(Bound("Two processes to one", ratio, least=_LEAST_RATIO))
    told = {
        "benchmark": "workers",
        "environment": measuring.environment(),
        "video": options.video.name,
        "recordings": recordings,
        "results": [asdict(one) for one in done],
    }
    return measuring.finish(table, told, bounds)


if __name__ == "__main__":
    sys.exit(main())
