"""A student sends files: several, refused, paused, and gone on with after whatever happened."""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.broken_line import Line, line_to
from tests.browser.conftest import Site
from tests.browser.recording_student import (
    PATIENCE_MS,
    SAMPLE,
    open_page,
    real_troubles,
    seed,
    slow_down,
)
from tests.browser.watched import Watched, wait_until
from tests.running_site import PASSWORD, RunningSite, site_without_worker

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZE_BYTES = 3_000_000
SLOW = 400_000
WHOLE_TIMEOUT_MS = 60_000
BAR = "document.querySelector('#transfers progress')?.value"
SENDING = "document.querySelector('#transfers li')?.dataset.state === 'sending'"


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """A file that takes a while to be sent. That it is no video comes out in the worker."""
    path = tmp_path / "lesson.mp4"
    path.write_bytes(os.urandom(SIZE_BYTES))
    return path


def student_of(browser: Browser, site: Site, name: str) -> Watched:
    email = seed(site, name)
    student = Watched(browser, site)
    student.log_in(email)
    open_page(student.page, name)
    # Its script shows it.
    expect(student.page.get_by_role("heading", name="Record yourself")).to_be_visible()
    return student


def choose(page: Page, *files: Path) -> None:
    page.locator("#upload-form input[type=file]").set_input_files(list(files))


def upload(page: Page) -> None:
    page.get_by_role("button", name="Upload", exact=True).click()


def row(page: Page, name: str) -> Locator:
    return page.locator("#transfers li").filter(has_text=name)


def offsets(page: Page) -> list[int]:
    """Where the pieces begin that the page sends from now on."""
    seen: list[int] = []

    def note(request) -> None:
        if request.method == "PATCH":
            seen.append(int(request.headers["upload-offset"]))

    page.on("request", note)
    return seen


def assert_stored(site: Site, email: str, *files: Path) -> None:
    """The student's recordings are these files, byte for byte."""
    wanted = sorted(hashlib.sha256(one.read_bytes()).hexdigest() for one in files)
    site.python(
        "import hashlib; from webapp.recordings.models import Recording; "
        f"found = Recording.objects.filter(student__email={email!r}); "
        "stored = [hashlib.sha256(one.video_path.read_bytes()).hexdigest() for one in found]; "
        f"assert sorted(stored) == {wanted!r}, stored"
    )


def test_good_files_go_on_while_bad_ones_say_why(
    browser: Browser, site: Site, tmp_path: Path, artifacts: Path
) -> None:
    student = student_of(browser, site, "Gustav")
    page = student.page
    good = tmp_path / "first.mp4"
    good.write_bytes(SAMPLE.read_bytes())
    other = tmp_path / "second.mp4"
    other.write_bytes(SAMPLE.read_bytes() + b"\0")
    huge = tmp_path / "huge.mp4"
    with huge.open("wb") as file:
        file.truncate(2049 * 1024**2)
    text = tmp_path / "notes.txt"
    text.write_text("not a video")
    empty = tmp_path / "empty.mp4"
    empty.touch()
    choose(page, huge, good, text, empty, other)
    expect(row(page, "huge.mp4")).to_contain_text("larger than the limit of 2 GB")
    expect(row(page, "notes.txt")).to_contain_text("not a video file")
    expect(row(page, "empty.mp4")).to_contain_text("it has no bytes")
    page.screenshot(path=artifacts / "upload-chosen.png", full_page=True)
    upload(page)
    for name in ("first.mp4", "second.mp4"):
        expect(row(page, name)).to_contain_text("Safely stored", timeout=WHOLE_TIMEOUT_MS)
    # The list goes on by itself until the report is there.
    report = row(page, "first.mp4").get_by_role("link", name=re.compile("^Report"))
    expect(report).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("All but the refused files is sent")).to_be_visible()
    for name in ("notes.txt", "empty.mp4", "huge.mp4"):
        row(page, name).get_by_role("button", name="Take it out").click()
        expect(row(page, name)).to_have_count(0)
    expect(page.get_by_text("All but the refused files is sent")).to_be_hidden()
    expect(page.get_by_text("Everything is sent and safely stored")).to_be_visible()
    assert_stored(site, "gustav@recorder.example", good, other)
    student.context.close()
    assert student.troubles == []


