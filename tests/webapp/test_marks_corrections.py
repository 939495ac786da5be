"""Corrections by hand: who may, what follows them, and that the analysis stays as it was."""

import json
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from engagement.report.schema import Analysis as Document
from tests.factories import build_document
from tests.webapp.conftest import World, client_of, finish
from webapp.accounts.models import User
from webapp.courses import strips
from webapp.marks import services
from webapp.marks.models import Correction
from webapp.privacy import holdings
from webapp.recordings.models import Analysis, AnalysisDocument
from webapp.reports import corrections, ready, selectors
from workers import claims


def correct(world: World, user: User, **said: str) -> HttpResponse:
    url = reverse("marks:correct", args=[world.recording.pk])
    return client_of(user).post(url, said, follow=True)


def leave_out(world: World, start: str = "0:12", end: str = "0:16") -> HttpResponse:
    return correct(
        world, world.instructor, kind="exclusion", start=start, end=end, reason="shared my screen"
    )


def body_of(response: HttpResponse) -> str:
    text = b"".join(response.streaming_content) if response.streaming else response.content
    return text.decode()


def get(world: World, user: User, name: str, **headers: str) -> HttpResponse:
    url = reverse(f"reports:{name}", args=[world.recording.pk])
    return client_of(user).get(url, headers=headers)


def two_people(world: World) -> Analysis:
    """A newer report in which two people are seen."""
    analysis = Analysis.objects.create(
        recording=world.recording, state=Analysis.State.FINISHED, finished_at=timezone.now()
    )
    AnalysisDocument.objects.create(analysis=analysis, document=build_document(people=2))
    return analysis


def test_a_stretch_left_out_changes_the_figures_of_page_list_and_exports(world: World) -> None:
    before = selectors.read_report(world.analysis)
    text = body_of(leave_out(world))
    assert "These figures leave out 0:04 of the recording." in text
    assert "left out by Instructor: shared my screen" in text
    after = selectors.read_report(world.analysis)
    assert after.tiles[0].value != before.tiles[0].value or after.rows != before.rows
    assert all(one.window.end_s <= 12 or one.window.start_s >= 16 for one in after.rows)
    world.analysis.refresh_from_db()
    assert world.analysis.mean_engagement == after.document.summary.mean_engagement
    assert world.analysis.coverage == after.document.summary.coverage
    windows = body_of(get(world, world.instructor, "csv_windows"))
    assert len(windows.splitlines()) == 1 + len(after.rows)
    data = get(world, world.instructor, "data").json()
    assert data["excluded"] == [[12.0, 16.0]]
    assert not [one for one in data["tracks"][0]["unseen"] if one[0] < 16 and one[1] > 12]


def test_the_stored_analysis_is_never_changed(world: World) -> None:
    stored = AnalysisDocument.objects.get(analysis=world.analysis).document
    original = get(world, world.instructor, "json").json()
    leave_out(world)
    assert AnalysisDocument.objects.get(analysis=world.analysis).document == stored
    downloaded = get(world, world.instructor, "json").json()
    assert downloaded == original
    Document.model_validate(downloaded)


def test_the_student_sees_the_same_report_and_every_correction(world: World) -> None:
    leave_out(world)
    mine, theirs = (get(world, one, "data").json() for one in (world.student, world.instructor))
    assert mine == theirs
    text = body_of(get(world, world.student, "recording"))
    assert "shared my screen" in text
    assert "Leave a stretch out of the figures" not in text
    assert "Undo" not in text


@pytest.mark.parametrize("who", ["student", "admin"])
def test_only_who_teaches_the_course_corrects(world: World, who: str) -> None:
    response = correct(
        world, getattr(world, who), kind="exclusion", start="0:01", end="0:02", reason="No"
    )
    assert response.status_code == 403
    assert not Correction.objects.exists()


def test_undone_the_figures_are_those_of_before_and_what_was_is_told(world: World) -> None:
    ready.part(world.analysis, "page")
    before = get(world, world.instructor, "data")
    summary = selectors.read_report(world.analysis).document.summary
    leave_out(world)
    undo = reverse("marks:withdraw", args=[Correction.objects.get().pk])
    text = body_of(client_of(world.instructor).post(undo, follow=True))
    assert "These figures leave out" not in text
    assert "undone" in text
    assert selectors.read_report(world.analysis).document.summary == summary
    after = get(world, world.instructor, "data")
    assert (after.content, after["ETag"]) == (before.content, before["ETag"])
    world.analysis.refresh_from_db()
    assert world.analysis.mean_engagement == summary.mean_engagement


def test_a_browser_is_told_that_a_corrected_report_is_another(world: World) -> None:
    etag = get(world, world.instructor, "data")["ETag"]
    assert get(world, world.instructor, "data", if_none_match=etag).status_code == 304
    leave_out(world)
    fresh = get(world, world.instructor, "data", if_none_match=etag)
    assert fresh.status_code == 200
    again = get(world, world.instructor, "data", if_none_match=fresh["ETag"])
    assert again.status_code == 304


