"""From a student's upload to the instructor's report, as the two of them live it."""

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import ROOT, Site
from tests.browser.watched import Watched, ready, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SAMPLE = ROOT / "engagement" / "sample" / "sample.mp4"
# The machine may be busy with other tests; the analysis itself takes seconds.
ANALYSIS_TIMEOUT_MS = 300_000
PLOTS = ["#scrubber", "#chart-engagement", "#chart-emotions"]


@pytest.fixture(scope="module")
def report_path(browser: Browser, site: Site, artifacts: Path) -> str:
    """The student logs in, agrees, uploads the sample and waits for their report."""
    student = Watched(browser, site)
    page = student.page
    student.log_in(site.student)
    page.get_by_role("link", name="Introduction to demonstrations").click()
    page.get_by_role("link", name="Read and decide").click()
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="I agree").click()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Courses").click()
    page.get_by_role("link", name="Introduction to demonstrations").click()
    page.get_by_role("link", name="Lesson 1: first recording", exact=True).click()
    page.get_by_role("link", name="Add a recording").click()
    page.locator("input[type=file]").set_input_files(SAMPLE)
    page.screenshot(path=artifacts / "upload.png")
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_text("Everything is sent and safely stored")).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="your recordings").click()
    expect(page.get_by_role("heading", name="My recordings")).to_be_visible()
    page.screenshot(path=artifacts / "my-recordings.png")
    # The list says by itself when the report is there.
    link = page.get_by_role("link", name=re.compile("^Report"))
    expect(link).to_be_visible(timeout=ANALYSIS_TIMEOUT_MS)
    path = link.get_attribute("href")
    link.click()
    ready(page)
    assert student.troubles == []
    student.context.close()
    assert path
    return path


@pytest.fixture
def instructor(browser: Browser, site: Site) -> Iterator[Watched]:
    """The instructor, logged in; afterwards nothing may have gone wrong on their pages."""
    watched = Watched(browser, site)
    watched.log_in(site.instructor)
    yield watched
    watched.context.close()
    assert watched.troubles == []


def seek_done(page: Page) -> None:
    """Waits until the video shows the frame that it was sent to."""
    wait_until(page, "!document.getElementById('video').seeking")
    wait_until(page, "document.getElementById('video').readyState >= 2")


def current_time(page: Page) -> float:
    return page.evaluate("document.getElementById('video').currentTime")


def duration(page: Page) -> float:
    return float(page.locator("#scrubber").get_attribute("aria-valuemax") or 0)


def plot_of(page: Page, selector: str) -> Locator:
    return page.locator("[data-plot]").filter(has=page.locator(selector))


def axis(page: Page, selector: str) -> tuple[float, float, float]:
    """Left edge, width and middle height of a plot's time axis, in pixels of the window."""
    plot = plot_of(page, selector)
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box
    style = "getComputedStyle(document.getElementById('timeline'))"
    left, right = (
        float(page.evaluate(f"parseFloat({style}.getPropertyValue('--plot-{side}'))"))
        for side in ("left", "right")
    )
    return box["x"] + left, box["width"] - left - right, box["y"] + box["height"] / 2


def playhead_share(page: Page, selector: str) -> float:
    """Where the playhead of a plot stands, 0 to 1."""
    left, width, _ = axis(page, selector)
    box = plot_of(page, selector).locator(".plot__playhead").bounding_box()
    assert box
    return (box["x"] + box["width"] / 2 - left) / width


def click_at(page: Page, selector: str, share: float) -> float:
    """Clicks a plot at a share of the recording; returns the time that this stands for."""
    left, width, middle = axis(page, selector)
    page.mouse.click(left + share * width, middle)
    return share * duration(page)


@pytest.mark.parametrize("share", [0.25, 0.8])
@pytest.mark.parametrize("selector", PLOTS)
def test_a_click_on_a_chart_moves_the_video_and_every_playhead(
    instructor: Watched, report_path: str, selector: str, share: float
) -> None:
    page = instructor.page
    page.goto(report_path)
    ready(page)
    wanted = click_at(page, selector, share)
    seek_done(page)
    assert current_time(page) == pytest.approx(wanted, abs=0.15)
    for plot in PLOTS:
        assert playhead_share(page, plot) == pytest.approx(share, abs=0.01)
    minutes, seconds = divmod(int(current_time(page)), 60)
    expect(page.locator("#readout-time")).to_have_text(f"{minutes}:{seconds:02d}")


def swipe(page: Page, start: tuple[float, float], by: tuple[float, float]) -> None:
    """A finger that comes down, goes along and is lifted."""
    session = page.context.new_cdp_session(page)
    steps = 12

    def send(kind: str, step: int) -> None:
        at = [{"x": a + way * step / steps, "y": b + drop * step / steps}]
        points = [] if kind == "touchEnd" else at
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    (a, b), (way, drop) = start, by
    send("touchStart", 0)
    for step in range(1, steps + 1):
        send("touchMove", step)
        page.wait_for_timeout(20)
    send("touchEnd", steps)
    page.wait_for_timeout(300)
    session.detach()


