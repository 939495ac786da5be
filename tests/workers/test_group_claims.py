"""Who owns a step of a group recording, over a database, without a broker."""

import datetime as dt
import os
import time
import uuid

import pytest
from django.utils import timezone

from tests.webapp.group_world import found_group
from webapp.courses.models import Enrolment
from webapp.groups import storage
from webapp.groups.models import GroupRecording
from webapp.privacy import services as privacy
from webapp.recordings import queue
from webapp.recordings.models import Recording
from workers import group_claims, reaper
from workers.claims import ClaimLostError


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    monkeypatch.setattr(queue, "_send", lambda task, key: messages.append(str(key)) or True)
    return messages


@pytest.fixture
def group(recording: Recording, sent: list[str]) -> GroupRecording:
    """A queued recording of a lesson whose only student consents and is matched."""
    course, student = recording.lesson.course, recording.student
    Enrolment.objects.create(course=course, user=student, role="student")
    privacy.grant(student, course)
    group = found_group(recording.lesson, student)
    group.people.filter(number=1).update(decision="student", student=student)
    GroupRecording.objects.update(state="queued", step="analyse")
    return group


def test_one_of_two_claims_wins(group: GroupRecording) -> None:
    assert group_claims.claim(group.pk, "one") is not None
    assert group_claims.claim(group.pk, "two") is None


def test_a_withdrawal_takes_the_step_away_and_asks_for_blurring(
    group: GroupRecording, recording: Recording
) -> None:
    group_claims.claim(group.pk, "one")
    privacy.withdraw(recording.student, recording.lesson.course)
    assert not group_claims.rows.beat(group.pk, "one", 0.5)
    with pytest.raises(ClaimLostError):
        group_claims.finish(group.pk, "one", analysed_at=timezone.now())
    claimed = group_claims.claim(group.pk, "two")
    assert claimed is not None
    assert (claimed.step, claimed.redact_pending) == ("redact", True)


def test_the_reaper_takes_up_what_lost_its_worker_and_in_the_end_says_so(
    group: GroupRecording, sent: list[str]
) -> None:
    group_claims.claim(group.pk, "another machine#1#task")
    before = timezone.now() - dt.timedelta(hours=1)
    GroupRecording.objects.update(heartbeat_at=before)
    reaper.reap()
    group.refresh_from_db()
    assert (group.state, str(group.pk) in sent) == ("queued", True)
    group_claims.claim(group.pk, "another machine#1#task")
    GroupRecording.objects.update(heartbeat_at=before, attempts=3)
    reaper.reap()
    group.refresh_from_db()
    assert (group.state, group.error_code) == ("failed", "worker_lost")


def test_the_sweep_removes_folders_without_a_row(group: GroupRecording) -> None:
    orphan = storage.groups_dir() / str(uuid.uuid4())
    orphan.mkdir()
    old = time.time() - 7200
    for path in (orphan, storage.folder(group.pk)):
        os.utime(path, (old, old))
    reaper.sweep_files()
    assert not orphan.exists()
    assert storage.folder(group.pk).exists()
