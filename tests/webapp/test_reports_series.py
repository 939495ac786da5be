"""The charts' data: the document's own numbers, thinned without losing a peak."""

import itertools
import math

import pytest

from tests.factories import EMOTIONS, build_analysis
from webapp.reports.series import (
    MAX_POINTS,
    MOST_DRAWN,
    chart_data,
    emotion_order,
    face_boxes,
    means,
    thin,
    unseen,
)


def test_a_short_recording_is_shown_observation_by_observation() -> None:
    analysis = build_analysis()
    (track,) = chart_data(analysis)["tracks"]
    observations = analysis.tracks[0].observations
    assert track["t"] == [one.t for one in observations]
    for name in EMOTIONS:
        assert track["emotions"][name] == pytest.approx(
            [one.emotions[name] for one in observations], abs=1e-4
        )
    assert track["valence"] == pytest.approx([one.valence for one in observations])
    assert track["arousal"] == pytest.approx([one.arousal for one in observations])


def test_windows_are_the_documents_own() -> None:
    analysis = build_analysis()
    (track,) = chart_data(analysis)["tracks"]
    assert track["windows"] == [window.model_dump() for window in analysis.tracks[0].windows]


def test_every_person_has_a_series() -> None:
    analysis = build_analysis(people=3)
    assert [track["id"] for track in chart_data(analysis)["tracks"]] == [1, 2, 3]


def test_a_recording_without_a_face_has_no_series() -> None:
    data = chart_data(build_analysis(people=0))
    assert data["tracks"] == []
    assert data["absent"] == [(0.0, 20.0)]


def test_thinning_keeps_a_peak_of_one_frame_and_the_ends() -> None:
    times = [step / 5 for step in range(30_000)]
    flat = [0.1] * len(times)
    peaked = list(flat)
    peaked[17_321], peaked[4_002] = 0.97, 0.001
    kept = thin(times, [flat, peaked])
    assert {0, 4_002, 17_321, len(times) - 1} <= set(kept)
    assert kept == sorted(set(kept))
    assert len(kept) <= MAX_POINTS + 2


@pytest.mark.parametrize("signals", [1, 10, 40])
def test_thinning_keeps_the_lowest_and_highest_of_every_signal(signals: int) -> None:
    times = [step / 5 for step in range(9_000)]
    columns = [[math.sin(t * (1 + rank) / 7 + rank) for t in times] for rank in range(signals)]
    kept = thin(times, columns)
    assert len(kept) <= MAX_POINTS + 2
    for column in columns:
        shown = [column[index] for index in kept]
        assert (min(shown), max(shown)) == (min(column), max(column))


def test_a_long_recording_is_thinned_and_its_rows_stay_whole() -> None:
    analysis = build_analysis(duration_s=3600.0)
    (track,) = chart_data(analysis)["tracks"]
    by_time = {one.t: one for one in analysis.tracks[0].observations}
    assert track["observations"] == len(by_time)
    assert len(track["t"]) <= MAX_POINTS + 2
    for name, (index, t) in itertools.product(EMOTIONS, enumerate(track["t"])):
        assert track["emotions"][name][index] == pytest.approx(by_time[t].emotions[name], abs=1e-4)


def test_few_observations_are_drawn_as_they_are() -> None:
    assert means([0.0, 1.0, 2.0], [[1.0, 1.0, 1.0]], 3.0) is None
    (track,) = chart_data(build_analysis())["tracks"]
    assert track["means"] is None


@pytest.mark.parametrize(("duration_s", "stretch_s"), [(300.0, 1.0), (301.0, 2.0), (5400.0, 20.0)])
def test_of_a_long_recording_means_of_equal_stretches_are_drawn(
    duration_s: float, stretch_s: float
) -> None:
    analysis = build_analysis(duration_s=duration_s)
    (track,) = chart_data(analysis)["tracks"]
    drawn = track["means"]
    assert drawn["stretch_s"] == stretch_s
    assert len(drawn["t"]) <= MOST_DRAWN
    seen = analysis.tracks[0].observations
    for place, middle in list(enumerate(drawn["t"]))[:: len(drawn["t"]) // 7]:
        inside = [one for one in seen if abs(one.t + 1e-9 - middle) <= stretch_s / 2]
        for name in EMOTIONS:
            mean = sum(one.emotions[name] for one in inside) / len(inside)
            assert drawn["emotions"][name][place] == pytest.approx(mean, abs=2e-4)
    for shares in zip(*drawn["emotions"].values(), strict=True):
        assert sum(shares) == pytest.approx(1.0, abs=5e-3)


def test_a_stretch_in_which_the_face_was_away_has_no_mean() -> None:
    times = [step / 5 for step in range(3000) if not 200 <= step / 5 < 260]
    drawn = means(times, [[1.0] * len(times)], 600.0)
    assert drawn is not None
    assert drawn.stretch_s == 2.0
    assert not [one for one in drawn.t if 200 <= one < 260]
    assert len(drawn.t) == 270


def test_few_points_are_left_alone() -> None:
    assert thin([0.0, 1.0, 2.0], [[1.0, 1.0, 1.0]]) == [0, 1, 2]
    assert thin([], [[]]) == []


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([], [(0.0, 10.0)]),
        ([step / 5 for step in range(50)], []),
        ([step / 5 for step in range(25, 50)], [(0.0, 5.0)]),
        ([step / 5 for step in range(25)], [(5.0, 10.0)]),
        ([0.0, 0.2, 0.6, 0.8], [(pytest.approx(0.4), 0.6), (pytest.approx(1.0), 10.0)]),
    ],
    ids=["never", "always", "late", "left", "blink"],
)
def test_stretches_without_the_face(times: list[float], expected: list) -> None:
    assert unseen(times, duration_s=10.0, step_s=0.2) == expected


def test_an_unknown_emotion_is_drawn_last() -> None:
    assert emotion_order(["boredom", "anger", "neutral"]) == ["neutral", "anger", "boredom"]


def test_boxes_are_never_thinned() -> None:
    analysis = build_analysis(duration_s=900.0)
    boxes = face_boxes(analysis)
    observations = analysis.tracks[0].observations
    assert boxes["tracks"][0]["t"] == [one.t for one in observations]
    assert boxes["tracks"][0]["boxes"][7] == [round(edge) for edge in observations[7].box]
    assert boxes["frame"] == {"width": 640, "height": 360}
