"""Which moments of a lesson are chosen, and that nothing is invented."""

import json

import pytest

from engagement.pipeline import Analyzer
from engagement.report.schema import Analysis, Track
from engagement.sample import sample_path, truth_path
from engagement.summaries.classwide import Member, choose_class
from engagement.summaries.schema import PersonSummary, Rules
from engagement.summaries.select import choose
from tests.engagement.summary_analyses import made

Span = tuple[float, float]


@pytest.fixture(scope="session")
def sample_analysis() -> Analysis:
    return Analyzer("mobilenet_7_fer").analyze(sample_path()).analysis


def chosen(analysis: Analysis, **rules: float) -> PersonSummary:
    return choose(analysis, analysis.tracks[0], Rules(**rules))[0]


def spans(summary: PersonSummary, kind: str) -> list[Span]:
    return [(m.start_s, m.end_s) for m in summary.moments if kind in (m.kind, m.emotion)]


def test_the_samples_clear_expressions_are_found_within_a_second(sample_analysis: Analysis) -> None:
    summary = chosen(sample_analysis)
    truth = json.loads(truth_path().read_text())["expressions"]
    for emotion in ("happiness", "surprise"):
        expected = [(e["start_s"], e["end_s"]) for e in truth if e["intended"] == emotion]
        found = spans(summary, emotion)
        assert len(found) == len(expected)
        for (start, end), (true_start, true_end) in zip(found, expected, strict=True):
            assert start == pytest.approx(true_start, abs=1.0)
            assert end == pytest.approx(true_end, abs=1.0)
    # The mild sad face is no clear one to this model: nothing is shown of it.
    assert spans(summary, "sadness") == []


def test_the_samples_dip_and_peak_of_engagement_are_told_with_their_figures(
    sample_analysis: Analysis,
) -> None:
    summary = chosen(sample_analysis)
    windows = {(w.start_s, w.end_s): w for w in sample_analysis.tracks[0].windows}
    extremes = [m for m in summary.moments if m.kind != "emotion"]
    assert {m.kind for m in extremes} == {"dip", "peak"}
    for moment in extremes:
        assert moment.engagement in {
            w.engagement
            for (start, end), w in windows.items()
            if start >= moment.start_s and end <= moment.end_s
        }
        assert abs(moment.engagement - moment.mean_engagement) > moment.spread
        assert moment.title.startswith("Engagement index")  # a rule, and it says so


def test_the_longest_and_clearest_come_first_and_only_so_many() -> None:
    turns = {(0, 3): "happiness", (5, 12): "happiness", (15, 20): "happiness", (24, 30): "fear"}
    analysis = made(
        lambda t: next((e for (a, b), e in turns.items() if a <= t < b), "neutral"),
    )
    summary = chosen(analysis)
    assert len(spans(summary, "happiness")) == 2
    assert [start for start, _ in spans(summary, "happiness")] == pytest.approx([5, 15], abs=0.5)
    assert len(spans(summary, "fear")) == 1


def test_no_clear_emotion_and_a_flat_curve_show_nothing_and_say_so() -> None:
    summary = chosen(made(lambda _: "fear", [0.5] * 14, sure=0.4))
    assert summary.moments == []
    assert "No emotion was clear for 2 s" in summary.missing[0]
    assert "no dip or peak that stands out" in summary.missing[1]


def test_a_short_flash_is_no_stretch() -> None:
    summary = chosen(made(lambda t: "anger" if 10 <= t < 11.4 else "neutral", sure=0.9))
    assert spans(summary, "anger") == []


def test_losing_the_face_ends_a_stretch() -> None:
    summary = chosen(made(lambda t: None if 9.9 < t < 14.9 else "happiness"))
    assert spans(summary, "happiness") == [(0.0, 10.0), (15.0, 40.0)]


def test_a_long_stretch_is_shown_where_it_is_clearest() -> None:
    analysis = made(lambda t: "happiness")
    best = [
        o.model_copy(update={"emotions": {**o.emotions, "happiness": 0.99}})
        if 20 <= o.t < 28
        else o
        for o in analysis.tracks[0].observations
    ]
    track = analysis.tracks[0].model_copy(update={"observations": best})
    [one] = choose(analysis, track, Rules())[1]
    assert (one.moment.start_s, one.moment.end_s) == (0.0, 40.0)
    assert (one.start_s, one.end_s) == pytest.approx((20.0, 28.0))


