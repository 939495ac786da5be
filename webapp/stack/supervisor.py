"""The whole site under one process: broker, database, web server, worker.

Production runs the same parts under its own supervisor; this one is for a single machine and for
the demo. If one part ends, everything is stopped, so that whoever restarts it sees a clean slate.
"""

import contextlib
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import IO, Self

from django.conf import settings
from django.core.management import call_command

from webapp.stack import valkey
from webapp.stack.processes import Process, StartError, start

_START_TIMEOUT_S = 60.0


class Stack:
    """Broker (where none is configured), web server and worker, started in this order.

    Args:
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        quiet: keeps the parts' output in log files under the data folder.
    """

    def __init__(self, host: str, port: int, *, quiet: bool = False) -> None:
        self.host = host
        self.port = port or free_port(host)
        self.quiet = quiet
        self._processes: list[Process] = []
        self._files = contextlib.ExitStack()
        self.environment = self._environment()

    @property
    def url(self) -> str:
        """Where the site answers, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def log_dir(self) -> Path:
        """Where the parts' output goes when quiet."""
        return Path(settings.DATA_DIR) / "logs"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def ended(self) -> str:
        """The name of a part that has ended by itself, or an empty string."""
        return next((one.name for one in self._processes if not one.running), "")

    def watch(self) -> str:
        """Returns the name of the first part that ends; runs until then."""
        while not (name := self.ended()):
            time.sleep(0.5)
        return name

    def stop(self) -> None:
        """Stops everything, the last started first."""
        with _signals_held():
            while self._processes:
                self._processes.pop().stop()
            self._files.close()

    def _start(self) -> None:
        if not settings.REDIS_URL:
            if valkey.answers(settings.DATA_DIR):
                raise StartError(
                    f"A site is already running on {settings.DATA_DIR}. Stop it first, or set "
                    "ENGAGEMENT_DATA_DIR to another folder."
                )
            broker = self._run("valkey", valkey.command(settings.DATA_DIR))
            broker.wait_until(lambda: valkey.answers(settings.DATA_DIR), _START_TIMEOUT_S)
        call_command("migrate", verbosity=0, interactive=False)
        web = self._run("web", web_command(self.host, self.port))
        # SIGTERM would wait for a running analysis to end. A cold stop is safe: the next worker
        # sees that the owner is gone and takes the analysis up again.
        self._run("worker", self._worker_command(), stop_signal=signal.SIGQUIT)
        web.wait_until(self._web_answers, _START_TIMEOUT_S)

    def _run(
        self, name: str, command: list[str], stop_signal: signal.Signals = signal.SIGTERM
    ) -> Process:
        process = start(
            name, command, self.environment, log=self._log(name), stop_signal=stop_signal
        )
        self._processes.append(process)
        return process

    def _log(self, name: str) -> IO[bytes] | None:
        if not self.quiet:
            return None
        self.log_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._files.enter_context((self.log_dir / f"{name}.log").open("ab"))

    def _worker_command(self) -> list[str]:
        return [
            sys.executable, "-m", "celery", "--app", "workers.app", "worker",
            "--loglevel", "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat",
        ]  # fmt: skip

    def _environment(self) -> dict[str, str]:
        root = str(settings.BASE_DIR)
        paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        return os.environ | {
            "DJANGO_SETTINGS_MODULE": "webapp.config.settings",
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONUNBUFFERED": "1",
        }

    def _web_answers(self) -> bool:
        request = urllib.request.Request(  # noqa: S310  (always http, and our own)
            f"{self.url}/healthz", headers={"Host": settings.ALLOWED_HOSTS[0]}
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            # Behind HTTPS the site answers with a redirect: it is up.
            return error.code < 500
        except OSError:
            return False


def web_command(host: str, port: int) -> list[str]:
    """What runs the web server on an address of this machine."""
    bind = f"[{host}]" if ":" in host else host
    return [
        sys.executable, "-m", "gunicorn", "webapp.config.wsgi:application",
        "--bind", f"{bind}:{port}",
        "--worker-class", "gthread", "--workers", "1", "--threads", str(settings.WEB_THREADS),
        # The worker process lives through uploads of any length: threads do not block it.
        "--timeout", "120", "--graceful-timeout", "5", "--no-control-socket",
    ]  # fmt: skip


def free_port(host: str) -> int:
    """A port that nobody listens on at this moment."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def port_or_free(host: str, port: int) -> int:
    """The port, if nobody listens on it, else a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return free_port(host)
        return int(probe.getsockname()[1])


def stop_on_terminate() -> None:
    """Makes SIGTERM stop the program as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """An impatient second Ctrl-C must not leave processes behind."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in kept:
        signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
