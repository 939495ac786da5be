"""My recordings, live state, video, retry, stop and delete."""

import datetime as dt
import re

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from tests.webapp.conftest import World, client_of, make_recording
from webapp.recordings.models import Analysis, Recording
from webapp.recordings.streaming import sniff_media_type

CONTENT = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 8


def set_state(world: World, **fields: object) -> None:
    Analysis.objects.filter(pk=world.analysis.pk).update(**fields)


def state_page(world: World, user: object | None = None) -> str:
    client = client_of(user or world.student)  # type: ignore[arg-type]
    return client.get(reverse("recordings:state", args=[world.recording.pk])).content.decode()


def test_my_recordings_lists_only_mine(world: World) -> None:
    world.instructor.enrolments.update(role="student")
    make_recording(world.other_student, world.lesson)
    page = client_of(world.student).get(reverse("recordings:mine"))
    assert list(page.context["recordings"]) == [world.recording]
    assert not client_of(world.instructor).get(reverse("recordings:mine")).context["recordings"]


@pytest.mark.parametrize("state", ["queued", "running"])
def test_an_open_analysis_asks_for_itself_again(state: str, world: World) -> None:
    set_state(world, state=state, progress=0.42)
    page = state_page(world)
    assert "hx-trigger" in page
    assert ('value="42"' in page) == (state == "running")


def test_a_finished_analysis_stops_asking_and_links_the_report(world: World) -> None:
    page = state_page(world)
    assert "hx-trigger" not in page
    assert reverse("reports:recording", args=[world.recording.pk]) in page


def test_a_failed_analysis_says_why_and_offers_a_retry(world: World) -> None:
    set_state(world, state="failed", error_text="The video <b>ends</b> too early.")
    page = state_page(world)
    assert "hx-trigger" not in page
    assert "The video &lt;b&gt;ends&lt;/b&gt; too early." in page
    assert reverse("recordings:retry", args=[world.recording.pk]) in page


@pytest.mark.django_db(transaction=True)
def test_retry_queues_a_new_analysis_once(world: World, sent: list[tuple[str, str]]) -> None:
    set_state(world, state="failed")
    client = client_of(world.student)
    url = reverse("recordings:retry", args=[world.recording.pk])
    assert client.post(url).status_code == 302
    # A second press finds an analysis that has not failed.
    assert client.post(url).status_code == 403
    newest = world.recording.analyses.latest("created_at")
    assert (newest.state, newest.pk != world.analysis.pk) == ("queued", True)
    assert len(sent) == 1


def test_two_retries_at_once_make_one_analysis(world: World) -> None:
    from webapp.recordings import services

    set_state(world, state="failed")
    world.analysis.refresh_from_db()
    assert services.retry(world.analysis) == services.retry(world.analysis)


def test_retry_by_htmx_gives_the_new_state(world: World) -> None:
    set_state(world, state="failed")
    response = client_of(world.instructor).post(
        reverse("recordings:retry", args=[world.recording.pk]), headers={"HX-Request": "true"}
    )
    assert response.status_code == 200
    assert "Queued" in response.content.decode()


def test_retry_needs_consent(world: World) -> None:
    set_state(world, state="failed")
    world.student.consents.all().delete()
    url = reverse("recordings:retry", args=[world.recording.pk])
    assert client_of(world.instructor).post(url).status_code == 403


def stop(world: World, user: object | None = None, **data: str) -> object:
    url = reverse("recordings:cancel", args=[world.recording.pk])
    return client_of(user or world.student).post(url, data, follow=True)  # type: ignore[arg-type]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("state", ["queued", "running"])
@pytest.mark.parametrize("actor", ["student", "instructor", "admin"])
def test_an_open_analysis_can_be_stopped_and_nothing_of_the_recording_is_lost(
    actor: str, state: str, world: World
) -> None:
    set_state(world, state=state, owner="somebody", progress=0.4, expected_at=timezone.now())
    checkpoint = world.analysis.checkpoint_path
    checkpoint.mkdir()
    (checkpoint / "part").touch()
    page = stop(world, getattr(world, actor), back="report").content.decode()  # type: ignore[attr-defined]
    world.analysis.refresh_from_db()
    assert (world.analysis.state, world.analysis.owner) == ("cancelled", "")
    assert world.analysis.expected_at is None
    assert world.recording.video_path.read_bytes() == b"video"
    assert not checkpoint.exists()
    assert "The recording is kept." in page
    assert reverse("recordings:retry", args=[world.recording.pk]) in page