def test_a_dip_that_stands_out_is_found_and_a_ripple_is_not() -> None:
    curve = [0.7, 0.72, 0.7, 0.71, 0.3, 0.7, 0.72, 0.69, 0.7, 0.71, 0.7, 0.7]
    summary = chosen(made(lambda _: "neutral", curve))
    assert spans(summary, "dip") == [(10.0, 15.0)]
    assert spans(summary, "peak") == []


def test_windows_without_enough_face_are_no_dip() -> None:
    analysis = made(lambda _: "neutral", [0.7, 0.72, 0.7, 0.71, 0.1, 0.7, 0.72, 0.7])
    windows = [
        w.model_copy(update={"level": None, "coverage": 0.1}) if w.engagement == 0.1 else w
        for w in analysis.tracks[0].windows
    ]
    track = analysis.tracks[0].model_copy(update={"windows": windows})
    summary, _ = choose(analysis, track, Rules())
    assert spans(summary, "dip") == []


def test_too_few_windows_tell_no_dips() -> None:
    summary = chosen(made(lambda _: "neutral", [0.9, 0.1, 0.9], duration_s=10))
    assert "Only 3 windows have" in summary.missing[-1]


def member(analysis: Analysis) -> Member:
    track: Track = analysis.tracks[0]
    return Member(analysis, track)


def test_a_class_moment_needs_most_of_those_in_view() -> None:
    smiling = made(lambda t: "happiness" if 10 <= t < 20 else "neutral")
    bored = made(lambda _: "neutral")
    summary, sights = choose_class([member(smiling)] * 2 + [member(bored)], Rules(), of=5)
    [moment] = [m for m in summary.moments if m.emotion == "happiness"]
    assert (moment.people, moment.in_view, moment.of) == (2, 3, 5)
    assert (moment.start_s, moment.end_s) == pytest.approx((10, 20), abs=1.0)
    assert {s.member for s in sights[summary.moments.index(moment)]} == {0, 1}
    one_of_three, _ = choose_class([member(smiling)] + [member(bored)] * 2, Rules(), of=5)
    assert not [m for m in one_of_three.moments if m.emotion == "happiness"]


def test_those_out_of_view_do_not_count_against_it_and_the_numbers_say_so() -> None:
    smiling = made(lambda t: "happiness" if 10 <= t < 20 else "neutral")
    away = made(lambda t: "neutral" if t < 5 else None)
    summary, _ = choose_class([member(smiling)] * 2 + [member(away)] * 2, Rules(), of=4)
    [moment] = [m for m in summary.moments if m.emotion == "happiness"]
    assert (moment.people, moment.in_view, moment.of) == (2, 2, 4)


def test_a_class_dip_is_of_departures_from_each_ones_own_mean() -> None:
    dip = [0.0, 0.0, 0.0, 0.0, -0.4, 0.0, 0.0, 0.0, 0.0, 0.0]
    low = made(lambda _: "neutral", [0.45 + d for d in dip])
    high = made(lambda _: "neutral", [0.95 + d for d in dip])
    # The third is away for half: a mean of plain values would fall as they come.
    late = made(lambda _: "neutral", [None] * 6 + [0.1] * 4)
    summary, _ = choose_class([member(low), member(high), member(late)], Rules(), of=3)
    assert [(m.kind, m.start_s, m.people) for m in summary.moments if m.kind != "emotion"] == [
        ("dip", 10.0, 2)
    ]


def test_a_large_class_is_pictured_by_those_who_show_it_most() -> None:
    def smiling(sure: float) -> Member:
        return member(made(lambda t: "happiness" if 10 <= t < 20 else "neutral", sure=sure))

    faint, clear = smiling(0.6), smiling(0.9)
    summary, sights = choose_class([faint] * 5 + [clear] * 12, Rules(), of=17)
    at = [moment.emotion for moment in summary.moments].index("happiness")
    assert summary.moments[at].people == 17
    assert [sight.member for sight in sights[at]] == list(range(5, 17))


def test_one_person_is_no_class() -> None:
    summary, _ = choose_class([member(made(lambda _: "neutral"))], Rules(), of=12)
    assert summary.moments == []
    assert "1 of 12 students have data: too few" in summary.missing[0]