def test_the_corrections_are_downloaded_beside_the_analysis(world: World) -> None:
    leave_out(world)
    undo = reverse("marks:withdraw", args=[Correction.objects.get().pk])
    client_of(world.instructor).post(undo)
    leave_out(world, "0:14", "0:15")
    record = get(world, world.student, "corrections").json()
    assert record["schema"] == "engagement.corrections/1"
    first, second = record["corrections"]
    assert first["withdrawn_at"]
    assert (second["start_s"], second["end_s"], second["reason"]) == (
        14.0,
        15.0,
        "shared my screen",
    )
    assert second["made_by"] == str(world.instructor)
    shown = selectors.read_report(world.analysis).document.summary
    assert record["summary"]["mean_engagement"] == shown.mean_engagement


def test_nothing_left_is_refused_with_a_reason(world: World) -> None:
    text = body_of(leave_out(world, "0:00", "0:20"))
    assert "nothing would be left to report on" in text
    assert not Correction.objects.exists()


def test_an_exclusion_holds_for_a_later_analysis(
    world: World, tmp_path: Path, sent: list[tuple[str, str]]
) -> None:
    leave_out(world)
    again = Analysis.objects.create(recording=world.recording)
    claims.claim(again.pk, "worker")
    part = tmp_path / "embeddings"
    part.touch()
    claims.finish(again, "worker", build_document(), part)
    again.refresh_from_db()
    shown = selectors.read_report(again).document
    assert again.mean_engagement == shown.summary.mean_engagement
    assert all(one.end_s <= 12 or one.start_s >= 16 for one in shown.tracks[0].windows)


def test_people_are_named_and_the_one_who_is_the_student_is_reported_on(world: World) -> None:
    analysis = two_people(world)
    second = selectors.read_report(analysis).choices[1].track.summary
    said = {"kind": "name", "track": "2", "name": "Ada", "is_student": "on"}
    text = body_of(correct(world, world.instructor, **said))
    assert "Ada" in text
    report = selectors.read_report(analysis)
    assert report.document.summary == second
    assert [one.label for one in report.choices if one.main] == ["Ada"]
    # A new name takes the place of the old one, which stays in the history.
    correct(world, world.instructor, kind="name", track="2", name="Ida", is_student="on")
    assert [one.text for one in corrections.in_force(analysis)] == ["Ida"]
    assert len(corrections.history(analysis)) == 2


def test_merged_people_are_one_and_a_later_analysis_knows_nothing_of_it(world: World) -> None:
    analysis = two_people(world)
    correct(world, world.instructor, kind="merge", track="2", into="1", reason="the same face")
    report = selectors.read_report(analysis)
    assert [one.track.id for one in report.choices] == [1]
    assert report.group_affect == []
    later = two_people(world)
    assert len(selectors.read_report(later).choices) == 2


def test_who_is_not_there_cannot_be_named_or_merged(world: World) -> None:
    for said in (
        {"kind": "name", "track": "9", "name": "Nobody"},
        {"kind": "merge", "track": "1", "into": "9"},
        {"kind": "merge", "track": "1", "into": "1"},
    ):
        correct(world, world.instructor, **said)
    assert not Correction.objects.exists()


def test_two_who_correct_at_once_are_both_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second correction lands between what the first one read and what it writes."""
    make = ready.make
    calls = []

    def interrupted(*args: object) -> ready.Parts:
        parts = make(*args)
        if not calls:
            calls.append(1)
            Correction.objects.create(
                recording=world.recording, kind="exclusion", start_s=1.0, end_s=3.0, text="theirs"
            )
        return parts

    monkeypatch.setattr(ready, "make", interrupted)
    services.exclude(world.instructor, world.recording, 12.0, 16.0, "mine")
    page = ready.read_page(world.analysis)
    assert page.excluded == [(1.0, 3.0), (12.0, 16.0)]


def test_corrections_are_among_what_is_held_about_a_student(world: World) -> None:
    leave_out(world)
    held = {one.key: one for one in holdings.holders()}["corrections"]
    (row,) = held.rows(world.student)
    assert row["text"] == "shared my screen"
    (line,) = held.lines(world.student)
    assert line.url.startswith(f"/recordings/{world.recording.pk}")
    assert json.dumps(row, default=str)


def test_a_report_from_which_nothing_of_the_student_is_left_shows_nobody_elses_figures(
    world: World,
) -> None:
    document = build_document(people=2)
    first = document["tracks"][0]
    first["observations"] = [one for one in first["observations"] if one["t"] < 4]
    first["windows"] = first["windows"][:1]
    analysis = finish(world.recording)
    AnalysisDocument.objects.filter(analysis=analysis).update(document=document)
    correct(world, world.instructor, kind="name", track="1", name="Ada", is_student="on")
    leave_out(world, "0:00", "0:05")
    text = body_of(get(world, world.instructor, "recording"))
    assert "Nothing of the student is left to report on" in text
    analysis.refresh_from_db()
    assert analysis.mean_engagement is None


def test_the_class_counts_left_out_time_neither_as_seen_nor_as_missing(world: World) -> None:
    # The face is away for 3 of 20 s; of the 16 s that are left that is no larger share than 0.25.
    leave_out(world, "0:16", "0:20")
    bins = strips.read([world.analysis.pk])[world.analysis.pk]
    assert 0.75 < bins.coverage[0] < 0.85
    assert bins.engagement[0] is not None
