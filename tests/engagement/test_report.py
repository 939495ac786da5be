"""Windows, the concentration index, presence, summaries, and the contract."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from engagement.errors import OutputError
from engagement.report import build, schema
from engagement.report.embeddings import write_embeddings
from engagement.report.group_affect import build_group_affect
from engagement.report.nothing_seen import EMPTY_SUMMARY
from engagement.report.sampled import ReportSettings, Sampled, WindowSettings
from engagement.report.schema import Analysis, json_schema
from engagement.report.terminal import clock
from engagement.types import Observation
from engagement.windows.concentration import ConcentrationSettings, concentration
from engagement.windows.sliding import Span, covered_s, gaps, holds, windows_over
from tests.engagement.conftest import CLASSES
from tests.factories import build_analysis

Observe = Callable[..., Observation]


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (0.0, []),
        (3.0, [(0, 3)]),
        (5.0, [(0, 5)]),
        (9.0, [(0, 5), (2.5, 7.5), (5, 9)]),
    ],
)
def test_windows_cover_everything_once_to_the_end(
    duration: float, expected: list[tuple[float, float]]
) -> None:
    spans = windows_over(duration, 5.0, 2.5)
    assert [(span.start_s, span.end_s) for span in spans] == expected


def test_a_frozen_picture_does_not_stand_for_what_was_not_recorded() -> None:
    spans = holds([0.0, 0.2, 10.0], 10.2)
    assert [round(span.length_s, 3) for span in spans] == [0.2, 1.0, 0.2]


def test_covered_time_and_gaps() -> None:
    seen = [Span(0, 1), Span(1, 2), Span(5, 6)]
    assert covered_s(seen, Span(0.5, 5.5)) == pytest.approx(2.0)
    assert covered_s(seen, Span(2.5, 4.5)) == 0
    assert gaps(seen, 10, 1.0) == [Span(2, 5), Span(6, 10)]
    assert gaps(seen, 10, 3.5) == [Span(6, 10)]
    assert gaps([], 4, 1.0) == [Span(0, 4)]


@pytest.mark.parametrize(
    ("emotion", "yaw", "pitch", "index"),
    [
        ("neutral", 0, 0, 0.9 * 5 / 4.5),
        ("happiness", 0, 0, 0.6 * 5 / 4.5),
        ("surprise", 0, 0, 0.6 * 5 / 4.5),
        ("sadness", 0, 0, 0.3 * 5 / 4.5),
        ("fear", 0, 0, 0.3 * 5 / 4.5),
        ("anger", 0, 0, 0.25 * 5 / 4.5),
        ("disgust", 0, 0, 0.2 * 5 / 4.5),
        ("neutral", 31, 0, 0.9 * 2 / 4.5),
        ("neutral", 0, -26, 0.9 * 2 / 4.5),
    ],
)
def test_the_index_is_the_published_rule(
    emotion: str, yaw: float, pitch: float, index: float, observe: Observe
) -> None:
    observation = observe(0.0, emotion, yaw=yaw, pitch=pitch)
    assert concentration(observation, CLASSES, ConcentrationSettings()) == pytest.approx(index)


def sampled(observations: list[Observation], duration: float = 20.0) -> Sampled:
    times = tuple(np.round(np.arange(0, duration, 0.2), 3).tolist())
    return Sampled(times, duration, tuple(observations), CLASSES)


SETTINGS = ReportSettings(WindowSettings(), ConcentrationSettings())


@pytest.fixture
def half_seen(observe: Observe) -> Sampled:
    """20 s: neutral for 5 s, happy for 5 s, then nobody."""
    times = np.round(np.arange(0, 10, 0.2), 3).tolist()
    return sampled([observe(t, "neutral" if t < 5 else "happiness") for t in times])


def test_a_track_has_windows_only_where_its_face_was_seen(half_seen: Sampled) -> None:
    [track] = build.build_tracks(half_seen, SETTINGS)
    by_start = {window.start_s: window for window in track.windows}
    assert set(by_start) == {0.0, 2.5, 5.0, 7.5}
    assert by_start[0.0].engagement == 1.0
    assert by_start[0.0].spread == 0.0
    assert by_start[5.0].engagement == pytest.approx(2 / 3, abs=1e-4)
    assert by_start[7.5].coverage == pytest.approx(0.5, abs=0.01)
    assert {window.level for window in track.windows} == {"engaged"}


def test_little_coverage_gives_no_level(observe: Observe) -> None:
    [track] = build.build_tracks(sampled([observe(0.0), observe(0.2), observe(0.4)]), SETTINGS)
    assert track.windows[0].coverage < 0.3
    assert [window.level for window in track.windows] == [None]
    assert track.summary.engaged_share is None


def test_the_summary_counts_time_and_shares(half_seen: Sampled) -> None:
    [track] = build.build_tracks(half_seen, SETTINGS)
    assert track.summary.coverage == pytest.approx(0.5, abs=0.001)
    assert track.summary.emotion_share["neutral"] == 0.5
    assert track.summary.emotion_share["happiness"] == 0.5
    assert track.summary.engaged_share == 1.0
    estimates = [window.engagement for window in track.windows]
    assert track.summary.mean_engagement == pytest.approx(np.mean(estimates), abs=1e-4)
    assert track.summary.engagement_spread == pytest.approx(np.std(estimates), abs=1e-4)


def test_presence_is_of_anybody(observe: Observe) -> None:
    presence = build.build_presence(
        sampled(
            [observe(t, track=1) for t in (0.0, 0.2)] + [observe(t, track=2) for t in (10.0, 10.2)]
        )
    )
    assert presence.face_share == pytest.approx(0.8 / 20, abs=1e-3)
    assert presence.absent == [(0.4, 10.0), (10.4, 20.0)]
    assert build.build_presence(sampled([])).absent == [(0.0, 20.0)]


def test_group_affect_sums_to_one(half_seen: Sampled) -> None:
    affects = build_group_affect(half_seen, SETTINGS.windows)
    assert [a.start_s for a in affects] == [0.0, 2.5, 5.0, 7.5]
    for affect in affects:
        assert affect.positive + affect.neutral + affect.negative == pytest.approx(1, abs=1e-3)
    assert affects[0].neutral > 0.6 > affects[2].neutral
    assert affects[2].positive > 0.6


def test_warnings_say_what_to_beware_of(observe: Observe, half_seen: Sampled) -> None:
    def codes(tracks: list[schema.Track], damaged: int = 0) -> set[str]:
        main = build.main_track(tracks)
        summary = main.summary if main else EMPTY_SUMMARY
        return {w.code for w in build.build_warnings(tracks, summary, damaged)}

    assert codes([]) == {"no_face"}
    two = build.build_tracks(
        sampled([observe(t, track=1) for t in (0.0, 0.2, 0.4)] + [observe(0.0, track=2)]), SETTINGS
    )
    assert codes(two, damaged=3) == {"low_coverage", "several_people", "damaged_video"}


def test_the_contract_round_trips_by_its_published_names() -> None:
    text = build_analysis().to_json()
    assert json.loads(text)["schema"] == "engagement.analysis/1"
    assert Analysis.model_validate_json(text).to_json() == text


@pytest.mark.parametrize(
    ("change", "value"), [("sampling_fps", 0), ("schema", "engagement.analysis/2"), ("extra", 1)]
)
def test_the_contract_refuses_what_it_does_not_know(change: str, value: object) -> None:
    values = json.loads(build_analysis().to_json()) | {change: value}
    with pytest.raises(ValidationError):
        Analysis.model_validate(values)


def test_the_published_json_schema_is_the_models_own() -> None:
    published = Path(__file__).parents[2] / "docs" / "analysis.schema.json"
    assert json.loads(published.read_text()) == json_schema(), "run `make schema`"


def test_embeddings_are_one_row_an_observation(observe: Observe, tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    write_embeddings([observe(0.0), observe(0.2, track=2)], "tiny", path)
    table = pq.read_table(path)
    assert table.column("track_id").to_pylist() == [1, 2]
    assert table.column("t").to_pylist() == [0.0, 0.2]
    assert table.column("embedding").to_pylist()[1] == pytest.approx([0.2] * 4)
    assert table.schema.metadata[b"model"] == b"tiny"
    write_embeddings([], "tiny", path)
    assert pq.read_table(path).num_rows == 0
    with pytest.raises(OutputError, match="nowhere"):
        write_embeddings([], "tiny", tmp_path / "nowhere" / "e.parquet")


@pytest.mark.parametrize(("s", "text"), [(0, "0:00"), (75.9, "1:15"), (3725, "1:02:05")])
def test_clock(s: float, text: str) -> None:
    assert clock(s) == text