@pytest.mark.parametrize("state", ["finished", "failed", "cancelled"])
def test_what_has_ended_stays_as_it_ended(state: str, world: World) -> None:
    set_state(world, state=state)
    page = stop(world).content.decode()  # type: ignore[attr-defined]
    world.analysis.refresh_from_db()
    assert world.analysis.state == state
    assert "had ended before it could be stopped" in page


def test_nobody_stops_what_they_may_not_see(world: World) -> None:
    set_state(world, state="running")
    for user in (world.other_student, world.other_instructor):
        assert stop(world, user).status_code == 404  # type: ignore[attr-defined]
    url = reverse("recordings:cancel", args=[world.recording.pk])
    assert client_of(world.student).get(url).status_code == 405
    world.analysis.refresh_from_db()
    assert world.analysis.state == "running"


def test_a_stopped_analysis_is_said_to_be_and_runs_again_when_asked(
    world: World, sent: list[tuple[str, str]]
) -> None:
    set_state(world, state="running")
    client = client_of(world.student)
    url = reverse("recordings:cancel", args=[world.recording.pk])
    part = client.post(url, headers={"HX-Request": "true"}).content.decode()
    assert "Stopped" in part
    assert "hx-trigger" not in part
    again = reverse("recordings:retry", args=[world.recording.pk])
    assert again in part
    assert "Queued" in client.post(again, headers={"HX-Request": "true"}).content.decode()
    assert [one.state for one in world.recording.analyses.all()] == ["queued", "cancelled"]


def test_the_state_says_how_long_it_takes_only_when_that_is_known(world: World) -> None:
    set_state(world, state="running", progress=0.42)
    assert "left" not in state_page(world)
    soon = timezone.now() + dt.timedelta(minutes=3, seconds=2)
    set_state(world, expected_at=soon)
    assert "42%, about 3 minutes left" in state_page(world)
    set_state(world, expected_at=timezone.now() - dt.timedelta(seconds=5))
    assert "42%, less than a minute left" in state_page(world)


def test_a_queued_analysis_says_how_many_are_before_it(
    world: World, django_assert_max_num_queries: object
) -> None:
    mine = [make_recording(world.student, world.lesson) for _ in range(12)]
    for recording in mine:
        Analysis.objects.create(recording=recording)
    set_state(world, state="running")
    client = client_of(world.student)
    with django_assert_max_num_queries(17):  # type: ignore[operator]
        page = client.get(reverse("recordings:mine")).content.decode()
    shown = re.findall(r"(\d+) recordings? (?:is|are) before this one|(This one is next)", page)
    assert [number or said for number, said in shown] == [
        *(str(ahead) for ahead in range(11, 0, -1)),
        "This one is next",
    ]
    url = reverse("recordings:state", args=[mine[2].pk])
    assert "2 recordings are before this one." in client.get(url).content.decode()


def test_a_queued_analysis_that_goes_on_says_what_is_done(world: World) -> None:
    set_state(world, state="queued", progress=0.3)
    assert "30% is done already." in state_page(world)


@pytest.mark.django_db(transaction=True)
def test_erasing_a_recording_erases_what_its_analysis_had_kept(world: World) -> None:
    set_state(world, state="running")
    world.analysis.checkpoint_path.mkdir()
    (world.analysis.checkpoint_path / "part").write_bytes(b"faces")
    client = client_of(world.student)
    client.post(reverse("recordings:delete", args=[world.recording.pk]))
    assert not world.recording.video_path.parent.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("actor", ["student", "admin"])
def test_delete_asks_and_then_erases_rows_and_files(actor: str, world: World) -> None:
    client = client_of(getattr(world, actor))
    url = reverse("recordings:delete", args=[world.recording.pk])
    assert client.get(url).status_code == 200
    assert Recording.objects.exists()
    assert client.post(url).status_code == 302
    assert not Recording.objects.exists()
    assert not Analysis.objects.exists()
    assert not world.recording.video_path.parent.exists()


