"""Logging in and out, the profile, and the headers that every page carries."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.webapp.conftest import World, client_of
from webapp.accounts.models import User

LOGIN = "/accounts/login/"


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("Me@Example.org", "a long password", name="Me")


@pytest.mark.parametrize("email", ["me@example.org", "ME@EXAMPLE.ORG", " me@Example.org "])
def test_an_e_mail_in_any_case_logs_in(email: str, user: User) -> None:
    answer = Client().post(LOGIN, {"username": email, "password": "a long password"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


@pytest.mark.parametrize(
    "fields",
    [
        {"username": "me@example.org", "password": "wrong"},
        {"username": "nobody@example.org", "password": "a long password"},
    ],
)
def test_a_wrong_log_in_does_not_tell_what_was_wrong(fields: dict[str, str], user: User) -> None:
    page = Client().post(LOGIN, fields).content.decode()
    assert "This e-mail and password do not match an account." in page


def test_an_inactive_user_cannot_log_in_and_is_told_nothing(user: User) -> None:
    User.objects.update(is_active=False)
    fields = {"username": "me@example.org", "password": "a long password"}
    assert "do not match an account" in Client().post(LOGIN, fields).content.decode()


def test_after_the_log_in_the_reader_is_where_they_wanted(user: User) -> None:
    fields = {"username": user.email, "password": "a long password"}
    there = Client().post(LOGIN, fields | {"next": "/recordings/"})
    assert there.headers["Location"] == "/recordings/"
    elsewhere = Client().post(LOGIN, fields | {"next": "https://evil.example/"})
    assert elsewhere.headers["Location"] == "/"


def test_logging_out_needs_a_press_and_not_a_link(user: User) -> None:
    client = client_of(user)
    assert client.get("/accounts/logout/").status_code == 405
    client.post("/accounts/logout/")
    assert client.get("/").status_code == 302


def test_the_profile_changes_name_and_time_zone_and_nothing_else(user: User) -> None:
    page = reverse("accounts:profile")
    fields = {"name": "New", "time_zone": "Asia/Tokyo", "is_staff": "on", "email": "x@y.z"}
    client_of(user).post(page, fields)
    user.refresh_from_db()
    assert (user.name, user.time_zone) == ("New", "Asia/Tokyo")
    assert (user.is_staff, user.email) == (False, "me@example.org")


def test_a_time_zone_that_does_not_exist_is_refused(user: User) -> None:
    page = client_of(user).post(
        reverse("accounts:profile"), {"name": "Me", "time_zone": "Mars/North"}
    )
    assert "is not a known time zone" in page.content.decode()


def test_times_are_shown_in_the_readers_zone(world: World) -> None:
    from datetime import UTC, datetime

    type(world.lesson).objects.update(starts_at=datetime(2025, 3, 1, 20, 0, tzinfo=UTC))
    User.objects.filter(pk=world.student.pk).update(time_zone="Asia/Tokyo")
    page = client_of(world.student).get(reverse("courses:lesson", args=[world.lesson.pk]))
    assert "2 March 2025, 05:00" in page.content.decode()


def test_every_page_carries_the_security_headers(world: World) -> None:
    for client, path in ((Client(), LOGIN), (client_of(world.student), "/"), (Client(), "/nope")):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["X-Frame-Options"] == "DENY"


def test_personal_pages_stay_out_of_shared_caches(world: World) -> None:
    assert client_of(world.student).get("/").headers["Cache-Control"] == "private, no-store"


def test_unknown_addresses_get_a_page_of_the_site(db: None) -> None:
    answer = Client().get("/no/such/page/")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()
