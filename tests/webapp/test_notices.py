"""Who is told what, on the page and by e-mail, and that nobody is told twice."""

import datetime as dt
import re
from collections.abc import Iterator
from email.header import decode_header, make_header
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.webapp.conftest import World, client_of, make_recording
from tests.webapp.mail_world import Box, mail_server, text_of
from webapp.accounts.models import User
from webapp.config.email import email_settings, site_url
from webapp.courses.models import Enrolment, Lesson
from webapp.disputes import services as disputes
from webapp.notices import outbox, selectors, services, weekly
from webapp.notices.models import Mail, Notice, Preferences
from webapp.recordings.models import Analysis, Recording
from workers import notices as worker

MONDAY = dt.datetime(2026, 11, 30, 8, 0, tzinfo=dt.UTC)


@pytest.fixture
def box(settings: object) -> Iterator[Box]:
    """A real SMTP server that takes the site's e-mail."""
    settings.SITE_URL = "https://learn.example"  # type: ignore[attr-defined]
    with mail_server(settings) as taken:
        yield taken


def ended(recording: Recording, state: str = "finished", text: str = "") -> Analysis:
    """An analysis that ended, and was told."""
    analysis = Analysis.objects.create(
        recording=recording, state=state, error_text=text, finished_at=timezone.now()
    )
    with transaction.atomic():
        services.analysis_ended(analysis.pk)
    return analysis


def told(user: User) -> list[str]:
    """The sentences of the user's page of notices."""
    page = client_of(user).get(reverse("notices:list")).content.decode()
    return re.findall(r'<a class="list__title"[^>]*>([^<]*)</a>', page)


def end_of_the_hour() -> None:
    """As if the hour were over: what is gathered may go."""
    Notice.objects.filter(mail_due_at__isnull=False).update(mail_due_at=timezone.now())


def deliver() -> None:
    """What the worker does for everybody to whom something is due."""
    for user_id in outbox.people_with_mail():
        worker.mail(str(user_id))


def subject_of(message: object) -> str:
    return str(make_header(decode_header(message["Subject"])))  # type: ignore[index]


# -- on the page --


def test_the_student_is_told_of_their_own_and_the_instructor_of_the_lesson(world: World) -> None:
    ended(world.recording)
    ended(world.recording, "failed", "The file has no video.")
    ended(world.recording, "cancelled")
    assert told(world.student) == [
        "The analysis of your recording “lesson.mp4” of “Algebra 1” failed.",
        "Your recording “lesson.mp4” of “Algebra 1” is analysed.",
    ]
    assert told(world.instructor) == [
        "The analysis of a recording of “Algebra 1” failed.",
        "A recording of “Algebra 1” is analysed.",
    ]
    assert told(world.other_student) == told(world.other_instructor) == told(world.admin) == []
    page = client_of(world.student).get(reverse("notices:list")).content.decode()
    assert "The file has no video." in page


def test_what_is_said_twice_is_told_once(world: World) -> None:
    analysis = ended(world.recording)
    with transaction.atomic():
        services.analysis_ended(analysis.pk)
    assert len(told(world.student)) == 1


def test_the_bell_counts_and_reading_ends_it(world: World) -> None:
    ended(world.recording)
    ended(world.recording, "failed", "No.")
    client = client_of(world.student)
    assert "Notices, 2 unread" in client.get("/").content.decode()
    newest = Notice.objects.filter(user=world.student).first()
    answer = client.get(reverse("notices:follow", args=[newest.pk]))
    assert answer.headers["Location"] == reverse("reports:recording", args=[world.recording.pk])
    assert "Notices, 1 unread" in client.get("/").content.decode()
    client.post(reverse("notices:read"), headers={"hx-request": "true"})
    assert "unread" not in client.get("/").content.decode()
    assert selectors.unread(world.instructor) == 2


