"""The task that makes summaries, on the sample with its real analysis, without a broker."""

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from engagement.pipeline import Analyzer
from engagement.sample import sample_path
from tests.videos import write_beginning
from webapp.accounts.models import User
from webapp.courses.models import Enrolment
from webapp.privacy.services import grant, withdraw
from webapp.recordings import queue, storage
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from webapp.summaries import services
from webapp.summaries.models import LessonSummary
from workers import reaper, summaries


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's first seconds: a smile, and the beginning of a sad face."""
    folder = tmp_path_factory.mktemp("film")
    return write_beginning(sample_path(), folder / "beginning.mp4", seconds=8)


@pytest.fixture(scope="module")
def sample_document(film: Path) -> dict[str, Any]:
    analysis = Analyzer("mobilenet_7_fer").analyze(film).analysis
    return analysis.model_dump(mode="json", by_alias=True)


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    messages: list[tuple[str, str]] = []
    monkeypatch.setattr(queue, "_send", lambda task, key: messages.append((task, str(key))) or True)
    return messages


@pytest.fixture
def analysed(recording: Recording, film: Path, sample_document: dict[str, Any]) -> Recording:
    return with_report(recording, film, sample_document)


def with_report(recording: Recording, film: Path, document: dict[str, Any]) -> Recording:
    Enrolment.objects.get_or_create(
        user=recording.student, course=recording.lesson.course, role=Enrolment.Role.STUDENT
    )
    grant(recording.student, recording.lesson.course)
    shutil.copy(film, recording.video_path)
    analysis = Analysis.objects.create(
        recording=recording, state=Analysis.State.FINISHED, finished_at=timezone.now()
    )
    AnalysisDocument.objects.create(analysis=analysis, document=document)
    return recording


def another_student(like: Recording, name: str) -> Recording:
    recording = Recording.objects.create(
        student=User.objects.create_user(f"{name}@example.org", name=name),
        lesson=like.lesson,
        original_name="b.mp4",
        size_bytes=1,
        sha256="1" * 64,
    )
    storage.folder(recording.pk).mkdir()
    return recording


def made(summary: LessonSummary) -> LessonSummary:
    summaries.summarise.apply(args=[str(summary.pk)])
    summary.refresh_from_db()
    return summary


def stored(recording: Recording) -> list[Path]:
    home = storage.folder(recording.pk)
    return [path for path in home.rglob("*") if path.is_file() and path != recording.video_path]


def test_a_recordings_summary_ends_with_clips_that_are_there(analysed: Recording) -> None:
    summary = made(services.make_for_recording(analysed, analysed.student))
    assert (summary.state, summary.error_text, summary.progress) == ("finished", "", 1.0)
    clips = [moment.clip for moment in summary.read().people[0].moments]
    assert [m.emotion for m in summary.read().people[0].moments] == ["happiness"]
    for clip in clips:
        assert (summary.folder / clip.file).stat().st_size == clip.size_bytes
        assert (summary.folder / clip.poster).is_file()
    assert (summary.folder / "contact-sheet.jpg").is_file()


def test_a_message_that_comes_twice_does_nothing(analysed: Recording) -> None:
    summary = made(services.make_for_recording(analysed, analysed.student))
    finished_at = summary.finished_at
    assert made(summary).finished_at == finished_at


def test_pressing_twice_makes_one_summary_and_a_new_one_replaces_the_old(
    analysed: Recording,
) -> None:
    first = services.make_for_recording(analysed, analysed.student)
    assert services.make_for_recording(analysed, analysed.student) == first
    made(first)
    second = made(services.make_for_recording(analysed, analysed.student))
    assert list(LessonSummary.objects.all()) == [second]


def test_erasing_the_recording_erases_its_summary(
    analysed: Recording, django_capture_on_commit_callbacks: Any
) -> None:
    summary = made(services.make_for_recording(analysed, analysed.student))
    assert stored(analysed)
    with django_capture_on_commit_callbacks(execute=True):
        analysed.delete()
    assert not LessonSummary.objects.filter(pk=summary.pk).exists()
    assert not storage.folder(analysed.pk).exists()


def test_a_class_summary_names_whom_it_shows_and_goes_with_any_of_them(
    analysed: Recording,
    film: Path,
    sample_document: dict[str, Any],
    django_capture_on_commit_callbacks: Any,
) -> None:
    other = with_report(another_student(analysed, "b"), film, sample_document)
    summary = made(services.make_for_class(analysed.lesson, analysed.student))
    assert summary.error_text == ""
    document = summary.read()
    # Both recordings are the same film: what one shows both do.
    happiness = [m for m in document.whole_class.moments if m.emotion == "happiness"]
    assert {(m.people, m.in_view, m.of) for m in happiness} == {(2, 2, 2)}
    shown = {document.sources[still.source].file for m in happiness for still in m.stills}
    assert shown == {str(analysed.pk), str(other.pk)}
    assert list(summary.folder.glob("class-*.jpg"))
    with django_capture_on_commit_callbacks(execute=True):
        withdraw(other.student, other.lesson.course)
    assert not LessonSummary.objects.exists()
    assert not summary.folder.exists()


def test_a_student_without_consent_is_not_in_the_class_summary(
    analysed: Recording, film: Path, sample_document: dict[str, Any]
) -> None:
    other = with_report(another_student(analysed, "b"), film, sample_document)
    other.student.consents.update(withdrawn_at=timezone.now())
    summary = made(services.make_for_class(analysed.lesson, analysed.student))
    document = summary.read()
    assert document.whole_class.people == 1
    assert document.whole_class.moments == []
    assert "too few to speak of a class" in document.whole_class.missing[0]


def test_a_video_that_is_gone_fails_with_a_reason_and_may_be_tried_again(
    analysed: Recording,
) -> None:
    analysed.video_path.write_bytes(b"not a video")
    summary = made(services.make_for_recording(analysed, analysed.student))
    assert summary.state == "failed"
    assert "a.mp4" in summary.error_text
    assert str(analysed.pk) not in summary.error_text
    assert stored(analysed) == []  # nothing half-made is left
    again = services.make_for_recording(analysed, analysed.student)
    assert again.pk != summary.pk


def test_a_summary_whose_worker_died_is_made_by_the_next(analysed: Recording, sent: list) -> None:
    summary = services.make_for_recording(analysed, analysed.student)
    silent = timezone.now() - dt.timedelta(hours=1)
    LessonSummary.objects.filter(pk=summary.pk).update(
        state="running", owner="elsewhere#1#x", heartbeat_at=silent, attempts=1
    )
    sent.clear()
    reaper.reap()
    assert ("workers.summaries.summarise", str(summary.pk)) in sent
    assert made(summary).state == "finished"


def test_a_summary_that_kills_its_workers_is_given_up_with_a_reason(
    analysed: Recording, settings: object
) -> None:
    summary = services.make_for_recording(analysed, analysed.student)
    LessonSummary.objects.filter(pk=summary.pk).update(
        state="running",
        owner="elsewhere#1#x",
        heartbeat_at=timezone.now() - dt.timedelta(hours=1),
        attempts=settings.ANALYSIS_MAX_ATTEMPTS,  # type: ignore[attr-defined]
    )
    reaper.reap()
    summary.refresh_from_db()
    assert summary.state == "failed"
    assert "Try again" in summary.error_text


def test_files_of_a_class_summary_without_a_row_are_swept(
    recording: Recording, tmp_path: Path
) -> None:
    orphan = tmp_path / "summaries" / "00000000-0000-4000-8000-000000000000"
    orphan.mkdir(parents=True)
    summaries.sweep_files(-1.0)
    assert not orphan.exists()
