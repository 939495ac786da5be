"""Labelling in the report: who may, what is kept, and what nobody else sees."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from tests.calibration_world import analysed
from tests.webapp.conftest import World, client_of
from webapp.accounts.models import User
from webapp.calibration.models import WindowLabel
from webapp.calibration.windows import labelling_order, stretches
from webapp.courses.models import Enrolment
from webapp.privacy import services as privacy
from webapp.privacy.models import AccessLog, Consent
from webapp.recordings.models import Recording
from webapp.reports.ready import page_of, read_page
from webapp.reports.selectors import latest_finished


@pytest.fixture
def recording(world: World) -> Recording:
    """Three minutes of the consenting student: eighteen windows to label."""
    return analysed(world.student, world.lesson)


@pytest.fixture
def second_instructor(world: World) -> User:
    user = User.objects.create_user("second@example.org", name="Second")
    Enrolment.objects.create(course=world.course, user=user, role="instructor")
    return user


def report(client: Client, recording: Recording, query: str = "") -> str:
    return client.get(reverse("reports:recording", args=[recording.pk]) + query).text


def label(client: Client, recording: Recording, window: str, value: str, **headers: str):
    url = reverse("calibration:labels", args=[recording.pk])
    return client.post(url, {"window": window, "value": value}, headers=headers)


def asked_window(page: str) -> str:
    found = re.search(r'name="window" value="([\d.]+)"', page)
    assert found
    return found.group(1)


def test_the_instructor_is_asked_about_a_window_and_their_answer_is_kept(
    world: World, recording: Recording
) -> None:
    client = client_of(world.instructor)
    window = asked_window(report(client, recording))
    response = label(client, recording, window, "engaged")
    assert response.headers["Location"].endswith("/report/?labelling=open#labelling")
    kept = WindowLabel.objects.get()
    assert (kept.start_s, kept.end_s) == (float(window), float(window) + 10)
    assert (kept.value, kept.labelled_by) == ("engaged", world.instructor)
    # The page goes on to another window, and says how far one has come.
    page = report(client, recording)
    assert asked_window(page) != window
    assert "1 of 12" in page


def test_the_panel_is_folded_until_it_is_asked_for(world: World, recording: Recording) -> None:
    client = client_of(world.instructor)
    assert '<details class="labelling__fold">' in report(client, recording)
    address = f"{reverse('reports:recording', args=[recording.pk])}?labelling=open"
    assert '<details class="labelling__fold" open>' in client.get(address).content.decode()


def test_an_answer_can_be_changed(world: World, recording: Recording) -> None:
    client = client_of(world.instructor)
    label(client, recording, "30", "engaged")
    assert 'aria-pressed="true"' in report(client, recording, "?window=30")
    label(client, recording, "30", "unsure")
    assert WindowLabel.objects.get().value == "unsure"


def test_htmx_gets_the_panel_with_the_next_window(world: World, recording: Recording) -> None:
    client = client_of(world.instructor)
    answer = label(client, recording, "30", "distracted", HX_Request="true")
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<section id="labelling"')
    assert asked_window(answer.text) != "30"


@pytest.mark.parametrize(
    ("window", "value"), [("31", "engaged"), ("9999", "engaged"), ("", ""), ("30", "bored")]
)
def test_what_is_no_window_or_no_label_is_refused(
    world: World, recording: Recording, window: str, value: str
) -> None:
    assert label(client_of(world.instructor), recording, window, value).status_code == 400
    assert not WindowLabel.objects.exists()


@pytest.mark.parametrize(
    ("actor", "status"),
    [("student", 403), ("other_student", 404), ("other_instructor", 404), ("admin", 403)],
)
def test_nobody_else_labels(world: World, recording: Recording, actor: str, status: int) -> None:
    client = client_of(getattr(world, actor))
    assert label(client, recording, "30", "engaged").status_code == status
    assert not WindowLabel.objects.exists()


@pytest.mark.parametrize("actor", ["student", "admin"])
def test_nobody_else_is_shown_the_panel(world: World, recording: Recording, actor: str) -> None:
    assert 'id="labelling"' not in report(client_of(getattr(world, actor)), recording)


def test_an_instructor_does_not_label_themself(world: World) -> None:
    own = analysed(world.instructor, world.lesson)
    assert label(client_of(world.instructor), own, "30", "engaged").status_code == 403


def test_a_consent_that_did_not_speak_of_labels_allows_none(
    world: World, recording: Recording
) -> None:
    Consent.objects.filter(user=world.student).update(text_version="2026-1")
    client = client_of(world.instructor)
    assert "does not cover labels" in report(client, recording)
    assert label(client, recording, "30", "engaged").status_code == 403
    assert not WindowLabel.objects.exists()


def test_every_label_is_in_the_access_log(world: World, recording: Recording) -> None:
    label(client_of(world.instructor), recording, "30", "engaged")
    entry = AccessLog.objects.get(action="label")
    assert (entry.actor, entry.subject) == (world.instructor, world.student)
    assert entry.recording_id == recording.pk


def test_the_second_instructor_does_not_see_the_first_ones_labels(
    world: World, recording: Recording, second_instructor: User
) -> None:
    before = report(client_of(second_instructor), recording)
    for window in ("0", "30", "60"):
        label(client_of(world.instructor), recording, window, "distracted")
    panel = re.compile(r'<section id="labelling".*?</section>', re.S)
    token = re.compile(r'name="csrfmiddlewaretoken" value="\w+"')
    pages = [before, report(client_of(second_instructor), recording)]
    first, second = (token.sub("", panel.findall(page)[0]) for page in pages)
    assert first == second


def test_both_are_given_the_same_windows_first(
    world: World, recording: Recording, second_instructor: User
) -> None:
    label(client_of(world.instructor), recording, "90", "engaged")
    fresh = asked_window(report(client_of(second_instructor), recording))
    WindowLabel.objects.all().delete()
    assert asked_window(report(client_of(world.instructor), recording)) == fresh


def test_withdrawing_consent_erases_the_labels(world: World, recording: Recording) -> None:
    label(client_of(world.instructor), recording, "30", "engaged")
    privacy.withdraw(world.student, world.course)
    assert not WindowLabel.objects.exists()


def test_the_suggested_windows_spread_over_time_and_over_the_estimates(
    world: World, recording: Recording
) -> None:
    finished = latest_finished(recording)
    assert finished
    found = stretches(read_page(finished))
    assert [one.start_s for one in found] == [10.0 * number for number in range(18)]
    order = labelling_order(found)
    assert sorted(one.start_s for one in order) == [one.start_s for one in found]
    first = order[:6]
    thirds = {int(one.start_s // 60) for one in first}
    assert thirds == {0, 1, 2}
    ranked = sorted(found, key=lambda one: one.estimate)
    assert {ranked.index(one) // 6 for one in first} == {0, 1, 2}


def test_a_window_without_a_face_is_not_asked_about(world: World) -> None:
    from tests.factories import build_analysis

    document = build_analysis(duration_s=60.0, absent=[(20.0, 40.0)])
    assert [one.start_s for one in stretches(page_of(document))] == [0.0, 10.0, 40.0, 50.0]


def test_a_recording_without_a_face_has_nothing_to_label(world: World) -> None:
    from tests.factories import build_analysis

    assert stretches(page_of(build_analysis(people=0))) == []
    assert labelling_order([]) == []
