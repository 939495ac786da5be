"""What a reader meets when something is missing, forbidden, too late or broken."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.webapp.conftest import World, client_of
from webapp.courses import views


def test_who_may_not_is_told_as_whom_they_are_logged_in(world: World) -> None:
    answer = client_of(world.instructor).get(reverse("privacy:consent", args=[world.course.pk]))
    assert answer.status_code == 403
    assert "You are logged in as instructor@example.org" in answer.content.decode()


def test_a_form_of_a_page_that_was_open_too_long_is_refused_in_words(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.student)
    answer = client.post(reverse("notices:read"))
    assert answer.status_code == 403
    page = answer.content.decode()
    assert "This page was open for too long" in page
    assert "Go back, load the page again" in page


def test_a_request_for_another_host_gets_a_page_of_the_site(db: None) -> None:
    answer = Client().get("/accounts/login/", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert "The site did not understand this" in answer.content.decode()
    assert "evil" not in answer.content.decode()


def test_a_fault_of_the_program_is_owned_up_to(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("secret of the program")

    monkeypatch.setattr(views, "paged", fail)
    client = client_of(world.student)
    client.raise_request_exception = False
    answer = client.get("/")
    assert answer.status_code == 500
    page = answer.content.decode()
    assert "Something went wrong on the server" in page
    assert "secret" not in page


def test_a_piece_asked_for_after_the_session_s_end_leads_the_page_to_the_log_in(
    world: World,
) -> None:
    state = reverse("recordings:state", args=[world.recording.pk])
    here = "http://testserver/recordings/?order=name"
    answer = Client().get(state, headers={"hx-request": "true", "hx-current-url": here})
    assert answer.status_code == 200
    assert answer.headers["HX-Redirect"] == "/accounts/login/?next=%2Frecordings%2F%3Forder%3Dname"
    assert answer.content == b""
    elsewhere = Client().get(
        state, headers={"hx-request": "true", "hx-current-url": "https://evil.example/x"}
    )
    assert elsewhere.headers["HX-Redirect"] == "/accounts/login/?next=%2F"
    assert Client().get(state).status_code == 302