def test_a_finger_scrolls_over_a_chart_drags_along_it_and_taps_on_it(
    browser: Browser, site: Site, report_path: str
) -> None:
    finger = Watched(browser, site, has_touch=True, is_mobile=True)
    page = finger.page
    finger.log_in(site.instructor)
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto(report_path)
    ready(page)
    left, width, middle = axis(page, PLOTS[0])
    before = page.evaluate("scrollY")
    swipe(page, (left + 0.5 * width, middle), (0, -150))
    assert page.evaluate("scrollY") > before + 100
    assert current_time(page) == 0, "whoever scrolls past a chart does not want another place"

    left, width, middle = axis(page, PLOTS[0])
    swipe(page, (left + 0.3 * width, middle), (0.4 * width, 0))
    seek_done(page)
    assert current_time(page) == pytest.approx(0.7 * duration(page), abs=0.3)

    left, width, middle = axis(page, PLOTS[0])
    page.touchscreen.tap(left + 0.2 * width, middle)
    seek_done(page)
    assert current_time(page) == pytest.approx(0.2 * duration(page), abs=0.3)
    finger.context.close()
    assert finger.troubles == []


def test_the_keyboard_moves_and_plays_the_recording(instructor: Watched, report_path: str) -> None:
    page = instructor.page
    page.goto(report_path)
    ready(page)
    slider = page.get_by_role("slider", name="Position in the recording")
    slider.focus()
    for key, wanted in [
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("Shift+ArrowRight", 7),
        ("ArrowLeft", 6),
        ("PageUp", 11),
        ("Shift+ArrowLeft", 6),
        ("End", duration(page)),
        ("Home", 0),
    ]:
        page.keyboard.press(key)
        seek_done(page)
        assert current_time(page) == pytest.approx(wanted, abs=0.15), key
        assert float(slider.get_attribute("aria-valuenow") or -1) == pytest.approx(wanted, abs=0.15)
    assert "engagement index" in (slider.get_attribute("aria-valuetext") or "")
    page.keyboard.press("Space")
    wait_until(page, "document.getElementById('video').currentTime > 1")
    page.keyboard.press("Space")
    wait_until(page, "document.getElementById('video').paused")
    share = current_time(page) / duration(page)
    page.wait_for_timeout(100)
    assert playhead_share(page, "#chart-emotions") == pytest.approx(share, abs=0.01)


def test_the_readout_agrees_with_the_data(instructor: Watched, report_path: str) -> None:
    page = instructor.page
    page.goto(report_path)
    ready(page)
    data = page.request.get(page.locator("#timeline").get_attribute("data-url") or "").json()
    click_at(page, "#chart-emotions", 0.15)
    seek_done(page)
    track, now = data["tracks"][0], current_time(page)
    index = min(range(len(track["t"])), key=lambda one: abs(track["t"][one] - now))
    name, share = max(
        ((name, column[index]) for name, column in track["emotions"].items()),
        key=lambda item: item[1],
    )
    expect(page.locator("#readout-emotion")).to_contain_text(name.capitalize())
    expect(page.locator("#readout-emotion")).to_contain_text(re.compile(r"\d%"))
    assert share > 0


def colours_in(page: Page, chart: str, least: float = 0.0) -> list[str]:
    """The opaque colours that at least that share of a chart is drawn in."""
    return page.evaluate(
        """([id, least]) => {
          const canvas = document.querySelector(`${id} canvas`);
          const { data } = canvas.getContext("2d")
            .getImageData(0, 0, canvas.width, canvas.height);
          const seen = {};
          for (let at = 0; at < data.length; at += 4) {
            const name = `${data[at]},${data[at + 1]},${data[at + 2]}`;
            if (data[at + 3] > 250) seen[name] = (seen[name] || 0) + 4 / data.length;
          }
          return Object.keys(seen).filter((name) => seen[name] >= least);
        }""",
        [chart, least],
    )


def test_emotions_can_be_told_apart_where_the_system_forces_its_colours(
    browser: Browser, site: Site, report_path: str
) -> None:
    forced = Watched(browser, site, forced_colors="active")
    page = forced.page
    forced.log_in(site.instructor)
    page.goto(report_path)
    ready(page)
    assert len(colours_in(page, "#chart-emotions", least=0.02)) >= 4
    swatches = page.locator("#timeline .legend button .swatch")
    colours = swatches.evaluate_all(
        "all => all.map((one) => getComputedStyle(one).backgroundColor)"
    )
    assert len(set(colours)) == len(colours) == 7
    forced.context.close()
    assert forced.troubles == []


