"""Corrections by hand: what they leave of the figures, checked against the arithmetic by hand."""

import pytest

from engagement.report.corrections import CORRECTED, Corrections, corrected, excluded_s, union
from engagement.report.schema import Analysis
from tests.factories import build_analysis


def a_minute(**options: object) -> Analysis:
    """Sixty seconds, the face away from 30 to 40 s."""
    return build_analysis(duration_s=60.0, absent=((30.0, 40.0),), **options)


def test_without_corrections_the_analysis_is_itself() -> None:
    analysis = a_minute()
    assert corrected(analysis, Corrections()) is analysis


def test_the_analysis_itself_is_never_changed() -> None:
    analysis = a_minute(people=2)
    before = analysis.to_json()
    corrected(analysis, Corrections(excluded=((0.0, 20.0),), merged={2: 1}, subject=1))
    assert analysis.to_json() == before


def test_a_corrected_analysis_keeps_the_contract() -> None:
    made = corrected(a_minute(people=3), Corrections(excluded=((5.0, 9.0),), merged={3: 1}))
    assert Analysis.model_validate_json(made.to_json()) == made


def test_an_excluded_stretch_has_no_observations_and_touches_no_window() -> None:
    made = corrected(a_minute(), Corrections(excluded=((10.0, 20.0),)))
    track = made.tracks[0]
    assert track.observations
    assert not [one for one in track.observations if 10.0 <= one.t < 20.0]
    assert not [one for one in track.windows if one.start_s < 20.0 and one.end_s > 10.0]
    assert [one for one in track.windows if one.end_s <= 10.0]


def test_figures_are_those_of_what_is_left() -> None:
    analysis = a_minute()
    left = [one for one in analysis.tracks[0].windows if one.end_s <= 10 or one.start_s >= 20]
    summary = corrected(analysis, Corrections(excluded=((10.0, 20.0),))).summary
    assert len(left) < len(analysis.tracks[0].windows)
    assert summary.mean_engagement == pytest.approx(
        sum(one.engagement for one in left) / len(left), abs=1e-4
    )
    assert summary.mean_engagement != analysis.summary.mean_engagement


def test_excluded_time_is_neither_present_nor_absent() -> None:
    # Of 60 s the face is away for 10; without these 10 it is there all the time that is left.
    made = corrected(a_minute(), Corrections(excluded=((30.0, 40.0),)))
    assert made.presence.absent == []
    assert made.presence.face_share == pytest.approx(1.0, abs=0.02)
    assert made.summary.coverage == pytest.approx(1.0, abs=0.02)
    # Without 25 s in which it was there, it is away for 10 of 35.
    made = corrected(a_minute(), Corrections(excluded=((0.0, 25.0),)))
    assert made.presence.absent == [(30.0, 40.0)]
    assert made.presence.face_share == pytest.approx(25 / 35, abs=0.02)
    assert made.summary.coverage == pytest.approx(25 / 35, abs=0.02)


def test_an_absence_is_cut_where_it_is_excluded() -> None:
    made = corrected(a_minute(), Corrections(excluded=((33.0, 36.0),)))
    assert made.presence.absent == [(30.0, 33.0), (36.0, 40.0)]


def test_overlapping_stretches_count_once() -> None:
    twice = Corrections(excluded=((5.0, 15.0), (10.0, 20.0), (50.0, 900.0)))
    assert excluded_s(a_minute(), twice) == 25.0
    assert union([(3.0, 1.0)], 60.0) == []


def test_merged_people_are_one_person_with_everybody_seen_once() -> None:
    analysis = a_minute(people=3)
    made = corrected(analysis, Corrections(merged={3: 2}))
    assert [one.id for one in made.tracks] == [1, 2]
    track = made.tracks[1]
    times = [one.t for one in track.observations]
    assert times == sorted(set(times))
    assert set(times) == {o.t for one in analysis.tracks[1:] for o in one.observations}
    spans = [(one.start_s, one.end_s) for one in track.windows]
    assert len(spans) == len(set(spans))
    assert track.summary.coverage <= 1.0


def test_two_estimates_of_a_window_are_weighed_by_their_coverage() -> None:
    analysis = a_minute(people=2)
    first, second = (one.windows[0] for one in analysis.tracks)
    made = corrected(analysis, Corrections(merged={2: 1})).tracks[0].windows[0]
    total = first.coverage + second.coverage
    mean = (first.engagement * first.coverage + second.engagement * second.coverage) / total
    assert made.engagement == pytest.approx(mean, abs=1e-4)
    assert made.coverage == pytest.approx(min(1.0, total), abs=1e-4)
    assert made.spread >= min(first.spread, second.spread)


def test_a_chain_of_merges_ends_and_a_circle_does_too() -> None:
    chain = Corrections(merged={3: 2, 2: 1})
    assert [chain.target(n) for n in (1, 2, 3)] == [1, 1, 1]
    circle = Corrections(merged={1: 2, 2: 1})
    assert len(corrected(a_minute(people=2), circle).tracks) >= 1


def test_the_summary_is_of_the_person_who_is_the_student() -> None:
    analysis = a_minute(people=2)
    made = corrected(analysis, Corrections(subject=2))
    assert made.summary == analysis.tracks[1].summary != analysis.summary
    assert made.tracks == analysis.tracks


def test_group_affect_counts_people_anew() -> None:
    made = corrected(a_minute(people=3), Corrections(excluded=((0.0, 6.0),), merged={3: 2}))
    assert {one.people for one in made.group_affect} == {2}
    assert {one.face_share for one in made.group_affect} == {1.0}
    assert min(one.start_s for one in made.group_affect) >= 6.0


def test_nothing_left_is_said_and_is_no_error() -> None:
    made = corrected(a_minute(), Corrections(excluded=((0.0, 60.0),)))
    assert made.tracks == []
    assert made.summary.mean_engagement is None
    assert made.presence.face_share == 0.0
    assert {one.code for one in made.warnings} == {"no_face", CORRECTED}