def test_files_are_dropped_anywhere_on_the_page(browser: Browser, site: Site) -> None:
    student = student_of(browser, site, "Hedda")
    page = student.page
    page.evaluate(
        """() => {
          const data = new DataTransfer();
          for (const name of ["one.webm", "two.webm"]) {
            data.items.add(new File([name.repeat(1000)], name, { type: "video/webm" }));
          }
          const options = { dataTransfer: data, bubbles: true, cancelable: true };
          for (const kind of ["dragenter", "dragover", "drop"]) {
            const event = new DragEvent(kind, options);
            document.querySelector("h1").dispatchEvent(event);
          }
        }"""
    )
    upload(page)
    for name in ("one.webm", "two.webm"):
        expect(row(page, name)).to_contain_text("Safely stored", timeout=WHOLE_TIMEOUT_MS)
    expect(page.get_by_text("Everything is sent and safely stored")).to_be_visible()
    student.context.close()
    assert student.troubles == []


def test_an_upload_is_paused_gone_on_with_and_cancelled(
    browser: Browser, site: Site, noise: Path, tmp_path: Path
) -> None:
    student = student_of(browser, site, "Ida")
    page = student.page
    begun = offsets(page)
    brake = slow_down(page, SLOW)
    second = tmp_path / "other.mp4"
    second.write_bytes(noise.read_bytes()[::-1])
    choose(page, noise, second)
    upload(page)
    first = row(page, "lesson.mp4")
    expect(first).to_contain_text(re.compile("a second, .+ left"), timeout=WHOLE_TIMEOUT_MS)
    expect(row(page, "other.mp4")).to_contain_text("Waits for the file before it")
    wait_until(page, f"{SENDING} && {BAR} > 0.2")
    first.get_by_role("button", name="Pause lesson.mp4").click()
    expect(first.get_by_role("button", name="Go on lesson.mp4")).to_be_focused()
    # The next one does not wait for it.
    expect(row(page, "other.mp4")).to_contain_text("a second", timeout=WHOLE_TIMEOUT_MS)
    page.on("dialog", lambda dialog: dialog.accept())
    row(page, "other.mp4").get_by_role("button", name="Cancel other.mp4").click()
    expect(row(page, "other.mp4")).to_have_count(0)
    brake.detach()
    first.get_by_role("button", name="Go on").click()
    expect(first).to_contain_text("Safely stored", timeout=WHOLE_TIMEOUT_MS)
    assert begun[-1] > 0, "it began anew"
    assert_stored(site, "ida@recorder.example", noise)
    site.python(
        "from webapp.uploads.models import Upload; "
        "assert not Upload.objects.unfinished().filter(sender__email='ida@recorder.example')"
    )
    student.context.close()
    assert real_troubles(student) == []


def test_an_upload_goes_on_after_the_page_was_loaded_anew(
    browser: Browser, site: Site, noise: Path
) -> None:
    student = student_of(browser, site, "Jonas")
    page = student.page
    brake = slow_down(page, SLOW)
    choose(page, noise)
    upload(page)
    wait_until(page, f"{SENDING} && {BAR} > 0.3", 60)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    brake.detach()
    expect(page.locator("#unfinished")).to_contain_text("Not finished: lesson.mp4")
    begun = offsets(page)
    choose(page, noise)
    upload(page)
    expect(row(page, "lesson.mp4")).to_contain_text("Safely stored", timeout=WHOLE_TIMEOUT_MS)
    assert begun[0] > 0, "it began anew"
    assert_stored(site, "jonas@recorder.example", noise)
    page.reload()
    expect(page.get_by_role("heading", name="Record yourself")).to_be_visible()
    expect(page.locator("#unfinished")).to_be_hidden()
    student.context.close()
    assert real_troubles(student) == []


@pytest.fixture
def line(site: Site) -> Iterator[Line]:
    with line_to(site.url) as line:
        yield line


def test_an_upload_goes_on_by_itself_when_the_line_is_back(
    browser: Browser, site: Site, line: Line, noise: Path
) -> None:
    student = student_of(browser, replace(site, url=line.url), "Klara")
    page = student.page
    begun = offsets(page)
    brake = slow_down(page, SLOW)
    choose(page, noise)
    upload(page)
    for share in (0.2, 0.5):
        wait_until(page, f"{SENDING} && {BAR} > {share}", 60)
        line.cut()
        expect(row(page, "lesson.mp4")).to_contain_text("The connection is lost")
        line.mend()
        expect(row(page, "lesson.mp4")).to_contain_text(" of ", timeout=WHOLE_TIMEOUT_MS)
    brake.detach()
    expect(row(page, "lesson.mp4")).to_contain_text("Safely stored", timeout=WHOLE_TIMEOUT_MS)
    assert begun[0] == 0
    assert 0 < begun[1] < begun[2]
    assert_stored(site, "klara@recorder.example", noise)
    student.context.close()
    assert real_troubles(student) == []


