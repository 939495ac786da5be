"""Reports in their ready form: small, compressed, with validators, and gone with their analysis."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import build_analysis, build_document
from tests.webapp.report_world import ReportWorld, build_world
from webapp.privacy import services as privacy
from webapp.privacy.models import AccessLog
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from webapp.reports import ready
from webapp.reports.answers import accepts_gzip
from webapp.reports.models import ReadyReport
from workers import claims

VALIDATED = ["data", "boxes", "json", "csv", "csv_windows"]
DOCUMENT_TABLE = '"recordings_analysisdocument"'


@cache
def an_hour() -> dict[str, Any]:
    """The document of an hour at five frames a second."""
    return build_document(duration_s=3600.0, window_s=10.0, stride_s=5.0)


@pytest.fixture
def world(db: None) -> ReportWorld:
    return build_world()


def get(client: Client, name: str, recording: Recording, **headers: str) -> HttpResponse:
    return client.get(reverse(f"reports:{name}", args=[recording.pk]), headers=headers)


def body_of(response: HttpResponse) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def finish(world: ReportWorld, tmp_path: Path, document: dict[str, Any]) -> Recording:
    """A recording whose analysis a worker has just finished."""
    recording = world.recording()
    recording.embeddings_path.parent.mkdir(parents=True)
    analysis = Analysis.objects.create(recording=recording)
    claims.claim(analysis.pk, "worker")
    part = tmp_path / "embeddings"
    part.touch()
    claims.finish(analysis, "worker", document, part)
    return recording


@pytest.mark.parametrize("name", ["recording", "data", "boxes"])
def test_what_the_worker_left_is_read_and_the_document_is_not(
    client: Client, world: ReportWorld, name: str, tmp_path: Path
) -> None:
    recording = finish(world, tmp_path, an_hour())
    client.force_login(world.instructor)
    with CaptureQueriesContext(connection) as captured:
        assert get(client, name, recording).status_code == 200
    asked = " ".join(one["sql"] for one in captured.captured_queries)
    assert "reports_readyreport" in asked
    assert DOCUMENT_TABLE not in asked


def test_a_report_of_before_is_made_ready_by_its_first_reader(
    client: Client, world: ReportWorld
) -> None:
    recording = world.analysed()
    client.force_login(world.instructor)
    first = get(client, "recording", recording).content
    made = ReadyReport.objects.get(analysis__recording=recording)
    assert made.form == ready.FORM
    with CaptureQueriesContext(connection) as captured:
        again = get(client, "recording", recording).content
    assert DOCUMENT_TABLE not in " ".join(one["sql"] for one in captured.captured_queries)
    assert len(first) == len(again)
    assert recording.analyses.get().engagement_spread is not None


def test_a_row_of_an_older_form_is_made_anew(client: Client, world: ReportWorld) -> None:
    recording = world.analysed()
    ReadyReport.objects.create(
        analysis=recording.analyses.get(), form=ready.FORM - 1, page=b"", chart=b"", boxes=b""
    )
    client.force_login(world.instructor)
    assert len(get(client, "data", recording).json()["tracks"]) == 1
    assert ReadyReport.objects.get().form == ready.FORM


def test_what_is_read_of_an_hour_is_small() -> None:
    document = an_hour()
    parts = ready.make_from_stored(document)
    whole = len(json.dumps(document))
    assert whole > 5_000_000
    assert len(parts.page) < 100_000
    assert len(parts.chart) < 120_000
    assert len(parts.boxes) < 150_000


def test_the_pages_part_says_what_the_document_says() -> None:
    document = build_analysis(people=2, duration_s=95.0)
    page = ready.page_of(document)
    assert page.document.summary == document.summary
    for bare, track in zip(page.document.tracks, document.tracks, strict=True):
        figures = page.figures[track.id]
        assert bare.windows == track.windows
        assert bare.observations == []
        assert figures.observations == len(track.observations)
        assert sum(figures.counts.values()) == len(track.observations)
        in_the_fourth = [one for one in track.observations if 30.0 <= one.t < 40.0]
        assert figures.counts[3] == len(in_the_fourth)


@pytest.mark.parametrize("name", VALIDATED)
def test_a_browser_that_has_it_is_told_so_without_reading_the_document(
    client: Client, world: ReportWorld, name: str
) -> None:
    recording = world.analysed()
    client.force_login(world.instructor)
    first = get(client, name, recording)
    body_of(first)
    assert first["Cache-Control"] == "private, no-cache"
    with CaptureQueriesContext(connection) as captured:
        again = get(client, name, recording, If_None_Match=first["ETag"])
    assert again.status_code == 304
    assert body_of(again) == b""
    assert (again["ETag"], again["Cache-Control"]) == (first["ETag"], first["Cache-Control"])
    assert "Accept-Encoding" in again["Vary"]
    asked = " ".join(one["sql"] for one in captured.captured_queries)
    assert DOCUMENT_TABLE not in asked
    assert "reports_readyreport" not in asked


@pytest.mark.parametrize("name", VALIDATED)
def test_being_told_so_is_an_access_like_any_other(
    client: Client, world: ReportWorld, name: str
) -> None:
    recording = world.analysed()
    client.force_login(world.instructor)
    etag = get(client, name, recording)["ETag"]
    get(client, name, recording, If_None_Match=etag)
    assert AccessLog.objects.filter(actor=world.instructor).count() == 2
    client.force_login(world.classmate)
    assert get(client, name, recording, If_None_Match=etag).status_code == 404
    client.logout()
    assert get(client, name, recording, If_None_Match=etag).status_code == 302
    assert AccessLog.objects.count() == 2


def test_a_newer_analysis_has_another_validator(client: Client, world: ReportWorld) -> None:
    recording = world.analysed()
    client.force_login(world.instructor)
    old = get(client, "data", recording)["ETag"]
    world.analysed(recording, people=2)
    new = get(client, "data", recording, If_None_Match=old)
    assert new.status_code == 200
    assert len(new.json()["tracks"]) == 2


@pytest.mark.parametrize("name", [*VALIDATED, "recording"])
def test_answers_are_compressed_for_who_takes_that(
    client: Client, world: ReportWorld, name: str
) -> None:
    recording = world.analysed(duration_s=120.0)
    client.force_login(world.instructor)
    plain = get(client, name, recording)
    packed = get(client, name, recording, Accept_Encoding="br, gzip")
    assert "Content-Encoding" not in plain
    assert packed["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed["Vary"]
    whole, small = body_of(plain), body_of(packed)
    assert len(small) < len(whole) / 2
    if name != "recording":  # whose every answer has a new token in its forms
        assert gzip.decompress(small) == whole


@pytest.mark.parametrize(
    ("header", "takes"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("br;q=1.0, gzip;q=0.8", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("br, gzip; q=0.0, deflate", False),
        ("x-gzip-not", False),
    ],
)
def test_who_takes_gzip(header: str, takes: bool) -> None:
    request = RequestFactory().get("/", headers={"Accept-Encoding": header})
    assert accepts_gzip(request) is takes


def test_erasure_and_withdrawal_take_the_ready_form_along(world: ReportWorld) -> None:
    course = world.lesson.course
    privacy.grant(world.student, course)
    for _ in range(2):
        analysis = world.analysed().analyses.get()
        ready.read_page(analysis)
    assert ReadyReport.objects.count() == 2
    Recording.objects.first().delete()
    assert ReadyReport.objects.count() == 1
    privacy.withdraw(world.student, course)
    assert not ReadyReport.objects.exists()


def test_what_is_erased_while_it_is_read_is_not_found(client: Client, world: ReportWorld) -> None:
    recording = world.analysed()
    AnalysisDocument.objects.all().delete()
    client.force_login(world.instructor)
    for name in ("recording", *VALIDATED):
        assert get(client, name, recording).status_code == 404
