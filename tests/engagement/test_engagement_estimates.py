"""Engagement by a classifier: which one is opened, and what a report makes of its estimates."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from engagement.errors import DataError, ModelError
from engagement.pipeline import Analyzer
from engagement.report import build
from engagement.report.made_by import check_levels, engagement_model, engagement_warnings
from engagement.report.sampled import ReportSettings, Sampled, WindowSettings
from engagement.sample import sample_path
from engagement.types import Expression, Observation
from engagement.windows import estimators, single_attention
from engagement.windows.classifier import Measured, engagement_of
from engagement.windows.classifier_file import write_classifier
from engagement.windows.concentration import ConcentrationSettings
from engagement.windows.estimators import TrainedEngagement, open_engagement
from engagement.windows.single_attention import AttentionClassifier, published_card
from tests.engagement.conftest import CLASSES
from tests.engagement.test_windows_attention import classifier_of, random_attention
from tests.videos import write_beginning

SIZE = 16
FOUR = ("very low", "low", "high", "very high")
MODEL = "mobilenet_7_fer"


def own_classifier(
    levels: tuple[str, ...] = FOUR, *, size: int = SIZE, window_s: float = 10.0, fps: float = 5.0
) -> AttentionClassifier:
    """A classifier as a course's training makes it."""
    weights = random_attention(size, len(levels))
    card = replace(
        published_card(weights),
        name="course-AST-101",
        embedding_model=MODEL,
        levels=levels,
        window_s=window_s,
        sampling_fps=fps,
        scope="course",
        trained_on="310 windows of 24 students",
        people=24,
        windows=310,
        metrics={"balanced_recall": Measured(0.41, 0.36, 0.46)},
        guessing={"balanced_recall": 0.25},
    )
    return AttentionClassifier(card, weights)


def trained(classifier: AttentionClassifier, frames: int | None = None) -> ReportSettings:
    return ReportSettings(
        WindowSettings(), ConcentrationSettings(), TrainedEngagement(classifier, "ab" * 32, frames)
    )


@pytest.fixture
def watched(observe: Callable[..., Observation]) -> Callable[..., Sampled]:
    """A recording of one person, out of sight from 20 s to 34 s, whose embeddings drift."""

    def make(duration_s: float = 60.0, fps: float = 5.0) -> Sampled:
        rng = np.random.default_rng(6)
        times = np.arange(0, duration_s, 1 / fps).tolist()
        seen = []
        for t in times:
            embedding = rng.normal(2 * np.sin(t / 8), 1, SIZE).astype(np.float32)
            if not 20 <= t < 34:
                one = observe(t)
                seen.append(
                    replace(
                        one, expression=Expression(one.expression.probabilities, embedding, 0, 0)
                    )
                )
        return Sampled(tuple(times), duration_s, tuple(seen), CLASSES)

    return make


def test_a_classifiers_windows_are_as_long_as_it_was_trained_on(
    watched: Callable[..., Sampled],
) -> None:
    sampled, classifier = watched(), own_classifier()
    [track] = build.build_tracks(sampled, trained(classifier))
    full = [w for w in track.windows if w.end_s < 60]
    assert {round(w.end_s - w.start_s, 3) for w in full} == {10.0}
    assert {w.start_s % 2.5 for w in track.windows} == {0.0}
    for window in track.windows:
        rows = np.stack(
            [
                o.expression.embedding
                for o in sampled.observations
                if window.start_s <= o.t < window.end_s
            ]
        )
        alone = classifier.probabilities([rows])
        assert window.engagement == pytest.approx(float(engagement_of(alone)[0]), abs=1e-4)
        expected = FOUR[int(alone.argmax())] if window.coverage >= 0.3 else None
        assert window.level == expected


def test_no_window_is_made_where_nobody_was_seen(watched: Callable[..., Sampled]) -> None:
    [track] = build.build_tracks(watched(), trained(own_classifier()))
    starts = [w.start_s for w in track.windows]
    assert 20.0 not in starts
    assert 22.5 not in starts
    by_start = {w.start_s: w for w in track.windows}
    assert by_start[15.0].coverage == pytest.approx(0.5, abs=0.02)
    assert by_start[15.0].level is not None
    assert by_start[17.5].coverage == pytest.approx(0.25, abs=0.02)
    assert by_start[17.5].level is None, "a quarter of the window was seen"


