"""Reports of before the class's pages: they come into them without being opened."""

import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.factories import build_document
from tests.running_site import site_without_worker
from webapp.accounts.models import User
from webapp.courses.models import Enrolment, Lesson, Strip
from webapp.recordings import queue
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from webapp.reports import ready
from webapp.reports.models import ReadyReport
from workers import reaper, reports

LATER = settings.ANALYSIS_RESEND_S + 1


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    messages: list[tuple[str, str]] = []
    monkeypatch.setattr(queue, "_send", lambda *one: messages.append((one[0], str(one[1]))) or True)
    return messages


@pytest.fixture
def lesson(recording: Recording) -> Lesson:
    return recording.lesson


def report_of_before(lesson: Lesson, number: int) -> Analysis:
    """A finished analysis with its document and nothing made of it."""
    document = build_document(duration_s=90.0)
    recording = Recording.objects.create(
        lesson=lesson,
        student=User.objects.create_user(f"of-before-{number}@example.org", name=f"N{number}"),
        original_name="a.mp4",
        size_bytes=1,
        sha256="0" * 64,
        duration_s=90.0,
    )
    analysis = Analysis.objects.create(
        recording=recording,
        state=Analysis.State.FINISHED,
        finished_at=timezone.now() + timedelta(seconds=number),
        mean_engagement=document["summary"]["mean_engagement"],
        coverage=document["summary"]["coverage"],
        engagement_model="concentration_index",
        engagement_kind="index",
    )
    AnalysisDocument.objects.create(analysis=analysis, document=document)
    return analysis


def class_page(lesson: Lesson) -> str:
    teacher, _ = User.objects.get_or_create(email="teacher@example.org", name="T")
    Enrolment.objects.get_or_create(course=lesson.course, user=teacher, role="instructor")
    client = Client()
    client.force_login(teacher)
    answer = client.get(reverse("courses:lesson_class", args=[lesson.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_class_says_what_is_missing_and_shows_it_when_it_is_prepared(
    lesson: Lesson, sent: list[tuple[str, str]]
) -> None:
    for number in range(3):
        report_of_before(lesson, number)
    before = class_page(lesson)
    assert "3 reports are being prepared; they appear here within minutes." in before
    assert 'id="curve"' not in before
    assert reports.Asking().reap() == 3
    for task, pk in sent:
        assert task == "workers.reports.prepare"
        reports.prepare(pk)
    after = class_page(lesson)
    assert "being prepared;" not in after
    assert 'id="curve"' in after
    assert Strip.objects.count() == ReadyReport.objects.count() == 3
    assert not ready.unprepared()


def test_one_report_is_prepared_in_the_singular(lesson: Lesson) -> None:
    report_of_before(lesson, 0)
    assert "1 report is being prepared; it appears here within minutes." in class_page(lesson)


def test_the_newest_come_first_and_few_at_a_time(
    lesson: Lesson, sent: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "AT_ONCE", 2)
    analyses = [report_of_before(lesson, number) for number in range(3)]
    newest = [str(one.pk) for one in reversed(analyses)]
    asking = reports.Asking()
    assert asking.reap(0.0) == 2
    assert [pk for _, pk in sent] == newest[:2]
    # Nothing more while these are under way, and the next one as soon as one is there.
    assert asking.reap(20.0) == 0
    reports.prepare(newest[0])
    assert asking.reap(40.0) == 1
    assert [pk for _, pk in sent] == newest


def test_one_that_cannot_be_made_is_asked_for_ever_less_and_keeps_nobody_from_it(
    lesson: Lesson, sent: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "AT_ONCE", 1)
    good, broken = report_of_before(lesson, 0), report_of_before(lesson, 1)
    AnalysisDocument.objects.filter(analysis=broken).update(document={"schema": "of long ago"})
    asking = reports.Asking()
    asking.reap(0.0)
    asking.reap(LATER)
    asking.reap(2 * LATER)
    asking.reap(3 * LATER)
    assert [pk for _, pk in sent[:3]] == [str(broken.pk), str(broken.pk), str(good.pk)]
    with pytest.raises(ValueError, match="validation errors"):
        reports.prepare(str(broken.pk))
    reports.prepare(str(good.pk))
    assert Strip.objects.get().analysis_id == good.pk


def test_every_report_is_looked_at_again_only_after_a_while(
    lesson: Lesson, sent: list[tuple[str, str]]
) -> None:
    asking = reports.Asking()
    assert asking.reap(0.0) == 0
    report_of_before(lesson, 0)
    with CaptureQueriesContext(connection) as captured:
        assert asking.reap(20.0) == 0
    assert not captured
    assert asking.reap(601.0) == 1


def test_preparing_twice_is_preparing_once(lesson: Lesson) -> None:
    analysis = report_of_before(lesson, 0)
    reports.prepare(str(analysis.pk))
    kept = bytes(ReadyReport.objects.get().page), bytes(Strip.objects.get().bins)
    reports.prepare(str(analysis.pk))
    assert (bytes(ReadyReport.objects.get().page), bytes(Strip.objects.get().bins)) == kept


def test_parts_of_another_form_and_bins_alone_are_made_anew(lesson: Lesson) -> None:
    analysis, other = report_of_before(lesson, 0), report_of_before(lesson, 1)
    for one in (analysis, other):
        reports.prepare(str(one.pk))
    Strip.objects.filter(analysis=analysis).delete()
    ReadyReport.objects.filter(analysis=other).update(form=0)
    assert set(ready.unprepared()) == {analysis, other}
    for one in (analysis, other):
        reports.prepare(str(one.pk))
    assert not ready.unprepared()


def test_what_was_erased_meanwhile_is_left(lesson: Lesson) -> None:
    analysis = report_of_before(lesson, 0)
    pk = analysis.pk
    AnalysisDocument.objects.all().delete()
    reports.prepare(str(pk))
    analysis.delete()
    reports.prepare(str(pk))
    reports.prepare(str(uuid.uuid4()))
    assert not ReadyReport.objects.exists()


def test_a_broker_that_is_away_is_asked_again(
    lesson: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    report_of_before(lesson, 0)
    monkeypatch.setattr(queue, "_send", lambda *one: False)
    asking = reports.Asking()
    assert asking.reap(0.0) == 0
    monkeypatch.setattr(queue, "_send", lambda *one: True)
    assert asking.reap(20.0) == 1


def test_the_reapers_round_asks(
    lesson: Lesson, sent: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "reap", reports.Asking().reap)
    analysis = report_of_before(lesson, 0)
    reaper.reap()
    assert (reports.queue.PREPARE_TASK, str(analysis.pk)) in sent


@pytest.mark.slow
def test_a_real_worker_prepares_what_it_finds(tmp_path: Path) -> None:
    with site_without_worker(tmp_path) as site:
        site.python(
            "import django; django.setup();"
            "from tests.workers.test_reports import report_of_before;"
            "from webapp.courses.models import Lesson;"
            f"[report_of_before(Lesson.objects.get(pk={site.lesson_id}), n) for n in range(3)]"
        )
        teacher = site.log_in("instructor")
        address = f"/lessons/{site.lesson_id}/class/"
        assert "3 reports are being prepared" in teacher.get(address).text
        site.start_worker()
        site.wait_until(
            lambda: site.query("SELECT count(*) FROM courses_strip") == [(3,)], "every report"
        )
        page = teacher.get(address).text
        assert "being prepared;" not in page
        assert 'id="curve"' in page
