"""The `engagement` command as its user sees it: exit code, standard error, files left behind."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from engagement import cli
from engagement.report.schema import Analysis
from tests.videos import write_not_a_video, write_sound, write_truncated, write_video

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process: (exit code, standard output, standard error)."""

    def command(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["engagement", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def empty(path: Path) -> Path:
    path.touch()
    return path


def one_frame(path: Path) -> Path:
    return write_video(path, frames=1)


def absent(path: Path) -> Path:
    return path


def playlist(path: Path) -> Path:
    write_video(path.with_name("other.mp4"))
    path.write_text("#EXTM3U\n#EXTINF:2,\nother.mp4\n#EXT-X-ENDLIST\n")
    return path


@pytest.mark.parametrize(
    "make", [write_not_a_video, write_sound, write_truncated, empty, one_frame, absent, playlist]
)
def test_bad_input_is_one_line_and_leaves_nothing(
    make: Callable[[Path], Path], run: Run, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "results").mkdir()
    video = make(tmp_path / "in" / "bad.mp4")
    out, file = tmp_path / "results" / "deep" / "out", tmp_path / "results" / "a.json"
    code, stdout, stderr = run("analyze", video, "--out", out, "--json", file)
    assert code == 2
    assert stdout == ""
    assert stderr.startswith("engagement: bad.mp4 ") or "of bad.mp4 " in stderr
    assert stderr.endswith(".\n")
    assert stderr.count("\n") == 1
    assert list((tmp_path / "results").iterdir()) == []


def test_an_earlier_result_survives_a_later_failure(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("yesterday's")
    code, _, _ = run("analyze", one_frame(tmp_path / "v.mp4"), "--json", file)
    assert code == 2
    assert file.read_text() == "yesterday's"


def test_a_line_break_in_a_name_does_not_break_the_line(run: Run, tmp_path: Path) -> None:
    code, _, stderr = run("analyze", write_not_a_video(tmp_path / "two\nlines.mp4"))
    assert code == 2
    assert stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["[bold]a.mp4", "lesson [red][2].mp4", "\N{GRINNING FACE}.mp4"])
def test_the_summary_shows_any_name_as_it_is(name: str, run: Run, tmp_path: Path) -> None:
    code, stdout, stderr = run("analyze", write_video(tmp_path / name, seconds=0.5))
    assert (code, stderr) == (0, "")
    assert stdout.startswith(name)


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux only")
def test_a_name_that_is_no_text_still_gets_its_analysis(run: Run, tmp_path: Path) -> None:
    plain = write_video(tmp_path / "plain.mp4", seconds=0.5)
    video = plain.rename(Path(os.fsdecode(bytes(tmp_path) + b"/\xff.mp4")))
    code, _, stderr = run("analyze", video, "--out", tmp_path / "out")
    assert (code, stderr) == (0, "")
    analysis = Analysis.model_validate_json((tmp_path / "out" / "analysis.json").read_text())
    assert analysis.source.file == "?.mp4"
    assert [warning.code for warning in analysis.warnings] == ["no_face"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "file"], "is a file"),
        (["--out", "file/below"], "is a file"),
        (["--json", "."], "it is a folder"),
        (["--json", "nowhere/a.json"], "its folder does not exist"),
        (["--fps", "0"], "cannot be sampled"),
        (["--fps", "nan"], "cannot be sampled"),
        (["--model", "nonesuch"], "no model 'nonesuch'"),
        (["--model", "v.mp4"], "v.mp4 cannot be used as a model"),
    ],
)
def test_a_wrong_option_is_told_in_one_line(
    arguments: Sequence[str],
    words: str,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "v.mp4", seconds=0.5)
    (tmp_path / "file").touch()
    code, stdout, stderr = run("analyze", "v.mp4", *arguments)
    assert (code, stdout) == (2, "")
    assert words in stderr
    assert stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "v.mp4"]


def test_the_schema_is_printed(run: Run) -> None:
    code, stdout, _ = run("schema")
    assert code == 0
    published = Path(__file__).resolve().parents[2] / "docs" / "analysis.schema.json"
    assert stdout == published.read_text()


def test_the_version_is_printed(run: Run) -> None:
    from engagement import __version__

    assert run("--version")[1].strip() == __version__
