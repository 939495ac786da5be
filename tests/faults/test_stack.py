"""The site under one command: it comes up, shows a report, and leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.running_site import ROOT

MANAGE = [sys.executable, str(ROOT / "manage.py")]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    kept = {k: v for k, v in os.environ.items() if k not in {"REDIS_URL", "DATABASE_URL"}}
    yield kept | {"ENGAGEMENT_DATA_DIR": str(tmp_path / "data"), "PYTHONUNBUFFERED": "1"}
    assert left_behind(tmp_path) == []


def left_behind(folder: Path) -> list[str]:
    """Processes that know the folder, by command line or environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and (
                str(folder) in " ".join(process.cmdline())
                or str(folder) in process.environ().get("ENGAGEMENT_DATA_DIR", "")
            ):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def test_the_demo_shows_a_report_and_exits(
    environment: dict[str, str], sample: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [*MANAGE, "demo", "--video", str(sample), "--port", "0"],
        env=environment | {"DEMO_EXIT": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"http://127\.0\.0\.1:\d+/recordings/[0-9a-f-]{36}/report/", done.stdout)
    for role in ("student", "instructor", "admin"):
        assert f"{role}@demo.example" in done.stdout


def test_the_demo_fails_when_the_analysis_does(environment: dict[str, str], tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_text("not a video")
    done = subprocess.run(
        [*MANAGE, "demo", "--video", str(broken), "--port", "0"],
        env=environment | {"DEMO_EXIT": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert "broken.mp4 is not a video" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_comes_up_and_stops_cleanly(
    number: signal.Signals, environment: dict[str, str], tmp_path: Path
) -> None:
    serve = start_serve(environment, tmp_path / "out")
    try:
        url = wait_for_url(tmp_path / "out", serve)
        assert requests.get(f"{url}/accounts/login/", timeout=10).status_code == 200
        assert requests.get(f"{url}/static/css/app.css", timeout=10).status_code == 200
    finally:
        serve.send_signal(number)
        code = serve.wait(60)
    assert code == 0, (tmp_path / "out").read_text()


def test_serve_stops_everything_when_a_part_ends(
    environment: dict[str, str], tmp_path: Path
) -> None:
    serve = start_serve(environment, tmp_path / "out")
    wait_for_url(tmp_path / "out", serve)
    parts = psutil.Process(serve.pid).children()
    next(part for part in parts if "valkey-server" in part.name()).kill()
    assert serve.wait(60) == 1
    assert "valkey ended by itself" in (tmp_path / "out").read_text()


def test_when_serve_itself_is_killed_its_parts_follow(
    environment: dict[str, str], tmp_path: Path
) -> None:
    serve = start_serve(environment, tmp_path / "out")
    wait_for_url(tmp_path / "out", serve)
    serve.kill()
    serve.wait()
    end = time.monotonic() + 30
    while left_behind(tmp_path) and time.monotonic() < end:
        time.sleep(0.2)


def start_serve(environment: dict[str, str], output: Path) -> "subprocess.Popen[bytes]":
    with output.open("wb") as out:
        return subprocess.Popen(
            [*MANAGE, "serve", "--port", "0"], env=environment, stdout=out, stderr=out
        )


def wait_for_url(output: Path, process: "subprocess.Popen[bytes]") -> str:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        found = re.search(r"The site is at (http://\S+)/ ", output.read_text())
        if found:
            return found.group(1)
        time.sleep(0.1)
    raise AssertionError(output.read_text())