def test_the_charts_are_really_drawn(instructor: Watched, report_path: str) -> None:
    page = instructor.page
    page.goto(report_path)
    ready(page)
    for name in ("engagement", "movement", "emotions"):
        assert len(colours_in(page, f"#chart-{name}")) > 3, name
    # The head's strip: every window faces the screen, and the absence is left open.
    expect(page.locator("#head .head-strip__facing")).not_to_have_count(0)
    expect(page.locator("#head .head-strip__unseen")).to_have_count(1)


def test_a_file_that_is_no_video_is_refused_in_words(
    browser: Browser, site: Site, report_path: str, tmp_path: Path
) -> None:
    """Sent by script with a progress bar, the answer must still be shown on the page."""
    student = Watched(browser, site)
    student.log_in(site.student)
    page = student.page
    page.goto(report_path)
    page.get_by_role("link", name="Lesson 1: first recording", exact=True).click()
    page.get_by_role("link", name="Add a recording").click()
    empty = tmp_path / "empty.mp4"
    empty.write_bytes(b"")
    page.locator("input[type=file]").set_input_files(empty)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("#transfers .field__error")).to_contain_text("it has no bytes")
    expect(page.get_by_role("button", name="Upload", exact=True)).to_be_enabled()
    student.context.close()


def test_the_face_is_outlined_on_request(instructor: Watched, report_path: str) -> None:
    page = instructor.page
    page.goto(report_path)
    ready(page)
    click_at(page, "#chart-emotions", 0.1)
    assert page.locator(".player__box").count() == 0
    page.get_by_label("Outline the face").check()
    expect(page.locator(".player__box").first).to_be_visible()


def test_an_emotion_can_be_hidden(instructor: Watched, report_path: str) -> None:
    page = instructor.page
    page.goto(report_path)
    ready(page)
    button = page.get_by_role("button", name="Happiness")
    before = page.locator("#chart-emotions").screenshot()
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    page.mouse.move(0, 0)
    assert page.locator("#chart-emotions").screenshot() != before


def test_a_video_that_cannot_be_played_leaves_the_charts_working(
    instructor: Watched, report_path: str
) -> None:
    page = instructor.page
    page.route("**/video/", lambda route: route.fulfill(body=b"x", content_type="video/mp4"))
    page.goto(report_path)
    expect(page.locator("#timeline[data-ready=true]")).to_be_visible(timeout=30_000)
    expect(page.locator("#video-problem")).to_be_visible()
    click_at(page, "#chart-emotions", 0.5)
    assert playhead_share(page, "#chart-engagement") == pytest.approx(0.5, abs=0.01)


def test_the_theme_is_remembered(instructor: Watched, report_path: str) -> None:
    page = instructor.page
    page.goto(report_path)
    ready(page)
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Use the dark theme").click()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark
    expect(page.get_by_role("button", name="Use the light theme")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [
        ("report-light", 1280, "light"),
        ("report-dark", 1280, "dark"),
        ("report-phone", 360, "light"),
        ("report-phone-dark", 360, "dark"),
    ],
)
def test_the_report_fits_every_screen(
    instructor: Watched, report_path: str, artifacts: Path, name: str, width: int, scheme: str
) -> None:
    page = instructor.page
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.goto(report_path)
    ready(page)
    click_at(page, "#chart-emotions", 0.2)
    page.get_by_label("Outline the face").check()
    expect(page.locator(".player__box").first).to_be_visible()
    page.mouse.move(0, 0)
    wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wider <= 0
    page.screenshot(path=artifacts / f"{name}.png", full_page=True)


@pytest.mark.skipif("REPORT_IMAGE" not in os.environ, reason="REPORT_IMAGE names no file to write")
def test_the_picture_for_the_documentation(instructor: Watched, report_path: str) -> None:
    """`REPORT_IMAGE=docs/images/report.png` writes the picture that the README shows."""
    page = instructor.page
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.emulate_media(color_scheme="light")
    page.goto(report_path)
    ready(page)
    click_at(page, "#chart-emotions", 0.2)
    page.get_by_label("Outline the face").check()
    expect(page.locator(".player__box").first).to_be_visible()
    page.evaluate("document.activeElement.blur()")
    # The player's own sign of waiting fades a moment after the frame is there.
    seek_done(page)
    page.wait_for_timeout(1500)
    left, width, middle = axis(page, "#chart-emotions")
    page.mouse.move(left + 0.43 * width, middle)
    target = Path(os.environ["REPORT_IMAGE"])
    target.parent.mkdir(parents=True, exist_ok=True)
    figure = page.locator("#timeline .disclosures").bounding_box()
    assert figure
    picture = page.screenshot(full_page=True)
    height = round(figure["y"] + page.evaluate("scrollY")) - 4
    # A palette keeps the file small; only the video has more colours than it holds.
    with Image.open(io.BytesIO(picture)) as image:
        cropped = image.convert("RGB").crop((0, 0, image.width, height))
        palette = cropped.quantize(256)
        # Pillow dithers only towards a palette that it is given.
        dithered = cropped.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
        dithered.save(target, optimize=True)
