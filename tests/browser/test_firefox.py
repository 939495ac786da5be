"""What Chromium cannot tell: the recorder, the report and every page in Firefox."""

import base64
import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tests.browser.conftest import Site
from tests.browser.every_page import Found, mail_of
from tests.browser.recording_student import SAMPLE, seed

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SCRIPTS = Path(__file__).parent / "firefox"
PROGRAMS = ("firefox-esr", "firefox")
SECONDS = 6
#: What the script ends with where Firefox cannot be started, as in some containers.
NOT_STARTED = 3
_FILM_SECONDS, _FILM_FPS = 10, 10


class Firefox:
    """Runs the journey in `home`, a folder with puppeteer-core."""

    def __init__(self, program: str, home: Path, site: Site, artifacts: Path) -> None:
        self._program, self._home, self._site = program, home, site
        self._artifacts = artifacts

    def goes(self, email: str, **job: object) -> dict[str, Any]:
        """What the person of `email` saw."""
        picture = self._artifacts / f"firefox-{email}.png"
        job |= {
            "firefox": self._program,
            "site": self._site.url,
            "email": email,
            "password": self._site.password,
            "picture": str(picture),
        }
        done = subprocess.run(
            ["node", "journey.js"],
            cwd=self._home,
            input=json.dumps(job),
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        if done.returncode == NOT_STARTED:
            pytest.skip(f"Firefox cannot be started here: {done.stderr[-300:]}")
        assert done.returncode == 0, f"{done.stderr[-3000:]}\nIts picture: {picture}"
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory, site: Site, artifacts: Path) -> Firefox:
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None or shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("firefox-esr, node and npm are needed: tools/ensure_test_programs.sh installs")
    home = tmp_path_factory.mktemp("firefox")
    shutil.copytree(SCRIPTS, home, dirs_exist_ok=True)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"npm could not install puppeteer-core: {done.stderr[-300:]}")
    return Firefox(program, home, site, artifacts)


def film(target: Path) -> str:
    """The sample's beginning in VP8, which every browser plays, as base64."""
    with av.open(str(SAMPLE)) as reader, av.open(str(target), "w") as writer:
        source = reader.streams.video[0]
        stream = writer.add_stream("libvpx", rate=_FILM_FPS)
        stream.width, stream.height = source.width, source.height
        stream.pix_fmt, stream.bit_rate = "yuv420p", 1_000_000
        every = round(source.average_rate / _FILM_FPS)
        for number, frame in enumerate(reader.decode(source)):
            if number >= every * _FILM_FPS * _FILM_SECONDS:
                break
            if number % every == 0:
                picture = frame.reformat(format="yuv420p")
                picture.pts, picture.time_base = number // every, Fraction(1, _FILM_FPS)
                writer.mux(stream.encode(picture))
        writer.mux(stream.encode(None))
    return base64.b64encode(target.read_bytes()).decode("ascii")


def test_a_student_records_without_a_microphone_and_sees_the_report(
    firefox: Firefox, site: Site, tmp_path: Path
) -> None:
    email = seed(site, "Flora")
    camera = film(tmp_path / "camera.webm")
    seen = firefox.goes(
        email,
        course="Recording with Flora",
        lesson="Week 1",
        film=camera,
        seconds=SECONDS,
        pages=["/recordings/"],
    )
    recorded, played = seen["recorded"], seen["played"]
    # Firefox records nothing at all where sound is named and there is none.
    assert recorded["microphone"] == ""
    assert recorded["size"].endswith(("kB", "MB"))
    assert recorded["length"] >= SECONDS
    assert played["length"] == pytest.approx(recorded["length"], abs=3)
    assert played["at"] == pytest.approx(3, abs=0.2)
    assert "Most frequent emotion" in played["page"]
    assert seen["wide"] == []
    assert seen["troubles"] == []


@pytest.mark.parametrize("reader", ["student", "instructor"])
def test_every_page_opens_without_an_error(
    reader: str, firefox: Firefox, every_page: list[Found]
) -> None:
    pages = [
        one.path
        for one in every_page
        if one.reader == reader and not one.path.startswith("/admin/")
    ]
    assert pages
    seen = firefox.goes(mail_of(reader), pages=pages)
    assert seen["wide"] == []
    assert seen["troubles"] == []
