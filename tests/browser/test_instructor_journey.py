"""One instructor, one afternoon: from the dip of a lesson to a report, a mark, a comparison, and
files that hold what the pages showed."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site
from tests.browser.every_page import mail_of
from tests.browser.exported import FORMATS, rows_of, take, text_of
from tests.browser.watched import Watched, ready, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTE = "Half the class looks away here: was the diagram too small?"
MINUS = "\N{MINUS SIGN}"
NUMBER = re.compile(r"\d\.\d\d")
ANONYMOUS = {"group": "Students by pseudonym"}


@pytest.fixture
def instructor(browser: Browser, site: Site) -> Iterator[Watched]:
    """The instructor of the simulated course; nothing may go wrong on any of their pages."""
    site.python(f"from tests.browser.every_page import seed; seed({site.password!r})")
    watched = Watched(browser, site, accept_downloads=True)
    watched.log_in(mail_of("instructor"))
    yield watched
    watched.context.close()
    assert watched.troubles == []


def seconds(clock: str) -> float:
    minutes, rest = clock.split(":")
    return 60 * int(minutes) + float(rest)


def position(page: Page) -> float:
    return float(page.locator("#scrubber").get_attribute("aria-valuenow") or "nan")


def table_of(page: Page, figure: str) -> list[list[str]]:
    """The cells of the table behind a chart, whether it is folded or not."""
    section = page.locator("section").filter(has=page.locator(figure))
    rows = section.locator("details.disclosure tbody tr")
    return rows.evaluate_all(
        "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent.trim()))"
    )


def two(value: float | str | None) -> str:
    return "\N{EN DASH}" if value in (None, "") else f"{float(value):.2f}"


def test_from_the_dip_to_the_files(instructor: Watched, tmp_path: Path, artifacts: Path) -> None:
    page = instructor.page

    # The course, and in it the lesson.
    page.get_by_role("link", name="Marine biology (simulated)").click()
    expect(page.locator("#trend[data-ready=true]")).to_be_visible()
    page.get_by_role("link", name="Lesson 1: The sea as a habitat").click()
    expect(page.locator("[data-class][data-ready=true]")).to_be_visible()
    lesson = page.url

    # The dip, in the class's figures and in the lesson's own video.
    heading = page.get_by_role("heading", name=re.compile(r"^▼? ?Dip from")).first
    begins, ends = re.findall(r"\d+:\d\d", heading.inner_text())
    moment = heading.locator("xpath=ancestor::li[1]")
    dip = re.search(r"Class mean (\d\.\d\d) ± \d\.\d\d of (\d+) students", moment.inner_text())
    assert dip
    wait_until(page, "document.getElementById('lesson-video').readyState >= 1", 60)
    moment.get_by_role("link", name=f"Play the lesson at {begins}").click()
    wait_until(
        page,
        f"Math.abs(document.getElementById('lesson-video').currentTime - {seconds(begins)}) < 5",
    )
    page.evaluate("document.getElementById('lesson-video').pause()")
    curve = table_of(page, "#curve")
    inside = [row for row in curve if seconds(begins) <= seconds(row[0]) < seconds(ends)]
    assert min(float(row[1]) for row in inside) <= float(dip[1])

    # A student's report, there.
    moment.get_by_text(f"Open one of {dip[2]} reports at this moment").click()
    moment.get_by_role("link", name="Hana Sato").click()
    ready(page)
    at_s = float(re.search(r"\?t=([\d.]+)$", page.url)[1])
    assert abs(at_s - seconds(begins)) <= 180  # the recording began a little later or earlier
    wait_until(page, f"Math.abs(document.getElementById('video').currentTime - {at_s}) < 0.1")
    assert abs(position(page) - at_s) < 0.1
    report = page.url.split("?")[0]
    mean, spread = NUMBER.findall(page.locator(".tile__value").first.inner_text())

    # A mark.
    page.keyboard.press("m")
    marks = page.locator("#marks")
    expect(marks.locator("[data-mark-edit] textarea")).to_be_focused()
    page.keyboard.type(NOTE)
    marks.get_by_role("button", name="Save", exact=True).click()
    expect(marks.get_by_text(NOTE)).to_be_visible()
    expect(page.locator("#mark-strip rect")).to_have_count(1)
    page.screenshot(path=artifacts / "journey-report.png", full_page=True)

    # The same student, another lesson beside it.
    page.get_by_role("link", name="Compare", exact=True).click()
    page.get_by_role("link", name="Hana Sato, Lesson 2: Plankton").click()
    expect(page.locator("#compare-timeline[data-ready=true]")).to_be_visible()
    row = page.get_by_role("row").filter(
        has=page.get_by_role("rowheader", name="Mean engagement, 0 to 1")
    )
    cells = row.locator("td").all_inner_texts()
    assert NUMBER.findall(cells[0]) == [mean, spread]
    difference = re.search(rf"B less A: ([+{MINUS}]\d\.\d\d)", cells[1])
    assert difference
    apart = float(NUMBER.findall(cells[1])[0]) - float(mean)
    assert abs(float(difference[1].replace(MINUS, "-")) - apart) <= 0.011  # all three are rounded
    page.screenshot(path=artifacts / "journey-compare.png", full_page=True)

    # Files of the report: windows as on the page, its summary's figures, and the mark.
    page.goto(report)
    ready(page)
    windows = page.locator("#window-rows tbody tr")
    shown = windows.evaluate_all("(rows) => rows.map((row) => row.cells[1].textContent.trim())")
    assert len(shown) > 50
    for words in FORMATS:
        path = take(page, words, tmp_path)
        assert [two(one["engagement"]) for one in rows_of(path, "windows")] == shown, words
        (person,) = rows_of(path, "summary")
        assert (two(person["mean_engagement"]), two(person["engagement_spread"])) == (mean, spread)
        (mark,) = rows_of(path, "marks")
        assert mark["note"] == NOTE
        assert abs(float(mark["start_s"]) - at_s) < 0.1
    paper = text_of(take(page, "PDF report", tmp_path))
    for tile in page.locator(".tile__value").all_inner_texts():
        assert tile.split()[0] in paper
    assert NOTE in paper

    # Files of the lesson: the class over time as in the page's own table.
    page.goto(lesson)
    expect(page.locator("[data-class][data-ready=true]")).to_be_visible()
    for words in FORMATS:
        path = take(page, words, tmp_path, **ANONYMOUS)
        rows = rows_of(path, "class_curve")
        exported = [[two(one["engagement"]), two(one["spread"])] for one in rows]
        assert exported == [row[1:3] for row in curve], words
        assert [str(one["students"]) for one in rows] == [row[3] for row in curve], words
    paper = text_of(take(page, "PDF report", tmp_path, **ANONYMOUS))
    assert f"{begins}\N{EN DASH}{ends}" in paper
    assert dip[1] in paper
    assert "Hana Sato" not in paper

    # Files of the course: its lessons' and students' figures.
    page.get_by_role("link", name="SIM-24").click()
    expect(page.locator("#trend[data-ready=true]")).to_be_visible()
    figures = [
        NUMBER.findall(cell)[:2]
        for cell in page.locator("td[data-label=Engagement]").all_inner_texts()
        if NUMBER.search(cell)
    ]
    for words in FORMATS:
        path = take(page, words, tmp_path, **ANONYMOUS)
        rows = rows_of(path, "lessons") + rows_of(path, "students")
        exported = [
            [two(one["engagement"]), two(one["engagement_spread"])]
            for one in rows
            if one["engagement"] not in (None, "")
        ]
        assert sorted(exported) == sorted(figures), words
    paper = text_of(take(page, "PDF report", tmp_path, **ANONYMOUS))
    assert all(mean in paper for mean, _spread in figures)
