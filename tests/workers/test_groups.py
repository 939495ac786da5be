"""Group recordings through the real page, broker and worker, on a composed gallery view."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.gallery import WHY_NOT, compose_gallery, have_clips
from tests.running_site import PASSWORD, RunningSite
from tests.videos import write_not_a_video
from webapp.stack.demo_client import DemoClient

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not have_clips(), reason=WHY_NOT)]

CLASSMATE = "wanda@demo.example"
_CLASSMATE = f"""
import django; django.setup()
from webapp.accounts.models import User
from webapp.courses.models import Course, Enrolment
user = User.objects.create_user({CLASSMATE!r}, {PASSWORD!r}, name="Wanda Actor")
Enrolment.objects.create(course=Course.objects.get(), user=user, role="student")
print(user.pk)
"""


class Teacher(DemoClient):
    """An instructor at a browser, who fills in any form."""

    def send(self, path: str, fields: dict[str, str], files: Any = None, page: str = "") -> str:
        """Posts the form that stands on `page`, by default at the same address; where it leads."""
        self.get(page or path)
        answer = self._session.post(
            self._url + path,
            data={**fields, "csrfmiddlewaretoken": self._session.cookies["csrftoken"]},
            files=files,
            headers={"Referer": self._url + path},
            timeout=60,
        )
        answer.raise_for_status()
        return answer.url


@dataclass
class Meeting:
    """A site with a group recording that was found, matched and analysed."""

    site: RunningSite
    teacher: Teacher
    id: str
    student_id: int
    classmate_id: int

    @property
    def folder(self) -> Path:
        return self.site.data_dir / "groups" / self.id

    def row(self, columns: str) -> tuple[Any, ...]:
        sql = f"SELECT {columns} FROM groups_grouprecording WHERE id = '{uuid.UUID(self.id).hex}'"  # noqa: S608
        [row] = self.site.query(sql)
        return row

    def wait(self, step: str) -> None:
        def ended() -> bool:
            now, state, text = self.row("step, state, error_text")
            assert state != "failed", text
            return (now, state) == (step, "finished")

        self.site.wait_until(ended, f"the end of {step}")

    def report(self, student_id: int) -> dict[str, Any]:
        [(recording,)] = self.site.query(
            f"SELECT id FROM recordings_recording WHERE student_id = {student_id}"  # noqa: S608
        )
        path = f"/recordings/{uuid.UUID(recording)}/report/analysis.json"
        return {"recording": str(uuid.UUID(recording)), **self.teacher.get(path).json()}


def send_meeting(site: RunningSite, teacher: Teacher, video: Path) -> str:
    """Uploads as the page does; returns the group's id."""
    with video.open("rb") as file:
        fields = {"video": (video.name, file, "video/mp4")}
        address = teacher.send(f"/groups/upload/{site.lesson_id}/", {}, fields)
    return str(uuid.UUID(address.rstrip("/").rsplit("/", 1)[1]))


@pytest.fixture(scope="module")
def meeting(site: RunningSite, tmp_path_factory: pytest.TempPathFactory) -> Meeting:
    classmate_id = int(site.python(_CLASSMATE).split()[-1])
    site.log_in()
    classmate = DemoClient(site.url)
    classmate.log_in(CLASSMATE, PASSWORD)
    classmate.agree(site.course_id)
    teacher = Teacher(site.url)
    teacher.log_in("instructor@demo.example", PASSWORD)
    teacher.send(f"/groups/settings/{site.course_id}/", {"keep_templates": "on"})
    video = compose_gallery(tmp_path_factory.mktemp("video") / "gallery.mp4")
    [(student_id,)] = site.query("SELECT id FROM accounts_user WHERE email LIKE 'student@%'")
    group = send_meeting(site, teacher, video)
    meeting = Meeting(site, teacher, group, student_id, classmate_id)
    meeting.wait("find")
    return meeting


def test_a_meeting_from_its_upload_to_a_withdrawal(meeting: Meeting, tmp_path: Path) -> None:
    """One story, told in order, because each part of it takes the worker some seconds."""
    finds_everybody_once(meeting)
    analyses_who_consents_and_was_matched(meeting)
    keeps_a_template_and_drops_the_rest(meeting)
    makes_suggestions_in_the_next_meeting(meeting, tmp_path)
    forgets_who_withdraws(meeting)


def finds_everybody_once(meeting: Meeting) -> None:
    page = meeting.teacher.get(f"/groups/{meeting.id}/").text
    assert "3 people found" in page
    face = meeting.teacher.get(f"/groups/{meeting.id}/faces/1/")
    assert face.content.startswith(b"\xff\xd8")
    # Nothing was recognised in any face yet.
    assert meeting.site.query("SELECT count(*) FROM recordings_analysis") == [(0,)]


