"""Engagement data sets in the layouts of their authors, and the two commands on real videos."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engagement import cli
from engagement.datasets.daisee import read_daisee
from engagement.datasets.engagement_windows import FOUR_LEVELS, TWO_LEVELS
from engagement.datasets.engagenet import read_engagenet
from engagement.datasets.engagewild import read_engagewild
from engagement.datasets.labelled_windows import LabelledStretch, StretchSet, read_windows
from engagement.errors import DataError
from engagement.evaluation.engagement_windows import WindowReading, take_windows
from engagement.networks.spec import EIGHT_EMOTIONS
from engagement.sample import sample_path
from tests.engagement.protocol_world import (
    PALETTE,
    ColourModel,
    SquareDetector,
    picture,
    save_broken,
    save_video,
)

Run = Callable[..., tuple[int, str, str]]


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def write_rows(path: Path, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def by_key(stretches: StretchSet) -> dict[str, LabelledStretch]:
    return {s.key: s for s in stretches.stretches}


@pytest.fixture
def daisee(tmp_path: Path) -> Path:
    heading = "ClipID,Boredom,Engagement,Confusion,Frustration "
    for part, clip in (("Train", "1100011002"), ("Validation", "4000221001"), ("Test", "5000441")):
        touch(tmp_path, f"DataSet/{part}/{clip[:6]}/{clip}/{clip}.avi")
        write_rows(tmp_path / f"Labels/{part}Labels.csv", heading, f"{clip}.avi,0,3,0,0")
    write_rows(
        tmp_path / "Labels/TrainLabels.csv",
        heading,
        "1100011002.avi,0,2,0,0",
        "1100012009.avi,1,1,0,0",
    )
    return tmp_path


def test_daisee_says_whose_a_clip_is_by_its_first_digits(daisee: Path) -> None:
    found = by_key(read_daisee(daisee))
    assert sorted(found) == [
        "test/5000441",
        "train/1100011002",
        "train/1100012009",
        "validation/4000221001",
    ]
    here, absent = found["train/1100011002"], found["train/1100012009"]
    assert here.video is not None
    assert absent.video is None
    assert here.person == absent.person == "110001"
    assert (here.level, absent.level) == (2, 1)


def test_daisee_has_two_levels_too(daisee: Path) -> None:
    found = read_daisee(daisee, ("Train",), level_count=2)
    assert found.levels == TWO_LEVELS
    assert [s.level for s in found.stretches] == [1, 0]


def test_engagenet_leaves_out_clips_that_show_nobody(tmp_path: Path) -> None:
    touch(tmp_path, "Train/subject_12_abc_vid_0_1.mp4")
    write_rows(
        tmp_path / "train_engagement_labels.csv",
        "chunk,label",
        "subject_12_abc_vid_0_1.mp4,Highly-Engaged",
        "subject_12_abc_vid_0_2.mp4,Barely-engaged",
        "subject_13_x_vid_1_0.mp4,SNP(Subject Not Present)",
    )
    found = read_engagenet(tmp_path, ("Train",))
    assert found.levels == FOUR_LEVELS
    assert [(s.person, s.level, bool(s.video)) for s in found.stretches] == [
        ("12", 3, True),
        ("12", 1, False),
    ]


def test_engagewild_takes_labels_from_whatever_table_there_is(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "Train/subject_43_Vid_7.avi",
        "Train/subject_66_Vid_6/subject_66_Vid_6.wmv",
        "validation/subject_8_Vid_6.webm",
    )
    write_rows(tmp_path / "train.csv", "video,label", "subject_43_Vid_7,0.66")
    write_rows(tmp_path / "Train/more.txt", "subject_66_Vid_6.wmv 0.333")
    write_rows(tmp_path / "val.txt", "subject_8_Vid_6\t1")
    found = by_key(read_engagewild(tmp_path))
    assert {key: (s.person, s.level) for key, s in found.items()} == {
        "train/subject_43_Vid_7": ("subject_43", 2),
        "train/subject_66_Vid_6": ("subject_66", 1),
        "validation/subject_8_Vid_6": ("subject_8", 3),
    }


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_names_videos_times_levels_and_people(tmp_path: Path, separator: str) -> None:
    touch(tmp_path, "ann/a.mp4")
    rows = ["Video,Start_s,end_s,Level,Person", "ann/a.mp4,0,10,Engaged,ann", "b.mp4,5,9.5,0,"]
    table = write_rows(tmp_path / "w.csv", *(row.replace(",", separator) for row in rows))
    found = by_key(read_windows(table))
    first, second = found["ann/a.mp4 0-10"], found["b.mp4 5-9.5"]
    assert (first.person, first.level, first.start_s, first.end_s) == ("ann", 1, 0, 10)
    assert (second.person, second.level, second.video) == ("b.mp4", 0, None)


def test_a_table_may_have_levels_of_its_own(tmp_path: Path) -> None:
    rows = ["video,start_s,end_s,level", "a.mp4,0,1,off", "a.mp4,1,2,on"]
    table = write_rows(tmp_path / "w.csv", *rows)
    assert [s.level for s in read_windows(table, ("off", "on")).stretches] == [0, 1]
    with pytest.raises(DataError, match="--levels"):
        read_windows(table)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("a.mp4,0,10,asleep", "levels asleep"),
        ("a.mp4,10,10,engaged", "ends at 10 s but begins at 10 s"),
        ("a.mp4,-1,10,engaged", "the time '-1'"),
        ("a.mp4,nan,10,engaged", "the time 'nan'"),
        ("a.mp4,0,10,", "Line 2 .* has no level"),
        ("a.mp4,0,10,engaged\na.mp4,0,10,distracted", "twice"),
        ("", "no window"),
    ],
)
def test_a_row_that_makes_no_sense_is_named(tmp_path: Path, row: str, sentence: str) -> None:
    table = write_rows(tmp_path / "w.csv", "video,start_s,end_s,level", row)
    with pytest.raises(DataError, match=sentence):
        read_windows(table)


def test_data_that_are_laid_out_otherwise_are_refused(tmp_path: Path, daisee: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for read in (read_daisee, read_engagenet, read_engagewild, read_windows):
        with pytest.raises(DataError):
            read(empty)
    write_rows(daisee / "Labels/TrainLabels.csv", "ClipID,Engagement", "1100011002.avi,7")
    with pytest.raises(DataError, match=r"Line 2 .* engagement '7'"):
        read_daisee(daisee)
    write_rows(daisee / "Labels/TrainLabels.csv", "ClipID,Boredom", "1100011002.avi,1")
    with pytest.raises(DataError, match="no column Engagement"):
        read_daisee(daisee)
    touch(tmp_path / "wild", "Train/somebody.avi")
    write_rows(tmp_path / "wild/l.csv", "somebody,0.33")
    with pytest.raises(DataError, match="No table"):
        read_engagewild(tmp_path / "wild", ("Train",))
    touch(tmp_path / "wild", "Train/subject_1_Vid_1.avi")
    write_rows(tmp_path / "wild/l.csv", "subject_1_Vid_1,0.5")
    with pytest.raises(DataError, match=r"the label '0\.5'"):
        read_engagewild(tmp_path / "wild", ("Train",))


def test_windows_are_cut_by_presentation_time_and_embedded_once(tmp_path: Path) -> None:
    """Two seconds of joy, then two of anger, ten pictures a second."""
    pictures = [picture((PALETTE[c], 32)) for c in ["happiness"] * 20 + ["anger"] * 20]
    save_video(tmp_path / "a.mp4", pictures, fps=10)
    rows = ["video,start_s,end_s,level", "a.mp4,0,2,1", "a.mp4,2,4,0", "a.mp4,7,9,0"]
    stretches = read_windows(write_rows(tmp_path / "w.csv", *rows))
    model = ColourModel(EIGHT_EMOTIONS)
    reading = WindowReading(fps=5, file=tmp_path / "e.parquet")
    taken = take_windows(stretches, model, SquareDetector(), reading)
    joy, anger = taken.windows.windows
    assert taken.faceless == 1
    assert (len(joy.embeddings), len(anger.embeddings)) == (10, 10)
    assert (joy.level, anger.level) == (1, 0)
    assert (
        joy.embeddings.std(axis=0).max()
        < 0.05
        < np.ptp([joy.embeddings.mean(axis=0), anger.embeddings.mean(axis=0)], axis=0).max()
    )
    assert taken.windows.window_s == 2
    assert taken.windows.sampling_fps == 5
    assert model.seen == 20
    again = take_windows(stretches, model, SquareDetector(), reading)
    assert model.seen == 20, "the second run reads the file"
    np.testing.assert_array_equal(again.windows.windows[0].embeddings, joy.embeddings)


def test_whole_videos_are_one_window_or_many(tmp_path: Path) -> None:
    save_video(tmp_path / "a.mp4", [picture((PALETTE["fear"], 32))] * 42, fps=10)
    save_broken(tmp_path / "b.mp4")
    stretches = StretchSet(
        "two",
        TWO_LEVELS,
        (
            LabelledStretch("a", tmp_path / "a.mp4", "ann", 1),
            LabelledStretch("b", tmp_path / "b.mp4", "ben", 0),
            LabelledStretch("c", None, "cleo", 0),
        ),
    )
    whole, cut = (
        take_windows(stretches, ColourModel(), SquareDetector(), WindowReading(10, window_s))
        for window_s in (0, 2)
    )
    assert [len(w.embeddings) for w in whole.windows.windows] == [42]
    assert [len(w.embeddings) for w in cut.windows.windows] == [20, 20]
    assert whole.windows.window_s == pytest.approx(4.2)
    assert cut.windows.window_s == 2
    assert any("There is no video of c." in problem for problem in whole.problems)
    assert len(whole.problems) == 2


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `engagement` in this process: (exit code, standard output, standard error)."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["engagement", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def sample_table(folder: Path) -> Path:
    """The sample cut into 24 windows of half a second, said to be of three people."""
    table = folder / "windows.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["video", "start_s", "end_s", "level", "person"])
        for i in range(24):
            level = ("distracted", "engaged")[(i // 3) % 2]
            rows.writerow([sample_path(), i / 2, i / 2 + 0.5, level, f"p{i % 3}"])
    return table


def test_both_commands_work_on_a_real_video(command: Run, tmp_path: Path) -> None:
    table, out, kept = sample_table(tmp_path), tmp_path / "out", tmp_path / "e.parquet"
    common = ("windows", table, "--model", "mobilenet_7_fer", "--embeddings", kept)
    code, text, error = command(
        "train", "engagement", *common, "--fps", "2", "--out", out, "--name", "half seconds"
    )
    assert (code, error) == (0, "")
    assert "half seconds: ridge on windows" in text
    assert "than guessing." in text
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["people"] == 3
    assert metrics["settings"]["method"] == "ridge"
    assert metrics["guessing"]["balanced_recall"] == 0.5
    assert "evidence with an error" in (out / "card.md").read_text()
    assert (out / "reliability.png").stat().st_size > 1000
    code, text, error = command(
        "evaluate",
        "engagement",
        *common,
        "--classifier",
        out / "classifier.safetensors",
        "--json",
        tmp_path / "r.json",
    )
    assert (code, error) == (0, "")
    assert "half seconds on windows" in text
    assert json.loads((tmp_path / "r.json").read_text())["windows"] == metrics["windows"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("train", "engagement", "daisee", "/nowhere", "--out", "o"), "no folder"),
        (("train", "engagement", "daisee", ".", "--out", "o", "--levels", "3"), "2 or 4 levels"),
        (("train", "engagement", "engagenet", ".", "--out", "o", "--parts", "x"), "no part x"),
        (("train", "engagement", "windows", "absent.csv", "--out", "o"), "absent.csv"),
        (("evaluate", "engagement", "windows", "x.csv", "--classifier", "x"), "cannot be read as"),
    ],
)
def test_bad_input_ends_in_one_sentence(
    command: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, text, error = command(*arguments)
    assert code == 2
    assert text == ""
    assert sentence in " ".join(error.split())
    assert "Traceback" not in error
    assert not (tmp_path / "o").exists()
