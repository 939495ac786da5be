"""A student disputes a report, an instructor answers, and lists say which reports are disputed."""

import re

import pytest
from django.db import connection
from django.template import Context, Template
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.webapp.conftest import World, client_of, make_recording
from webapp.disputes import services
from webapp.disputes.models import Dispute
from webapp.disputes.selectors import disputed_ids, mark_disputed
from webapp.recordings.models import Recording


def open_address(world: World) -> str:
    return reverse("disputes:open", args=[world.recording.pk])


def test_a_student_disputes_a_stretch_and_the_instructor_reads_it(world: World) -> None:
    fields = {"text": "I was reading the slides.", "start_s": "0:05", "end_s": "1:02:10"}
    answer = client_of(world.student).post(open_address(world), fields)
    assert answer.headers["Location"].endswith("/report/#disputes")
    dispute = Dispute.objects.get()
    assert (dispute.start_s, dispute.end_s, dispute.is_open) == (5.0, 3730.0, True)
    page = client_of(world.instructor).get(reverse("reports:recording", args=[world.recording.pk]))
    text = page.content.decode()
    assert "I was reading the slides." in text
    assert "0:05 to 1:02:10" in text
    assert "Send and close" in text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"text": ""}, "This field is required"),
        ({"text": "x", "start_s": "5", "end_s": "0:10"}, "Write minutes and seconds"),
        ({"text": "x", "start_s": "0:05"}, "where it ends"),
        ({"text": "x", "start_s": "0:10", "end_s": "0:05"}, "must end after it begins"),
        ({"text": "x" * 4001}, "at most 4000"),
    ],
)
def test_what_cannot_be_understood_is_said_and_kept_in_the_form(
    fields: dict[str, str], said: str, world: World
) -> None:
    page = client_of(world.student).post(open_address(world), fields)
    assert page.status_code == 400
    assert said in page.content.decode()
    assert not Dispute.objects.exists()


def test_a_script_gets_what_was_refused_in_place_and_no_error(world: World) -> None:
    """A browser logs every answer of status 400 as an error, though the page says what is wrong."""
    script = {"hx-request": "true"}
    fields = {"text": "Reading, not asleep.", "start_s": "5", "end_s": "0:10"}
    answer = client_of(world.student).post(open_address(world), fields, headers=script)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert text.lstrip().startswith("<section")
    assert "Reading, not asleep.</textarea>" in text
    (start,) = re.findall(r'<input [^>]*name="start_s"[^>]*>', text)
    for said in ('value="5"', 'aria-invalid="true"', "autofocus", "dispute-start_s_error"):
        assert said in start
    assert re.search(r'id="dispute-start_s_error">Write minutes and seconds', text)
    assert not Dispute.objects.exists()

    dispute = services.open_dispute(world.recording, "No.", None, None)
    address = reverse("disputes:reply", args=[dispute.pk])
    long = "I saw it. " * 401
    answer = client_of(world.instructor).post(address, {"text": long}, headers=script)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert long.strip() in text
    assert "at most 4000" in text
    assert not dispute.replies.exists()


def test_nobody_but_its_student_disputes_a_report_and_they_do_not_answer_themself(
    world: World,
) -> None:
    fields = {"text": "No."}
    assert client_of(world.instructor).post(open_address(world), fields).status_code == 403
    assert client_of(world.other_student).post(open_address(world), fields).status_code == 404
    world.other_instructor.enrolments.create(course=world.course, role="student")
    own = make_recording(world.other_instructor, world.lesson)
    client = client_of(world.other_instructor)
    client.post(reverse("disputes:open", args=[own.pk]), fields)
    page = client.post(
        reverse("disputes:reply", args=[Dispute.objects.get().pk]), {"text": ""}
    ).content.decode()
    assert "Send and close" not in page


def test_an_answer_closes_it_and_the_student_reads_the_answer(world: World) -> None:
    dispute = services.open_dispute(world.recording, "No.", None, None)
    address = reverse("disputes:reply", args=[dispute.pk])
    client_of(world.instructor).post(address, {"text": "You are right <b>", "close": "1"})
    dispute.refresh_from_db()
    assert (dispute.is_open, dispute.closed_by) == (False, world.instructor)
    page = client_of(world.student).get(reverse("reports:recording", args=[world.recording.pk]))
    assert "You are right &lt;b&gt;" in page.content.decode()


def test_the_student_closes_what_is_settled(world: World) -> None:
    dispute = services.open_dispute(world.recording, "No.", None, None)
    address = reverse("disputes:close", args=[dispute.pk])
    client_of(world.student).post(address)
    first = Dispute.objects.get()
    client_of(world.instructor).post(address)
    assert Dispute.objects.get().closed_by == first.closed_by == world.student


def test_there_is_an_end_to_how_many_are_open(world: World) -> None:
    for _ in range(services.MOST_OPEN):
        services.open_dispute(world.recording, "No.", None, None)
    page = client_of(world.student).post(open_address(world), {"text": "No."})
    assert "wait for answers" in page.content.decode()
    services.close(Dispute.objects.first(), world.student)
    assert client_of(world.student).post(open_address(world), {"text": "No."}).status_code == 302


def test_a_script_gets_the_panel_alone_with_what_was_done(world: World) -> None:
    page = client_of(world.student).post(
        open_address(world), {"text": "No."}, headers={"hx-request": "true"}
    )
    text = page.content.decode()
    assert text.lstrip().startswith("<section")
    assert "Your instructors are told" in text


def test_lists_mark_open_disputes_in_one_query(world: World) -> None:
    for _ in range(4):
        make_recording(world.student, world.lesson)
    disputed, settled = Recording.objects.all()[:2]
    services.open_dispute(disputed, "No.", None, None)
    services.close(services.open_dispute(settled, "No.", None, None), world.student)
    recordings = list(Recording.objects.all())
    template = Template(
        "{% load disputes %}{% mark_disputed recordings %}"
        "{% for one in recordings %}{{ one.pk }}:{% disputed one %};{% endfor %}"
    )
    with CaptureQueriesContext(connection) as asked:
        text = template.render(Context({"recordings": recordings}))
    assert len(asked) == 1
    marked = [part for part in text.split(";") if "Disputed" in part]
    assert len(marked) == 1
    assert str(disputed.pk) in marked[0]
    assert disputed_ids(Recording.objects.all()) == disputed_ids(recordings) == {disputed.pk}
    fresh = Recording.objects.get(pk=disputed.pk)
    alone = Template("{% load disputes %}{% disputed one %}").render(Context({"one": fresh}))
    assert "Disputed" in alone


def test_nothing_is_asked_for_an_empty_list(db: None) -> None:
    with CaptureQueriesContext(connection) as asked:
        mark_disputed([])
    assert not asked.captured_queries


def test_disputes_are_erased_with_their_recording(world: World) -> None:
    services.reply(
        services.open_dispute(world.recording, "No.", None, None), world.student, "!", close=False
    )
    world.recording.delete()
    assert not Dispute.objects.exists()


def test_the_course_lists_open_disputes_and_on_request_closed_ones(world: World) -> None:
    services.open_dispute(world.recording, "Still open.", 5.0, 65.0)
    services.close(services.open_dispute(world.recording, "Settled.", None, None), world.student)
    address = reverse("disputes:course", args=[world.course.pk])
    page = client_of(world.instructor).get(address).content.decode()
    assert "Still open." in page
    assert "0:05 to 1:05" in page
    assert "Settled." not in page
    closed = client_of(world.instructor).get(address + "?show=closed").content.decode()
    assert "Settled." in closed
    assert "Still open." not in closed