def analyses_who_consents_and_was_matched(meeting: Meeting) -> None:
    meeting.teacher.send(
        f"/groups/{meeting.id}/match/",
        {
            "person-1": str(meeting.student_id),
            "person-2": str(meeting.classmate_id),
            "person-3": "nobody",
            "analyse": "1",
        },
        page=f"/groups/{meeting.id}/",
    )
    meeting.wait("analyse")
    assert meeting.site.query("SELECT count(*) FROM groups_groupresult") == [(2,)]
    for number, student in ((1, meeting.student_id), (2, meeting.classmate_id)):
        report = meeting.report(student)
        [track] = report["tracks"]
        assert track["id"] == number
        assert track["observations"]
        assert report["source"]["file"] == "gallery.mp4"
        assert report["summary"] == track["summary"]
        assert report["group_affect"] == []
        home = meeting.site.data_dir / "recordings" / report["recording"]
        numbers = pq.read_table(home / "embeddings.parquet")["track_id"].unique().to_pylist()
        assert numbers == [number]
        assert faces_in(home / report["recording"]) == 1
        assert (
            "A face in view"
            in meeting.teacher.get(f"/recordings/{report['recording']}/report/").text
        )
    page = meeting.teacher.get(f"/groups/{meeting.id}/").text
    assert "<strong>2 people</strong>" in page
    assert faces_in(meeting.folder / "blurred.mp4") == 2


def keeps_a_template_and_drops_the_rest(meeting: Meeting) -> None:
    assert meeting.site.query("SELECT count(*) FROM groups_facetemplate") == [(2,)]
    stored = descriptors(meeting)
    assert stored == [0.0, 0.0, 0.0]
    assert sorted(path.name for path in (meeting.folder / "faces").iterdir()) == ["1.jpg", "2.jpg"]


def makes_suggestions_in_the_next_meeting(meeting: Meeting, tmp_path: Path) -> None:
    video = compose_gallery(tmp_path / "next.mp4", seconds=2.0)
    group = send_meeting(meeting.site, meeting.teacher, video)
    following = Meeting(
        meeting.site, meeting.teacher, group, meeting.student_id, meeting.classmate_id
    )
    following.wait("find")
    named = "suggested_id IS NOT NULL AND group_id"
    sql = f"SELECT suggested_id FROM groups_groupperson WHERE {named} = '{uuid.UUID(group).hex}'"  # noqa: S608
    suggested = meeting.site.query(sql + " ORDER BY number")
    assert suggested == [(meeting.student_id,), (meeting.classmate_id,)]


def forgets_who_withdraws(meeting: Meeting) -> None:
    before = (meeting.folder / meeting.id).read_bytes()
    classmate = DemoClient(meeting.site.url)
    classmate.log_in(CLASSMATE, PASSWORD)
    classmate.withdraw(meeting.site.course_id)
    assert meeting.row("redact_pending") == (1,)
    meeting.wait("redact")
    assert meeting.row("redact_pending") == (0,)
    assert (meeting.folder / meeting.id).read_bytes() != before
    # The one who withdrew is gone; the two others are left as they were.
    assert faces_in(meeting.folder / meeting.id) == 2
    assert meeting.site.query("SELECT count(*) FROM groups_groupresult") == [(1,)]
    assert meeting.site.query("SELECT student_id FROM groups_facetemplate") == [
        (meeting.student_id,)
    ]
    # What is left of the meeting can still be analysed, although every frame was written anew.
    meeting.teacher.send(
        f"/groups/{meeting.id}/match/", {"analyse": "1"}, page=f"/groups/{meeting.id}/"
    )
    meeting.wait("analyse")
    assert faces_in(meeting.folder / "blurred.mp4") == 1


def faces_in(video: Path) -> int:
    """The most faces that a detector sees in one of some frames of a video."""
    from engagement.faces.detector import DetectorSettings, FaceDetector
    from engagement.video.reader import VideoReader

    settings = DetectorSettings(max_side_px=960, min_face_share=0.04, min_score=0.95)
    detector = FaceDetector(settings)
    frames = list(VideoReader(video, 1.0))
    return max(len(faces) for faces in detector.detect(frames))


def descriptors(meeting: Meeting) -> list[float]:
    """How long each stored descriptor is: none, once it is dropped."""
    import numpy as np

    with np.load(meeting.folder / "people" / "observations.npz") as arrays:
        return [float(abs(one).sum()) for one in arrays["descriptors"]]


def test_what_is_no_video_fails_with_a_sentence_and_a_button(
    meeting: Meeting, tmp_path: Path
) -> None:
    group = send_meeting(meeting.site, meeting.teacher, write_not_a_video(tmp_path / "list.mp4"))
    query = f"SELECT state FROM groups_grouprecording WHERE id = '{uuid.UUID(group).hex}'"  # noqa: S608
    meeting.site.wait_until(lambda: meeting.site.query(query) == [("failed",)], "the failure")
    page = meeting.teacher.get(f"/groups/{group}/").text
    assert "list.mp4" in page
    assert "Try again" in page
    assert str(meeting.site.data_dir) not in page


def test_a_step_whose_worker_is_killed_is_taken_up_again(meeting: Meeting, tmp_path: Path) -> None:
    video = compose_gallery(tmp_path / "again.mp4", seconds=2.0)
    group = send_meeting(meeting.site, meeting.teacher, video)
    again = Meeting(meeting.site, meeting.teacher, group, meeting.student_id, meeting.classmate_id)
    again.site.wait_until(lambda: again.row("state") == ("running",), "the beginning")
    again.site.kill_pool_process()
    again.wait("find")
    [attempts] = again.row("attempts")
    assert attempts >= 2
