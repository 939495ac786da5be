"""An instructor has a lesson summary made, watches it, and follows a moment into the report."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from engagement.pipeline import Analyzer
from engagement.sample import sample_path
from tests.browser.conftest import Site
from tests.browser.watched import Watched, ready, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SUMMARY_TIMEOUT_MS = 120_000

SEED = """
import json, pathlib
from django.utils import timezone
from webapp.accounts.models import User
from webapp.courses.models import Enrolment, Lesson
from webapp.privacy.services import grant
from webapp.recordings import storage
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
lesson = Lesson.objects.get(course__code="DEMO-101")
folder = pathlib.Path({folder!r})
for name in ("Ada", "Ben"):
    student = User.objects.create_user(f"{{name}}@demo.example", name=name)
    Enrolment.objects.create(user=student, course=lesson.course, role="student")
    grant(student, lesson.course)
    recording = Recording.objects.create(lesson=lesson, student=student, size_bytes=1,
        original_name=f"{{name}}.mp4", sha256="0" * 64, playback="original")
    storage.recordings_dir()
    storage.folder(recording.pk).mkdir()
    recording.video_path.write_bytes((folder / "sample.mp4").read_bytes())
    analysis = Analysis.objects.create(recording=recording, state="finished",
        finished_at=timezone.now())
    AnalysisDocument.objects.create(analysis=analysis,
        document=json.loads((folder / "analysis.json").read_text()))
"""


@pytest.fixture(scope="module")
def seeded(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Two students whose recording is the sample, with its real analysis."""
    folder = tmp_path_factory.mktemp("seed")
    analysis = Analyzer("mobilenet_7_fer").analyze(sample_path()).analysis
    (folder / "analysis.json").write_text(analysis.to_json())
    shutil.copy(sample_path(), folder / "sample.mp4")
    site.python(SEED.format(folder=str(folder)))
    return site


def test_a_summary_is_made_watched_and_followed_into_the_report(
    browser: Browser, seeded: Site, artifacts: Path
) -> None:
    instructor = Watched(browser, seeded)
    page = instructor.page
    instructor.log_in(seeded.instructor)
    page.get_by_role("link", name="Introduction to demonstrations").click()
    page.get_by_role("link", name="Lesson 1: first recording", exact=True).click()
    page.get_by_role("row").filter(has_text="Ada.mp4").get_by_role("link", name="Report").click()
    ready(page)
    page.get_by_role("button", name="Make a lesson summary").click()
    # The page opens it by itself.
    surprise = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Surprise"))
    expect(surprise).to_be_visible(timeout=SUMMARY_TIMEOUT_MS)
    clip = surprise.locator("video")
    clip.evaluate("video => video.play()")
    page.wait_for_function("video => video.currentTime > 0.5", arg=clip.element_handle())
    clip.evaluate("video => video.pause()")
    assert 4 < clip.evaluate("video => video.duration") < 6
    page.screenshot(path=artifacts / "summary.png", full_page=True)
    surprise.get_by_role("link").click()
    ready(page)
    wait_until(page, "Math.abs(document.getElementById('video').currentTime - 19) < 0.5")
    expect(page.locator("#readout-emotion")).to_contain_text("Surprise")
    assert instructor.troubles == []
    instructor.context.close()


def test_a_class_summary_shows_whom_it_speaks_of(
    browser: Browser, seeded: Site, artifacts: Path
) -> None:
    instructor = Watched(browser, seeded)
    page = instructor.page
    instructor.log_in(seeded.instructor)
    page.get_by_role("link", name="Introduction to demonstrations").click()
    page.get_by_role("link", name="Lesson 1: first recording", exact=True).click()
    page.get_by_role("button", name="Make a class summary").click()
    surprise = page.get_by_role("region", name="Surprise")
    expect(surprise).to_be_visible(timeout=SUMMARY_TIMEOUT_MS)
    for name in ("Ada", "Ben"):
        expect(surprise.get_by_role("link", name=name)).to_be_visible()
    surprise.scroll_into_view_if_needed()
    picture = surprise.locator("img").first
    page.wait_for_function("image => image.naturalWidth > 100", arg=picture.element_handle())
    page.screenshot(path=artifacts / "class-summary.png", full_page=True)
    assert instructor.troubles == []
    instructor.context.close()
