"""Pages of lesson summaries: who sees them, how they are asked for, and what they show."""

import pytest
from django.utils import timezone

from tests.factories import build_document
from tests.webapp.conftest import World, client_of, finish, make_recording
from tests.webapp.summary_world import finished_class_summary, finished_summary
from webapp.accounts.models import User
from webapp.marks.models import Correction
from webapp.privacy.models import AccessLog
from webapp.privacy.services import grant, withdraw
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from webapp.summaries.models import LessonSummary


def page(world: World) -> str:
    return f"/recordings/{world.recording.pk}/summary/"


def class_page(world: World) -> str:
    return f"/lessons/{world.lesson.pk}/summary/"


def readings(user: User) -> int:
    return AccessLog.objects.filter(actor=user, action=AccessLog.Action.SUMMARY).count()


def classmate_analysis(world: World) -> Analysis:
    grant(world.other_student, world.course)
    return finish(make_recording(world.other_student, world.lesson))


def test_the_report_offers_to_make_a_summary_and_then_leads_to_it(
    world: World, sent: list, django_capture_on_commit_callbacks: object
) -> None:
    client = client_of(world.instructor)
    report = f"/recordings/{world.recording.pk}/report/"
    assert "Make a lesson summary" in client.get(report).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        response = client.post(f"{page(world)}make/")
    assert response.headers["Location"] == page(world)
    summary = LessonSummary.objects.get()
    assert (summary.state, summary.created_by) == ("queued", world.instructor)
    assert ("workers.summaries.summarise", str(summary.pk)) in sent
    again = client.get(report).content.decode()
    assert "Make a lesson summary" not in again
    assert page(world) in again


def test_pressing_twice_queues_one(world: World) -> None:
    client = client_of(world.student)
    for _ in range(2):
        assert client.post(f"{page(world)}make/").status_code == 302
    assert LessonSummary.objects.count() == 1


def test_without_a_report_or_consent_there_is_nothing_to_make(world: World) -> None:
    world.student.consents.update(withdrawn_at=timezone.now())
    client = client_of(world.instructor)
    assert client.post(f"{page(world)}make/").status_code == 403
    Analysis.objects.all().delete()
    response = client.post(f"{page(world)}make/", follow=True)
    assert "There is no report yet" in response.content.decode()
    assert not LessonSummary.objects.exists()


@pytest.mark.parametrize("state", ["queued", "running"])
def test_the_page_polls_while_the_summary_is_being_made_and_then_reloads(
    world: World, state: str
) -> None:
    summary = LessonSummary.objects.create(recording=world.recording, state=state, progress=0.4)
    client = client_of(world.student)
    assert f'hx-get="{page(world)}"' in client.get(page(world)).content.decode()
    piece = client.get(page(world), headers={"HX-Request": "true"})
    assert "<html" not in piece.content.decode()
    summary.delete()
    finished_summary(world.recording, world.analysis)
    done = client.get(page(world), headers={"HX-Request": "true"})
    assert done.headers["HX-Refresh"] == "true"


def test_a_failure_says_why_and_may_be_tried_again(world: World) -> None:
    LessonSummary.objects.create(
        recording=world.recording, state="failed", error_code="x", error_text="The disk is full."
    )
    client = client_of(world.student)
    text = client.get(page(world)).content.decode()
    assert "The disk is full." in text
    assert "Try again" in text
    assert "hx-get" not in text
    client.post(f"{page(world)}make/")
    assert LessonSummary.objects.filter(state="queued").count() == 1


def test_a_finished_summary_shows_clips_figures_and_the_way_to_the_moment(world: World) -> None:
    summary = finished_summary(world.recording, world.analysis)
    text = client_of(world.student).get(page(world)).content.decode()
    assert f'src="/summaries/{summary.pk}/a.mp4"' in text
    assert f"/recordings/{world.recording.pk}/report/?track=1#t=2.0" in text
    for words in ("Happiness", "0:02.0 to 0:05.5", "81%", "face seen 84%", "No dip stands out."):
        assert words in text
    # What made it and what it is not, beside the figures.
    assert "not a trained model" in text
    assert "Something to know." in text
    assert "Make it anew" in text


