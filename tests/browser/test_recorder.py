"""A student records themself in the browser: sent over a line that breaks, or found again."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.browser.broken_line import Line, line_to
from tests.browser.conftest import Site
from tests.browser.recording_student import (
    PATIENCE_MS,
    browser_with_camera,
    camera_file,
    open_page,
    real_troubles,
    seed,
    slow_down,
)
from tests.browser.watched import Watched, ready, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZES = {"light": 1280, "dark": 1280, "phone": 360}


@pytest.fixture(scope="module")
def camera(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    picture = camera_file(tmp_path_factory.mktemp("camera") / "face.mjpeg")
    browser = browser_with_camera(playwright, picture)
    yield browser
    browser.close()


@pytest.fixture
def line(site: Site) -> Iterator[Line]:
    with line_to(site.url) as line:
        yield line


def pictures(page: Page, artifacts: Path, name: str) -> None:
    """Screenshots in both themes and on a phone, on which nothing may be wider than the screen."""
    for kind, width in SIZES.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if kind == "dark" else "light")
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, kind
        page.screenshot(path=artifacts / f"{name}-{kind}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")


def length(page: Page) -> str:
    return page.locator("#recorder [data-part=length]").inner_text()


def record(page: Page, seconds: int) -> None:
    """Turns the camera on and records until the clock shows so much, or more."""
    page.get_by_role("button", name="Turn the camera on").click()
    page.get_by_role("button", name="Start recording").click()
    runs_until(page, seconds)


def runs_until(page: Page, seconds: int) -> None:
    """A busy machine may not look at the very second."""
    shown = "document.querySelector('#recorder [data-part=length]').textContent"
    wait_until(
        page, f"{shown}.split(':').reduce((all, one) => 60 * all + +one, 0) >= {seconds}", 60
    )


def test_a_recording_is_made_sent_over_a_broken_line_analysed_and_withdrawn(
    camera: Browser, site: Site, line: Line, artifacts: Path
) -> None:
    email = seed(site, "Ada", agreed=False)
    student = Watched(camera, replace(site, url=line.url))
    page = student.page
    student.log_in(email)
    # Nothing before the student has read what is measured, and agreed.
    page.get_by_role("link", name="Recording with Ada").click()
    page.get_by_role("link", name="Read and decide").click()
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="I agree").click()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Courses").click()
    open_page(page, "Ada")
    expect(page.get_by_role("link", name="What is measured")).to_be_visible()
    pictures(page, artifacts, "recorder-begin")

    record(page, 5)
    expect(page.get_by_label("Microphone")).to_have_value("")
    pictures(page, artifacts, "recorder-running")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Go on")).to_be_focused()
    paused = length(page)
    page.wait_for_timeout(1500)
    assert length(page) == paused
    page.get_by_role("button", name="Go on").click()
    page.wait_for_timeout(2500)
    page.get_by_role("button", name="Stop").click()
    # It can be looked at, and moved in, before anybody else has it.
    player = "document.querySelector('#recorder [data-part=player]')"
    wait_until(page, f"{player}.duration > 5 && {player}.duration < 600")
    pictures(page, artifacts, "recorder-review")

    pieces: list[int] = []
    page.on(
        "request",
        lambda one: (
            pieces.append(int(one.headers["upload-offset"])) if one.method == "PATCH" else None
        ),
    )
    brake = slow_down(page, 60_000)
    page.get_by_role("button", name="Send this recording").click()
    row = page.locator("#transfers li").filter(has_text="Recording")
    sending = "document.querySelector('#transfers li')?.dataset.state === 'sending'"
    bar = "document.querySelector('#transfers progress')?.value"
    wait_until(page, f"{sending} && {bar} > 0.3", 60)
    line.cut()
    expect(row).to_contain_text("The connection is lost", timeout=60_000)
    pictures(page, artifacts, "recorder-lost")
    brake.detach()
    line.mend()
    expect(row).to_contain_text("Safely stored", timeout=60_000)
    assert pieces[0] == 0
    assert pieces[-1] > 0, "it began anew instead of going on"
    expect(page.locator("#kept")).to_be_hidden()
    report = row.get_by_role("link", name=re.compile("^Report"))
    expect(report).to_be_visible(timeout=PATIENCE_MS)
    pictures(page, artifacts, "recorder-sent")
    report.click()
    ready(page)
    # The report's player can be moved in, although browsers write no index.
    end = page.evaluate("document.getElementById('video').duration")
    assert 5 < end < 600
    page.evaluate("document.getElementById('video').currentTime = 4.5")
    wait_until(page, "!document.getElementById('video').seeking")
    assert page.evaluate("document.getElementById('video').currentTime") == pytest.approx(
        4.5, abs=0.2
    )

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Courses").click()
    page.get_by_role("link", name="Recording with Ada").click()
    page.get_by_role("link", name=re.compile("Withdraw")).first.click()
    page.get_by_role("button", name="Withdraw and erase").click()
    page.goto("/recordings/")
    expect(page.get_by_text("No recordings yet")).to_be_visible()
    student.context.close()
    assert real_troubles(student) == []


def test_a_recording_of_a_page_that_closed_is_offered_and_sent(
    camera: Browser, site: Site, artifacts: Path
) -> None:
    email = seed(site, "Bela")
    student = Watched(camera, site)
    page = student.page
    student.log_in(email)
    open_page(page, "Bela")
    address = page.url
    record(page, 7)
    # As it is lost: nobody is asked, and nothing is stopped.
    page.close(run_before_unload=False)

    page = student.context.new_page()
    page.goto(address)
    kept = page.locator("#kept")
    expect(kept).to_contain_text(re.compile(r"Recording of .+0:0[5-7] long, .+“Week 1”", re.S))
    pictures(page, artifacts, "recorder-kept")
    kept.get_by_role("button", name="Play it").click()
    player = "document.querySelector('#kept [data-part=player]')"
    wait_until(page, f"{player}.duration > 4 && {player}.duration < 600")
    # The list of recordings offers it, too.
    page.goto("/recordings/")
    kept.get_by_role("button", name="Send it").click()
    row = page.locator("#transfers li")
    expect(row).to_contain_text("Safely stored", timeout=60_000)
    expect(row.get_by_role("link", name=re.compile("^Report"))).to_be_visible(timeout=PATIENCE_MS)
    # It is no longer kept here.
    page.reload()
    expect(page.get_by_role("button", name="Turn the camera on")).to_be_visible()
    expect(kept).to_be_hidden()
    student.context.close()
    assert student.troubles == []


def test_a_recording_is_nobody_elses_and_is_deleted_on_request(camera: Browser, site: Site) -> None:
    emails = [seed(site, name) for name in ("Cleo", "Dora")]
    student = Watched(camera, site)
    page = student.page
    student.log_in(emails[0])
    open_page(page, "Cleo")
    record(page, 3)
    # While one tab records, no other offers to send it.
    other = student.context.new_page()
    other.goto(page.url)
    expect(other.get_by_role("button", name="Turn the camera on")).to_be_visible()
    other.wait_for_timeout(500)
    expect(other.locator("#kept")).to_be_hidden()
    other.close()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Send this recording")).to_be_focused()
    page.reload()
    expect(page.locator("#kept")).to_be_visible()
    page.get_by_role("button", name="Log out").click()

    student.log_in(emails[1])
    open_page(page, "Dora")
    expect(page.get_by_role("button", name="Turn the camera on")).to_be_visible()
    page.wait_for_timeout(500)
    expect(page.locator("#kept")).to_be_hidden()
    page.get_by_role("button", name="Log out").click()

    student.log_in(emails[0])
    open_page(page, "Cleo")
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("#kept").get_by_role("button", name="Delete it").click()
    expect(page.locator("#kept")).to_be_hidden()
    page.reload()
    expect(page.get_by_role("button", name="Turn the camera on")).to_be_visible()
    page.wait_for_timeout(500)
    expect(page.locator("#kept")).to_be_hidden()
    student.context.close()
    assert student.troubles == []


# So that one student may withdraw in one course and not in the other.
BOTH = """
from webapp.accounts.models import User
from webapp.courses.models import Course
from webapp.privacy.services import grant
student = User.objects.get(email={email!r})
other = Course.objects.get(title="Recording with Hale")
other.enrolments.create(user=student, role="student")
grant(student, other)
"""
IN_STORE = """() => new Promise((resolve, reject) => {
  const opened = indexedDB.open("engagement-recordings");
  opened.onerror = () => reject(opened.error);
  opened.onsuccess = () => {
    const reading = opened.result.transaction(["recordings", "parts"], "readonly");
    const rows = reading.objectStore("recordings").getAll();
    const parts = reading.objectStore("parts").getAllKeys();
    reading.oncomplete = () => {
      opened.result.close();
      const of = new Set(parts.result.map((key) => key[0]));
      resolve({ recordings: rows.result.map((one) => one.id), parts: [...of] });
    };
  };
})"""


def test_what_a_browser_kept_goes_when_consent_is_withdrawn_and_nothing_else(
    camera: Browser, site: Site, artifacts: Path
) -> None:
    email = seed(site, "Gita")
    seed(site, "Hale")
    site.python(BOTH.format(email=email))
    student = Watched(camera, site)
    page = student.page
    student.log_in(email)
    for name in ("Hale", "Gita"):
        page.goto("/")
        open_page(page, name)
        record(page, 3)
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("button", name="Send this recording")).to_be_focused()
    page.goto("/recordings/")
    kept = page.locator("#kept li")
    expect(kept).to_have_count(2)
    before = page.evaluate(IN_STORE)
    assert len(before["recordings"]) == 2
    assert sorted(before["parts"]) == sorted(before["recordings"])

    page.goto("/")
    page.get_by_role("link", name="Recording with Gita").click()
    page.get_by_role("link", name=re.compile("Withdraw")).first.click()
    expect(page.get_by_text("This browser deletes them as well")).to_be_visible()
    page.get_by_role("button", name="Withdraw and erase").click()
    erased = "A recording that this browser kept and that was not sent is deleted"
    expect(page.get_by_role("status").filter(has_text=erased)).to_be_visible()
    expect(kept).to_have_count(1)
    pictures(page, artifacts, "recorder-withdrawn")
    after = page.evaluate(IN_STORE)
    assert len(after["recordings"]) == 1
    assert after["parts"] == after["recordings"]
    assert set(after["recordings"]) < set(before["recordings"])
    # The other course's is still there to be sent, and said to be deleted is only what was.
    page.reload()
    expect(kept).to_have_count(1)
    expect(page.get_by_text(erased)).to_be_hidden()
    kept.get_by_role("button", name="Send it").click()
    expect(page.locator("#transfers li")).to_contain_text("Safely stored", timeout=60_000)
    student.context.close()
    assert student.troubles == []


# A browser that takes a camera, says that it records, and does not: Firefox did.
SILENT = """
  MediaRecorder.prototype.start = () => {};
