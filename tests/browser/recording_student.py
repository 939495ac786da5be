"""Students for the tests of recording and uploading, and a camera that shows a face."""

from pathlib import Path

import av
from playwright.sync_api import Browser, CDPSession, Page, Playwright

from tests.browser.conftest import ROOT, Site, start_chromium
from tests.browser.watched import Watched

SAMPLE = ROOT / "engagement" / "sample" / "sample.mp4"
# The machine may be busy with other tests.
PATIENCE_MS = 300_000
# The server's answer while it still writes what came before the cut.
STILL_WRITING = ("409 (Conflict)", "423 (Locked)")
# What a browser itself says about a connection that a test has cut.
CUT = ("ERR_CONNECTION_", "ERR_EMPTY_RESPONSE", "ERR_SOCKET_NOT_CONNECTED", *STILL_WRITING)
_CAMERA_FRAMES = 200

_SEED = """
from django.utils import timezone
from webapp.accounts.models import User
from webapp.courses.models import Course, Enrolment, Lesson
from webapp.privacy.services import grant
course = Course.objects.create(title={course!r}, code={code!r})
Lesson.objects.create(course=course, title="Week 1", starts_at=timezone.now())
student = User.objects.create_user({email!r}, {password!r}, name={name!r})
Enrolment.objects.create(course=course, user=student, role="student")
if {agreed!r}:
    grant(student, course)
"""


def seed(site: Site, name: str, *, agreed: bool = True) -> str:
    """A student in a course of their own, by the first name; returns the e-mail address."""
    email = f"{name.lower()}@recorder.example"
    values = {"course": f"Recording with {name}", "code": f"REC-{name}", "name": f"{name} Recorder"}
    site.python(_SEED.format(email=email, password=site.password, agreed=agreed, **values))
    return email


def open_page(page: Page, name: str) -> None:
    """From the courses to the page on which the student adds a recording."""
    page.get_by_role("link", name=f"Recording with {name}").click()
    page.get_by_role("link", name="Week 1", exact=True).click()
    page.get_by_role("link", name="Add a recording").click()


def camera_file(target: Path) -> Path:
    """The sample's face as motion JPEG, which Chromium shows as its camera's picture."""
    with av.open(str(SAMPLE)) as reader, target.open("wb") as writer:
        for number, frame in enumerate(reader.decode(video=0)):
            if number == _CAMERA_FRAMES:
                break
            frame.to_image().save(writer, "JPEG", quality=90)
    return target


def browser_with_camera(playwright: Playwright, picture: Path) -> Browser:
    """A Chromium with a camera and microphones, all allowed; other tests' browser has none."""
    return start_chromium(
        playwright,
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={picture}",
    )


def slow_down(page: Page, bytes_a_second: float) -> CDPSession:
    """Lets the page send so much a second and no more, until the session is detached."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 0,
            "downloadThroughput": -1,
            "uploadThroughput": bytes_a_second,
        },
    )
    return session


def real_troubles(watched: Watched) -> list[str]:
    """What went wrong besides the connection that a test has cut."""
    return [one for one in watched.troubles if not any(cut in one for cut in CUT)]
