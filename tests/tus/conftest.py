"""A real site, and a web server that is killed while uploads are under way."""

import logging
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.running_site import RunningSite, site_without_worker

MIB = 1024 * 1024
logger = logging.getLogger(__name__)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSite]:
    """A site without a worker: nothing here is a video."""
    # Clients that look for a proxy in the environment must find none for this machine.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with site_without_worker(tmp_path) as running:
        yield running


def random_file(path: Path, size_bytes: int, seed: int) -> Path:
    """A file of noise, the same for the same seed."""
    path.write_bytes(random.Random(seed).randbytes(size_bytes))
    return path


@dataclass
class Student:
    """The demo's student, as clients need them: headers with the session and its token."""

    site: RunningSite
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        cookies = self.site.log_in().cookies()
        pairs = "; ".join(f"{name}={value}" for name, value in cookies.items())
        self.headers = {"Cookie": pairs, "X-CSRFToken": cookies["csrftoken"]}

    @property
    def endpoint(self) -> str:
        return f"{self.site.url}/uploads/"


@pytest.fixture
def student(site: RunningSite) -> Student:
    return Student(site)


def parts(site: RunningSite) -> list[Path]:
    """The files of unfinished uploads."""
    return [*site.data_dir.glob("uploads/*.part")]


def arrived(site: RunningSite) -> int | None:
    """How much of the only upload is on the disk; None before it begins and after its end."""
    try:
        return sum(part.stat().st_size for part in parts(site)) if parts(site) else None
    except FileNotFoundError:
        return None


class Killer:
    """Kills the web server with SIGKILL as soon as so much of an upload has arrived, each time
    starting it again on the same port and folder.

    Args:
        site: with one upload under way, or about to be.
        offsets: in bytes, ascending.

    Attributes:
        seen: what was on the disk at each kill.
    """

    def __init__(self, site: RunningSite, offsets: list[int]) -> None:
        self._site = site
        self._offsets = offsets
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="killer")
        self.seen: list[int] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        for offset in self._offsets:
            while (arrived(self._site) or 0) < offset:
                if self._over.is_set():
                    return
                time.sleep(0.001)
            self._site.kill("web")
            logger.info("Killed with %s bytes on the disk", arrived(self._site))
            self.seen.append(arrived(self._site) or 0)
            self._site.start_web()


def random_offsets(seed: int, count: int, size_bytes: int) -> list[int]:
    """Where to kill, ascending, none at the very beginning or end."""
    chosen = random.Random(seed).sample(range(1, size_bytes), count)
    return sorted(chosen)


@pytest.fixture(scope="session")
def node_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tus-js-client and the script that drives it, installed by its lock file."""
    home = tmp_path_factory.mktemp("node")
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are needed: tools/ensure_test_programs.sh installs them")
    shutil.copytree(Path(__file__).parent / "node", home, dirs_exist_ok=True)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"npm could not install tus-js-client: {done.stderr[-300:]}")
    return home