_TEACH = """
from webapp.accounts.models import User
from webapp.courses.models import Course, Enrolment
course = Course.objects.get(title={course!r})
teacher = User.objects.create_user({email!r}, {password!r}, name="Tilda Teacher")
Enrolment.objects.create(course=course, user=teacher, role="instructor")
"""


def teacher_of(browser: Browser, site: Site, name: str) -> Watched:
    """An instructor of that student's course, at its lesson."""
    email = f"teacher-of-{name.lower()}@recorder.example"
    seed(site, name)
    course = f"Recording with {name}"
    site.python(_TEACH.format(course=course, email=email, password=site.password))
    teacher = Watched(browser, site)
    teacher.log_in(email)
    teacher.page.get_by_role("link", name=course).click()
    teacher.page.get_by_role("link", name="Week 1", exact=True).click()
    return teacher


def test_a_lessons_slides_go_on_with_what_was_said_of_them(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    slides = tmp_path / "slides.pdf"
    slides.write_bytes(b"%PDF-1.4 " + os.urandom(SIZE_BYTES))
    teacher = teacher_of(browser, site, "Paul")
    page = teacher.page
    page.get_by_role("link", name="Video and slides").click()
    brake = slow_down(page, SLOW)
    choose(page, slides)
    page.get_by_label("Title").fill("Deck")
    page.get_by_label("When slides are shown").fill("2 1:30")
    page.get_by_role("button", name="Attach").click()
    wait_until(page, f"{SENDING} && {BAR} > 0.3", 60)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    brake.detach()
    expect(page.locator("#unfinished")).to_contain_text("Not finished: slides.pdf")
    expect(page.get_by_label("Title")).to_have_value("Deck")
    begun = offsets(page)
    choose(page, slides)
    page.get_by_role("button", name="Attach").click()
    expect(page.get_by_role("heading", name="Deck")).to_be_visible(timeout=WHOLE_TIMEOUT_MS)
    expect(page.get_by_text("1 slide has a time")).to_be_visible()
    assert begun[0] > 0, "it began anew"
    wanted = hashlib.sha256(slides.read_bytes()).hexdigest()
    site.python(
        "import hashlib; from webapp.courses.models import LessonMaterial; "
        "found = LessonMaterial.objects.get(lesson__course__code='REC-Paul'); "
        f"assert hashlib.sha256(found.path.read_bytes()).hexdigest() == {wanted!r}"
    )
    teacher.context.close()
    assert real_troubles(teacher) == []


def test_a_meeting_goes_on_by_itself_and_after_the_page_was_loaded_anew(
    browser: Browser, site: Site, line: Line, noise: Path, artifacts: Path
) -> None:
    teacher = teacher_of(browser, replace(site, url=line.url), "Olga")
    page = teacher.page
    page.get_by_role("link", name="Upload a meeting").click()
    # Its script shows it.
    expect(page.locator("#files-words")).to_be_visible()
    begun = offsets(page)
    brake = slow_down(page, SLOW)
    choose(page, noise)
    upload(page)
    wait_until(page, f"{SENDING} && {BAR} > 0.2", 60)
    line.cut()
    lesson = row(page, "lesson.mp4")
    expect(lesson).to_contain_text("The connection is lost")
    line.mend()
    expect(lesson).to_contain_text(" of ", timeout=WHOLE_TIMEOUT_MS)
    wait_until(page, f"{SENDING} && {BAR} > 0.5", 60)
    page.screenshot(path=artifacts / "meeting-sending.png", full_page=True)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    brake.detach()
    expect(page.locator("#unfinished")).to_contain_text("Not finished: lesson.mp4")
    choose(page, noise)
    upload(page)
    expect(page.locator("#unfinished")).to_be_hidden()
    expect(lesson).to_contain_text("Safely stored", timeout=WHOLE_TIMEOUT_MS)
    assert begun[0] == 0
    assert 0 < begun[1] < begun[-1]
    wanted = hashlib.sha256(noise.read_bytes()).hexdigest()
    site.python(
        "import hashlib; from webapp.groups.models import GroupRecording; "
        "group = GroupRecording.objects.get(lesson__course__code='REC-Olga'); "
        f"assert hashlib.sha256(group.video_path.read_bytes()).hexdigest() == {wanted!r}"
    )
    page.screenshot(path=artifacts / "meeting-sent.png", full_page=True)
    lesson.get_by_role("link", name="Open lesson.mp4").click()
    expect(page.get_by_role("heading", name="lesson.mp4")).to_be_visible()
    teacher.context.close()
    assert real_troubles(teacher) == []


def test_who_is_logged_out_meanwhile_logs_in_and_goes_on(
    browser: Browser, site: Site, line: Line, noise: Path
) -> None:
    student = student_of(browser, replace(site, url=line.url), "Lena")
    page = student.page
    begun = offsets(page)
    brake = slow_down(page, SLOW)
    choose(page, noise)
    upload(page)
    wait_until(page, f"{SENDING} && {BAR} > 0.3", 60)
    line.cut()
    student.context.clear_cookies()
    line.mend()
    lesson = row(page, "lesson.mp4")
    expect(lesson).to_contain_text("You have been logged out", timeout=WHOLE_TIMEOUT_MS)
    other = student.context.new_page()
    other.goto("/")
    other.get_by_label("E-mail").fill("lena@recorder.example")
    other.get_by_label("Password").fill(site.password)
    other.get_by_role("button", name="Log in").click()
    expect(other.get_by_role("heading", name="Courses")).to_be_visible()
    brake.detach()
    lesson.get_by_role("button", name="Try again").click()
    expect(lesson).to_contain_text("Safely stored", timeout=WHOLE_TIMEOUT_MS)
    assert begun[-1] > 0, "it began anew"
    assert_stored(site, "lena@recorder.example", noise)
    student.context.close()
    assert [one for one in real_troubles(student) if "401" not in one] == []


def test_bytes_that_were_spoilt_on_the_way_are_sent_anew(
    browser: Browser, site: Site, noise: Path
) -> None:
    student = student_of(browser, site, "Mara")
    page = student.page
    # A byte that changes on the way: the tests do not own the line.
    spoilt = bytes([noise.read_bytes()[0] ^ 1]) + noise.read_bytes()[1:]
    page.route(
        "**/uploads/*",
        lambda route: (
            route.continue_(post_data=spoilt)
            if route.request.method == "PATCH"
            else route.continue_()
        ),
    )
    choose(page, noise)
    upload(page)
    lesson = row(page, "lesson.mp4")
    expect(lesson.locator(".field__error")).to_be_visible(timeout=WHOLE_TIMEOUT_MS)
    page.unroute("**/uploads/*")
    lesson.get_by_role("button", name="Try again").click()
    expect(lesson).to_contain_text("Safely stored", timeout=WHOLE_TIMEOUT_MS)
    assert_stored(site, "mara@recorder.example", noise)
    student.context.close()
    assert [one for one in student.troubles if "422" not in one] == []


def test_without_scripts_a_file_is_sent_by_the_form(browser: Browser, site: Site) -> None:
    email = seed(site, "Nils")
    context = browser.new_context(base_url=site.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(site.password)
    page.get_by_role("button", name="Log in").click()
    open_page(page, "Nils")
    expect(page.get_by_role("heading", name="Record yourself")).to_be_hidden()
    choose(page, SAMPLE)
    upload(page)
    expect(page.get_by_text("“sample.mp4” is safely stored")).to_be_visible()
    assert_stored(site, email, SAMPLE)
    context.close()


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    """A site whose web server may be killed."""
    with site_without_worker(tmp_path_factory.mktemp("mortal")) as running:
        running.log_in()
        yield running


def test_an_upload_survives_the_death_of_the_web_server(
    browser: Browser, mortal: RunningSite, noise: Path
) -> None:
    student = Watched(browser, Site(mortal.url, password=PASSWORD))
    page = student.page
    student.log_in(student.site.student)
    page.goto(f"/recordings/upload/{mortal.lesson_id}/")
    begun = offsets(page)
    brake = slow_down(page, SLOW)
    choose(page, noise)
    upload(page)
    wait_until(page, f"{SENDING} && {BAR} > 0.4", 60)
    mortal.kill("web")
    expect(row(page, "lesson.mp4")).to_contain_text("The connection is lost", timeout=60_000)
    brake.detach()
    mortal.start_web()
    expect(row(page, "lesson.mp4")).to_contain_text("Safely stored", timeout=WHOLE_TIMEOUT_MS)
    assert begun[-1] > 0, "it began anew"
    [(sha256,)] = mortal.query("SELECT sha256 FROM recordings_recording")
    assert sha256 == hashlib.sha256(noise.read_bytes()).hexdigest()
    student.context.close()
    assert real_troubles(student) == []
