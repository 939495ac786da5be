"""An instructor uploads a meeting, says who is who, and reads a student's report."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site
from tests.gallery import WHY_NOT, compose_gallery, have_clips

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not have_clips(), reason=WHY_NOT),
]

# The machine may be busy with other tests; the work itself takes seconds.
PATIENCE_MS = 300_000
STUDENT = "mia@demo.example"

# A course of its own: what its student agrees to must not be agreed to in other tests' courses.
SEED = """
from django.utils import timezone
from webapp.accounts.models import User
from webapp.courses.models import Course, Enrolment, Lesson
course = Course.objects.create(title="Meeting as a class", code="MEET-101")
Lesson.objects.create(course=course, title="Week 1", starts_at=timezone.now())
student = User.objects.create_user({student!r}, {password!r}, name="Mia Meeting")
instructor = User.objects.get(email={instructor!r})
for user, role in ((student, "student"), (instructor, "instructor")):
    Enrolment.objects.create(course=course, user=user, role=role)
"""


def log_in(page: Page, site: Site, email: str) -> None:
    page.goto(site.url)
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(site.password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Courses")).to_be_visible()


def open_lesson(page: Page) -> None:
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Courses").click()
    page.get_by_role("link", name="Meeting as a class").click()
    page.get_by_role("link", name="Week 1", exact=True).click()


@pytest.fixture
def teacher(browser: Browser, site: Site) -> Iterator[Page]:
    """The instructor's page, in a course whose student has agreed; nothing may go wrong on it."""
    site.python(SEED.format(student=STUDENT, password=site.password, instructor=site.instructor))
    agree(browser, site)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda said: said.type == "error" and troubles.append(said.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    log_in(page, site, site.instructor)
    yield page
    context.close()
    assert troubles == []


def agree(browser: Browser, site: Site) -> None:
    context = browser.new_context()
    page = context.new_page()
    log_in(page, site, STUDENT)
    page.get_by_role("link", name="Meeting as a class").click()
    page.get_by_role("link", name="Read and decide").click()
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="I agree").click()
    expect(page.get_by_text("Your consent is recorded")).to_be_visible()
    context.close()


def picture(page: Page, folder: Path, name: str) -> None:
    """The page on a wide screen and a phone, in both themes; none may be wider than its screen."""
    for width, scheme in ((1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")


def test_an_instructor_matches_the_people_of_a_meeting_and_reads_a_report(
    teacher: Page, artifacts: Path, tmp_path: Path
) -> None:
    page = teacher
    open_lesson(page)
    page.get_by_role("link", name="Upload a meeting").click()
    # Its script shows it.
    expect(page.locator("#files-words")).to_be_visible()
    page.locator("input[type=file]").set_input_files(compose_gallery(tmp_path / "gallery.mp4"))
    picture(page, artifacts, "group-upload")
    page.get_by_role("button", name="Upload", exact=True).click()
    row = page.locator("#transfers li")
    expect(row).to_contain_text("Safely stored", timeout=60_000)
    picture(page, artifacts, "group-sent")
    row.get_by_role("link", name="Open gallery.mp4").click()
    expect(page.locator("#group-state")).to_be_visible()
    picture(page, artifacts, "group-finding")

    # The page says by itself when the people are found.
    expect(page.get_by_role("heading", name="3 people found")).to_be_visible(timeout=PATIENCE_MS)
    faces = page.locator(".person img")
    expect(faces).to_have_count(3)
    expect(faces.first).to_have_js_property("complete", True)
    assert faces.first.evaluate("(face) => face.naturalWidth") > 40
    picture(page, artifacts, "group-matching")

    page.get_by_label("Whose face is person 1?").select_option(label="Mia Meeting")
    for number in (2, 3):
        choice = page.get_by_label(f"Whose face is person {number}?")
        choice.select_option(label="Not a student here, or no consent")
    page.get_by_role("button", name="Analyse the matched students").click()
    report = page.get_by_role("link", name="Report of Mia Meeting")
    expect(report).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("video")).to_be_visible()
    expect(page.get_by_text("two people or more")).to_be_visible()
    picture(page, artifacts, "group-results")

    report.click()
    expect(page.get_by_role("heading", name="Mia Meeting")).to_be_visible()
    expect(page.locator("#timeline[data-ready=true]")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("gallery.mp4")).to_be_visible()
    open_lesson(page)
    picture(page, artifacts, "group-lesson")
    page.get_by_role("link", name="Face templates").click()
    picture(page, artifacts, "group-settings")
    open_lesson(page)
    page.get_by_role("link", name="gallery.mp4", exact=True).click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("are erased")).to_be_visible()
