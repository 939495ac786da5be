"""An instructor marks, corrects and compares reports; the student sees what is meant for them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site
from tests.browser.watched import Watched, ready, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DURATION_S = 20.0
SIZES = {"light": 1280, "dark": 1280, "phone": 360, "phone-dark": 360}


@pytest.fixture(scope="module")
def seeded(site: Site) -> Site:
    """Three students with two reports each, in a course of their own."""
    site.python(f"from tests.browser.seed_marks import seed; seed({site.password!r}, {DURATION_S})")
    return site


@pytest.fixture
def instructor(browser: Browser, seeded: Site) -> Iterator[Watched]:
    """The instructor, logged in; afterwards nothing may have gone wrong on their pages."""
    watched = Watched(browser, seeded)
    watched.log_in(seeded.instructor)
    yield watched
    watched.context.close()
    assert watched.troubles == []


def reports(page: Page) -> dict[str, str]:
    """Addresses of the reports by student and lesson, as the comparison offers them."""
    page.goto("/compare/recordings/?q=Marking")
    found = {
        one.inner_text(): (one.get_attribute("href") or "").removeprefix("?a=")
        for one in page.locator(".list__title").all()
    }
    return {title: f"/recordings/{number}/report/" for title, number in found.items()}


def identity(address: str) -> str:
    return address.split("/")[2]


def pictures(page: Page, artifacts: Path, name: str) -> None:
    """Screenshots in both themes and on a phone, on which nothing may be wider than the screen."""
    for kind, width in SIZES.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if "dark" in kind else "light")
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, kind
        page.screenshot(path=artifacts / f"{name}-{kind}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")


def engagement(page: Page) -> str:
    """The first figure of the summary, as it is read."""
    return page.locator(".tile__value").first.inner_text()


def test_a_link_leads_to_a_moment(instructor: Watched) -> None:
    page = instructor.page
    page.goto(reports(page)["Grace, Meeting 1"] + "?t=6.5")
    ready(page)
    wait_until(page, "Math.abs(document.getElementById('video').currentTime - 6.5) < 0.1")
    expect(page.locator("#scrubber")).to_have_attribute("aria-valuenow", "6.50")
    current = page.locator("#window-rows tr[aria-current=time]")
    expect(current).to_have_count(1)
    assert float(current.get_attribute("data-start") or 99) <= 6.5


def test_keys_step_by_windows_and_the_speed_changes(instructor: Watched) -> None:
    page = instructor.page
    page.goto(reports(page)["Grace, Meeting 1"])
    ready(page)
    page.locator("#scrubber").focus()
    page.keyboard.press(".")
    expect(page.locator("#scrubber")).to_have_attribute("aria-valuenow", "2.00")
    page.keyboard.press(".")
    page.keyboard.press(",")
    expect(page.locator("#scrubber")).to_have_attribute("aria-valuenow", "2.00")
    page.get_by_label("Speed").select_option("1.5")
    assert page.evaluate("document.getElementById('video').playbackRate") == 1.5
    page.locator("#window-rows").get_by_role("button").nth(3).click()
    wait_until(page, "Math.abs(document.getElementById('video').currentTime - 6) < 0.1")


def test_the_whole_of_it(
    browser: Browser, instructor: Watched, seeded: Site, artifacts: Path
) -> None:
    page = instructor.page
    where = reports(page)
    ada = where["Ada, Meeting 1"]

    # A marker by keyboard, at the time at which the report was opened.
    page.goto(f"{ada}?t=4")
    ready(page)
    page.keyboard.press("m")
    marks = page.locator("#marks")
    note = marks.locator("[data-mark-edit] textarea")
    expect(note).to_be_focused()
    page.keyboard.type("Looks puzzled, ask about it")
    marks.get_by_role("button", name="Save", exact=True).click()
    expect(marks.get_by_text("Looks puzzled, ask about it")).to_be_visible()
    expect(marks.get_by_text("only you")).to_be_visible()
    expect(page.locator("#mark-strip rect")).to_have_count(1)

    # A note about a stretch, with tags, for the student too.
    marks.get_by_text("Add a note", exact=True).click()
    new = marks.get_by_role("form", name="A new mark")
    new.get_by_label("From", exact=True).fill("0:10")
    new.get_by_label("To (optional)", exact=True).fill("0:12.5")
    new.get_by_label("Note", exact=True).fill("A good question here")
    new.get_by_label("Tags", exact=True).fill("Question, group work")
    new.get_by_label("Who sees it", exact=True).select_option("everyone")
    new.get_by_role("button", name="Save the note").click()
    expect(marks.get_by_text("A good question here")).to_be_visible()
    expect(page.locator("#mark-strip rect")).to_have_count(2)
    marks.get_by_role("link", name="question", exact=True).click()
    expect(marks.get_by_text("Looks puzzled, ask about it")).to_have_count(0)
    marks.get_by_role("link", name=re.compile("^All")).click()
    marks.get_by_role("link", name=re.compile("Go to 0:10")).click()
    wait_until(page, "Math.abs(document.getElementById('video').currentTime - 10) < 0.1")

    # A wrong time is said at the field, and nothing is lost.
    marks.get_by_text("Add a note", exact=True).click()
    new.get_by_label("From", exact=True).fill("soon")
    new.get_by_label("Note", exact=True).fill("Kept")
    new.get_by_role("button", name="Save the note").click()
    expect(new.get_by_text("is no time")).to_be_visible()
    expect(new.get_by_label("Note", exact=True)).to_have_value("Kept")

    # A stretch is left out: the figures change and say so.
    page.goto(ada)
    ready(page)
    before = engagement(page)
    page.get_by_text("Leave a stretch out of the figures").click()
    out = page.locator("#exclude")
    out.get_by_label("From", exact=True).fill("0:12")
    out.get_by_label("To", exact=True).fill("0:17")
    out.get_by_label("Reason").fill("shared my screen")
    out.get_by_role("button", name="Leave it out").click()
    notice = page.locator("#left-out")
    expect(notice).to_contain_text("leave out 0:05")
    expect(notice).to_contain_text("shared my screen")
    ready(page)
    assert engagement(page) != before
    expect(page.locator("#presence .presence__left-out")).to_have_count(1)
    page.keyboard.press("End")
    page.locator("#scrubber").focus()
    page.keyboard.press("Home")

    # Who is who.
    page.get_by_text("Say who is who").click()
    people = page.locator("#people")
    people.get_by_label("Name of Person 2").fill("A sibling")
    people.get_by_role("button", name="Save Person 2").click()
    expect(page.get_by_role("link", name=re.compile("A sibling"))).to_be_visible()
    ready(page)
    pictures(page, artifacts, "report-corrected")
    page.get_by_text("Say who is who").click()
    people.get_by_label("This person").select_option("2")
    people.get_by_label("is the same as").select_option("1")
    people.get_by_role("button", name="Merge them").click()
    expect(notice).to_contain_text("merged into another by hand")
    expect(page.get_by_role("navigation", name="Person in the recording")).to_have_count(0)
    merged = engagement(page)

    # The student sees the same report, the shared note and the corrections; not the private mark.
    student = Watched(browser, seeded)
    student.log_in("ada@marks.example")
    theirs = student.page
    theirs.goto(ada)
    ready(theirs)
    assert engagement(theirs) == merged
    expect(theirs.locator("#left-out")).to_contain_text("shared my screen")
    expect(theirs.locator("#marks").get_by_text("A good question here")).to_be_visible()
    expect(theirs.get_by_text("Looks puzzled")).to_have_count(0)
    expect(theirs.get_by_text("Leave a stretch out of the figures")).to_have_count(0)
    expect(theirs.get_by_role("button", name=re.compile("^Undo"))).to_have_count(0)
    assert student.troubles == []
    student.context.close()

    # Undone, the figures are those of before; what was is still told.
    page.get_by_role("button", name=re.compile("Undo leaving out")).click()
    expect(notice).not_to_contain_text("leave out")
    page.get_by_role("button", name=re.compile("Undo the correction of Person 2")).first.click()
    ready(page)
    expect(page.locator("#corrections").get_by_text("undone", exact=True).first).to_be_visible()


def test_two_recordings_are_compared(instructor: Watched, artifacts: Path) -> None:
    page = instructor.page
    where = reports(page)
    page.goto(where["Grace, Meeting 1"])
    page.get_by_role("link", name="Compare", exact=True).click()
    page.get_by_role("link", name="Grace, Meeting 2").click()
    expect(page.locator("#compare-timeline[data-ready=true]")).to_be_visible()
    expect(page.get_by_text("Made by different models")).to_have_count(0)
    wait_until(page, "document.getElementById('video-b').readyState >= 1", 60)
    wait_until(page, "document.getElementById('video-a').readyState >= 1", 60)
    slider = page.get_by_role("slider", name="Position in both recordings")
    slider.focus()
    page.keyboard.press("End")
    page.keyboard.press("PageDown")
    apart = (
        "Math.abs(document.getElementById('video-a').currentTime"
        " - document.getElementById('video-b').currentTime)"
    )
    wait_until(page, "document.getElementById('video-a').currentTime > 5")
    wait_until(page, f"{apart} < 0.3")
    expect(page.locator("#both-words")).to_contain_text("A: ")
    row = page.get_by_role("row").filter(
        has=page.get_by_role("rowheader", name="Mean engagement, 0 to 1")
    )
    expect(row).to_contain_text("±")
    pictures(page, artifacts, "compare-recordings")

    page.goto(
        f"/compare/recordings/?a={identity(where['Grace, Meeting 1'])}"
        f"&b={identity(where['Alan, Meeting 1'])}"
    )
    expect(page.get_by_text("Made by different models")).to_be_visible()
    expect(page.get_by_text("B less A")).to_have_count(0)


def test_two_lessons_are_compared(instructor: Watched, artifacts: Path) -> None:
    page = instructor.page
    page.goto("/compare/lessons/?q=Marking")
    page.get_by_role("link", name="Meeting 1", exact=True).click()
    page.get_by_role("link", name="Meeting 2", exact=True).click()
    expect(page.get_by_role("heading", name="Two lessons side by side")).to_be_visible()
    expect(page.locator("#compare-lessons[data-ready=true]")).to_be_visible()
    pictures(page, artifacts, "compare-lessons")


def test_charts_are_saved_as_pictures(instructor: Watched) -> None:
    page = instructor.page
    page.goto(reports(page)["Grace, Meeting 1"])
    ready(page)
    menu = page.locator("figure").filter(has=page.locator("#chart-engagement"))
    for kind, begins in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        menu.locator("[data-save-menu] summary").click()
        with page.expect_download() as saved:
            menu.get_by_role("button", name=f"Save as {kind}").click()
        assert Path(saved.value.path()).read_bytes().startswith(begins)
        assert saved.value.suggested_filename.endswith(f".{kind.lower()}")


def test_on_paper_only_the_report_is_left(instructor: Watched, artifacts: Path) -> None:
    page = instructor.page
    page.goto(reports(page)["Grace, Meeting 1"])
    ready(page)
    page.emulate_media(media="print")
    expect(page.locator(".player")).to_be_hidden()
    expect(page.locator("#new-mark")).to_be_hidden()
    expect(page.locator("#chart-engagement canvas")).to_be_visible()
    expect(page.locator(".tile").first).to_be_visible()
    page.pdf(path=artifacts / "report-print.pdf", format="A4")
