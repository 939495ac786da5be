"""A real browser against the real stack: web server, broker and worker, on a data folder of the
test's own. Nothing is faked, and nothing of the developer's own site is touched.

`BROWSER_ARTIFACTS` names a folder that keeps the screenshots; without it they are thrown away
with pytest's temporary folders.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tools import chromium

if TYPE_CHECKING:
    from tests.browser.every_page import Found

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "demo-of-the-browser-test"
START_TIMEOUT_S = 120


@dataclass(frozen=True)
class Site:
    """A running site with the demo's people and lesson."""

    url: str
    student: str = "student@demo.example"
    instructor: str = "instructor@demo.example"
    password: str = PASSWORD
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def python(self, code: str) -> None:
        """Runs code with the site's settings, to put in place what a page cannot."""
        command = [sys.executable, str(ROOT / "manage.py"), "shell", "-c", code]
        subprocess.run(command, env=dict(self.environment), cwd=ROOT, check=True)


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go."""
    kept = os.environ.get("BROWSER_ARTIFACTS")
    folder = Path(kept).resolve() if kept else tmp_path_factory.mktemp("artifacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """What drives browsers; a process can have one at a time."""
    with sync_playwright() as driver:
        yield driver


def start_chromium(playwright: Playwright, *more: str) -> Browser:
    """The system's Chromium, with an empty profile."""
    try:
        return chromium.start(playwright, *more)
    except FileNotFoundError as error:
        pytest.fail(f"{error} Or leave out -m browser tests.")


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """The browser that most tests share."""
    browser = start_chromium(playwright)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`manage.py serve` on a free port, stopped at the end."""
    data = tmp_path_factory.mktemp("site")
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS", "DJANGO_SETTINGS_MODULE"}
    }
    environment |= {"ENGAGEMENT_DATA_DIR": str(data), "PYTHONUNBUFFERED": "1"}
    manage = [sys.executable, str(ROOT / "manage.py")]
    log = (data / "serve.log").open("w")
    server = subprocess.Popen(
        [*manage, "serve", "--port", "0"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )
    try:
        url = _address(server, data / "serve.log")
        running = Site(url, environment=environment)
        running.python(f"from webapp.stack import demo_data; demo_data.create({PASSWORD!r})")
        yield running
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
        log.close()


@pytest.fixture(scope="session")
def every_page(site: Site, tmp_path_factory: pytest.TempPathFactory) -> list["Found"]:
    """Every page of the site, about a simulated course, once for everybody who may read it."""
    from tests.browser.every_page import read

    target = tmp_path_factory.mktemp("pages") / "pages.json"
    site.python(
        "from pathlib import Path; from tests.browser.every_page import write; "
        f"write(Path({str(target)!r}), {site.password!r}, whole_admin=True)"
    )
    return read(target)


def _address(server: subprocess.Popen[str], log: Path) -> str:
    """Reads the address that `serve` prints when everything is up."""
    lines: queue.Queue[str] = queue.Queue()
    assert server.stdout is not None
    reader = threading.Thread(target=lambda: [lines.put(line) for line in server.stdout or ()])
    reader.daemon = True
    reader.start()
    while True:
        try:
            line = lines.get(timeout=START_TIMEOUT_S)
        except queue.Empty:
            pytest.fail(f"The site did not start in time:\n{log.read_text()[-2000:]}")
        if "http://" in line:
            return "http://" + line.split("http://")[1].split()[0].rstrip("/")