def test_the_band_shows_how_far_an_estimate_hangs_on_where_its_window_lies(
    watched: Callable[..., Sampled],
) -> None:
    [track] = build.build_tracks(watched(), trained(own_classifier()))
    assert all(w.spread > 0 for w in track.windows if w.coverage == 1)
    # Where every observation is the same, shifting a window changes nothing.
    sampled = watched()
    same = tuple(
        replace(o, expression=sampled.observations[0].expression) for o in sampled.observations
    )
    [track] = build.build_tracks(replace(sampled, observations=same), trained(own_classifier()))
    assert max(w.spread for w in track.windows) < 1e-4


def test_a_recording_of_one_window_has_a_band_too(watched: Callable[..., Sampled]) -> None:
    [track] = build.build_tracks(watched(6.0), trained(own_classifier()))
    [window] = track.windows
    assert (window.start_s, window.end_s) == (0.0, 6.0)
    assert window.spread > 0


def test_four_levels_count_their_upper_half_as_engaged(watched: Callable[..., Sampled]) -> None:
    [track] = build.build_tracks(watched(), trained(own_classifier()))
    judged = [w.level for w in track.windows if w.level]
    assert len(set(judged)) > 1
    share = sum(level in ("high", "very high") for level in judged) / len(judged)
    assert track.summary.engaged_share == pytest.approx(share, abs=1e-4)


def test_at_the_native_rate_the_published_windows_are_averaged(
    watched: Callable[..., Sampled],
) -> None:
    sampled, classifier = watched(fps=25), classifier_of(random_attention(SIZE))
    [track] = build.build_tracks(sampled, trained(classifier, frames=128))
    rows = np.stack([o.expression.embedding for o in sampled.observations])
    times = [o.t for o in sampled.observations]
    engaged = classifier.probabilities([rows[i : i + 128] for i in range(len(rows) - 128)])[:, 1]
    middles = np.array([times[i + 64] for i in range(len(engaged))])
    for window in track.windows:
        inside = engaged[(middles >= window.start_s) & (middles < window.end_s)]
        assert window.engagement == pytest.approx(inside.mean(), abs=1e-4)
        assert window.spread == pytest.approx(inside.std(), abs=1e-4)
        if window.level:
            assert window.level == ("engaged" if inside.mean() >= 0.5 else "distracted")
    assert {round(w.end_s - w.start_s, 3) for w in track.windows} == {5.0}


def test_too_few_frames_for_the_published_window_is_said(watched: Callable[..., Sampled]) -> None:
    settings = trained(classifier_of(random_attention(SIZE)), frames=128)
    tracks = build.build_tracks(watched(5.0, fps=25), settings)
    assert tracks[0].windows == []
    assert tracks[0].summary.mean_engagement is None
    [warning] = engagement_warnings(settings, tracks, 25.0, native=True)
    assert warning.code == "too_few_frames"


@pytest.mark.parametrize(
    ("trained_fps", "given_fps", "native", "codes"),
    [
        (5.0, 5.0, False, []),
        (5.0, 1.0, False, ["other_rate"]),
        (5.0, 30.0, True, ["other_rate"]),
        (0.0, 5.0, False, ["not_every_frame"]),
        (0.0, 30.0, True, []),
    ],
)
def test_a_classifier_that_gets_other_frames_than_it_was_taught_on_says_so(
    trained_fps: float, given_fps: float, native: bool, codes: list[str]
) -> None:
    settings = trained(own_classifier(fps=trained_fps))
    found = engagement_warnings(settings, [], given_fps, native=native)
    assert [one.code for one in found] == codes


def test_the_analysis_says_which_classifier_and_how_good_it_was() -> None:
    made_by = engagement_model(trained(own_classifier()), native=False)
    assert (made_by.name, made_by.kind, made_by.rate) == ("course-AST-101", "trained", "sampled")
    assert (made_by.window_s, made_by.stride_s) == (10.0, 2.5)
    assert made_by.levels == list(FOUR)
    assert (made_by.scope, made_by.trained_on) == ("course", "310 windows of 24 students")
    assert made_by.skill is not None
    assert (made_by.skill.low, made_by.skill.guessing, made_by.skill.people) == (0.36, 0.25, 24)


def test_levels_that_the_contract_has_not_are_refused() -> None:
    classifier = own_classifier(("bored", "thrilled"))
    with pytest.raises(ModelError, match="levels that no report has: bored, thrilled"):
        check_levels(TrainedEngagement(classifier, "ab" * 32))


def test_embeddings_of_another_length_are_refused(observe: Callable[..., Observation]) -> None:
    sampled = Sampled((0.0, 0.2), 0.4, (observe(0.0), observe(0.2)), CLASSES)
    with pytest.raises(DataError, match="takes embeddings of 16 numbers, not 4"):
        build.build_tracks(sampled, trained(own_classifier()))