def test_a_summary_of_an_older_report_says_so(world: World) -> None:
    finished_summary(world.recording, world.analysis)
    newer = Analysis.objects.create(
        recording=world.recording, state="finished", finished_at=timezone.now()
    )
    AnalysisDocument.objects.create(analysis=newer, document=build_document())
    text = client_of(world.student).get(page(world)).content.decode()
    assert "analysed again since" in text


def leave_out(world: World, recording: Recording, start_s: float, end_s: float) -> Correction:
    """What an instructor leaves out of a recording's figures by hand."""
    return recording.corrections.create(
        kind="exclusion", start_s=start_s, end_s=end_s, text="A break", made_by=world.instructor
    )


def test_a_moment_that_was_left_out_of_the_figures_since_is_not_shown(world: World) -> None:
    summary = finished_summary(world.recording, world.analysis)
    files = [f"/summaries/{summary.pk}/{name}" for name in ("a.mp4", "a.jpg", "contact-sheet.jpg")]
    client = client_of(world.instructor)
    # Beside the clip of 2.0 to 5.5 s: nothing changes.
    leave_out(world, world.recording, 5.5, 8.0)
    text = client.get(page(world)).content.decode()
    assert files[0] in text
    assert "not shown" not in text
    correction = leave_out(world, world.recording, 5.0, 8.0)
    text = client.get(page(world)).content.decode()
    assert "1 moment is not shown" in text
    for one in files:
        assert one not in text
        assert client.get(one).status_code == 404
    report = client.get(f"/recordings/{world.recording.pk}/report/").content.decode()
    assert files[0] not in report
    # Undone, it is as before.
    correction.withdrawn_at = timezone.now()
    correction.save()
    text = client.get(page(world)).content.decode()
    assert "not shown" not in text
    for one in files:
        assert one in text
        assert client.get(one).status_code == 200


def test_a_class_shows_no_picture_of_what_one_report_leaves_out(world: World) -> None:
    theirs = classmate_analysis(world)
    summary = finished_class_summary(world.lesson, [world.analysis, theirs])
    files = [f"/summaries/{summary.pk}/class-{number}.jpg" for number in (0, 1)]
    # The pictures are of 3.0 s; another recording's correction is not this one's.
    leave_out(world, theirs.recording, 0.0, 4.0)
    client = client_of(world.instructor)
    text = client.get(class_page(world)).content.decode()
    assert "1 picture is not shown" in text
    assert files[0] in text
    assert files[1] not in text
    assert [client.get(one).status_code for one in files] == [200, 404]
    assert client.get(f"/summaries/{summary.pk}/contact-sheet.jpg").status_code == 404


def test_clips_are_sent_in_parts_and_stills_as_pictures(world: World) -> None:
    summary = finished_summary(world.recording, world.analysis)
    client = client_of(world.instructor)
    part = client.get(f"/summaries/{summary.pk}/a.mp4", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.headers["Content-Type"]) == (206, "video/mp4")
    still = client.get(f"/summaries/{summary.pk}/a.jpg")
    assert still.headers["Content-Type"] == "image/jpeg"


def test_files_that_the_summary_does_not_speak_of_are_not_served(world: World) -> None:
    summary = finished_summary(world.recording, world.analysis)
    (summary.folder / "secret.jpg").write_bytes(b"\xff\xd8\xff")
    client = client_of(world.instructor)
    for name in ("secret.jpg", "summary.json", "lesson.mp4", "..%2Fembeddings.parquet", "b.mp4"):
        assert client.get(f"/summaries/{summary.pk}/{name}").status_code == 404, name


@pytest.mark.parametrize("who", ["other_student", "other_instructor"])
def test_outsiders_learn_nothing(world: World, who: str) -> None:
    summary = finished_summary(world.recording, world.analysis)
    client = client_of(getattr(world, who))
    for path in (page(world), f"/summaries/{summary.pk}/a.mp4"):
        assert client.get(path).status_code == 404


