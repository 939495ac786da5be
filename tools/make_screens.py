"""Pictures of every page, in both themes and on a narrow screen, for docs/screens.

`python tools/make_screens.py [--only PART] [--out FOLDER]` (or `make screens`) serves a site over a
folder that is thrown away, seeds the simulated course, and looks at each page that
`tests/browser/every_page.py` finds, once, as the first of instructor, student, admin and stranger
who may read it. Pictures are shrunk to a palette, and cut where a page is very long. With `--only`
just the pages whose name contains PART are taken, and the index is left as it is.
"""

import argparse
import contextlib
import io
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import chromium
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

logger = logging.getLogger("make_screens")

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "screens"
PASSWORD = "a password for pictures"  # noqa: S105  (of a site that lives for minutes)
#: Who looks at a page, where several may.
ORDER = ("instructor", "student", "admin", "stranger")
#: Pages that a student's are more to look at.
STUDENTS_OWN = {"recordings:mine", "privacy:own_data", "privacy:looks"}
COLOURS = 64
# How long charts take to be drawn again, and, of a page that has just come, to be drawn at all.
_CALM_MS = (400, 900)
# A video that does not play is shown as it is after this time.
_VIDEO_MS = 8000
#: What pages show as now, as far as a browser says.
NOW = "2026-11-02T09:00:00Z"


@dataclass(frozen=True)
class Shown:
    """A page: how it is called, where it is, and as whom it is read."""

    name: str
    path: str
    reader: str


@dataclass(frozen=True)
class View:
    """A way to look at pages: sizes in pixels, and how much of a long page is kept."""

    name: str
    width: int
    height: int
    longest: int
    scheme: str


VIEWS = (
    View("light", 1180, 800, 6000, "light"),
    View("dark", 1180, 800, 6000, "dark"),
    View("narrow", 360, 740, 9000, "light"),
)


def main(given: Sequence[str] | None = None) -> int:
    """Makes the pictures; the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="pages whose name contains this")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the pictures")
    options = parser.parse_args(given)
    with tempfile.TemporaryDirectory(prefix="screens-") as folder:
        environment = _environment(Path(folder))
        with _site(environment) as url, _browser() as browser:
            pages = [
                one
                for one in _pages(environment, Path(folder))
                if options.only in f"{one.name} {slug(one.name)}"
            ]
            if not pages:
                logger.error("No page's name contains “%s”: docs/screens lists them", options.only)
                return 1
            if not options.only and options.out.is_dir():
                shutil.rmtree(options.out)
            options.out.mkdir(parents=True, exist_ok=True)
            for reader in ORDER:
                own = [one for one in pages if one.reader == reader]
                _look(browser, url, reader, own, options.out)
    if not options.only:
        (options.out / "README.md").write_text(_index(pages))
    size = sum(one.stat().st_size for one in options.out.glob("*.png"))
    logger.info("%d pages, %.1f MB", len(pages), size / 1e6)
    return 0


def slug(name: str) -> str:
    """A page's name as a file's."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _environment(data: Path) -> dict[str, str]:
    unwanted = {"DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS", "HTTPS", "DEBUG"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "webapp.config.settings",
        "ENGAGEMENT_DATA_DIR": str(data),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "LOG_LEVEL": "ERROR",
    }


