"""An instructor finds the dip of a lesson, follows it into a report and into the lesson's video."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from engagement.sample import sample_path
from tests.browser.conftest import Site
from tests.browser.watched import Watched, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZES = {"light": 1280, "dark": 1280, "phone": 360}
PDF = b"%PDF-1.4\n%%EOF\n"


@pytest.fixture(scope="module")
def seeded(site: Site) -> Site:
    """A course of its own, in whose first week the class dips at 10:00."""
    site.python("from tests.browser.seed_class import seed; seed()")
    return site


@pytest.fixture
def instructor(browser: Browser, seeded: Site) -> Iterator[Watched]:
    """The instructor, logged in; afterwards nothing may have gone wrong on their pages."""
    watched = Watched(browser, seeded, accept_downloads=True)
    watched.log_in(seeded.instructor)
    yield watched
    watched.context.close()
    assert watched.troubles == []


def open_course(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Course DIP-101").click()
    expect(page.get_by_role("heading", name="Students", exact=True)).to_be_visible()


def open_lesson(page: Page, title: str = "Week 1") -> None:
    open_course(page)
    page.get_by_role("rowheader", name=re.compile(f"^{title}")).get_by_role("link").first.click()
    expect(page.locator("[data-class][data-ready=true]")).to_be_visible()


def pictures(page: Page, artifacts: Path, name: str) -> None:
    """Screenshots in both themes and on a phone, on which nothing may be wider than the screen."""
    for kind, width in SIZES.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if kind == "dark" else "light")
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, kind
        page.screenshot(path=artifacts / f"{name}-{kind}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")


def test_the_dip_leads_into_a_students_report_and_back(
    instructor: Watched, artifacts: Path
) -> None:
    page = instructor.page
    open_lesson(page)
    expect(page.get_by_role("heading", name="Dip from 10:00 to 13:00")).to_be_visible()
    pictures(page, artifacts, "lesson")
    page.get_by_text("Open one of 6 reports at this moment").click()
    page.get_by_role("link", name="Student 02").first.click()
    expect(page).to_have_url(re.compile(r"/recordings/[0-9a-f-]+/report/\?t=600$"))
    expect(page.locator("#timeline[data-ready=true]")).to_be_visible(timeout=30_000)
    page.go_back()
    expect(page.get_by_role("heading", name="Dip from 10:00 to 13:00")).to_be_visible()


def test_the_map_is_read_and_followed_by_keys_alone(instructor: Watched) -> None:
    page = instructor.page
    open_lesson(page)
    box = page.get_by_role("application", name="Students along the lesson")
    readout = page.locator("#map-readout")
    for _ in range(60):
        page.keyboard.press("Tab")
        if box.evaluate("node => node === document.activeElement"):
            break
    else:
        pytest.fail("The map is not reached by the Tab key.")
    outline = box.evaluate("node => getComputedStyle(node).outlineStyle")
    assert outline != "none"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(readout).to_contain_text("Student 01, 0:00 to 0:30: estimate 0.5")
    for _ in range(2):
        page.keyboard.press("Shift+ArrowRight")
    expect(readout).to_contain_text("Student 01, 10:00 to 10:30: estimate 0.2")
    expect(readout).to_contain_text("face usable 100%, strongest emotion neutral")
    # The curve stands on the same time.
    expect(page.locator("#curve [data-readout]")).to_contain_text("10:00 to 10:30: class mean 0.3")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/report/\?t=600$"))


def test_the_curve_is_read_by_keys(instructor: Watched) -> None:
    page = instructor.page
    open_lesson(page)
    stage = page.get_by_role("slider", name=re.compile("^Reading line: arrow keys go through"))
    stage.focus()
    page.keyboard.press("End")
    expect(stage).to_have_attribute("aria-valuetext", re.compile(r"^19:30 to 20:00: class mean"))
    page.keyboard.press("Home")
    expect(stage).to_have_attribute("aria-valuenow", "1")
    page.get_by_role("button", name="Show in the curve").click()
    expect(page.locator("#curve [data-readout]")).to_contain_text("10:00 to 10:30")
    expect(page.locator("#curve [data-readout]")).to_contain_text("6 students")


def test_charts_are_saved_as_png_and_svg(instructor: Watched, tmp_path: Path) -> None:
    page = instructor.page
    open_lesson(page)
    for figure in ("#curve", "#map", "#bars"):
        section = page.locator("section").filter(has=page.locator(figure))
        for kind in ("PNG", "SVG"):
            section.locator("[data-save-menu] > summary").click()
            with page.expect_download() as download:
                section.get_by_role("button", name=f"Save as {kind}").click()
            path = tmp_path / download.value.suggested_filename
            download.value.save_as(path)
            assert path.suffix == f".{kind.lower()}"
            content = path.read_bytes()
            if kind == "PNG":
                assert content.startswith(b"\x89PNG")
                assert len(content) > 2000
            else:
                assert content.startswith(b"<svg")
                assert b"<rect" in content
                assert len(content) > 2000


def test_an_absent_face_looks_like_no_estimate(instructor: Watched) -> None:
    """A cell without a face has neither the colour of low nor that of high engagement."""
    page = instructor.page
    open_lesson(page)
    same = page.evaluate(
        """async () => {
          const { HeatMap, scaleColour } = await import("/static/js/course/heatmap.js");
          const map = Object.create(HeatMap.prototype);
          map.what = "engagement";
          const unseen = { value: null, coverage: 0 };
          const low = { value: 0, coverage: 1 };
          return [map.colourOf(unseen), map.hatchOf(unseen), map.colourOf(low), map.hatchOf(low)];
        }"""
    )
    assert same == [None, 2, "rgb(68,1,84)", 0]


def test_the_lessons_own_video_and_slides_are_attached_and_followed(
    instructor: Watched, tmp_path: Path, artifacts: Path
) -> None:
    page = instructor.page
    open_lesson(page, "Week 1")
    page.get_by_role("link", name="Video and slides").click()
    slides = tmp_path / "slides.pdf"
    slides.write_bytes(PDF)
    page.get_by_label("Video or slides (PDF)").set_input_files(slides)
    # Sent by the script; a file that is none of both, and times that are none, say so and stay.
    page.get_by_label("When slides are shown").fill("7 later")
    page.get_by_role("button", name="Attach").click()
    expect(page.locator("#transfers li")).to_contain_text("“7 later” is not a slide and a time")
    page.get_by_label("When slides are shown").fill("1 0:00\n7 9:40")
    page.get_by_role("button", name="Attach").click()
    expect(page.get_by_role("heading", name="slides.pdf")).to_be_visible()
    expect(page.get_by_text("2 slides have a time")).to_be_visible()
    expect(page.locator("#transfers")).to_be_hidden()
    empty = tmp_path / "empty.mp4"
    empty.touch()
    page.get_by_label("Video or slides (PDF)").set_input_files(empty)
    page.get_by_role("button", name="Attach").click()
    expect(page.locator("#transfers li")).to_contain_text("it has no bytes")
    page.get_by_role("button", name="Take it out").click()
    text = tmp_path / "notes.mp4"
    text.write_text("no video at all")
    page.get_by_label("Video or slides (PDF)").set_input_files(text)
    page.get_by_role("button", name="Attach").click()
    expect(page.locator("#transfers li")).to_contain_text("neither an MP4 or WebM video nor a PDF")
    page.get_by_label("Video or slides (PDF)").set_input_files(sample_path())
    page.get_by_label("A video begins at").fill("9:58")
    page.get_by_role("button", name="Attach").click()
    expect(page.get_by_text("Begins at 9:58 of the lesson")).to_be_visible()
    pictures(page, artifacts, "materials")
    # What was refused is not offered to be gone on with, a while after the script has looked.
    expect(page.locator("#unfinished")).to_be_hidden()

    page.get_by_role("link", name="Back to the lesson").click()
    expect(page.locator("[data-class][data-ready=true]")).to_be_visible()
    slide = page.get_by_role("link", name=re.compile("^Slide 7 of “slides.pdf”"))
    assert re.search(r"/materials/[0-9a-f-]+/#page=7$", slide.get_attribute("href"))
    wait_until(page, "document.getElementById('lesson-video').readyState >= 1", 60)
    page.get_by_role("link", name="Play the lesson at 10:00").click()
    wait_until(page, "document.getElementById('lesson-video').currentTime > 2.2")
    expect(page.locator("#curve [data-readout]")).to_contain_text("10:00 to 10:30")
    page.evaluate("document.getElementById('lesson-video').pause()")
    pictures(page, artifacts, "lesson-with-video")
    # Of what was refused, and of taking back what the server has erased, the browser itself speaks.
    refusals = ("400 (Bad Request)", "404 (Not Found)")
    said = [one for one in instructor.troubles if any(refusal in one for refusal in refusals)]
    assert len(said) == 3
    instructor.troubles = [one for one in instructor.troubles if one not in said]


def test_a_class_that_does_not_come_can_be_asked_for_again(browser: Browser, seeded: Site) -> None:
    watched = Watched(browser, seeded)
    page = watched.page
    watched.log_in(seeded.instructor)
    page.route("**/class/**", lambda route: route.abort())
    open_course(page)
    page.get_by_role("rowheader", name=re.compile("^Week 2")).get_by_role("link").first.click()
    expect(
        page.get_by_role("alert").get_by_text("This part of the page could not be loaded")
    ).to_be_visible()
    expect(page.get_by_role("heading", name="Recordings", exact=True)).to_be_visible()
    page.unroute("**/class/**")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("[data-class][data-ready=true]")).to_be_visible()
    watched.context.close()


def test_without_scripts_the_class_is_a_page_of_its_own(browser: Browser, seeded: Site) -> None:
    context = browser.new_context(base_url=seeded.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    page.get_by_label("E-mail").fill(seeded.instructor)
    page.get_by_label("Password").fill(seeded.password)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Course DIP-101").click()
    page.get_by_role("rowheader", name=re.compile("^Week 1")).get_by_role("link").first.click()
    page.get_by_role("link", name="Show the class on a page of its own").click()
    expect(page.get_by_role("heading", name="Dip from 10:00 to 13:00")).to_be_visible()
    context.close()


def test_a_view_is_saved_and_found_again(instructor: Watched) -> None:
    page = instructor.page
    open_course(page)
    page.get_by_label("Title").fill("Week 3")
    page.get_by_role("search", name="Find lessons").get_by_role("button", name="Find").click()
    rows = page.locator("section[aria-labelledby=lessons] tbody tr")
    expect(rows).to_have_count(1)
    page.get_by_text("Save this view").click()
    page.get_by_label("Name of the view").fill("Only week 3")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The view “Only week 3” is saved.")).to_be_visible()
    open_course(page)
    expect(rows).to_have_count(6)
    page.get_by_role("link", name="Only week 3").click()
    expect(rows).to_have_count(1)
    expect(page.get_by_role("link", name="Only week 3")).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="Delete this view").click()
    expect(page.get_by_role("link", name="Only week 3")).to_have_count(0)


def test_the_trend_and_a_student_across_lessons(instructor: Watched, artifacts: Path) -> None:
    page = instructor.page
    open_course(page)
    expect(page.locator("#trend[data-ready=true]")).to_be_visible()
    pictures(page, artifacts, "course-with-trend")
    stage = page.get_by_role("slider", name=re.compile("^Reading line"))
    stage.focus()
    page.keyboard.press("Home")
    expect(page.locator("#trend [data-readout]")).to_contain_text("Week 1")
    page.get_by_role("rowheader", name="Student 03").get_by_role("link").click()
    expect(page.locator("#across[data-ready=true]")).to_be_visible()
    page.locator("#across [role=slider]").focus()
    page.keyboard.press("Home")
    for chart in ("#across", "#shares"):
        expect(page.locator(f"{chart} [data-readout]")).to_contain_text("Week 1")
    expect(page.locator("#across [data-readout]")).to_contain_text("median of the others")
    pictures(page, artifacts, "student")
