"""Consent, withdrawal and the audit log."""

import uuid

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.urls import reverse

from tests.webapp.conftest import World, client_of, finish, make_recording
from tests.webapp.group_world import found_group
from webapp.privacy import services
from webapp.privacy.models import AccessLog, AppendOnlyError, Consent
from webapp.recordings.models import Analysis, AnalysisDocument, Recording


def test_the_page_says_what_is_measured_by_what_and_who_sees_it(world: World) -> None:
    page = client_of(world.other_student).get(reverse("privacy:consent", args=[world.course.pk]))
    text = page.content.decode()
    for words in ("What is measured", "biometric", "By what", "Who sees it", "withdraw"):
        assert words in text
    assert "checked" not in text


def test_consent_needs_the_box(world: World) -> None:
    client = client_of(world.other_student)
    url = reverse("privacy:consent", args=[world.course.pk])
    assert client.post(url, {}).status_code == 400
    assert not services.has_consent(world.other_student, world.course)
    assert client.post(url, {"agree": "on"}).status_code == 302
    assert services.has_consent(world.other_student, world.course)


def test_agreeing_twice_keeps_one_consent(world: World) -> None:
    first = services.grant(world.other_student, world.course)
    assert services.grant(world.other_student, world.course) == first


@pytest.mark.django_db(transaction=True)
def test_agreeing_to_a_newer_text_widens_consent_and_erases_nothing(world: World) -> None:
    Consent.objects.filter(user=world.student).update(text_version="2025-1")
    group = found_group(world.lesson, world.instructor)
    group.people.filter(number=1).update(decision="student", student=world.student)
    assert services.has_consent(world.student, world.course)
    assert not services.covers_groups_and_training(world.student, world.course)
    client = client_of(world.student)
    url = reverse("privacy:consent", args=[world.course.pk])
    assert "The text has changed since" in client.get(url).content.decode()
    course = reverse("courses:course", args=[world.course.pk])
    assert "read the new text and decide" in client.get(course).content.decode()
    assert client.post(url, {"agree": "on"}).status_code == 302
    assert services.covers_groups_and_training(world.student, world.course)
    assert Consent.objects.filter(user=world.student, withdrawn_at=None).count() == 1
    assert world.recording.video_path.exists()
    assert Recording.objects.filter(pk=world.recording.pk).exists()
    assert group.people.get(number=1).student == world.student
    assert not AccessLog.objects.filter(action="withdraw").exists()
    assert "The text has changed since" not in client.get(url).content.decode()
    assert "read the new text and decide" not in client.get(course).content.decode()


def test_lessons_of_withdrawn_consent_are_named_to_the_browser_until_it_is_given_anew(
    world: World,
) -> None:
    page = reverse("recordings:mine")
    client = client_of(world.student)
    said = f'<script id="withdrawn-lessons" type="application/json">[{world.lesson.pk}]</script>'
    assert "withdrawn-lessons" not in client.get(page).content.decode()
    services.withdraw(world.student, world.course)
    assert said in client.get(page).content.decode()
    consent = client.get(reverse("privacy:consent", args=[world.course.pk])).content.decode()
    assert said in consent
    assert "js/upload/withdrawn" in consent
    assert "withdrawn-lessons" not in client_of(world.other_student).get(page).content.decode()
    services.grant(world.student, world.course)
    assert "withdrawn-lessons" not in client.get(page).content.decode()
    # A renewal ends the consent of before, and withdraws nothing.
    Consent.objects.filter(user=world.student, withdrawn_at=None).update(text_version="2026-2")
    services.grant(world.student, world.course)
    assert "withdrawn-lessons" not in client.get(page).content.decode()


def test_consent_counts_for_its_course_only(world: World) -> None:
    assert services.has_consent(world.student, world.course)
    assert not services.has_consent(world.student, world.other_course)


def test_the_database_allows_one_active_consent(world: World) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Consent.objects.create(user=world.student, course=world.course, text_version="x")


@pytest.mark.django_db(transaction=True)
def test_withdrawing_erases_everything_of_this_student_in_this_course(world: World) -> None:
    other = make_recording(world.other_student, world.lesson)
    elsewhere = make_recording(world.student, world.other_lesson)
    running = make_recording(world.student, world.lesson)
    Analysis.objects.create(recording=running, state="running", owner="somebody")
    finish(elsewhere)
    world.recording.embeddings_path.write_bytes(b"numbers")
    page = reverse("privacy:withdraw", args=[world.course.pk])
    client = client_of(world.student)
    assert "2 recordings of yours" in client.get(page).content.decode()
    client.post(page)
    assert set(Recording.objects.all()) == {other, elsewhere}
    assert AnalysisDocument.objects.count() == 1
    assert not Analysis.objects.filter(state="running").exists()
    assert not world.recording.video_path.parent.exists()
    assert not running.video_path.parent.exists()
    assert elsewhere.video_path.exists()
    consent = Consent.objects.get(user=world.student)
    assert consent.withdrawn_at is not None
    assert not services.has_consent(world.student, world.course)
    assert AccessLog.objects.filter(action="withdraw", subject=world.student).count() == 2


