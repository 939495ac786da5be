"""A whole site for tests: a real broker, web server and worker, each started and killed at will."""

import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import requests

from webapp.stack import valkey
from webapp.stack.demo_client import DemoClient

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "a password for tests"
# For machines that do other work at the same time.
_PATIENCE_S = 180.0

_prepared: list[bytes] = []


class RunningSite:
    """The site over a folder of its own, with the demo's people in it.

    Args:
        folder: everything is kept below it.
        database_url: empty for SQLite in the folder.
        settings: further environment variables.
    """

    def __init__(self, folder: Path, database_url: str = "", **settings: str) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self.data_dir.mkdir(parents=True)
        self.database_url = database_url
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name not in {"REDIS_URL", "DATABASE_URL", "ALLOWED_HOSTS", "DJANGO_SETTINGS_MODULE"}
        } | {
            "ENGAGEMENT_DATA_DIR": str(self.data_dir),
            "DATABASE_URL": database_url,
            "PYTHONPATH": str(ROOT),
            "REAPER_INTERVAL_S": "0.5",
            "ANALYSIS_STALE_S": "4",
            "DEMO_PASSWORD": PASSWORD,
            **settings,
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.port = 0
        self.lesson_id = 0
        self.course_id = 0

    # -- parts --

    def prepare(self) -> None:
        """Migrates the database and makes the demo's rows; SQLite's result is used again."""
        database = self.data_dir / "engagement.sqlite3"
        if not self.database_url and _prepared:
            database.write_bytes(_prepared[0])
        else:
            self.python(
                "import django; django.setup();"
                "from django.core.management import call_command; call_command('migrate', '-v0');"
                f"from webapp.stack import demo_data; demo_data.create({PASSWORD!r})"
            )
            if not self.database_url:
                _prepared.append(database.read_bytes())
        [(self.lesson_id, self.course_id)] = self.query("SELECT id, course_id FROM courses_lesson")

    def start_broker(self) -> None:
        self._start("broker", valkey.command(self.data_dir))
        self.wait_until(lambda: valkey.answers(self.data_dir), "the broker")

    def start_web(self) -> None:
        self.port = self.port or _free_port()
        command = ["-m", "gunicorn", "webapp.config.wsgi:application", "--threads", "4"]
        bind = ["--bind", f"127.0.0.1:{self.port}", "--no-control-socket"]
        self._start("web", [sys.executable, *command, *bind])
        self.wait_until(self._web_answers, "the web server")

    def start_worker(self) -> None:
        command = ["-m", "celery", "--app", "workers.app", "worker", "--loglevel", "INFO"]
        self._start("worker", [sys.executable, *command, "--without-mingle", "--without-gossip"])

    def kill(self, name: str) -> None:
        """kill -9 to the part and everything it started."""
        popen = self._running.pop(name)
        family = [psutil.Process(popen.pid)]
        family += family[0].children(recursive=True)
        for one in family:
            one.kill()
        popen.wait()
        psutil.wait_procs(family, timeout=10)

    def kill_pool_process(self) -> None:
        """kill -9 to the worker's process that runs the task, as a lack of memory would."""
        children = psutil.Process(self._running["worker"].pid).children()
        assert children, "the worker has no pool process"
        for one in children:
            one.kill()

    def stop(self) -> None:
        for name in list(self._running):
            self.kill(name)

    # -- looking and acting --

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log_in(self, role: str = "student") -> DemoClient:
        """A logged-in browser; a student has given consent."""
        client = DemoClient(self.url)
        client.log_in(f"{role}@demo.example", PASSWORD)
        if role == "student":
            client.agree(self.course_id)
        return client

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows, read behind the site's back."""
        if self.database_url:
            import psycopg

            with psycopg.connect(self.database_url) as connection:
                return connection.execute(sql).fetchall()
        path = self.data_dir / "engagement.sqlite3"
        with closing(sqlite3.connect(path, timeout=20)) as connection:
            return connection.execute(sql).fetchall()

    def analyses(self, columns: str = "state") -> list[tuple[Any, ...]]:
        sql = f"SELECT {columns} FROM recordings_analysis ORDER BY created_at"  # noqa: S608
        return self.query(sql)

    def states(self) -> list[str]:
        return [state for (state,) in self.analyses()]

    def log(self, name: str) -> str:
        """What a part has said so far."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def stored_files(self) -> list[Path]:
        """Everything in private storage that comes from recordings."""
        homes = (self.data_dir / "recordings", self.data_dir / "incoming")
        return sorted(p for home in homes for p in home.rglob("*") if p.is_file())

    def wait_until(self, true: Callable[[], bool], what: str, seconds: float = _PATIENCE_S) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"{what} did not come in {seconds} s.\n{self._tails()}"
            time.sleep(0.1)

    def python(self, code: str) -> str:
        """Runs code with the site's settings; returns what it prints."""
        environment = self.environment | {"DJANGO_SETTINGS_MODULE": "webapp.config.settings"}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, check=False, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def _start(self, name: str, command: list[str]) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        with log:
            self._running[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _web_answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=2).ok
        except requests.RequestException:
            return False

    def _tails(self) -> str:
        return "\n".join(f"--- {name}\n{self.log(name)[-2000:]}" for name in self._running)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def site_without_worker(folder: Path, database_url: str = "") -> Iterator[RunningSite]:
    """A prepared site with its broker and web server; stopped at the end, whatever happens."""
    running = RunningSite(folder, database_url)
    try:
        running.prepare()
        running.start_broker()
        running.start_web()
        yield running
    finally:
        running.stop()