"""


def test_a_browser_that_records_nothing_is_found_out(
    camera: Browser, site: Site, artifacts: Path
) -> None:
    email = seed(site, "Ines")
    student = Watched(camera, site)
    student.context.add_init_script(SILENT)
    page = student.page
    page.clock.install()
    student.log_in(email)
    open_page(page, "Ines")
    page.get_by_role("button", name="Turn the camera on").click()
    page.get_by_role("button", name="Start recording").click()
    stop = page.get_by_role("button", name="Stop")
    expect(stop).to_be_visible()
    # A computer that slept for an hour wakes up in the middle, and goes on.
    page.clock.fast_forward(3600_000)
    expect(stop).to_be_visible()
    page.clock.run_for(30_000)
    problem = page.locator("#recorder [role=alert]")
    expect(problem).to_contain_text("Nothing was recorded")
    expect(problem).to_contain_text("Turn it on again and record anew")
    expect(page.get_by_role("button", name="Send this recording")).to_be_disabled()
    pictures(page, artifacts, "recorder-silent")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("button", name="Turn the camera on")).to_be_visible()
    student.context.close()
    assert student.troubles == []


# What browsers answer where there is no camera to be had; there is no other way to be refused.
REFUSED = """
  navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", __NAME__));
"""
INSECURE = "Object.defineProperty(window, 'isSecureContext', { value: false });"
UNSUPPORTED = "delete window.MediaRecorder;"
NO_STORE = """
  indexedDB.open = () => {
    const request = new EventTarget();
    request.error = new DOMException("no", "InvalidStateError");
    setTimeout(() => request.dispatchEvent(new Event("error")));
    return request;
  };
