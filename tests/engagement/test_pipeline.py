"""Whole analyses: the sample that ships, the real clips, the command, and bad input."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engagement.errors import CancelledError, ModelError, VideoError
from engagement.evaluation.expression import evaluate_expression
from engagement.pipeline import AnalysisResult, Analyzer, analyze
from engagement.report.schema import Analysis, Observation
from engagement.sample import sample_path, truth_path
from tests.videos import write_not_a_video, write_video


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer()


@pytest.fixture(scope="module")
def sample(analyzer: Analyzer) -> AnalysisResult:
    return analyzer.analyze(sample_path())


def top(observation: Observation) -> str:
    return max(observation.emotions, key=observation.emotions.__getitem__)


def test_the_sample_is_one_person_who_leaves_and_returns(sample: AnalysisResult) -> None:
    truth = json.loads(truth_path().read_text())
    [track] = sample.analysis.tracks
    [(start, end)] = truth["absent"]
    [(found_start, found_end)] = sample.analysis.presence.absent
    assert (found_start, found_end) == pytest.approx((start, end), abs=0.5)
    assert track.summary.coverage == pytest.approx(
        1 - (end - start) / truth["duration_s"], abs=0.05
    )
    assert track.first_s < 1 < track.last_s - 20


def test_the_samples_changes_of_expression_show(sample: AnalysisResult) -> None:
    """The sad face is a mild warp of a smiling photograph, on which fair networks differ between
    sadness, fear and neutral; what must show there is that the smile is gone."""
    truth = json.loads(truth_path().read_text())
    for stretch in truth["expressions"]:
        inside = [
            top(o)
            for o in sample.analysis.tracks[0].observations
            if stretch["start_s"] <= o.t < stretch["end_s"]
        ]
        if stretch["intended"] == "sadness":
            smiling = sum(name in {"happiness", "surprise"} for name in inside)
            assert smiling < 0.1 * len(inside), (stretch, inside)
        else:
            accepted = sum(name in stretch["accepted"] for name in inside)
            assert accepted > len(inside) / 2, (stretch, inside)


def test_embeddings_belong_to_the_observations(sample: AnalysisResult, tmp_path: Path) -> None:
    sample.write_embeddings(tmp_path / "e.parquet")
    table = pq.read_table(tmp_path / "e.parquet")
    rows = zip(table.column("track_id").to_pylist(), table.column("t").to_pylist(), strict=True)
    assert list(rows) == [(t.id, o.t) for t in sample.analysis.tracks for o in t.observations]
    assert len(table.column("embedding")[0].as_py()) == 1024


def test_the_same_input_gives_the_same_analysis(analyzer: Analyzer, tmp_path: Path) -> None:
    clip = sample_path()
    first, again = (analyzer.analyze(clip, fps=0.5).analysis for _ in range(2))
    assert first == again


def test_the_woman_cries_first_and_laughs_later(analyzer: Analyzer, clips: Path) -> None:
    analysis = analyzer.analyze(clips / "WolfgangLanger_Pexels.mp4").analysis
    [track] = analysis.tracks
    assert track.summary.coverage >= 0.85
    crying = [top(o) for o in track.observations if o.t < 8]
    laughing = [top(o) for o in track.observations if o.t >= 12]
    assert crying.count("happiness") < len(crying) / 5
    assert laughing.count("happiness") >= len(laughing) * 4 / 5


def test_no_face_is_an_empty_report_with_a_warning(analyzer: Analyzer, clips: Path) -> None:
    analysis = analyzer.analyze(clips / "no_face.mp4").analysis
    assert analysis.tracks == []
    assert analysis.summary.dominant_emotion is None
    assert analysis.presence.face_share == 0
    assert [warning.code for warning in analysis.warnings] == ["no_face"]


def test_presence_follows_what_is_seen(analyzer: Analyzer, clips: Path) -> None:
    """An HEVC clip: a man until 2.5 s, then a drawn sky with clouds and a title."""
    analysis = analyzer.analyze(clips / "face_noface.mov").analysis
    [(start, end)] = analysis.presence.absent
    assert start == pytest.approx(2.5, abs=0.2)
    assert end == pytest.approx(6.4, abs=0.05)
    assert len(analysis.tracks) == 1


def test_progress_is_told_and_can_stop_the_analysis(analyzer: Analyzer) -> None:
    told: list[tuple[float, float]] = []
    analyzer.analyze(sample_path(), fps=0.5, on_progress=lambda *step: told.append(step))
    done = [step[0] for step in told]
    assert done == sorted(done)
    assert told[-1][0] == told[-1][1] == pytest.approx(28, abs=0.1)

    def stop(done_s: float, total_s: float) -> None:
        raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        analyzer.analyze(sample_path(), on_progress=stop)


def test_nonsense_settings_are_refused() -> None:
    with pytest.raises(ModelError, match="no model"):
        analyze(sample_path(), model="nonesuch")
    with pytest.raises(VideoError, match="cannot be sampled"):
        analyze(sample_path(), fps=0)


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "engagement.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_writes_the_contract_and_prints_a_summary(tmp_path: Path) -> None:
    out, copy = tmp_path / "deep" / "out", tmp_path / "a.json"
    done = command("analyze", sample_path(), "--fps", "1", "--out", out, "--json", copy)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in out.iterdir()} == {"analysis.json", "embeddings.parquet"}
    assert copy.read_text() == (out / "analysis.json").read_text()
    analysis = Analysis.model_validate_json(copy.read_text())
    assert analysis.sampling_fps == 1.0
    for word in ("coverage", "mobilenet_7_fer", "not a trained model", "±", "0:13-0:17"):
        assert word in done.stdout.replace("\n", " ")


LONG_NAME = "n" * 240 + ".mp4"


@pytest.mark.parametrize("name", ["list.mp4", "\N{GRINNING FACE}.mp4", LONG_NAME])
def test_the_command_ends_bad_input_with_one_line(name: str, tmp_path: Path) -> None:
    video = write_not_a_video(tmp_path / name)
    out, file = tmp_path / "out", tmp_path / "a.json"
    done = command("analyze", video, "--out", out, "--json", file)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert name[:30] in done.stderr
    assert len(done.stderr) < 250
    assert "Traceback" not in done.stderr
    assert not file.exists()
    assert not out.exists()


def test_the_command_tries_the_output_before_the_work(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4")
    done = command("analyze", video, "--json", tmp_path / "nowhere" / "a.json")
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_bundled_model_reaches_its_cards_accuracy(
    fer2013_archive: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(fer2013_archive) as archive:
        names = [name for name in archive.namelist() if "val/" in name]
        archive.extractall(tmp_path, names)
    [val] = tmp_path.rglob("val")
    report = evaluate_expression(val, "mobilenet_7_fer")
    assert report.count == 3589
    assert report.accuracy >= 0.675
    assert report.macro_f1 >= 0.64