def test_a_notice_goes_with_what_it_was_about(world: World) -> None:
    ended(world.recording)
    world.recording.delete()
    assert told(world.student) == []
    assert told(world.instructor) == ["A recording of “Algebra 1” is analysed."]


def test_both_sides_of_a_dispute_are_told(world: World) -> None:
    dispute = disputes.open_dispute(world.recording, "Secret words.", None, None)
    disputes.reply(dispute, world.instructor, "Why?", close=False)
    disputes.reply(dispute, world.student, "So.", close=False)
    disputes.close(dispute, world.student)
    assert told(world.instructor) == [
        "Student closed the dispute of a report of “Algebra 1”.",
        "Student wrote in the dispute of a report of “Algebra 1”.",
        "Student disputes their report of “Algebra 1”.",
    ]
    assert told(world.student) == ["Instructor wrote in the dispute of a report of “Algebra 1”."]


def test_long_lists_come_in_pages(world: World) -> None:
    for _ in range(31):
        ended(world.recording)
    assert len(told(world.student)) == 30


def test_old_notices_are_forgotten(world: World) -> None:
    ended(world.recording)
    ended(world.recording, "failed", "No.")
    long_ago = timezone.now() - dt.timedelta(days=200)
    Notice.objects.filter(kind="analysed").update(at=long_ago)
    worker.sweep()
    assert len(told(world.student)) == 1


# -- by e-mail --


def test_nothing_is_written_until_a_server_is_named(world: World) -> None:
    ended(world.recording)
    assert outbox.people_with_mail() == []
    page = client_of(world.student).get(reverse("accounts:profile")).content.decode()
    assert "This site sends no e-mail" in page


def test_a_student_gets_an_e_mail_with_a_link_and_a_way_out(world: World, box: Box) -> None:
    ended(world.recording)
    deliver()
    deliver()
    assert len(box.messages) == 1
    message = box.messages[0]
    assert message["To"] == "student@example.org"
    assert subject_of(message) == "Your recording “lesson.mp4” of “Algebra 1” is analysed."
    text = text_of(message)
    assert f"https://learn.example/recordings/{world.recording.pk}/report/" in text
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Auto-Submitted"] == "auto-generated"
    mail = Mail.objects.get()
    assert message["Message-ID"] == f"<{mail.pk}@learn.example>"
    assert (mail.state, mail.attempts) == ("sent", 1)
    assert mail.sent_at is not None


def test_two_hundred_recordings_make_one_e_mail_to_the_instructor(world: World, box: Box) -> None:
    for number in range(200):
        ended(world.recording, "failed" if number % 10 == 0 else "finished", "No.")
    deliver()
    assert {message["To"] for message in box.messages} == {"student@example.org"}
    end_of_the_hour()
    deliver()
    deliver()
    to_instructor = [one for one in box.messages if one["To"] == "instructor@example.org"]
    assert len(to_instructor) == 1
    text = text_of(to_instructor[0])
    assert "180 recordings of “Algebra 1” are analysed." in text
    assert "The analyses of 20 recordings of “Algebra 1” failed." in text
    assert "lesson.mp4" not in text


def test_the_words_of_a_dispute_stay_on_the_site(world: World, box: Box) -> None:
    disputes.open_dispute(world.recording, "Secret words.", None, None)
    deliver()
    assert [one["To"] for one in box.messages] == ["instructor@example.org"]
    text = text_of(box.messages[0])
    assert "Secret" not in text
    assert "/report/#disputes" in text


def test_what_was_erased_meanwhile_is_not_written_about(world: World, box: Box) -> None:
    ended(world.recording)
    outbox.gather(world.student.pk)
    world.recording.delete()
    deliver()
    assert box.messages == []
    assert Mail.objects.get().state == "empty"


def test_a_server_that_says_later_is_asked_again(world: World, box: Box) -> None:
    box.answers = ["451 busy"]
    ended(world.recording)
    deliver()
    mail = Mail.objects.get()
    assert (mail.state, mail.attempts) == ("queued", 1)
    assert mail.due_at > timezone.now()
    deliver()
    assert box.messages == []
    Mail.objects.update(due_at=timezone.now())
    deliver()
    assert len(box.messages) == 1
    assert Mail.objects.get().state == "sent"


