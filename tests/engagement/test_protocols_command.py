"""`engagement evaluate PROTOCOL` as its user sees it, with the bundled model and a real face."""

import json
import re
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from engagement import cli
from engagement.datasets.affwild2_mtl import ACTION_UNITS, EXPRESSIONS
from engagement.evaluation.protocols.lsd import evaluate_lsd
from engagement.evaluation.result import Figure, print_result, published_figure
from engagement.networks.spec import EIGHT_EMOTIONS
from engagement.sample import sample_path
from engagement.types import Pixels
from engagement.video.reader import VideoReader
from tests.engagement.protocol_world import (
    PALETTE,
    ColourModel,
    picture,
    save_broken,
    save_colour,
    save_image,
    save_video,
)

Run = Callable[..., tuple[int, str, str]]
BUNDLED = ("--model", "mobilenet_7_fer")


@pytest.fixture
def evaluate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `engagement evaluate` in this process: (exit code, standard output, standard error)."""

    def command(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["engagement", "evaluate", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


@pytest.fixture(scope="module")
def scene() -> list[Pixels]:
    """Two frames of the sample, with a real face in them."""
    frames = iter(VideoReader(sample_path(), 2.0))
    return [next(frames).rgb for _ in range(2)]


def looks(scene: list[Pixels], *, dark: bool) -> list[Pixels]:
    return [frame // 2 if dark else frame[:, ::-1] for frame in scene]


def result_in(file: Path) -> dict:
    return json.loads(file.read_text())


def figures_of(result: dict) -> dict[str, float | None]:
    return {figure["name"]: figure["value"] for figure in result["figures"]}


def test_afew_runs_on_films(evaluate: Run, scene: list[Pixels], tmp_path: Path) -> None:
    for part in ("Train_AFEW", "Val_AFEW"):
        for folder, dark in (("Happy", False), ("Sad", True)):
            frames = looks(scene, dark=dark)
            save_video(tmp_path / part / folder / f"{folder}.mp4", frames, fps=2)
    save_video(tmp_path / "Val_AFEW" / "Sad" / "empty.mp4", [picture()] * 2, fps=2)
    save_broken(tmp_path / "Val_AFEW" / "Angry" / "broken.avi")
    file = tmp_path / "result.json"
    code, stdout, stderr = evaluate("afew", tmp_path, *BUNDLED, "--json", file)
    assert (code, stderr) == (0, "")
    assert "AFEW: mobilenet_7_fer" in stdout
    assert "broken.avi" in stdout
    result = result_in(file)
    assert result["counts"] == {
        "training clips": 2,
        "training clips with a face": 2,
        "validation clips": 4,
        "validation clips with a face": 2,
        "faces": 8,
    }
    assert set(figures_of(result)) == {"accuracy, clips with a face", "accuracy, all clips"}
    assert len(result["weights_sha256"]) == 64


def test_vgaf_runs_on_films_and_again_without_them(
    evaluate: Run, scene: list[Pixels], tmp_path: Path
) -> None:
    for part in ("Train", "Val"):
        rows = ["Vid_name Label"]
        for value, dark in ((1, False), (3, True)):
            save_video(tmp_path / part / f"{value}.mp4", looks(scene, dark=dark), fps=2)
            rows.append(f"{value} {value}")
        (tmp_path / f"{part}_labels.txt").write_text("\n".join(rows))
    first, second, said = (tmp_path / name for name in ("1.json", "2.json", "said.parquet"))
    options = ("vgaf", tmp_path, *BUNDLED, "--fps", "1", "--embeddings", said)
    assert evaluate(*options, "--json", first)[0] == 0
    assert result_in(first)["counts"]["validation clips with a face"] == 2
    for film in tmp_path.rglob("*.mp4"):
        film.write_bytes(b"")
    code, _, stderr = evaluate(*options, "--json", second)
    assert (code, stderr) == (0, "")
    assert result_in(second)["figures"] == result_in(first)["figures"]


def test_affectnet_runs_on_faces(evaluate: Run, scene: list[Pixels], tmp_path: Path) -> None:
    for split in ("train", "val"):
        for name in EIGHT_EMOTIONS:
            save_image(tmp_path / split / name / "1.png", scene[0])
        save_broken(tmp_path / split / "anger" / "2.png")
    file = tmp_path / "result.json"
    code, stdout, stderr = evaluate(
        "affectnet", tmp_path, *BUNDLED, "--classes", "7", "--json", file
    )
    assert (code, stderr) == (0, "")
    assert "AffectNet, 7 classes: mobilenet_7_fer" in stdout
    assert "recall: anger" in stdout
    result = result_in(file)
    assert result["counts"] == {
        "images": 7,
        "unreadable images": 1,
        "left out: in contempt/": 1,
    }
    assert figures_of(result)["accuracy"] == pytest.approx(1 / 7)  # one picture, seven labels
    code, _, stderr = evaluate("affectnet", tmp_path, *BUNDLED)
    assert code == 2
    assert "mobilenet_7_fer does not know contempt" in stderr


def test_lsd_runs_on_faces(evaluate: Run, scene: list[Pixels], tmp_path: Path) -> None:
    for name in ("ANGRER", "DISGUST", "FEAR", "HAPPINESS", "SADNESS", "SURPRISE"):
        save_image(tmp_path / "validation_set_real_images" / name / "1.jpg", scene[0])
    file = tmp_path / "result.json"
    assert evaluate("lsd", tmp_path, *BUNDLED, "--json", file)[0] == 0
    result = result_in(file)
    assert result["counts"]["images"] == 6
    assert figures_of(result)["accuracy"] == pytest.approx(1 / 6)


def test_mtl_runs_on_faces(evaluate: Run, scene: list[Pixels], tmp_path: Path) -> None:
    units = ",".join(["1", "0"] * (len(ACTION_UNITS) // 2))
    for part in ("training", "validation"):
        rows = ["image,valence,arousal,expression,AUs"]
        for code in range(len(EXPRESSIONS)):
            image = f"{part}/{code}.jpg"
            save_image(tmp_path / "cropped_aligned" / image, np.roll(scene[0], 9 * code, axis=2))
            rows.append(f"{image},{code / 10},{-code / 10},{code},{units}")
        (tmp_path / f"{part}_set_annotations.txt").write_text("\n".join(rows))
    file = tmp_path / "result.json"
    code, stdout, stderr = evaluate("mtl", tmp_path, *BUNDLED, "--heads", "slice", "--json", file)
    assert (code, stderr) == (0, "")
    assert "P_MTL" in stdout
    result = result_in(file)
    assert result["counts"]["validation images with action units"] == 8
    figures = figures_of(result)
    assert figures["P_MTL"] == pytest.approx(
        (figures["CCC of valence"] + figures["CCC of arousal"]) / 2
        + figures["macro F1 of expressions"]
        + figures["mean F1 of action units"]
    )


@pytest.mark.parametrize("protocol", ["affectnet", "afew", "vgaf", "lsd", "mtl"])
def test_another_folder_is_told_in_one_line_and_leaves_nothing(
    protocol: str, evaluate: Run, tmp_path: Path
) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    (data / "holiday").mkdir(parents=True)
    out.mkdir()
    options = ("--json", out / "r.json", "--embeddings", out / "e.parquet")
    code, stdout, stderr = evaluate(protocol, data, *BUNDLED, *options)
    assert (code, stdout) == (2, "")
    assert stderr.startswith(f"engagement: {data} ")
    assert stderr.count("\n") == 1
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("option", ["--json", "--embeddings"])
def test_a_place_that_cannot_be_written_is_told_before_any_work(
    option: str, evaluate: Run, tmp_path: Path
) -> None:
    code, stdout, stderr = evaluate("lsd", tmp_path / "no data", option, tmp_path / "no" / "f")
    assert (code, stdout) == (2, "")
    assert f"Choose another {option}." in stderr


def test_published_figures_stand_beside_the_measured_ones(tmp_path: Path) -> None:
    assert published_figure("enet_b0_8_best_afew", "afew") == pytest.approx(0.5989)
    assert published_figure("enet_b0_8_va_mtl", "mtl") == 1.276
    assert published_figure("enet_b0_7", "affectnet_8") is None
    assert published_figure("a model of my own", "afew") is None
    for name in ("anger", "disgust", "fear", "happiness", "sadness", "surprise"):
        save_colour(tmp_path / name / "1.png", PALETTE[name])
    result = evaluate_lsd(tmp_path, ColourModel(name="enet_b0_8_va_mtl"))
    assert result.figures[0] == Figure("macro F1", 1.0, pytest.approx(0.6094))
    with pytest.raises(KeyError):
        result.figure("beauty")
    console = Console(file=StringIO(), width=80)
    print_result(result, console)
    shown = console.file.getvalue()
    assert re.search(r"macro F1 +100\.00 % +60\.94 %", shown)
    assert re.search(r"accuracy +100\.00 % +- ", shown)