@pytest.fixture
def film(world: World) -> World:
    world.recording.video_path.write_bytes(CONTENT)
    return world


@pytest.mark.parametrize(
    ("header", "status", "start", "end"),
    [
        ("", 200, 0, len(CONTENT)),
        ("bytes=0-", 206, 0, len(CONTENT)),
        ("bytes=10-19", 206, 10, 20),
        ("bytes=-5", 206, len(CONTENT) - 5, len(CONTENT)),
        ("bytes=5-999999", 206, 5, len(CONTENT)),
        ("bytes=-999999", 206, 0, len(CONTENT)),
        ("bytes=0-0", 206, 0, 1),
        ("bytes=1-2,5-6", 200, 0, len(CONTENT)),
        ("bytes=9-3", 200, 0, len(CONTENT)),
        ("lines=1-2", 200, 0, len(CONTENT)),
        ("bytes=-", 200, 0, len(CONTENT)),
    ],
)
def test_the_video_is_sent_by_range(
    header: str, status: int, start: int, end: int, film: World
) -> None:
    url = reverse("recordings:video", args=[film.recording.pk])
    headers = {"Range": header} if header else {}
    response = client_of(film.student).get(url, headers=headers)
    assert response.status_code == status
    assert b"".join(response.streaming_content) == CONTENT[start:end]
    assert response.headers["Content-Length"] == str(end - start)
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Content-Type"] == "video/mp4"
    assert "no-store" in response.headers["Cache-Control"]
    if status == 206:
        assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"


@pytest.mark.parametrize("header", [f"bytes={len(CONTENT)}-", "bytes=-0"])
def test_a_range_outside_the_video_is_refused(header: str, film: World) -> None:
    url = reverse("recordings:video", args=[film.recording.pk])
    response = client_of(film.student).get(url, headers={"Range": header})
    assert response.status_code == 416
    assert response.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


def test_a_range_of_a_changed_video_gives_the_whole(film: World) -> None:
    url = reverse("recordings:video", args=[film.recording.pk])
    headers = {"Range": "bytes=0-1", "If-Range": '"something else"'}
    assert client_of(film.student).get(url, headers=headers).status_code == 200


def test_the_playable_copy_is_sent_where_there_is_one(film: World) -> None:
    (film.recording.video_path.parent / "playable.mp4").write_bytes(b"copy")
    film.recording.playback = Recording.Playback.RENDITION
    film.recording.save()
    url = reverse("recordings:video", args=[film.recording.pk])
    assert b"".join(client_of(film.student).get(url).streaming_content) == b"copy"


def test_a_missing_file_is_not_found(film: World) -> None:
    film.recording.video_path.unlink()
    url = reverse("recordings:video", args=[film.recording.pk])
    assert client_of(film.student).get(url).status_code == 404


def test_a_page_disguised_as_a_video_is_not_shown_as_a_page(film: World) -> None:
    assert sniff_media_type(b"<html><script>") == "application/octet-stream"
    film.recording.video_path.write_bytes(b"<html><script>alert(1)</script>")
    url = reverse("recordings:video", args=[film.recording.pk])
    response = client_of(film.student).get(url)
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_the_lesson_shows_every_recording_to_its_instructor_only(world: World) -> None:
    other = make_recording(world.other_student, world.lesson)
    url = reverse("courses:lesson", args=[world.lesson.pk])
    seen = {
        actor: set(client_of(getattr(world, actor)).get(url).context["recordings"])
        for actor in ("student", "other_student", "instructor", "admin")
    }
    both = {world.recording, other}
    assert seen == {
        "student": {world.recording},
        "other_student": {other},
        "instructor": both,
        "admin": both,
    }


def test_lists_do_not_ask_the_database_once_a_row(
    world: World, django_assert_max_num_queries: object
) -> None:
    for _ in range(10):
        make_recording(world.student, world.lesson)
    client = client_of(world.instructor)
    with django_assert_max_num_queries(17):  # type: ignore[operator]
        client.get(reverse("courses:lesson", args=[world.lesson.pk]))


@pytest.mark.django_db(transaction=True)
def test_files_of_a_rolled_back_deletion_stay(world: World) -> None:
    with transaction.atomic():
        path = world.recording.video_path
        world.recording.delete()
        transaction.set_rollback(True)
    assert path.exists()