def test_a_server_that_says_never_is_asked_no_more(world: World, box: Box) -> None:
    box.answers = ["554 no such person"]
    ended(world.recording)
    deliver()
    deliver()
    mail = Mail.objects.get()
    assert (mail.state, mail.attempts) == ("failed", 1)
    assert "554" in mail.problem


def test_a_server_that_is_away_is_tried_a_few_times(world: World, settings: object) -> None:
    with mail_server(settings):
        pass
    ended(world.recording)
    for attempt in range(1, outbox.MOST_ATTEMPTS + 2):
        deliver()
        Mail.objects.update(due_at=timezone.now())
        assert Mail.objects.get().attempts == min(attempt, outbox.MOST_ATTEMPTS)
    assert Mail.objects.get().state == "failed"
    assert len(told(world.student)) == 1


def test_what_a_dead_worker_was_sending_is_never_sent_again(world: World, box: Box) -> None:
    ended(world.recording)
    mail = outbox.gather(world.student.pk)
    assert mail
    Mail.objects.update(state="sending", due_at=timezone.now() - dt.timedelta(hours=1))
    outbox.give_up_abandoned()
    deliver()
    assert box.messages == []
    assert Mail.objects.get().state == "failed"


def test_a_title_with_a_line_break_makes_no_second_header(world: World, box: Box) -> None:
    Lesson.objects.filter(pk=world.lesson.pk).update(title="Uno\nBcc: x@y.z")
    ended(world.recording)
    deliver()
    assert "“Uno Bcc: x@y.z”" in subject_of(box.messages[0])
    assert box.messages[0]["Bcc"] is None


# -- who wants none --


def address_of(message: object) -> str:
    found = re.search(r"<https://learn.example(/[^>]+)>", message["List-Unsubscribe"])  # type: ignore[index]
    assert found
    return found[1]


def test_one_press_in_the_mail_program_ends_these_e_mails(world: World, box: Box) -> None:
    ended(world.recording)
    deliver()
    address = address_of(box.messages[0])
    stranger = Client(enforce_csrf_checks=True)
    asked = stranger.get(address)
    assert "End these e-mails?" in asked.content.decode()
    assert not Preferences.objects.exists()
    done = stranger.post(address, {"List-Unsubscribe": "One-Click"})
    assert "These e-mails have ended" in done.content.decode()
    ended(world.recording)
    deliver()
    assert len(box.messages) == 1
    assert len(told(world.student)) == 2
    kept = Preferences.objects.get(user=world.student)
    assert (kept.analyses, kept.disputes, kept.weekly) == (False, True, True)


def test_a_link_that_was_changed_ends_nothing(world: World) -> None:
    address = reverse("notices:unsubscribe", args=["WzFd:forged:token"])
    assert Client().post(address).status_code == 404
    assert not Preferences.objects.exists()


def test_the_profile_chooses_which_e_mails_come(world: World, box: Box) -> None:
    client = client_of(world.instructor)
    profile = reverse("accounts:profile")
    fields = {"name": "I", "language": "", "time_zone": "UTC", "mail-shown": "1"}
    client.post(profile, fields | {"mail-disputes": "on"})
    kept = Preferences.objects.get(user=world.instructor)
    assert (kept.analyses, kept.disputes, kept.weekly) == (False, True, False)
    ended(world.recording)
    end_of_the_hour()
    deliver()
    assert {one["To"] for one in box.messages} == {"student@example.org"}
    student_page = client_of(world.student).get(profile).content.decode()
    assert "mail-analyses" in student_page
    assert "mail-weekly" not in student_page


# -- once a week --