@contextlib.contextmanager
def _site(environment: dict[str, str]) -> Iterator[str]:
    """The address of a served site."""
    command = [sys.executable, str(ROOT / "manage.py"), "serve", "--port", "0"]
    server = subprocess.Popen(  # noqa: S603  (the project's own command)
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        found = next((line for line in server.stdout or () if "http://" in line), "")
        if not found:
            raise SystemExit("The site did not start.")
        yield "http://" + found.split("http://")[1].split()[0].rstrip("/")
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


@contextlib.contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = chromium.start(playwright)
        yield browser
        browser.close()


def _pages(environment: dict[str, str], folder: Path) -> list[Shown]:
    """Every page once."""
    target = folder / "pages.json"
    code = (
        "from pathlib import Path; from tests.browser.every_page import write; "
        f"write(Path({str(target)!r}), {PASSWORD!r})"
    )
    command = [sys.executable, str(ROOT / "manage.py"), "shell", "-c", code]
    subprocess.run(command, env=environment, cwd=ROOT, check=True)  # noqa: S603
    found = [Shown(**one) for one in json.loads(target.read_text())]
    pages = sorted(found, key=lambda one: ORDER.index(one.reader))
    pages.sort(key=lambda one: one.name in STUDENTS_OWN and one.reader != "student")
    first: dict[str, Shown] = {}
    for one in pages:
        first.setdefault(one.name, one)
    return list(first.values())


def _look(browser: Browser, url: str, reader: str, pages: list[Shown], out: Path) -> None:
    """Takes the pictures of one reader's pages, each loaded once."""
    context = browser.new_context(base_url=url, reduced_motion="reduce")
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    if reader != "stranger" and pages:
        _log_in(page, reader)
    page.clock.set_fixed_time(NOW)
    for one in pages:
        for number, view in enumerate(VIEWS):
            page.set_viewport_size({"width": view.width, "height": view.height})
            page.emulate_media(color_scheme=view.scheme, reduced_motion="reduce")
            if number == 0:
                page.goto(one.path)
                page.wait_for_load_state("networkidle")
                _show_videos(page)
            page.wait_for_timeout(_CALM_MS[number == 0])
            keep(page.screenshot(full_page=True), view, out / f"{slug(one.name)}-{view.name}.png")
        if troubles:
            # A page whose scripts stopped looks unfinished; its picture would be believed.
            raise SystemExit(f"{one.name}: {troubles[0]}")
        logger.info("%s", one.name)
    context.close()


def _show_videos(page: Page) -> None:
    """Moves each video to its first third, and waits until it shows what is there."""
    page.evaluate(
        """(limit) => Promise.race([
          new Promise((done) => setTimeout(done, limit)),
          Promise.all([...document.querySelectorAll("video[src], video:has(source)")].map(
            async (video) => {
              const once = (name) => new Promise((done) => video.addEventListener(name, done));
              if (video.readyState < 1) await once("loadedmetadata");
              const moved = once("seeked");
              video.currentTime = video.duration / 3;
              await moved;
            })),
        ])""",
        _VIDEO_MS,
    )


def _log_in(page: Page, reader: str) -> None:
    page.goto("/accounts/login/")
    page.locator("#id_username").fill(f"{reader}@pages.example")
    page.locator("#id_password").fill(PASSWORD)
    with page.expect_navigation():
        page.locator("#id_password").press("Enter")


def keep(picture: bytes, view: View, target: Path) -> None:
    """Writes a picture with few colours, and no longer than its view allows."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image = image.crop((0, 0, image.width, min(image.height, view.longest)))
    image.quantize(palette=_palette(image), dither=Image.Dither.NONE).save(target, optimize=True)


def _palette(image: Image.Image) -> Image.Image:
    """The commonest colours as they are, and others so that the rare ones are there, too."""
    counted = sorted(image.getcolors(image.width * image.height), reverse=True)
    colours = [value for _, one in counted[:COLOURS] for value in one]
    rare = image.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE)
    colours += (rare.getpalette() or [])[: 3 * COLOURS]
    palette = Image.new("P", (1, 1))
    # The first one again in the places that are left: none is to be black by chance.
    palette.putpalette(colours + colours[:3] * (256 - len(colours) // 3))
    return palette


def _index(pages: Sequence[Shown]) -> str:
    """The folder's README: a line a page with its pictures."""
    lines = [
        "# Every page in pictures",
        "",
        "Made by `make screens` from the course that `manage.py seed_demo` simulates: nobody was",
        "recorded, and no model was run. Each page in the light and the dark theme, 1180 pixels",
        "wide, and on a screen 360 pixels wide; what is further down on a very long page is cut.",
        "",
        "| page | read by | pictures |",
        "| --- | --- | --- |",
    ]
    for one in sorted(pages, key=lambda each: each.name):
        links = ", ".join(f"[{view.name}]({slug(one.name)}-{view.name}.png)" for view in VIEWS)
        lines.append(f"| {one.name} | {one.reader} | {links} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