def test_after_a_withdrawal_one_may_agree_anew(world: World) -> None:
    services.withdraw(world.student, world.course)
    services.grant(world.student, world.course)
    assert Consent.objects.filter(user=world.student).count() == 2


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("reports:recording", "report"),
        ("reports:data", "data"),
        ("reports:json", "json"),
        ("reports:csv", "csv"),
        ("recordings:video", "video"),
    ],
)
def test_every_access_to_a_report_is_logged(name: str, action: str, world: World) -> None:
    client_of(world.instructor).get(reverse(name, args=[world.recording.pk]))
    entry = AccessLog.objects.get()
    assert (entry.actor, entry.subject, entry.action) == (world.instructor, world.student, action)
    assert entry.recording_id == world.recording.pk


def test_a_refused_access_is_not_an_access(world: World) -> None:
    client_of(world.other_instructor).get(reverse("reports:recording", args=[world.recording.pk]))
    assert not AccessLog.objects.exists()


def test_the_pieces_of_one_viewing_are_one_line(world: World) -> None:
    url = reverse("recordings:video", args=[world.recording.pk])
    for actor in (world.instructor, world.student):
        for header in ("bytes=1-1", "bytes=2-", ""):
            client_of(actor).get(url, headers={"Range": header})
    assert AccessLog.objects.count() == 2


@pytest.fixture
def entry(world: World) -> AccessLog:
    services.log_access(world.instructor, world.recording, "report")
    return AccessLog.objects.get()


def test_the_log_can_only_be_added_to(entry: AccessLog, world: World) -> None:
    entry.action = "csv"
    for change in (
        entry.save,
        entry.delete,
        AccessLog.objects.all().delete,
        lambda: AccessLog.objects.update(action="csv"),
    ):
        with pytest.raises(AppendOnlyError):
            change()
    assert AccessLog.objects.get().action == "report"


def test_the_log_outlives_the_recording_and_keeps_its_people(
    entry: AccessLog, world: World
) -> None:
    world.recording.delete()
    assert isinstance(AccessLog.objects.get().recording_id, uuid.UUID)
    with pytest.raises(ProtectedError):
        world.instructor.delete()


def test_admins_read_the_log_and_cannot_change_it(entry: AccessLog, world: World) -> None:
    client = client_of(world.admin)
    assert "opened the report" in client.get("/admin/privacy/accesslog/").content.decode()
    for path in (f"{entry.pk}/delete/", "add/"):
        assert client.get(f"/admin/privacy/accesslog/{path}").status_code == 403
    client.post(f"/admin/privacy/accesslog/{entry.pk}/change/", {"action": "csv"})
    assert AccessLog.objects.get().action == "report"


def test_the_admin_pages_do_not_show_results(world: World) -> None:
    client = client_of(world.admin)
    page = client.get(f"/admin/recordings/analysisdocument/{world.analysis.pk}/change/")
    assert page.status_code == 200
    assert "happiness" not in page.content.decode()
    page = client.get(f"/admin/recordings/analysis/{world.analysis.pk}/change/")
    assert "ngagement:" not in page.content.decode()
    assert not AccessLog.objects.exists()


@pytest.mark.parametrize(
    "path",
    [
        "accounts/user/?q=s", "courses/course/?q=a", "courses/lesson/?q=a",
        "courses/enrolment/?q=a", "recordings/recording/?q=a", "recordings/analysis/?q=a",
        "recordings/analysisdocument/", "privacy/consent/?q=a", "privacy/accesslog/?q=a",
    ],
)  # fmt: skip
def test_every_list_of_the_admin_pages_searches(path: str, world: World) -> None:
    assert client_of(world.admin).get(f"/admin/{path}").status_code == 200


def test_admins_erase_on_the_page_that_logs_it(world: World) -> None:
    client = client_of(world.admin)
    page = reverse("recordings:delete", args=[world.recording.pk])
    assert page in client.get("/admin/recordings/recording/").content.decode()
    client.post(page)
    assert not Recording.objects.exists()
    entry = AccessLog.objects.get()
    assert (entry.action, entry.actor, entry.subject) == ("delete", world.admin, world.student)


def test_a_course_with_recordings_is_not_deleted_in_passing(world: World) -> None:
    path = f"/admin/courses/course/{world.course.pk}/delete/"
    client_of(world.admin).post(path, {"post": "yes"})
    assert Recording.objects.exists()
