"""Head, movement and group affect on the report's page, in its data and in its CSV."""

import csv
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from engagement.report.schema import Analysis, PoseZero
from tests.factories import build_analysis
from tests.webapp.report_world import ReportWorld, build_world
from webapp.recordings.models import AnalysisDocument, Recording
from webapp.reports import exports, series
from webapp.reports.templatetags.report_format import clock, percent, signed, zero_words


@pytest.fixture
def world(db: None) -> ReportWorld:
    return build_world()


def page(client: Client, world: ReportWorld, recording: Recording) -> str:
    client.force_login(world.instructor)
    response = client.get(reverse("reports:recording", args=[recording.pk]))
    assert response.status_code == 200
    return response.content.decode()


def change(recording: Recording, **values: Any) -> None:
    """Overwrites parts of the recording's document."""
    stored = AnalysisDocument.objects.get(analysis__recording=recording)
    stored.document |= values
    stored.save()


def row_of(text: str, table: str, head: str) -> list[str]:
    """The cells of the row that begins with `head` in the named table."""
    part = text.split(f'aria-label="{table}"')[1].split("</table>")[0]
    [row] = [row for row in part.split("<tr>") if f">{head}</th>" in row]
    return re.findall(r'<td class="numeric">(.*?)</td>', row)


def test_signals_stand_beside_engagement_with_their_zero(
    client: Client, world: ReportWorld
) -> None:
    text = page(client, world, world.analysed())
    assert "Where the head points" in text
    assert "head points most: yaw +12°, pitch \N{MINUS SIGN}4°" in text
    assert "not what anybody attends to" in text
    assert "Facing the screen" in text
    for window in build_analysis().tracks[0].windows:
        signals = window.signals
        assert signals is not None
        head = f"{clock(window.start_s)} to {clock(window.end_s)}"
        assert row_of(text, "Head and movement as a table", head) == [
            percent(signals.facing),
            percent(signals.turned_away),
            percent(signals.head_down),
            f"{signals.movement:.2f}",
            percent(window.coverage),
        ]


def test_a_report_of_before_there_were_signals_still_opens(
    client: Client, world: ReportWorld
) -> None:
    document = build_analysis().model_dump(mode="json", by_alias=True)
    for track in document["tracks"]:
        track.pop("zero")
        track["summary"].pop("signals")
        for window in track["windows"]:
            window.pop("signals")
    document["summary"].pop("signals")
    recording = world.analysed()
    change(recording, **document)
    text = page(client, world, recording)
    assert "Where the head points" not in text
    assert "Facing the screen" not in text
    rows = list(exports.window_rows(Analysis.model_validate(document)))
    assert rows[1][-5:] == [None] * 5


def test_group_affect_is_shown_where_there_is_a_group(client: Client, world: ReportWorld) -> None:
    assert "Group affect" not in page(client, world, world.analysed())
    text = page(client, world, world.analysed(people=3))
    assert "Of all 3 people in the recording together" in text
    assert "A rule and not a trained model" in text
    for one in build_analysis(people=3).group_affect:
        assert row_of(
            text, "Group affect as a table", f"{clock(one.start_s)} to {clock(one.end_s)}"
        ) == [percent(one.positive), percent(one.neutral), percent(one.negative), "3 (100%)"]


def test_a_trained_classifier_of_group_affect_is_named(client: Client, world: ReportWorld) -> None:
    recording = world.analysed(people=2)
    document = AnalysisDocument.objects.get(analysis__recording=recording).document
    rule = {"name": "group_affect_svm", "kind": "trained", "weights_sha256": "cd" * 32}
    change(recording, models=document["models"] | {"group_affect": rule})
    text = page(client, world, recording)
    assert "By the trained classifier <code>group_affect_svm</code>" in text
    assert "cdcdcdcdcdcd" in text
    assert "A rule and not a trained model" not in text


def test_valence_and_arousal_have_a_table(client: Client, world: ReportWorld) -> None:
    text = page(client, world, world.analysed())
    track = build_analysis().tracks[0]
    for window in track.windows:
        inside = [one for one in track.observations if window.start_s <= one.t < window.end_s]
        head = f"{clock(window.start_s)} to {clock(window.end_s)}"
        assert row_of(text, "Valence and arousal as a table", head) == [
            signed(sum(one.valence for one in inside) / len(inside)),
            signed(sum(one.arousal for one in inside) / len(inside)),
        ]


def test_the_charts_data_has_signals_and_group_affect() -> None:
    analysis = build_analysis(people=2)
    data = series.chart_data(analysis)
    assert data["group_affect"] == [one.model_dump() for one in analysis.group_affect]
    for track, made in zip(data["tracks"], analysis.tracks, strict=True):
        signals = [window.signals for window in made.windows if window.signals]
        assert [w["signals"]["facing"] for w in track["windows"]] == [s.facing for s in signals]


def test_the_windows_csv_has_the_signals() -> None:
    analysis = build_analysis()
    rows = list(csv.DictReader(exports.csv_lines(exports.window_rows(analysis))))
    for row, window in zip(rows, analysis.tracks[0].windows, strict=True):
        assert window.signals is not None
        for name in ("facing", "turned_away", "head_down", "movement"):
            assert float(row[name]) == getattr(window.signals, name)
        assert row["eyes_closed"] == ""


@pytest.mark.parametrize("zero", [None, PoseZero(yaw=0, pitch=0, estimated=False)])
def test_without_an_own_zero_the_page_says_so(zero: PoseZero | None) -> None:
    assert zero_words(zero).startswith("Counted from the camera's axis")
