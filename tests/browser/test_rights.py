"""A student's rights, lived through: consent, dispute, answer, download, withdrawal."""

import hashlib
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from engagement.sample import sample_path
from tests.browser.conftest import Site
from tests.browser.watched import Watched
from webapp.stack.demo_client import DemoClient

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STUDENT, INSTRUCTOR = "rita@demo.example", "ivor@demo.example"
# The machine may be busy with other tests; the analysis itself takes seconds.
ANALYSIS_TIMEOUT_MS = 300_000
SIZES = {"light": 1280, "dark": 1280, "phone": 360}
SEED = """
from django.utils import timezone
from webapp.accounts.models import User
from webapp.courses.models import Course, Enrolment, Lesson
course = Course.objects.create(title="Rights in a class", code="RIGHTS-101")
Lesson.objects.create(course=course, title="Week 1", starts_at=timezone.now())
for email, name, role in (
    ({student!r}, "Rita Rights", "student"), ({instructor!r}, "Ivor Answers", "instructor"),
):
    user = User.objects.create_user(email, {password!r}, name=name)
    Enrolment.objects.create(course=course, user=user, role=role)
"""


@pytest.fixture(scope="module")
def seeded(site: Site) -> Site:
    """A course of its own with one student and one instructor."""
    site.python(SEED.format(student=STUDENT, instructor=INSTRUCTOR, password=site.password))
    return site


@pytest.fixture
def people(browser: Browser, seeded: Site) -> Iterator[tuple[Watched, Watched]]:
    """Student and instructor, logged in; afterwards nothing may have gone wrong on their pages."""
    both = Watched(browser, seeded), Watched(browser, seeded)
    for one, email in zip(both, (STUDENT, INSTRUCTOR), strict=True):
        one.log_in(email)
    yield both
    for one in both:
        one.context.close()
        assert one.troubles == []


def pictures(page: Page, artifacts: Path, name: str) -> None:
    """Screenshots in both themes and on a phone, on which nothing may be wider than the screen."""
    for kind, width in SIZES.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if kind == "dark" else "light")
        page.wait_for_timeout(100)
        page.screenshot(
            path=artifacts / f"rights-{name}-{kind}.png", full_page=True, caret="initial"
        )
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, kind
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")


def bell(page: Page) -> None:
    """Opens the notices from the head of a page that was loaded anew."""
    page.goto("/")
    page.get_by_role("link", name=re.compile("^Notices, [0-9]+ unread")).click()
    expect(page.get_by_role("heading", name="Notices")).to_be_visible()


def agree(page: Page, artifacts: Path) -> None:
    """The student reads what is measured, who sees it and for how long, and agrees."""
    page.get_by_role("link", name="Rights in a class").click()
    page.get_by_role("link", name="Read and decide").click()
    expect(page.get_by_text("Ivor Answers")).to_be_visible()
    expect(page.get_by_role("heading", name="How long it is kept")).to_be_visible()
    pictures(page, artifacts, "consent")
    page.get_by_role("link", name="How it works").click()
    expect(page.get_by_role("heading", name="How often it is wrong")).to_be_visible()
    pictures(page, artifacts, "method")
    page.go_back()
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="I agree").click()
    expect(page.get_by_text("Your consent is recorded")).to_be_visible()


def send_recording(site: Site, page: Page) -> None:
    """Sends the sample as the plain form does: how that looks is another test's matter."""
    page.get_by_role("link", name="Week 1", exact=True).first.click()
    lesson_id = int(re.findall(r"lessons/([0-9]+)", page.url)[0])
    client = DemoClient(site.url)
    client.log_in(STUDENT, site.password)
    client.upload(lesson_id, sample_path())