def test_reading_is_written_to_the_log_once_and_waiting_is_not(world: World) -> None:
    client = client_of(world.instructor)
    client.get(page(world))
    assert readings(world.instructor) == 0
    summary = finished_summary(world.recording, world.analysis)
    client.get(page(world))
    for name in ("a.mp4", "a.jpg", "contact-sheet.jpg"):
        client.get(f"/summaries/{summary.pk}/{name}")
    assert readings(world.instructor) == 1
    client_of(world.admin).get(f"/summaries/{summary.pk}/a.mp4")
    assert readings(world.admin) == 1


def test_the_lesson_offers_its_instructor_a_class_summary_and_no_student(world: World) -> None:
    lesson = f"/lessons/{world.lesson.pk}/"
    assert "Make a class summary" in client_of(world.instructor).get(lesson).content.decode()
    assert "class summary" not in client_of(world.student).get(lesson).content.decode()


def test_a_lesson_without_a_report_offers_no_class_summary_and_says_why(world: World) -> None:
    client = client_of(world.instructor)
    assert "Make a class summary" in client.get(class_page(world)).content.decode()
    world.lesson.recordings.all().delete()
    page_text = client.get(class_page(world)).content.decode()
    assert "Make a class summary" not in page_text
    assert "as soon as a report is there" in page_text


def test_a_recording_without_a_report_offers_no_summary_and_says_why(world: World) -> None:
    client = client_of(world.instructor)
    assert "Make a lesson summary" in client.get(page(world)).content.decode()
    world.recording.analyses.update(state="failed")
    text = client.get(page(world)).content.decode()
    assert "Make a lesson summary" not in text
    assert "as soon as a report is there" in text


def test_a_class_summary_is_made_of_the_newest_report_of_each_consenting_student(
    world: World,
) -> None:
    other = classmate_analysis(world)
    newer = finish(make_recording(world.student, world.lesson))
    make_recording(world.other_student, world.lesson)  # not analysed yet
    client = client_of(world.instructor)
    client.post(f"{class_page(world)}make/")
    assert set(LessonSummary.objects.get().analyses.all()) == {newer, other}
    LessonSummary.objects.all().delete()
    world.other_student.consents.update(withdrawn_at=timezone.now())
    client.post(f"{class_page(world)}make/")
    assert set(LessonSummary.objects.get().analyses.all()) == {newer}


def test_a_class_summary_names_its_students_and_logs_each_of_them(world: World) -> None:
    analyses = [world.analysis, classmate_analysis(world)]
    summary = finished_class_summary(world.lesson, analyses)
    text = client_of(world.instructor).get(class_page(world)).content.decode()
    for words in ("Surprise", "2 of 2 in view, of 3", "Student", "Other Student"):
        assert words in text
    for number, analysis in enumerate(analyses):
        assert f"/summaries/{summary.pk}/class-{number}.jpg" in text
        assert f"/recordings/{analysis.recording_id}/report/?track=1#t=3.0" in text
    logged = AccessLog.objects.filter(actor=world.instructor, action="summary")
    assert {one.subject for one in logged} == {world.student, world.other_student}


def test_a_student_gets_no_file_of_a_class_summary(world: World) -> None:
    summary = finished_class_summary(world.lesson, [world.analysis, classmate_analysis(world)])
    for who in (world.student, world.other_instructor):
        assert client_of(who).get(f"/summaries/{summary.pk}/class-0.jpg").status_code == 404
    assert (
        client_of(world.instructor).get(f"/summaries/{summary.pk}/class-0.jpg").status_code == 200
    )


def test_withdrawal_erases_every_summary_that_shows_the_student(
    world: World, django_capture_on_commit_callbacks: object
) -> None:
    own = finished_summary(world.recording, world.analysis)
    of_class = finished_class_summary(world.lesson, [world.analysis, classmate_analysis(world)])
    folders = [own.folder, of_class.folder]
    assert all(folder.is_dir() for folder in folders)
    with django_capture_on_commit_callbacks(execute=True):
        withdraw(world.student, world.course)
    assert not LessonSummary.objects.exists()
    assert not any(folder.exists() for folder in folders)
