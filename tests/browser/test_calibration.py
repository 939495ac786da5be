"""An instructor labels windows of a report, and a model of the course's own comes of it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site
from tests.browser.watched import Watched, ready, wait_until
from tests.calibration_world import is_engaged

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FIT_TIMEOUT_MS = 180_000
ANALYSIS_TIMEOUT_MS = 300_000
SIZES = {"light": 1280, "dark": 1280, "phone": 360}


@pytest.fixture(scope="module")
def seeded(site: Site) -> Site:
    """Three students with reports in a course of their own, two of them labelled."""
    site.python("from tests.browser.seed_calibration import seed; seed()")
    return site


@pytest.fixture
def instructor(browser: Browser, seeded: Site) -> Iterator[Watched]:
    """The instructor, logged in; afterwards nothing may have gone wrong on their pages."""
    watched = Watched(browser, seeded)
    watched.log_in(seeded.instructor)
    yield watched
    watched.context.close()
    assert watched.troubles == []


def open_calibration(page: Page) -> None:
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Courses").click()
    page.get_by_role("link", name="Calibrating a class").click()
    page.get_by_role("link", name="Calibration", exact=True).click()
    expect(page.get_by_role("heading", name="Calibration", exact=True)).to_be_visible()


def open_report(page: Page, student: str) -> None:
    open_calibration(page)
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=student))
    row.get_by_role("link").first.click()
    ready(page)


def asked_window(page: Page) -> int:
    """Number of the window that is asked about."""
    return int(float(page.locator("#labelling input[name=window]").input_value()) // 10)


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


def painted(page: Page) -> tuple[int, int]:
    """How many pixels of the engagement chart are opaque, and how many see-through as the band."""
    opaque, band = page.evaluate(
        """() => {
          const canvas = document.querySelector("#chart-engagement canvas");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          let opaque = 0;
          let band = 0;
          for (let at = 3; at < data.length; at += 4) {
            if (data[at] >= 240) opaque += 1;
            else if (data[at] >= 20 && data[at] <= 110) band += 1;
          }
          return [opaque, band];
        }"""
    )
    return opaque, band


def test_the_report_shows_a_curve_with_its_band_and_what_made_it(instructor: Watched) -> None:
    page = instructor.page
    open_report(page, "Pupil 0")
    curve, band = painted(page)
    assert curve > 200
    assert band > 2000
    expect(page.get_by_text("spread inside it")).to_be_visible()
    expect(page.get_by_role("complementary")).to_contain_text("concentration index")
    expect(page.get_by_role("complementary")).to_contain_text("not a trained model")


def test_the_figures_can_be_hidden_from_the_one_who_labels(instructor: Watched) -> None:
    page = instructor.page
    open_report(page, "Pupil 2")
    shown = [page.locator("#timeline"), page.locator("#readout-title"), page.get_by_text("± ")]
    page.get_by_label("Hide this report's figures while I label").check()
    # The next report is opened in the same way, and drawn well once it is shown.
    page.reload()
    wait_until(page, "document.getElementById('timeline').dataset.ready === 'true'")
    for one in shown:
        expect(one.first).to_be_hidden()
    page.get_by_label("Hide this report's figures while I label").uncheck()
    for one in shown:
        expect(one.first).to_be_visible()
    wait_until(page, "document.querySelector('#chart-engagement canvas').clientWidth > 500")
    assert painted(page)[0] > 200


def test_a_window_is_played_and_stops_at_its_end(instructor: Watched) -> None:
    page = instructor.page
    open_report(page, "Pupil 2")
    page.locator("#labelling").get_by_role("link", name=re.compile("^0:00 to 0:10")).click()
    expect(page.get_by_role("heading", name=re.compile("0:00 to 0:10"))).to_be_visible()
    wait_until(page, "document.getElementById('video').readyState >= 1")
    # Twice as fast: a busy machine looks late, and every second that it is late counts so often.
    page.evaluate("document.getElementById('video').playbackRate = 2")
    page.get_by_role("button", name="Play this window").click()
    wait_until(page, "document.getElementById('video').currentTime > 1")
    wait_until(page, "document.getElementById('video').paused", 60)
    assert 9.9 <= page.evaluate("document.getElementById('video').currentTime") < 12


def test_labelling_leads_to_a_model_of_the_course(
    instructor: Watched, seeded: Site, artifacts: Path
) -> None:
    page = instructor.page
    open_calibration(page)
    expect(page.locator("#fit-missing")).to_contain_text("windows of 1 more student.")
    expect(page.get_by_role("button", name="Fit this course's model")).to_be_disabled()

    open_report(page, "Pupil 2")
    panel = page.locator("#labelling")
    for number in range(12):
        expect(panel).to_contain_text(f"{number} of 12")
        if number:
            # The panel came anew; a machine is quick enough to press before it is ready.
            expect(panel.locator("[data-label-play]")).to_be_focused()
        page.keyboard.press("e" if is_engaged(2, asked_window(page)) else "d")
    expect(panel).to_contain_text("12 of 12")
    expect(panel).to_contain_text("That is enough for this recording")
    pictures(page, artifacts, "calibration-labelling")

    open_calibration(page)
    expect(page.get_by_text("with 72 windows of 3 students")).to_be_visible()
    page.get_by_role("button", name="Fit this course's model").click()
    # The page itself says when the worker has finished.
    models = page.locator("#classifiers")
    expect(models.get_by_text("in use", exact=True)).to_be_visible(timeout=FIT_TIMEOUT_MS)
    expect(models).to_contain_text("concentration_index")
    pictures(page, artifacts, "calibration-course")

    models.get_by_role("link", name="For the course").click()
    expect(page.get_by_text("so it was put in use")).to_be_visible()
    expect(page.get_by_role("heading", name="What it must not be used for")).to_be_visible()
    pictures(page, artifacts, "calibration-card")

    open_report(page, "Pupil 2")
    expect(page.get_by_role("complementary")).to_contain_text("not a trained model")
    page.get_by_role("button", name="Run again with the course's model").click()
    expect(page.get_by_text("A newer analysis is under way")).to_be_visible()
    about = page.get_by_role("complementary")
    for _ in range(ANALYSIS_TIMEOUT_MS // 1000):
        page.wait_for_timeout(1000)
        page.reload()
        if "trained" in about.inner_text() and "not a trained" not in about.inner_text():
            break
    expect(about).to_contain_text(re.compile(r"trained classifier.*course-CAL-101", re.S))
    ready(page)
    curve, band = painted(page)
    assert curve > 200
    assert band > 200
    expect(page.get_by_role("link", name="its card")).to_be_visible()
    pictures(page, artifacts, "calibration-rerun")


def test_without_scripts_a_label_is_a_page_load(browser: Browser, seeded: Site) -> None:
    context = browser.new_context(base_url=seeded.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    page.get_by_label("E-mail").fill(seeded.instructor)
    page.get_by_label("Password").fill(seeded.password)
    page.get_by_role("button", name="Log in").click()
    open_calibration(page)
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Pupil 1"))
    row.get_by_role("link").first.click()
    page.locator("#labelling").get_by_role("link", name=re.compile("^0:20 to 0:30")).click()
    page.get_by_role("button", name="Can't tell").click()
    expect(
        page.locator("#labelling").get_by_role("link", name=re.compile("^0:20 to 0:30, can't tell"))
    ).to_be_visible()
    context.close()