@pytest.fixture
def busy_week(world: World, box: Box) -> World:
    """Last week: one lesson, two students, one recording, which is analysed."""
    last_week = MONDAY - dt.timedelta(days=4)
    Lesson.objects.update(starts_at=MONDAY + dt.timedelta(days=30))
    Lesson.objects.filter(pk=world.lesson.pk).update(starts_at=last_week)
    Recording.objects.update(created_at=last_week)
    Analysis.objects.update(finished_at=last_week)
    return world


def test_on_monday_instructors_get_counts_and_nobody_s_figures(busy_week: World, box: Box) -> None:
    assert weekly.queue_weekly(MONDAY) == 2
    assert weekly.queue_weekly(MONDAY + dt.timedelta(minutes=5)) == 0
    deliver()
    # The other instructor's course was quiet.
    assert [one["To"] for one in box.messages] == ["instructor@example.org"]
    text = text_of(box.messages[0])
    assert "from 23 November 2026 to 29 November 2026" in text
    for line in ("came: 1", "Analysed: 1", "Failed: 0", "held: 1", "each lesson): 1"):
        assert line in text, line
    for word in ("Student", "happiness", "engaged", "%"):
        assert word not in text, word
    assert sorted(Mail.objects.values_list("state", flat=True)) == ["empty", "sent"]


@pytest.mark.parametrize(
    "moment", [MONDAY.replace(hour=6), MONDAY + dt.timedelta(days=1), MONDAY - dt.timedelta(days=1)]
)
def test_no_digest_at_other_times(moment: dt.datetime, busy_week: World) -> None:
    assert weekly.queue_weekly(moment) == 0


def test_the_digest_can_be_turned_off_by_its_own_link(busy_week: World, box: Box) -> None:
    weekly.queue_weekly(MONDAY)
    deliver()
    Client().post(address_of(box.messages[0]))
    kept = Preferences.objects.get(user=busy_week.instructor)
    assert (kept.analyses, kept.disputes, kept.weekly) == (True, True, False)
    assert weekly.queue_weekly(MONDAY + dt.timedelta(days=7)) == 1


def test_missing_recordings_are_counted_by_student_and_lesson(busy_week: World) -> None:
    make_recording(busy_week.student, busy_week.lesson)
    third = User.objects.create_user("third@example.org", name="Third")
    Enrolment.objects.create(course=busy_week.course, user=third, role="student")
    week = weekly.weeks_of(busy_week.instructor, "2026-W48")[0]
    assert (week.lessons, week.missing) == (1, 2)


# -- settings --


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("", {"MAIL_ENABLED": False}),
        ("console:", {"MAIL_ENABLED": True}),
        ("file:///srv/mail", {"EMAIL_FILE_PATH": Path("/srv/mail")}),
        (
            "smtp://me%40x:p%3Aw@mail.example",
            {"EMAIL_PORT": 587, "EMAIL_USE_TLS": True, "EMAIL_HOST_PASSWORD": "p:w"},
        ),
        ("smtps://mail.example:4650", {"EMAIL_PORT": 4650, "EMAIL_USE_SSL": True}),
    ],
)
def test_where_e_mail_goes_is_one_address(url: str, wanted: dict[str, object]) -> None:
    assert wanted.items() <= email_settings(url).items()


@pytest.mark.parametrize(
    "url", ["mail.example", "http://user:secret@x", "smtp://x:port", "smtp://"]
)
def test_an_address_that_is_none_stops_the_start_without_telling_the_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as raised:
        email_settings(url)
    assert "EMAIL_URL" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_links_lead_to_the_site_s_own_name() -> None:
    assert site_url("", ["learn.example", "localhost"], https=True) == "https://learn.example"
    assert site_url("", ["localhost", "127.0.0.1"], https=False) == "http://localhost:8000"
    assert site_url("https://a.example/", [], https=True) == "https://a.example"
    with pytest.raises(ImproperlyConfigured, match="SITE_URL"):
        site_url("learn.example", [], https=True)