def test_from_consent_to_withdrawal(
    people: tuple[Watched, Watched], seeded: Site, artifacts: Path, tmp_path: Path
) -> None:
    student, instructor = (one.page for one in people)
    agree(student, artifacts)
    send_recording(seeded, student)

    # The student is told when the report is there, and disputes it.
    notices = student.get_by_role("link", name=re.compile("^Your recording .* is analysed"))
    for _ in range(ANALYSIS_TIMEOUT_MS // 1000):
        student.goto("/notices/")
        if notices.count():
            break
        student.wait_for_timeout(1000)
    pictures(student, artifacts, "notices")
    notices.click()
    panel = student.locator("#disputes")
    panel.get_by_text("Say what is not right").click()
    panel.get_by_label("What is not right?").fill("I was reading the slides, not asleep.")
    panel.get_by_label("From (optional)").fill("2")
    panel.get_by_label("To (optional)").fill("0:05")
    panel.get_by_role("button", name="Send to my instructors").click()
    # Refused in place: said at the field, where the student goes on, and nothing is lost.
    start = panel.get_by_label("From (optional)")
    expect(start).to_have_accessible_description(re.compile("Write minutes and seconds"))
    expect(start).to_be_focused()
    text = "I was reading the slides, not asleep."
    expect(panel.get_by_label("What is not right?")).to_have_value(text)
    pictures(student, artifacts, "dispute-refused")
    start.fill("0:02")
    panel.get_by_role("button", name="Send to my instructors").click()
    expect(panel.get_by_text("Your instructors are told")).to_be_visible()
    expect(panel.get_by_text("0:02 to 0:05")).to_be_visible()

    # The instructor sees it in a notice and on the report, and answers.
    bell(instructor)
    instructor.get_by_role("link", name=re.compile("^Rita Rights disputes their report")).click()
    panel = instructor.locator("#disputes")
    expect(panel.get_by_text("I was reading the slides")).to_be_visible()
    expect(instructor.get_by_text("Disputed", exact=True).first).to_be_visible()
    panel.get_by_label("Your answer").fill("Thank you. I have seen it in the video.")
    panel.screenshot(path=artifacts / "rights-dispute-instructor.png")
    panel.get_by_role("button", name="Send and close").click()
    expect(panel.get_by_text("Closed", exact=True)).to_be_visible()

    # The student sees the answer, what is held, and who looked.
    bell(student)
    student.get_by_role("link", name=re.compile("^Ivor Answers wrote in the dispute")).click()
    expect(student.get_by_text("Thank you. I have seen it in the video.")).to_be_visible()
    pictures(student, artifacts, "report")
    student.get_by_role("navigation", name="Main").get_by_role("link", name="Your data").click()
    expect(student.get_by_text("You disputed the report")).to_be_visible()
    pictures(student, artifacts, "data")
    with student.expect_download() as download:
        student.get_by_role("button", name="Download everything").click()
    check_zip(download.value, tmp_path)
    student.get_by_role("link", name="Who looked at it", exact=True).click()
    row = student.get_by_role("row").filter(has_text="Ivor Answers")
    expect(row.filter(has_text="opened the report").first).to_be_visible()
    pictures(student, artifacts, "looks")

    # They withdraw, and nothing is left but that they did.
    student.get_by_role("navigation", name="Main").get_by_role("link", name="Your data").click()
    student.get_by_role("link", name=re.compile("^Withdraw and erase")).click()
    pictures(student, artifacts, "withdraw")
    student.get_by_role("button", name="Withdraw and erase").click()
    expect(student.get_by_text("1 recording is erased")).to_be_visible()
    student.goto("/privacy/")
    expect(student.get_by_text("withdrawn")).to_be_visible()
    expect(student.get_by_text("You disputed the report")).to_have_count(0)
    student.goto("/notices/")
    expect(student.get_by_text("No notices yet")).to_be_visible()


def check_zip(download: object, folder: Path) -> None:
    """The ZIP opens, and holds the very video that was sent."""
    path = folder / "my-data.zip"
    download.save_as(path)  # type: ignore[attr-defined]
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        (video,) = (name for name in archive.namelist() if "/video/" in name)
        sent = hashlib.sha256(sample_path().read_bytes()).hexdigest()
        assert hashlib.sha256(archive.read(video)).hexdigest() == sent
        names = " ".join(archive.namelist())
        for ending in ("README.txt", "data.json", "-observations.csv", "embeddings.parquet"):
            assert ending in names, ending


def test_the_profile_is_changed_and_shown(people: tuple[Watched, Watched], artifacts: Path) -> None:
    page = people[1].page
    page.get_by_role("link", name="Ivor Answers").click()
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")
    pictures(page, artifacts, "profile")
