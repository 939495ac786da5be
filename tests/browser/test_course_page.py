"""An instructor goes through a large class: pages, orders, both themes, a phone, and the export."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Site
from tests.browser.watched import Watched

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZES = {"light": 1280, "dark": 1280, "phone": 360}
SEED = """
from tests.webapp.class_world import make_class
from webapp.accounts.models import User
from webapp.courses.models import Enrolment
world = make_class("CLASS-60", 60, lessons=24)
instructor = User.objects.get(email="instructor@demo.example")
Enrolment.objects.create(course=world.course, user=instructor, role="instructor")
"""


@pytest.fixture(scope="module")
def seeded(site: Site) -> Site:
    """A course of 60 students and 24 lessons beside the demo's."""
    site.python(SEED)
    return site


@pytest.fixture
def page(browser: Browser, seeded: Site) -> Iterator[Page]:
    """The course's page as its instructor; afterwards nothing may have gone wrong on it."""
    watched = Watched(browser, seeded, accept_downloads=True)
    watched.log_in(seeded.instructor)
    watched.page.get_by_role("link", name="Course CLASS-60").click()
    expect(watched.page.get_by_role("heading", name="Students")).to_be_visible()
    yield watched.page
    watched.context.close()
    assert watched.troubles == []


def table(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name)


def first_row(page: Page, name: str) -> Locator:
    return table(page, name).get_by_role("rowheader").first


def test_lessons_and_students_are_turned_by_themselves(page: Page) -> None:
    expect(first_row(page, "Lessons")).to_contain_text("Lesson 23")
    expect(first_row(page, "Students")).to_have_text("Student 000")
    turn = page.get_by_role("navigation", name="Pages of students")
    turn.get_by_role("link", name="Page 3").click()
    expect(first_row(page, "Students")).to_have_text("Student 050")
    expect(turn.locator("[aria-current=page]")).to_have_text("Page 3")
    page.get_by_role("navigation", name="Order of lessons").get_by_text("Oldest first").click()
    expect(first_row(page, "Lessons")).to_contain_text("Lesson 0")
    # The students stay where they were.
    expect(first_row(page, "Students")).to_have_text("Student 050")
    page.get_by_role("navigation", name="Pages of lessons").get_by_text("Next").click()
    expect(first_row(page, "Lessons")).to_contain_text("Lesson 20")


def test_it_fits_both_themes_and_a_phone(page: Page, artifacts: Path) -> None:
    for kind, width in SIZES.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if kind == "dark" else "light")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, kind
        page.screenshot(path=artifacts / f"course-{kind}.png", full_page=True)


def test_the_export_is_a_file_with_a_row_a_recording(page: Page, tmp_path: Path) -> None:
    with page.expect_download() as download:
        page.locator("summary", has_text="Export").click()
        page.get_by_role("link", name="Figures, CSV").click()
    path = tmp_path / "figures.csv"
    download.value.save_as(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 60 * 24
    assert not any("Student 0" in value for row in rows for value in row.values())
