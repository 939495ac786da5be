"""Downloads: the document as it is, and as CSV that a spreadsheet can open without harm."""

import csv
import io
import itertools

import pytest
from django.test import Client
from django.urls import reverse

from engagement.report.schema import Analysis
from tests.factories import EMOTIONS, build_analysis, build_document
from tests.webapp.report_world import ReportWorld, build_world
from webapp.privacy.models import AccessLog
from webapp.reports import exports

DOWNLOADS = ["data", "boxes", "json", "csv", "csv_windows"]


@pytest.fixture
def world(db: None) -> ReportWorld:
    return build_world()


def rows_of(response) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_the_json_is_the_document(client: Client, world: ReportWorld) -> None:
    recording = world.analysed()
    client.force_login(world.instructor)
    response = client.get(reverse("reports:json", args=[recording.pk]))
    assert response.json() == build_document()
    Analysis.model_validate(response.json())
    assert response["Content-Disposition"].startswith("attachment")


def test_the_charts_data_has_the_documents_numbers(client: Client, world: ReportWorld) -> None:
    recording = world.analysed(people=2)
    client.force_login(world.student)
    data = client.get(reverse("reports:data", args=[recording.pk])).json()
    expected = build_document(people=2)
    assert data["duration_s"] == expected["source"]["duration_s"]
    for shown, track in zip(data["tracks"], expected["tracks"], strict=True):
        assert shown["t"] == [one["t"] for one in track["observations"]]
        assert shown["windows"] == track["windows"]


def test_the_csv_has_one_row_an_observation(client: Client, world: ReportWorld) -> None:
    recording = world.analysed(people=2)
    client.force_login(world.instructor)
    rows = rows_of(client.get(reverse("reports:csv", args=[recording.pk])))
    tracks = build_analysis(people=2).tracks
    observations = list(
        itertools.chain.from_iterable(((t.id, one) for one in t.observations) for t in tracks)
    )
    assert len(rows) == len(observations)
    for row, (track_id, one) in zip(rows, observations, strict=True):
        assert int(row["track"]) == track_id
        assert float(row["t_s"]) == one.t
        assert [float(row[edge]) for edge in ("x1", "y1", "x2", "y2")] == list(one.box)
        assert {name: float(row[name]) for name in EMOTIONS} == one.emotions
        for field in ("score", "valence", "arousal", "yaw", "pitch"):
            assert float(row[field]) == getattr(one, field)


def test_the_windows_csv_names_what_made_the_estimate(client: Client, world: ReportWorld) -> None:
    recording = world.analysed()
    client.force_login(world.instructor)
    rows = rows_of(client.get(reverse("reports:csv_windows", args=[recording.pk])))
    windows = build_analysis().tracks[0].windows
    assert [float(row["engagement"]) for row in rows] == [one.engagement for one in windows]
    assert [float(row["coverage"]) for row in rows] == [one.coverage for one in windows]
    assert [row["level"] or None for row in rows] == [one.level for one in windows]
    assert {(row["model"], row["kind"]) for row in rows} == {("concentration_index", "index")}


def test_a_recording_without_a_face_has_a_csv_with_only_a_header(
    client: Client, world: ReportWorld
) -> None:
    recording = world.analysed(people=0)
    client.force_login(world.instructor)
    assert rows_of(client.get(reverse("reports:csv", args=[recording.pk]))) == []


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_run_is_made_inert(start: str) -> None:
    cell = f"{start}HYPERLINK(1)"
    (line,) = csv.reader(exports.csv_lines([[cell]]))
    assert line == [f"'{cell}"]


def test_negative_numbers_stay_numbers() -> None:
    (line,) = csv.reader(exports.csv_lines([[-0.5, None]]))
    assert line == ["-0.5", ""]


def test_a_hostile_model_name_cannot_become_a_formula(client: Client, world: ReportWorld) -> None:
    recording = world.analysed()
    stored = recording.analyses.get().document
    stored.document["models"]["engagement"]["name"] = "=cmd|' /C calc'!A1"
    stored.save()
    client.force_login(world.instructor)
    rows = rows_of(client.get(reverse("reports:csv_windows", args=[recording.pk])))
    assert all(row["model"].startswith("'=") for row in rows)


@pytest.mark.parametrize("name", DOWNLOADS)
@pytest.mark.parametrize("person", ["student", "instructor", "admin"])
def test_who_may_read_it_can_and_is_logged(
    client: Client, world: ReportWorld, name: str, person: str
) -> None:
    recording = world.analysed()
    client.force_login(getattr(world, person))
    assert client.get(reverse(f"reports:{name}", args=[recording.pk])).status_code == 200
    entry = AccessLog.objects.get()
    assert (entry.actor, entry.subject) == (getattr(world, person), world.student)
    assert entry.recording_id == recording.pk


@pytest.mark.parametrize("name", [*DOWNLOADS, "recording"])
@pytest.mark.parametrize("person", ["classmate", "other_instructor"])
def test_for_everybody_else_it_does_not_exist(
    client: Client, world: ReportWorld, name: str, person: str
) -> None:
    recording = world.analysed()
    client.force_login(getattr(world, person))
    assert client.get(reverse(f"reports:{name}", args=[recording.pk])).status_code == 404
    assert not AccessLog.objects.exists()


@pytest.mark.parametrize("name", [*DOWNLOADS, "recording"])
def test_a_stranger_is_asked_to_log_in(client: Client, world: ReportWorld, name: str) -> None:
    recording = world.analysed()
    response = client.get(reverse(f"reports:{name}", args=[recording.pk]))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("accounts:login"))


@pytest.mark.parametrize("name", DOWNLOADS)
def test_nothing_to_download_before_the_analysis_is_finished(
    client: Client, world: ReportWorld, name: str
) -> None:
    recording = world.unfinished("running", progress=0.4)
    client.force_login(world.instructor)
    assert client.get(reverse(f"reports:{name}", args=[recording.pk])).status_code == 404


@pytest.mark.parametrize("name", [*DOWNLOADS, "recording"])
def test_reports_are_only_read(client: Client, world: ReportWorld, name: str) -> None:
    recording = world.analysed()
    client.force_login(world.instructor)
    assert client.post(reverse(f"reports:{name}", args=[recording.pk])).status_code == 405
