"""A student watches the analysis of their recording, stops it, and has it run after all."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.videos import repeated
from tests.browser.conftest import ROOT, Site
from tests.browser.watched import Watched, ready

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SAMPLE = ROOT / "engagement" / "sample" / "sample.mp4"
# Long enough to be watched and stopped twice.
LENGTH_S = 300.0
# The machine may be busy with other tests.
PATIENCE_MS = 300_000
STUDENT = "kim@demo.example"
SIZES = {"light": 1280, "dark": 1280, "phone": 360}

SEED = """
from django.utils import timezone
from webapp.accounts.models import User
from webapp.courses.models import Course, Enrolment, Lesson
from webapp.privacy.services import grant
course = Course.objects.create(title="Stopping and starting", code="STOP-101")
Lesson.objects.create(course=course, title="Week 1", starts_at=timezone.now())
student = User.objects.create_user({student!r}, {password!r}, name="Kim Cancel")
Enrolment.objects.create(course=course, user=student, role="student")
grant(student, course)
"""


@pytest.fixture
def student(browser: Browser, site: Site) -> Iterator[Watched]:
    """The student, logged in; afterwards nothing may have gone wrong on their pages."""
    site.python(SEED.format(student=STUDENT, password=site.password))
    watched = Watched(browser, site)
    watched.log_in(STUDENT)
    yield watched
    watched.context.close()
    assert watched.troubles == []


def pictures(page: Page, artifacts: Path, name: str) -> None:
    """Screenshots in both themes and on a phone, on which nothing may be wider than the screen."""
    for kind, width in SIZES.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if kind == "dark" else "light")
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, kind
        page.screenshot(path=artifacts / f"{name}-{kind}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")


def upload(page: Page, video: Path) -> None:
    page.get_by_role("link", name="Stopping and starting").click()
    page.get_by_role("link", name="Week 1", exact=True).click()
    page.get_by_role("link", name="Add a recording").click()
    page.locator("input[type=file]").set_input_files(video)
    page.get_by_role("button", name="Upload", exact=True).click()
    page.get_by_role("link", name="your recordings").click(timeout=60_000)
    expect(page.get_by_role("heading", name="My recordings")).to_be_visible()


def test_an_analysis_is_watched_stopped_and_run_after_all(
    student: Watched, artifacts: Path, tmp_path: Path
) -> None:
    page = student.page
    upload(page, repeated(SAMPLE, tmp_path / "lesson.mp4", LENGTH_S))
    row = page.get_by_role("row").filter(has_text="lesson.mp4")
    # How far it is and how long it takes come by themselves.
    expect(row).to_contain_text(re.compile(r"\d+%, .+ left"), timeout=PATIENCE_MS)
    pictures(page, artifacts, "stop-running-list")
    row.get_by_role("button", name="Stop the analysis of lesson.mp4").click()
    expect(row.get_by_text("Stopped", exact=True)).to_be_visible()
    expect(row.get_by_text("The recording is kept.")).to_be_visible()
    expect(row.get_by_role("button", name="Stop")).to_be_hidden()
    pictures(page, artifacts, "stop-stopped-list")

    row.get_by_role("button", name="Analyse again").click()
    stop = row.get_by_role("button", name="Stop the analysis")
    expect(stop).to_be_visible()
    # The same on the page that waits for the report.
    state = row.locator("[data-state]").get_attribute("hx-get") or ""
    page.goto(state.replace("/state/", "/report/"))
    expect(page.get_by_text(re.compile(r"\d+% done, .+ left"))).to_be_visible(timeout=PATIENCE_MS)
    pictures(page, artifacts, "stop-running-page")
    page.get_by_role("button", name="Stop this analysis").click()
    expect(page.get_by_role("heading", name="The analysis was stopped")).to_be_visible()
    expect(page.get_by_role("button", name="Stop this analysis")).to_have_count(0)
    pictures(page, artifacts, "stop-stopped-page")

    page.get_by_role("button", name="Analyse again").click()
    expect(page.get_by_role("button", name="Stop this analysis")).to_be_visible()
    # The report opens by itself.
    expect(page.locator("#timeline[data-ready=true]")).to_be_visible(timeout=PATIENCE_MS)
    ready(page)
    expect(page.locator("dd", has_text=re.compile(r"^\s*5:00\s*$"))).to_be_visible()
