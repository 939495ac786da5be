"""Recordings of a whole meeting: upload, matching, and what becomes of people who withdraw."""

import uuid
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.urls import reverse

from tests.webapp.conftest import World, client_of, finish, make_recording
from tests.webapp.group_world import analysed, found_group
from webapp.groups import services, storage
from webapp.groups.models import (
    FaceTemplate,
    GroupAffectDocument,
    GroupPerson,
    GroupRecording,
    GroupResult,
)
from webapp.groups.queue import GROUP_TASK
from webapp.privacy import services as privacy
from webapp.privacy.models import AccessLog, Consent
from webapp.recordings import storage as storage_of_uploads
from webapp.recordings.models import Recording
from webapp.recordings.uploads import ReceivedFile

Decision = GroupPerson.Decision
on_disk = pytest.mark.django_db(transaction=True)


def page_of(world: World, group: GroupRecording) -> str:
    answer = client_of(world.instructor).get(reverse("groups:group", args=[group.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def upload(world: World, content: bytes = b"a meeting" * 1000) -> HttpResponse:
    page = reverse("groups:upload", args=[world.lesson.pk])
    return client_of(world.instructor).post(
        page, {"video": SimpleUploadedFile("../gallery.mp4", content)}, follow=True
    )


def say(world: World, group: GroupRecording, **choices: object) -> HttpResponse:
    """Posts the matching form: `one=student` says that person 1 is the student."""
    numbers = {"one": 1, "two": 2, "three": 3}
    fields = {f"person-{numbers[k]}": str(v) for k, v in choices.items() if k in numbers}
    if choices.get("analyse"):
        fields["analyse"] = "1"
    return client_of(world.instructor).post(
        reverse("groups:match", args=[group.pk]), fields, follow=True
    )


def decisions(group: GroupRecording) -> list[tuple[str, int | None]]:
    return list(group.people.order_by("number").values_list("decision", "student_id"))


def both_analysed(world: World) -> GroupRecording:
    """Both students consent, are matched, and have a result each."""
    privacy.grant(world.other_student, world.course)
    made = [make_recording(who, world.lesson) for who in (world.student, world.other_student)]
    for one in made:
        finish(one)
    return analysed(found_group(world.lesson, world.instructor, people=3), *made)


@on_disk
def test_an_upload_is_stored_under_its_id_and_its_people_are_looked_for(
    world: World, sent: list[tuple[str, str]]
) -> None:
    assert "safely stored" in upload(world).content.decode()
    group = GroupRecording.objects.get()
    assert group.video_path.read_bytes() == b"a meeting" * 1000
    assert (group.original_name, group.uploaded_by) == ("gallery.mp4", world.instructor)
    assert (GROUP_TASK, str(group.pk)) in sent
    assert group.sent_at is not None


def test_without_anybodys_consent_nothing_is_taken(world: World, data_dir: Path) -> None:
    privacy.withdraw(world.student, world.course)
    assert "No student of Algebra has given consent" in upload(world).content.decode()
    assert not GroupRecording.objects.exists()
    assert not list(data_dir.glob("groups/*"))


def test_consent_to_an_older_text_does_not_cover_a_meeting(world: World) -> None:
    Consent.objects.update(text_version="2026-1")
    assert "has given consent" in upload(world).content.decode()
    assert not GroupRecording.objects.exists()


def test_consent_that_ends_during_the_upload_keeps_nothing(world: World, data_dir: Path) -> None:
    part = storage_of_uploads.incoming_dir() / "x.part"
    part.write_bytes(b"video")
    received = ReceivedFile(uuid.uuid4(), part, "a.mp4", 5, "0" * 64)
    privacy.withdraw(world.student, world.course)
    with pytest.raises(services.GroupRefusedError):
        services.accept(received, world.lesson, world.instructor)
    assert not list((data_dir / "groups").iterdir())
    assert not part.exists()


def test_the_people_are_shown_with_suggestions_and_who_cannot_be_matched(world: World) -> None:
    group = found_group(world.lesson, world.instructor)
    group.people.filter(number=2).update(suggested=world.student, similarity=0.81)
    page = page_of(world, group)
    assert "2 people found" in page
    assert "A name tag reads <strong>“Tag 1”" in page
    assert "Resembles the template of <strong>Student</strong>" in page
    assert f'<option value="{world.student.pk}"' in page
    assert "<option disabled>Other Student</option>" in page


def test_a_match_is_kept_and_logged_for_the_student(world: World) -> None:
    group = found_group(world.lesson, world.instructor)
    say(world, group, one=world.student.pk, two="nobody")
    assert decisions(group) == [("student", world.student.pk), ("nobody", None)]
    line = AccessLog.objects.get(action="match")
    assert (line.actor, line.subject, line.recording_id) == (
        world.instructor,
        world.student,
        group.pk,
    )


def test_a_student_without_consent_cannot_be_matched(world: World) -> None:
    group = found_group(world.lesson, world.instructor)
    answer = say(world, group, one=world.other_student.pk)
    assert "Nothing was changed" in answer.content.decode()
    assert decisions(group) == [("unmatched", None)] * 2


def test_two_faces_of_one_student_are_allowed_with_a_notice(world: World) -> None:
    group = found_group(world.lesson, world.instructor)
    answer = say(world, group, one=world.student.pk, two=world.student.pk)
    assert "matched to the same student" in answer.content.decode()


@on_disk
def test_the_analysis_starts_once_somebody_is_matched(
    world: World, sent: list[tuple[str, str]]
) -> None:
    group = found_group(world.lesson, world.instructor)
    answer = say(world, group, one="nobody", analyse=True)
    assert "Nobody is matched to a student who consents yet" in answer.content.decode()
    assert not sent
    say(world, group, one=world.student.pk, analyse=True)
    group.refresh_from_db()
    assert (group.step, group.state) == ("analyse", "queued")
    assert sent == [(GROUP_TASK, str(group.pk))]


def test_while_it_is_worked_on_nothing_is_changed(world: World) -> None:
    group = found_group(world.lesson, world.instructor)
    GroupRecording.objects.update(state="running", step="analyse")
    answer = say(world, group, one=world.student.pk)
    assert "being worked on" in answer.content.decode()
    assert decisions(group) == [("unmatched", None)] * 2


def test_the_class_is_shown_over_time_without_windows_of_one_person(world: World) -> None:
    page = page_of(world, both_analysed(world))
    assert "<strong>2 people</strong>" in page
    assert "0:00 to 0:05" in page
    assert "0:05 to 0:10" not in page
    assert page.count("affect-chart__positive") == 1


def test_of_one_person_no_class_is_shown(world: World) -> None:
    page = page_of(world, analysed(found_group(world.lesson, world.instructor), world.recording))
    assert "affect-chart" not in page
    assert "two people or more" in page


def test_looking_at_the_faces_is_logged_once_for_each_matched_student(world: World) -> None:
    group = both_analysed(world)
    page_of(world, group)
    page_of(world, group)
    looked = AccessLog.objects.filter(action="people", actor=world.instructor)
    subjects = sorted(looked.values_list("subject_id", flat=True))
    assert subjects == sorted([world.student.pk, world.other_student.pk])


@on_disk
def test_saying_that_it_is_somebody_else_erases_what_was_made(world: World) -> None:
    group = both_analysed(world)
    wrong = GroupResult.objects.get(person__number=2).recording
    kept = GroupResult.objects.get(person__number=1).recording
    say(world, group, one=world.student.pk, two="nobody")
    group.refresh_from_db()
    assert not Recording.objects.filter(pk=wrong.pk).exists()
    assert not wrong.video_path.exists()
    assert Recording.objects.filter(pk=kept.pk).exists()
    assert group.analysed_at is None
    assert not storage.blurred_path(group.pk).exists()
    assert not GroupAffectDocument.objects.exists()
    assert AccessLog.objects.filter(action="delete", recording_id=wrong.pk).exists()


@on_disk
def test_who_withdraws_is_taken_out_and_the_recording_waits_to_be_blurred(
    world: World, sent: list[tuple[str, str]]
) -> None:
    group = both_analysed(world)
    FaceTemplate.objects.create(
        student=world.other_student, course=world.course, model_name="m", encrypted=b"x"
    )
    made = GroupResult.objects.get(person__number=2).recording
    privacy.withdraw(world.other_student, world.course)
    group.refresh_from_db()
    person = group.people.get(number=2)
    assert (person.decision, person.student, person.name_tag) == ("erased", None, "")
    assert not person.thumbnail_path.exists()
    assert not made.video_path.exists()
    assert not FaceTemplate.objects.exists()
    assert (group.step, group.state, group.redact_pending) == ("redact", "queued", True)
    assert (GROUP_TASK, str(group.pk)) in sent
    client = client_of(world.instructor)
    assert client.get(reverse("groups:video", args=[group.pk])).status_code == 404
    assert client.get(reverse("groups:face", args=[group.pk, 2])).status_code == 404
    # The other student's result stays.
    assert GroupResult.objects.get().person.number == 1


@on_disk
def test_who_leaves_the_course_is_taken_out_too(world: World) -> None:
    group = both_analysed(world)
    made = GroupResult.objects.get(person__number=2).recording
    world.other_student.enrolments.get(course=world.course).delete()
    group.refresh_from_db()
    assert decisions(group)[1] == ("erased", None)
    assert group.redact_pending
    assert not Recording.objects.filter(pk=made.pk).exists()


@on_disk
def test_a_result_that_its_student_deletes_is_not_made_again(world: World) -> None:
    group = both_analysed(world)
    made = GroupResult.objects.get(person__number=2).recording
    client_of(world.other_student).post(reverse("recordings:delete", args=[made.pk]))
    group.refresh_from_db()
    assert decisions(group)[:2] == [("student", world.student.pk), ("nobody", None)]
    assert not storage.blurred_path(group.pk).exists()
    assert not GroupAffectDocument.objects.exists()


def test_an_analysis_under_way_begins_again_without_who_deleted_their_result(world: World) -> None:
    group = both_analysed(world)
    GroupRecording.objects.update(step="analyse", state="running", owner="a worker")
    made = GroupResult.objects.get(person__number=2).recording
    client_of(world.other_student).post(reverse("recordings:delete", args=[made.pk]))
    group.refresh_from_db()
    assert (group.step, group.state, group.owner) == ("analyse", "queued", "")


@on_disk
def test_deleting_a_group_recording_erases_everything_made_of_it(world: World) -> None:
    group = both_analysed(world)
    made = [result.recording for result in GroupResult.objects.all()]
    client_of(world.instructor).post(reverse("groups:delete", args=[group.pk]))
    assert not GroupRecording.objects.exists()
    assert not storage.folder(group.pk).exists()
    for recording in made:
        assert not Recording.objects.filter(pk=recording.pk).exists()
        assert not recording.video_path.exists()
    assert Recording.objects.filter(pk=world.recording.pk).exists()


def test_deleting_a_course_takes_its_group_recordings_along(world: World) -> None:
    both_analysed(world)
    world.course.delete()
    assert not GroupRecording.objects.exists()


def test_turning_templates_off_erases_them(world: World) -> None:
    FaceTemplate.objects.create(
        student=world.student, course=world.course, model_name="m", encrypted=b"x"
    )
    page = reverse("groups:settings", args=[world.course.pk])
    client = client_of(world.instructor)
    client.post(page, {"keep_templates": "on"})
    assert FaceTemplate.objects.count() == 1
    assert "checked" in client.get(page).content.decode()
    client.post(page, {})
    assert not FaceTemplate.objects.exists()


def test_a_failed_step_shows_its_reason_and_can_be_tried_again(world: World) -> None:
    group = found_group(world.lesson, world.instructor, people=0)
    GroupRecording.objects.update(state="failed", step="find", error_text="It is no video.")
    page = page_of(world, group)
    assert "It is no video." in page
    assert "Try again" in page
    client_of(world.instructor).post(reverse("groups:retry", args=[group.pk]))
    group.refresh_from_db()
    assert (group.step, group.state, group.error_text) == ("find", "queued", "")


def test_the_lesson_lists_its_meetings_for_the_instructor_alone(world: World) -> None:
    found_group(world.lesson, world.instructor)
    lesson = reverse("courses:lesson", args=[world.lesson.pk])
    assert "gallery.mp4" in client_of(world.instructor).get(lesson).content.decode()
    assert "gallery.mp4" not in client_of(world.student).get(lesson).content.decode()


def test_the_page_asks_again_only_while_something_is_done(world: World) -> None:
    group = found_group(world.lesson, world.instructor)
    state = reverse("groups:state", args=[group.pk])
    client = client_of(world.instructor)
    assert client.get(state).headers["HX-Refresh"] == "true"
    GroupRecording.objects.update(state="running", step="analyse", progress=0.4)
    piece = client.get(state).content.decode()
    assert 'value="40"' in piece
    assert "hx-trigger" in piece
