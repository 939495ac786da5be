"""Analyses that pass frames over, and the arithmetic of what lies between."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engagement.errors import CancelledError, VideoError
from engagement.pipeline import AnalysisResult, Analyzer, Settings
from engagement.report import build
from engagement.report.passed_over import with_passed_over
from engagement.report.sampled import ReportSettings, Sampled, WindowSettings
from engagement.report.schema import Analysis, json_schema
from engagement.sample import sample_path
from engagement.stages import adaptive_watching, watching
from engagement.summaries.curves import seen
from engagement.types import Observation
from engagement.windows.adaptive import AdaptiveSettings
from engagement.windows.concentration import ConcentrationSettings
from tests.engagement.conftest import CLASSES
from tests.videos import write_not_a_video, write_video

Observe = Callable[..., Observation]
REPORT = ReportSettings(WindowSettings(), ConcentrationSettings())


@pytest.fixture(scope="module")
def adaptive() -> Analyzer:
    return Analyzer(settings=Settings(adaptive=AdaptiveSettings()))


@pytest.fixture(scope="module")
def even() -> Analyzer:
    return Analyzer()


@pytest.fixture(scope="module")
def dense(even: Analyzer) -> AnalysisResult:
    return even.analyze(sample_path())


@pytest.fixture(scope="module")
def sparse(adaptive: Analyzer) -> AnalysisResult:
    return adaptive.analyze(sample_path())


def test_clearly_fewer_frames_of_the_sample_are_looked_at(
    sparse: AnalysisResult, dense: AnalysisResult
) -> None:
    told = sparse.analysis.adaptive
    assert told is not None
    assert told.looked_at < 0.75
    assert len(sparse.observations) < 0.8 * len(dense.observations)
    # What was not looked at is no observation, here nor in the file of embeddings.
    [track], [whole] = sparse.analysis.tracks, dense.analysis.tracks
    assert {o.t for o in track.observations} < {o.t for o in whole.observations}
    assert len(track.observations) == len(sparse.observations)


def test_the_figures_are_near_those_of_all_frames(
    sparse: AnalysisResult, dense: AnalysisResult
) -> None:
    # Some times what docs/performance.md has as the largest errors on the sample, which are of
    # beginnings at other frames; a frame looked at later has its face's box elsewhere, too.
    ours, theirs = sparse.analysis, dense.analysis
    assert ours.presence.absent == theirs.presence.absent
    assert ours.presence.face_share == pytest.approx(theirs.presence.face_share, abs=0.01)
    assert ours.summary.coverage == pytest.approx(theirs.summary.coverage, abs=0.01)
    assert ours.summary.mean_engagement == pytest.approx(theirs.summary.mean_engagement, abs=0.02)
    for name, share in theirs.summary.emotion_share.items():
        assert ours.summary.emotion_share[name] == pytest.approx(share, abs=0.05)
    [mine], [all_of_it] = ours.tracks, theirs.tracks
    assert [w.start_s for w in mine.windows] == [w.start_s for w in all_of_it.windows]
    for window, other in zip(mine.windows, all_of_it.windows, strict=True):
        assert window.coverage == pytest.approx(other.coverage, abs=0.01)
        assert window.engagement == pytest.approx(other.engagement, abs=0.1)
    for window, affect in zip(ours.group_affect, theirs.group_affect, strict=True):
        assert window.positive == pytest.approx(affect.positive, abs=0.1)


def test_the_same_recording_gives_the_same_analysis(
    adaptive: Analyzer, sparse: AnalysisResult
) -> None:
    assert adaptive.analyze(sample_path()).analysis == sparse.analysis


def test_the_command_passes_frames_over_where_it_is_asked_to(tmp_path: Path) -> None:
    out, video = tmp_path / "a.json", write_video(tmp_path / "v.mp4", seconds=8)
    done = subprocess.run(
        [sys.executable, "-m", "engagement.cli", "analyze", video, "--adaptive", "--json", out],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = Analysis.model_validate_json(out.read_text()).adaptive
    assert told is not None
    assert f"{told.looked_at:.0%} of them looked at" in done.stdout.replace("\n", " ")


class InterruptedRunError(Exception):
    """Stands for whatever ends a process in the middle."""


def test_a_run_that_was_stopped_goes_on_and_ends_as_if_it_had_not_been(
    adaptive: Analyzer, sparse: AnalysisResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "KEEP_EVERY_S", 0.0)
    told: list[float] = []
    starts = []
    for stop_s in (9.0, 17.0):

        def until(done: float, total: float, stop_s: float = stop_s) -> None:
            told.append(done)
            if done > stop_s:
                raise InterruptedRunError

        starts.append(len(told))
        with pytest.raises(InterruptedRunError):
            adaptive.analyze(sample_path(), on_progress=until, checkpoint=tmp_path / "run")
    result = adaptive.analyze(sample_path(), checkpoint=tmp_path / "run")
    assert told[starts[1]] > 5
    assert result.analysis == sparse.analysis
    for ours, theirs in zip(result.observations, sparse.observations, strict=True):
        assert np.array_equal(ours.expression.embedding, theirs.expression.embedding)


def test_a_run_at_an_even_rate_is_not_gone_on_with(
    even: Analyzer,
    adaptive: Analyzer,
    sparse: AnalysisResult,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watching, "KEEP_EVERY_S", 0.0)

    def stop(done: float, total: float) -> None:
        if done > 10:
            raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        even.analyze(sample_path(), on_progress=stop, checkpoint=tmp_path)
    assert adaptive.analyze(sample_path(), checkpoint=tmp_path).analysis == sparse.analysis


def test_a_stop_takes_effect_inside_of_a_block(adaptive: Analyzer) -> None:
    calls = []

    def stop(done: float, total: float) -> None:
        calls.append(done)
        raise CancelledError("stopped by the test")

    with pytest.raises(CancelledError):
        adaptive.analyze(sample_path(), on_progress=stop)
    assert calls == [0.0]


def test_pictures_too_large_to_hold_are_all_looked_at(
    adaptive: Analyzer, dense: AnalysisResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []
    block = adaptive_watching.blocks

    def counted(*arguments: object) -> object:
        for one in block(*arguments):  # type: ignore[arg-type]
            held.append(sum(map(len, one)))
            yield one

    monkeypatch.setattr(adaptive_watching, "blocks", counted)
    monkeypatch.setattr(adaptive_watching, "_HELD_BYTES", 3 * 640 * 360)
    analysis = adaptive.analyze(sample_path()).analysis
    assert max(held) == 1
    assert analysis.adaptive is not None
    assert analysis.adaptive.looked_at == 1
    # The groups that go through the network together differ, and so does its rounding.
    [ours], [theirs] = analysis.tracks, dense.analysis.tracks
    assert [o.t for o in ours.observations] == [o.t for o in theirs.observations]
    assert analysis.summary == dense.analysis.summary


def test_a_recording_of_nobody_is_passed_over(adaptive: Analyzer, tmp_path: Path) -> None:
    video = write_video(tmp_path / "nobody.mp4", seconds=20)
    analysis = adaptive.analyze(video).analysis
    assert analysis.adaptive is not None
    assert analysis.adaptive.looked_at < 0.3
    assert not analysis.tracks
    assert analysis.presence.absent == [(0.0, 20.0)]
    assert [warning.code for warning in analysis.warnings] == ["no_face"]


def test_very_short_and_unreadable_recordings_are_told_as_ever(
    adaptive: Analyzer, tmp_path: Path
) -> None:
    two = adaptive.analyze(write_video(tmp_path / "two.mp4", frames=2)).analysis
    assert two.adaptive is not None
    assert two.adaptive.looked_at == 1
    for broken in (
        write_video(tmp_path / "one.mp4", frames=1),
        write_not_a_video(tmp_path / "text.mp4"),
    ):
        with pytest.raises(VideoError):
            adaptive.analyze(broken)


def test_every_frame_means_every_frame(adaptive: Analyzer, even: Analyzer, clips: Path) -> None:
    clip = clips / "single_face.mp4"
    assert adaptive.analyze(clip, native=True).analysis == even.analyze(clip, native=True).analysis


def test_the_contract_has_how_frames_were_chosen_and_older_analyses_still_fit(
    sparse: AnalysisResult, dense: AnalysisResult
) -> None:
    again = Analysis.model_validate_json(sparse.analysis.to_json())
    assert again == sparse.analysis
    assert again.step_s == AdaptiveSettings().coarse_s
    assert dense.analysis.step_s == pytest.approx(0.2)
    older = dense.analysis.model_dump(by_alias=True)
    assert older.pop("adaptive") is None
    assert Analysis.model_validate(older) == dense.analysis
    assert "adaptive" not in json_schema()["required"]


def test_a_summary_does_not_take_what_was_passed_over_for_absence(
    sparse: AnalysisResult, dense: AnalysisResult
) -> None:
    [ours], [theirs] = sparse.analysis.tracks, dense.analysis.tracks
    runs = [
        int(seen(track, analysis.step_s, analysis.source.duration_s, 1.0).run[-1]) + 1
        for track, analysis in ((ours, sparse.analysis), (theirs, dense.analysis))
    ]
    assert runs == [2, 2]  # she leaves once


def at(times: list[float], observe: Observe, emotion: str = "neutral") -> list[Observation]:
    return [observe(t, emotion, yaw=10 * t) for t in times]


def test_what_lies_between_has_changed_evenly(observe: Observe) -> None:
    seen_ = [observe(0.0, "neutral", yaw=0), observe(0.8, "happiness", yaw=8)]
    sampled = Sampled((0.0, 0.8), 1.0, seen_, CLASSES)

    filled = with_passed_over(sampled, np.array([0.2, 0.4, 0.6]))

    found = list(filled.observations)
    assert filled.times == (0.0, 0.2, 0.4, 0.6, 0.8)
    assert filled.looked_at == {0.0, 0.8}
    assert [o.t for o in found] == [0.0, 0.2, 0.4, 0.6, 0.8]
    assert [o.yaw for o in found] == pytest.approx([0, 2, 4, 6, 8])
    happy = CLASSES.index("happiness")
    p = [o.expression.probabilities[happy] for o in found]
    assert p == pytest.approx([0.05, 0.2125, 0.375, 0.5375, 0.7])
    # The nearer embedding as it was: a mean of two is that of no face.
    assert [float(o.expression.embedding[0]) for o in found] == pytest.approx([0, 0, 0.8, 0.8, 0.8])
    assert [o.t for o in filled.observations[1:4]] == [0.2, 0.4, 0.6]


def test_nothing_is_put_between_where_a_face_was_gone_or_another_came(observe: Observe) -> None:
    # Looked at: 0, 0.8, 1.6, 2.4. The first person is not there at 0.8, nor the second at 1.6.
    seen_ = [*at([0.0, 1.6, 2.4], observe), *(observe(t, track=2) for t in (0.0, 0.8, 2.4))]
    sampled = Sampled((0.0, 0.8, 1.6, 2.4), 3.0, seen_, CLASSES)

    filled = with_passed_over(sampled, np.array([0.4, 1.2, 2.0]))

    times = [[o.t for o in filled.observations if o.track_id == n] for n in (1, 2)]
    assert times == [[0.0, 1.6, 2.0, 2.4], [0.0, 0.4, 0.8, 2.4]]


def test_figures_are_shares_of_time_and_not_of_looks(observe: Observe) -> None:
    # Eight seconds neutral, a look a 0.8 s; then two seconds happy, five looks a second.
    calm = [round(0.8 * i, 1) for i in range(11)]
    lively = [round(8.2 + 0.2 * i, 1) for i in range(10)]
    grid = np.round(np.arange(0, 10.2, 0.2), 1)
    seen_ = at(calm, observe) + at(lively, observe, "happiness")
    passed = np.setdiff1d(grid, [*calm, *lively])
    sampled = Sampled((*calm, *lively), 10.2, seen_, CLASSES)

    [track] = build.build_tracks(with_passed_over(sampled, passed), REPORT)

    assert track.summary.emotion_share["happiness"] == pytest.approx(10 / 51, abs=1e-3)
    assert track.summary.coverage == 1
    assert all(window.coverage == 1 for window in track.windows)
    assert len(track.observations) == len(seen_)


def test_without_a_face_there_is_nothing_to_put_between() -> None:
    sampled = Sampled((0.0, 0.8), 1.0, [], CLASSES)
    filled = with_passed_over(sampled, np.array([0.4]))
    assert filled.times == (0.0, 0.4, 0.8)
    assert filled.looked_at == {0.0, 0.8}
    presence = build.build_presence(filled)
    assert presence.absent == [(0.0, 1.0)]
