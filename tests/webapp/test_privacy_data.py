"""What is held about a person: the page that lists it, who looked, and the ZIP with all of it."""

import csv
import hashlib
import io
import json
import re
import tracemalloc
import uuid
import zipfile
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone

from engagement.sample import sample_path
from tests.webapp.conftest import World, client_of, make_recording
from tests.webapp.group_world import analysed, found_group
from tests.webapp.summary_world import finished_summary
from webapp.accounts.models import User
from webapp.calibration.models import WindowLabel
from webapp.disputes import services as disputes
from webapp.privacy import services
from webapp.privacy.archive import archive_of
from webapp.privacy.holdings import holders
from webapp.privacy.models import AccessLog
from webapp.recordings.models import Recording
from webapp.uploads import storage as upload_storage
from webapp.uploads.models import Upload

OWN, LOOKS, DOWNLOAD = (reverse(f"privacy:{name}") for name in ("own_data", "looks", "download"))


@pytest.fixture
def full(world: World) -> World:
    """The student has a real video, embeddings, a label, a dispute, and an upload under way."""
    video = sample_path().read_bytes()
    world.recording.video_path.write_bytes(video)
    Recording.objects.filter(pk=world.recording.pk).update(
        sha256=hashlib.sha256(video).hexdigest(),
        size_bytes=len(video),
        original_name="Ü/..\\me.mp4",
    )
    world.recording.refresh_from_db()
    pq.write_table(pa.table({"t": [0.0, 0.2]}), world.recording.embeddings_path)
    WindowLabel.objects.create(
        recording=world.recording, start_s=0, end_s=4, value="engaged", labelled_by=world.instructor
    )
    disputes.open_dispute(world.recording, "I was reading.", None, None)
    upload = Upload.objects.create(
        sender=world.student,
        lesson=world.lesson,
        name="later.mp4",
        size_bytes=100,
        expires_at=timezone.now() + timezone.timedelta(days=1),
    )
    upload_storage.create(upload.pk)
    upload_storage.part_path(upload.pk).write_bytes(b"begun")
    finished_summary(world.recording, world.analysis)
    return world