"""


@pytest.fixture(scope="module")
def refused(camera: Browser, site: Site) -> Iterator[Watched]:
    email = seed(site, "Enno")
    student = Watched(camera, site)
    student.log_in(email)
    open_page(student.page, "Enno")
    yield student
    student.context.close()
    assert student.troubles == []


@pytest.mark.parametrize(
    ("name", "title", "what_to_do"),
    [
        ("NotAllowedError", "The camera was not allowed", "Allow the camera for this site"),
        ("NotFoundError", "No camera was found", "Connect a camera"),
        ("NotReadableError", "The camera is in use", "Close what uses it"),
    ],
)
def test_a_camera_that_is_not_to_be_had_is_explained(
    refused: Watched, name: str, title: str, what_to_do: str
) -> None:
    page = refused.page
    page.reload()
    expect(page.get_by_role("button", name="Turn the camera on")).to_be_visible()
    page.evaluate(f"() => {{ {REFUSED.replace('__NAME__', repr(name))} }}")
    page.get_by_role("button", name="Turn the camera on").click()
    problem = page.locator("#recorder").get_by_role("alert")
    expect(problem).to_contain_text(title)
    expect(problem).to_contain_text(what_to_do)
    # It may be tried again at once.
    expect(page.get_by_role("button", name="Turn the camera on")).to_be_enabled()


@pytest.mark.parametrize(
    ("script", "title"),
    [
        (INSECURE, "This page cannot use the camera"),
        (UNSUPPORTED, "This browser cannot record"),
        (NO_STORE, "This browser keeps nothing for this site"),
    ],
)
def test_a_browser_that_cannot_record_still_uploads(
    refused: Watched, script: str, title: str
) -> None:
    page = refused.context.new_page()
    page.add_init_script(script)
    page.goto(refused.page.url)
    expect(page.locator("#recorder").get_by_role("alert")).to_contain_text(title)
    expect(page.get_by_role("button", name="Turn the camera on")).to_be_hidden()
    expect(page.get_by_role("button", name="Upload", exact=True)).to_be_visible()
    page.close()


def test_the_recorder_works_by_keyboard_alone(camera: Browser, site: Site) -> None:
    email = seed(site, "Fritzi")
    student = Watched(camera, site)
    page = student.page
    student.log_in(email)
    open_page(page, "Fritzi")
    expect(page.get_by_role("button", name="Turn the camera on")).to_be_visible()
    page.get_by_role("button", name="Turn the camera on").focus()
    page.keyboard.press("Enter")
    # The focus goes to what comes next, each time.
    for name in ("Start recording", "Stop"):
        expect(page.get_by_role("button", name=name)).to_be_focused()
        if name == "Stop":
            runs_until(page, 3)
        page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Send this recording")).to_be_focused()
    expect(page.locator("#recorder").get_by_role("status")).to_contain_text("has stopped")
    page.keyboard.press("Enter")
    expect(page.locator("#transfers li")).to_contain_text("Safely stored", timeout=60_000)
    student.context.close()
    assert student.troubles == []
