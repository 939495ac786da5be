"""An instructor takes each format from the menu; the files open and hold the page's numbers."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from tests.browser.conftest import Site
from tests.browser.exported import FORMATS, MENU, rows_of, take, text_of
from tests.browser.watched import Watched

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZES = {"light": 1280, "dark": 1280, "phone": 360}
SEED = """
import shutil
from engagement.sample import sample_path
from tests.factories import build_document
from tests.webapp.class_world import make_class
from webapp.accounts.models import User
from webapp.courses.models import Enrolment
from webapp.recordings.models import Analysis, AnalysisDocument
from webapp.recordings import storage
from webapp.reports import ready
world = make_class("EXPORTS", 5, lessons=3)
for one in Analysis.objects.filter(recording__lesson=world.lessons[0]):
    AnalysisDocument.objects.get_or_create(
        analysis=one, defaults={"document": build_document(duration_s=300.0)}
    )
    ready.part(one, "page")
    storage.recordings_dir()
    storage.folder(one.recording_id).mkdir(exist_ok=True)
    shutil.copyfile(sample_path(), one.recording.video_path)
teacher = User.objects.create_user("exports@demo.example", PASSWORD, name="Exports Teacher")
Enrolment.objects.create(course=world.course, user=teacher, role="instructor")
"""
TEACHER = "exports@demo.example"


@pytest.fixture(scope="module")
def seeded(site: Site) -> Site:
    """A course of five students of its own."""
    site.python(SEED.replace("PASSWORD", repr(site.password)))
    return site


@pytest.fixture
def page(browser: Browser, seeded: Site) -> Iterator[Page]:
    """The course's page as its instructor; afterwards nothing may have gone wrong on it."""
    watched = Watched(browser, seeded, accept_downloads=True)
    watched.log_in(TEACHER)
    watched.page.get_by_role("link", name="Course EXPORTS").click()
    expect(watched.page.get_by_role("heading", name="Students")).to_be_visible()
    yield watched.page
    watched.context.close()
    assert watched.troubles == []


def test_every_format_of_the_course_holds_the_pages_numbers(page: Page, tmp_path: Path) -> None:
    cells = page.locator("td[data-label=Engagement]").all_inner_texts()
    shown = sorted({found[0] for cell in cells if (found := re.match(r"\d\.\d\d", cell))})
    assert shown
    for words in FORMATS:
        rows = rows_of(
            take(page, words, tmp_path, group="Students by pseudonym"), "students"
        ) + rows_of(take(page, words, tmp_path, group="Students by pseudonym"), "lessons")
        values = {f"{float(row['engagement']):.2f}" for row in rows if row["engagement"]}
        assert sorted(values) == shown, words
        assert not any("Student 00" in str(cell) for row in rows for cell in row.values())
    named = rows_of(take(page, FORMATS[0], tmp_path, group="Students by name"), "students")
    assert {row["name"] for row in named} == {f"Student {n:03d}" for n in range(5)}
    paper = text_of(take(page, "PDF report", tmp_path, group="Students by pseudonym"))
    assert all(value in paper for value in shown)
    assert "Student 00" not in paper


def test_a_lesson_and_a_report_hold_the_pages_numbers(page: Page, tmp_path: Path) -> None:
    page.get_by_role("link", name="Lesson 0").first.click()
    expect(page.get_by_role("heading", name="Lesson 0")).to_be_visible()
    paper = text_of(take(page, "PDF report", tmp_path, group="Students by name"))
    assert "Student 003" in paper
    assert "The class over the lesson" in paper
    curve = rows_of(
        take(page, "Tables as JSON", tmp_path, group="Students by pseudonym"), "class_curve"
    )
    assert max(row["students"] for row in curve) == 5
    page.get_by_role("link", name=re.compile("report", re.IGNORECASE)).first.click()
    expect(page.get_by_role("heading", name="Summary")).to_be_visible()
    tiles = [one.split()[0] for one in page.locator(".tile__value").all_inner_texts()]
    report = text_of(take(page, "PDF report", tmp_path))
    assert all(value in report for value in tiles)
    windows = {words: rows_of(take(page, words, tmp_path), "windows") for words in FORMATS}
    counts = {len(rows) for rows in windows.values()}
    assert len(counts) == 1
    assert counts.pop() > 50
    means = {round(sum(float(r["engagement"]) for r in rows), 6) for rows in windows.values()}
    assert len(means) == 1


def test_the_menu_is_worked_by_keyboard_and_closes(page: Page) -> None:
    menu = page.locator(MENU)
    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(menu.get_by_text("Students by pseudonym", exact=True)).to_be_visible()
    page.keyboard.press("Tab")
    expect(menu.get_by_role("link").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu.get_by_role("link").first).to_be_hidden()
    expect(menu.locator("summary")).to_be_focused()
    menu.locator("summary").click()
    expect(menu.get_by_role("link").first).to_be_visible()
    page.get_by_role("heading", level=1).click()
    expect(menu.get_by_role("link").first).to_be_hidden()


def test_the_open_menu_fits_both_themes_and_a_phone(page: Page, artifacts: Path) -> None:
    page.locator(f"{MENU} > summary").click()
    for kind, width in SIZES.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if kind == "dark" else "light")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, kind
        box = page.locator(f"{MENU} .menu__list").bounding_box()
        assert box is not None
        assert box["x"] >= 0, kind
        assert box["x"] + box["width"] <= width, kind
        page.screenshot(path=artifacts / f"export-menu-{kind}.png")


def test_on_paper_the_page_is_light_whole_and_without_buttons(page: Page, artifacts: Path) -> None:
    expect(page.locator("figure[data-ready=true]").first).to_be_visible()
    page.emulate_media(media="print", color_scheme="dark")
    for gone in (".site-nav", ".theme-toggle", MENU, ".breadcrumbs"):
        expect(page.locator(gone).first).to_be_hidden()
    foot = page.locator(".print-foot")
    expect(foot).to_be_visible()
    expect(foot).to_contain_text("/courses/")
    scrolling = page.evaluate(
        "[...document.querySelectorAll('.table-wrap')]"
        ".filter((one) => getComputedStyle(one).overflowX !== 'visible').length"
    )
    assert scrolling == 0
    background = page.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor")
    assert background in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")
    page.pdf(path=artifacts / "course-printed.pdf", format="A4")
    assert "Students" in text_of(artifacts / "course-printed.pdf")
    images = [
        one.image
        for sheet in PdfReader(artifacts / "course-printed.pdf").pages
        for one in sheet.images
    ]
    assert any(one is not None and min(one.size) > 200 for one in images), "the chart is not there"