def downloaded(user: User) -> zipfile.ZipFile:
    """The ZIP that the user gets, opened."""
    response: HttpResponseBase = client_of(user).post(DOWNLOAD)
    assert response.streaming
    assert response.headers["Content-Type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))
    assert archive.testzip() is None
    return archive


def test_the_page_lists_what_is_held_by_course(full: World) -> None:
    page = client_of(full.student).get(OWN).content.decode()
    for words in (
        "Algebra",
        "analysis and its embeddings",
        "1 label of an instructor",
        "later.mp4",
        "You disputed the report",
        "Key frames and clips",
        "in force",
    ):
        assert words in page, words
    kinds = re.findall("<h3>(.*?)</h3>", page[page.index("Algebra") :])
    assert kinds[:4] == ["Consent", "Recordings", "Unfinished uploads", "Lesson summaries"]
    other = client_of(full.other_student).get(OWN).content.decode()
    assert "No course holds anything of yours" in other
    assert "me.mp4" not in other


def test_things_stand_by_lesson_and_date_the_newest_first(world: World) -> None:
    """However they came: a recording of an old lesson may be the last that was uploaded."""
    now = timezone.now()
    days = {"Vectors": 1, "Matrices": 8, "Sets": 15}
    lessons = {
        title: world.course.lessons.create(title=title, starts_at=now - timedelta(days=ago))
        for title, ago in days.items()
    }
    names = {}
    for title, age in (("Matrices", 3), ("Sets", 0), ("Vectors", 1), ("Matrices", 2)):
        recording = make_recording(world.student, lessons[title])
        names[title, age] = f"film{age}.mp4"
        Recording.objects.filter(pk=recording.pk).update(
            original_name=names[title, age], created_at=now - timedelta(hours=age)
        )
        recording.marks.create(author=world.student, start_s=1.0, text="Here.", audience="everyone")
    page = client_of(world.student).get(OWN).content.decode()
    order = [("Vectors", 1), ("Matrices", 2), ("Matrices", 3), ("Sets", 0)]
    held = page[page.index("<h3>Recordings</h3>") :]
    places = [held.index(names[one]) for one in order]
    assert places == sorted(places)
    # A note's words name the file alone; the lesson by which it is found stands beside.
    notes = page[page.index("<h3>Markers and notes</h3>") :]
    found = re.findall(r"of “film\d.mp4”</a> <span[^>]*>(\w+) ·</span>", notes)
    assert found == ["Vectors", "Matrices", "Matrices", "Sets"]
    assert "of “Vectors”" in held
    assert "</a> <span" not in held[: held.index("</ul>")]


def test_a_long_list_is_cut_and_says_so(world: World) -> None:
    for _ in range(260):
        make_recording(world.student, world.lesson)
    newer = world.course.lessons.create(title="Newer", starts_at=timezone.now())
    make_recording(world.student, newer)
    page = client_of(world.student).get(OWN).content.decode()
    assert "and 212 more, all in the download" in page
    assert "of “Newer”" in page


def test_the_zip_holds_the_very_video_and_every_result(full: World) -> None:
    archive = downloaded(full.student)
    names = archive.namelist()
    folder = f"recordings/{full.recording.pk}"
    (video,) = (name for name in names if name.startswith(f"{folder}/video/"))
    assert hashlib.sha256(archive.read(video)).hexdigest() == full.recording.sha256
    # No name leads out of the folder that it is unpacked into.
    assert not [name for name in names if ".." in Path(name).parts or "\\" in name]
    stem = f"{folder}/analysis-{str(full.analysis.pk)[:8]}"
    document = json.loads(archive.read(f"{stem}.json"))
    assert document == full.analysis.document.document
    rows = list(csv.DictReader(io.StringIO(archive.read(f"{stem}-observations.csv").decode())))
    observations = sum(len(track["observations"]) for track in document["tracks"])
    assert len(rows) == observations
    assert float(rows[0]["valence"]) == document["tracks"][0]["observations"][0]["valence"]
    windows = list(csv.DictReader(io.StringIO(archive.read(f"{stem}-windows.csv").decode())))
    assert len(windows) == sum(len(track["windows"]) for track in document["tracks"])
    table = pq.read_table(io.BytesIO(archive.read(f"{folder}/embeddings.parquet")))
    assert table["t"].to_pylist() == [0.0, 0.2]
    assert [name for name in names if name.startswith("summaries/")]
    (part,) = (name for name in names if name.startswith("unfinished-uploads/"))
    assert archive.read(part) == b"begun"


def test_embeddings_are_named_only_where_there_are_any(full: World) -> None:
    assert "with 1 analysis and its embeddings" in client_of(full.student).get(OWN).content.decode()
    full.recording.embeddings_path.unlink()
    page = client_of(full.student).get(OWN).content.decode()
    assert "with 1 analysis" in page
    assert "its embeddings" not in page


def test_the_copy_for_browsers_is_named_and_comes_beside_the_very_video(full: World) -> None:
    Recording.objects.filter(pk=full.recording.pk).update(playback=Recording.Playback.RENDITION)
    full.recording.refresh_from_db()
    full.recording.playable_path.write_bytes(b"copy")
    page = client_of(full.student).get(OWN).content.decode()
    assert "its embeddings, and a copy that browsers play" in page
    archive = downloaded(full.student)
    folder = f"recordings/{full.recording.pk}/video"
    videos = {one: archive.read(one) for one in archive.namelist() if one.startswith(folder)}
    assert videos.pop(f"{folder}/playable-copy.mp4") == b"copy"
    (original,) = videos.values()
    assert hashlib.sha256(original).hexdigest() == full.recording.sha256
    (row,) = json.loads(archive.read("data.json"))["recordings"]
    assert row["has_copy_for_browsers"] is True


def test_data_json_says_all_the_rest(full: World) -> None:
    client_of(full.instructor).get(reverse("reports:recording", args=[full.recording.pk]))
    archive = downloaded(full.student)
    data = json.loads(archive.read("data.json"))
    assert data["profile"][0]["email"] == "student@example.org"
    assert data["consents"][0]["course"] == "Algebra"
    assert data["recordings"][0]["sha256"] == full.recording.sha256
    assert (data["labels"][0]["label"], data["labels"][0]["by"]) == ("engaged", "Instructor")
    assert data["disputes"][0]["text"] == "I was reading."
    looks = [(one["who"], one["did"]) for one in data["access_log"]]
    assert ("Instructor", "opened the report") in looks
    assert set(data) == {"made_at", "schema", *(holder.key for holder in holders())}
    readme = archive.read("README.txt").decode()
    assert "student@example.org" in readme
    for name in ("video/", "-observations.csv", "embeddings.parquet", "data.json"):
        assert name in readme, name


def test_the_zip_holds_nothing_of_anybody_else(full: World) -> None:
    theirs = make_recording(full.other_student, full.lesson, b"their video")
    group = found_group(full.lesson, full.instructor)
    analysed(group, theirs)
    for user in (full.student, full.instructor):
        archive = downloaded(user)
        everything = b"".join(archive.read(name) for name in archive.namelist())
        assert b"their video" not in everything
        assert b"other_student@example.org" not in everything
        assert str(theirs.pk).encode() not in everything
    assert f"recordings/{full.recording.pk}" not in str(downloaded(full.instructor).namelist())


def test_the_download_itself_is_logged(world: World) -> None:
    downloaded(world.student)
    entry = AccessLog.objects.get()
    assert (entry.actor, entry.subject, entry.action) == (world.student, world.student, "holdings")
    assert client_of(world.student).get(DOWNLOAD).status_code == 405


def test_what_is_erased_while_it_runs_is_left_out(full: World) -> None:
    pieces = archive_of(full.student)
    first = [next(pieces)]
    services.withdraw(full.student, full.course)
    archive = zipfile.ZipFile(io.BytesIO(b"".join([*first, *pieces])))
    assert archive.testzip() is None
    assert not [name for name in archive.namelist() if "/video/" in name]


def test_the_zip_takes_no_more_memory_for_larger_videos(world: World) -> None:
    def peak(megabytes: int) -> int:
        recording = make_recording(world.student, world.lesson)
        with recording.video_path.open("wb") as file:
            file.truncate(megabytes * 1024 * 1024)
        tracemalloc.start()
        total = sum(map(len, archive_of(world.student)))
        reached = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert total > megabytes * 1024 * 1024
        return reached

    peak(1)
    small, large = peak(8), peak(128)
    assert large < 1.5 * small


# -- who looked --


def test_the_reader_sees_who_looked_at_what_in_words(world: World) -> None:
    services.log_access(world.instructor, world.recording, AccessLog.Action.REPORT)
    services.log_access(world.student, world.recording, AccessLog.Action.VIDEO)
    services.log_course_access(
        world.admin, world.course, [world.student.pk], AccessLog.Action.FIGURES
    )
    AccessLog.objects.create(
        actor=world.instructor, subject=world.student, recording_id=uuid.uuid4(), action="csv"
    )
    page = client_of(world.student).get(LOOKS).content.decode()
    for words in (
        "Instructor",
        "opened the report",
        "lesson.mp4",
        ">You<",
        "Algebra",
        "saw the figures in the course",
        "a recording that was erased since",
    ):
        assert words in page, words
    others = client_of(world.student).get(LOOKS + "?who=others").content.decode()
    assert "opened the report" in others
    assert ">You<" not in others
    assert "Nobody has looked" in client_of(world.other_student).get(LOOKS).content.decode()


def test_the_log_comes_in_pages(world: World) -> None:
    for _ in range(60):
        services.log_access(world.instructor, world.recording, AccessLog.Action.REPORT)
    client = client_of(world.student)
    assert client.get(LOOKS).content.decode().count("opened the report") == 50
    assert client.get(LOOKS + "?page=2").content.decode().count("opened the report") == 10


# -- consent --


def test_the_consent_page_names_model_people_and_time(world: World, settings: object) -> None:
    page = reverse("privacy:consent", args=[world.course.pk])
    world.analysis.expression_model, world.analysis.engagement_model = "mobilenet_7_fer", "index"
    world.analysis.save()
    text = client_of(world.other_student).get(page).content.decode()
    for words in (
        "<strong>Instructor</strong>",
        "mobilenet_7_fer, its engagement curve by index",
        "Nothing is deleted by itself",
        reverse("privacy:method"),
    ):
        assert words in text, words
    settings.EXPRESSION_MODEL = "/srv/secret/own.safetensors"  # type: ignore[attr-defined]
    text = client_of(world.other_student).get(page).content.decode()
    assert "<strong>own.safetensors</strong>" in text
    assert "/srv/secret" not in text


@pytest.mark.parametrize(
    ("hours", "english", "spanish"),
    [
        (72.0, "3 days", "3 días"),
        (24.0, "1 day", "1 día"),
        (36.0, "36 hours", "36 horas"),
        (0.25, "15 minutes", "15 minutos"),
        (0.001, "1 minute", "1 minuto"),
    ],
)
def test_the_consent_page_says_how_long_this_site_keeps_what_is_not_finished(
    world: World, settings: object, hours: float, english: str, spanish: str
) -> None:
    settings.UPLOAD_EXPIRES_H = hours  # type: ignore[attr-defined]
    page = reverse("privacy:consent", args=[world.course.pk])
    client = client_of(world.other_student)
    said = client.get(page).content.decode()
    assert f"do not finish: {english} after you began it." in said
    said = client.get(page, headers={"accept-language": "es"}).content.decode()
    assert f"no terminas: {spanish} después de empezarla." in said


def test_consent_to_an_older_text_stays_good_and_is_asked_anew(world: World) -> None:
    world.student.consents.update(text_version="2026-2")
    page = reverse("privacy:consent", args=[world.course.pk])
    client = client_of(world.student)
    text = client.get(page).content.decode()
    assert "The text has changed since: it names who sees" in text
    assert services.has_consent(world.student, world.course)
    assert services.covers_groups_and_training(world.student, world.course)
    client.post(page, {"agree": "on"})
    assert Recording.objects.filter(pk=world.recording.pk).exists()
    assert "The text has changed" not in client.get(page).content.decode()


def test_anybody_may_read_how_it_works(db: None) -> None:
    page = client_of(None).get(reverse("privacy:method"))
    assert "between 29 and 46 of 100" in page.content.decode()