@pytest.fixture
def published_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of the published layout, taken for the published one: that cannot be had here."""
    weights = random_attention(1280, hidden=512)
    path = tmp_path / "engagement_single_attention.h5"
    with h5py.File(path, "w") as file:
        for name, kernel, bias in (
            ("e", weights.score[:, None], np.array([weights.score_bias], np.float32)),
            ("hidden_FC", weights.hidden, weights.hidden_bias),
            ("dense", weights.output, weights.output_bias),
        ):
            file[f"{name}/{name}/kernel:0"], file[f"{name}/{name}/bias:0"] = kernel, bias
        file.attrs["layer_names"] = [b"e", b"hidden_FC", b"dense"]
    monkeypatch.setattr(estimators, "find_file", lambda file: path)
    return path


def test_auto_takes_the_published_classifier_where_it_fits(published_file: Path) -> None:
    opened = open_engagement("auto", "enet_b0_8_best_vgaf")
    assert opened is not None
    assert opened.card.name == single_attention.NAME
    assert opened.frames is None
    native = open_engagement("auto", "enet_b0_8_va_mtl", native=True)
    assert native is not None
    assert native.frames == 128
    assert open_engagement("auto", "enet_b2_8") is None
    assert open_engagement("auto", MODEL) is None
    assert open_engagement("concentration_index", "enet_b0_8_best_vgaf") is None


def test_auto_is_the_index_where_the_published_file_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGAGEMENT_CACHE", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert open_engagement("auto", "enet_b0_8_best_vgaf") is None
    with pytest.raises(ModelError, match="engagement models fetch engagement_single_attention"):
        open_engagement("engagement_single_attention", "enet_b0_8_best_vgaf")


def test_a_classifier_for_other_embeddings_is_refused_in_a_sentence(
    published_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=f"enet_b0 and says nothing of those of {MODEL}"):
        open_engagement("engagement_single_attention", MODEL)
    path = tmp_path / "course.safetensors"
    write_classifier(own_classifier(), path)
    with pytest.raises(ModelError, match=f"{MODEL} and says nothing of those of enet_b2_8"):
        open_engagement(path, "enet_b2_8")
    with pytest.raises(ModelError, match="There is no engagement classifier nothing"):
        open_engagement("nothing", MODEL)


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer(MODEL)


def test_a_recording_is_analysed_with_a_courses_classifier(
    analyzer: Analyzer, tmp_path: Path
) -> None:
    path = tmp_path / "course.safetensors"
    write_classifier(own_classifier(size=1024, fps=2.0, window_s=6.0), path)
    analysis = analyzer.analyze(sample_path(), fps=2.0, engagement=path).analysis
    made_by = analysis.models.engagement
    assert (made_by.kind, made_by.scope, made_by.window_s) == ("trained", "course", 6.0)
    assert made_by.weights_sha256
    assert {w.level for w in analysis.tracks[0].windows} <= {*FOUR, None}
    # The next recording may have another judge: the models stay loaded.
    by_rule = analyzer.analyze(sample_path(), fps=0.5).analysis
    assert by_rule.models.engagement.kind == "index"


def test_the_native_rate_takes_every_frame(analyzer: Analyzer, tmp_path: Path) -> None:
    clip = write_beginning(sample_path(), tmp_path / "clip.mp4", seconds=2)
    analysis = analyzer.analyze(clip, native=True).analysis
    assert len(analysis.tracks[0].observations) == pytest.approx(40, abs=2)
    assert analysis.sampling_fps == pytest.approx(20, abs=1)
    assert analysis.models.engagement.rate == "native"


def test_the_command_takes_a_classifiers_file_and_refuses_what_is_none(tmp_path: Path) -> None:
    path, out = tmp_path / "course.safetensors", tmp_path / "analysis.json"
    write_classifier(own_classifier(size=1024, fps=1.0), path)
    command = [sys.executable, "-m", "engagement.cli", "analyze", str(sample_path())]
    options = ["--model", MODEL, "--fps", "1", "--json", str(out), "--engagement"]
    done = subprocess.run(
        [*command, *options, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "balanced recall 0.41 (0.36 to 0.46)" in " ".join(done.stdout.split())
    assert json.loads(out.read_text())["models"]["engagement"]["name"] == "course-AST-101"
    refused = subprocess.run(
        [*command, *options, "nothing"], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert "There is no engagement classifier nothing." in refused.stderr
    assert "Traceback" not in refused.stderr
