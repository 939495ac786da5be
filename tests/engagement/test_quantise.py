"""8-bit models: smaller, nearly as exact, and honest about what they lose."""

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from engagement import cli
from engagement.datasets.image_folder import iter_faces, scan_folder
from engagement.errors import DataError
from engagement.expressions.models import load_network, locate_model
from engagement.expressions.recognizer import ExpressionRecognizer
from engagement.networks.base import ExpressionNetwork
from engagement.networks.preprocess import prepare
from engagement.networks.spec import EIGHT_EMOTIONS, CropSpec, ExpressionSpec, InputSpec
from engagement.runtimes.base import RuntimeSettings
from engagement.runtimes.export import SPEC_KEY
from engagement.runtimes.graph import export_graph
from engagement.runtimes.onnx_runtime import OnnxRuntime
from engagement.runtimes.openvino_runtime import OpenVinoRuntime
from engagement.runtimes.quantise import MIN_FACES, compare, quantise_graph
from engagement.weights.registry import DEFAULT_EXPRESSION
from tests.engagement.lively_networks import lively, pictures

Run = Callable[..., tuple[int, str, str]]
ONE_THREAD = RuntimeSettings(threads=1)


def quantised(network: ExpressionNetwork, spec: ExpressionSpec) -> tuple[bytes, bytes]:
    graph = export_graph(network, spec)
    return graph, quantise_graph(graph, spec, pictures(24, spec.input.size, seed=1))


@pytest.fixture(scope="module")
def bundled() -> tuple[bytes, bytes, ExpressionSpec]:
    """The bundled model's graph, exact and in 8 bits."""
    network, spec, _ = load_network(locate_model(DEFAULT_EXPRESSION))
    return *quantised(network, spec), spec


@pytest.fixture(scope="module")
def efficientnet() -> tuple[bytes, bytes, ExpressionSpec]:
    """An EfficientNet, whose swish and squeeze-and-excitation suffer most from 8 bits."""
    spec = ExpressionSpec(
        "random",
        EIGHT_EMOTIONS,
        "efficientnet_b0",
        InputSpec(64),
        CropSpec("box"),
        predicts_affect=True,
    )
    return *quantised(lively(spec), spec), spec


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Exports the bundled model in 8 bits, in an empty folder: (exit code, output, errors)."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def command(*arguments: str | Path) -> tuple[int, str, str]:
        given = ["auto", "--format", "onnx", "--int8", *map(str, arguments)]
        monkeypatch.setattr("sys.argv", ["engagement", "models", "export", *given])
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def write_faces(folder: Path, count: int, seed: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures(count, 48, seed)):
        Image.fromarray(picture).save(folder / f"{number:03}.png")
    return folder


def test_a_quarter_of_the_size_and_nearly_the_same_answers(
    bundled: tuple[bytes, bytes, ExpressionSpec],
) -> None:
    exact, small, spec = bundled
    assert len(small) < 0.3 * len(exact)
    loss = compare(exact, small, spec, iter(pictures(60, 60, seed=2))).loss
    assert loss.faces == 60
    assert 0 < loss.mean_logit_difference < 0.15
    assert loss.mean_logit_difference < loss.max_logit_difference < 1.5
    assert loss.affect_difference is None
    assert loss.same_emotion > 0.9


def test_what_an_efficientnet_cannot_spare_stays_exact(
    efficientnet: tuple[bytes, bytes, ExpressionSpec],
) -> None:
    exact, small, spec = efficientnet
    assert len(small) < 0.5 * len(exact)
    model = onnx.load_model_from_string(small)
    scaled = {n.output[0] for n in model.graph.node if n.op_type == "DequantizeLinear"}
    by_kind: dict[tuple[str, bool], list[str]] = {}
    for node in model.graph.node:
        if node.op_type in {"Conv", "Gemm", "Sigmoid"}:
            in_8_bits = all(name in scaled for name in node.input[:2])
            by_kind.setdefault((node.op_type, in_8_bits), []).append(node.name)
    assert ("Gemm", True) not in by_kind
    assert all("/se/" in name for name in by_kind["Conv", False])
    assert len(by_kind["Conv", False]) == 32  # two in each of sixteen blocks
    assert len(by_kind["Conv", True]) == 49
    compared = compare(exact, small, spec, iter(pictures(40, 64, seed=2)))
    assert compared.loss.affect_difference is not None
    assert compared.loss.mean_logit_difference < 0.5 * compared.exact.std(axis=0).mean()


def test_loss_is_measured_as_it_says(bundled: tuple[bytes, bytes, ExpressionSpec]) -> None:
    exact, small, spec = bundled
    faces = pictures(70, 60, seed=3)  # more than a batch
    found = compare(exact, small, spec, iter(faces))
    x = prepare(faces, spec.input)
    before, after = (OnnxRuntime(graph, ONE_THREAD).run(x)[0] for graph in (exact, small))
    assert np.allclose(found.exact, before, atol=1e-5)
    assert found.loss.max_logit_difference == pytest.approx(np.abs(before - after).max(), abs=0.05)
    same = (before.argmax(axis=1) == after.argmax(axis=1)).mean()
    assert found.loss.same_emotion == pytest.approx(same, abs=0.02)


def test_the_same_faces_give_the_same_file(bundled: tuple[bytes, bytes, ExpressionSpec]) -> None:
    exact, small, spec = bundled
    assert quantise_graph(exact, spec, pictures(24, spec.input.size, seed=1)) == small


def test_it_is_a_sound_graph_that_describes_itself(
    efficientnet: tuple[bytes, bytes, ExpressionSpec],
) -> None:
    _, small, spec = efficientnet
    model = onnx.load_model_from_string(small)
    onnx.checker.check_model(model, full_check=True)
    assert {prop.key: prop.value for prop in model.metadata_props}[SPEC_KEY] == spec.to_json()
    assert [output.name for output in model.graph.output] == ["output", "embedding"]


def test_openvino_runs_it_too(bundled: tuple[bytes, bytes, ExpressionSpec]) -> None:
    exact, small, spec = bundled
    x = prepare(pictures(24, 60, seed=2), spec.input)
    runtimes = OpenVinoRuntime(small, ONE_THREAD), OnnxRuntime(small, ONE_THREAD)
    ours, theirs = (runtime.run(x)[0] for runtime in runtimes)
    before = OnnxRuntime(exact, ONE_THREAD).run(x)[0]
    # Integers round at other places, so that the two agree about as well as each with the exact.
    assert np.abs(ours - theirs).mean() < 0.15
    assert np.abs(ours - before).mean() < 0.15
    assert not np.allclose(ours, before, atol=1e-4), "it was not run in 8 bits"


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_it_serves_as_a_models_weights(
    runtime: str, bundled: tuple[bytes, bytes, ExpressionSpec], tmp_path: Path
) -> None:
    (tmp_path / "small.onnx").write_bytes(bundled[1])
    settings = RuntimeSettings(runtime, threads=1)  # type: ignore[arg-type]
    recognizer = ExpressionRecognizer.open(
        DEFAULT_EXPRESSION, weights=tmp_path / "small.onnx", runtime=settings
    )
    assert recognizer.spec.name == f"custom-{recognizer.weights_sha256[:12]}"
    faces = pictures(12, 60, seed=2)
    probabilities, embeddings = recognizer.predict(faces)
    exact, _ = ExpressionRecognizer.open(DEFAULT_EXPRESSION).predict(faces)
    assert np.abs(probabilities - exact).max() < 0.2
    assert embeddings.shape == (12, 1024)


def test_too_few_faces_are_refused(bundled: tuple[bytes, bytes, ExpressionSpec]) -> None:
    exact, _, spec = bundled
    with pytest.raises(DataError, match=f"Give at least {MIN_FACES}"):
        quantise_graph(exact, spec, pictures(MIN_FACES - 1, 48))
    with pytest.raises(DataError, match="no faces"):
        compare(exact, exact, spec, iter([]))


def test_the_command_needs_no_data_of_ones_own(run: Run) -> None:
    code, out, err = run()
    assert (code, err) == (0, "")
    first, second, *rest = out.splitlines()
    assert first.startswith(f"{DEFAULT_EXPRESSION}.int8.onnx written, 3.5 MB (12.8 MB before)")
    calibrated, measured = map(int, re.findall(r"(\d+) (?:faces|others)", second))
    assert min(calibrated, measured) > MIN_FACES
    assert "logits differ by" in rest[0]
    assert "the strongest emotion is the same for" in rest[1]
    assert not any("accuracy" in line for line in rest)
    assert [path.name for path in Path.cwd().iterdir()] == [f"{DEFAULT_EXPRESSION}.int8.onnx"]


def test_faces_that_calibrated_are_not_measured_on(run: Run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for seed, name in enumerate(("happy", "neutral")):
        write_faces(data / name, 25, seed)
    code, out, err = run("--calibration", data, "--data", data)
    assert (code, err) == (0, "")
    assert f"calibrated on 25 faces of {data}, measured on 25 in {data}" in out
    assert re.search(r"accuracy 0\.\d{4} -> 0\.\d{4}, macro F1 0\.\d{4} -> 0\.\d{4}", out)


@pytest.mark.parametrize(
    ("calibration", "data", "words"),
    [
        ("nowhere", "good", "There is no folder nowhere"),
        ("few", "good", "few has 31 images. At least 32"),
        ("broken", "good", "cannot be read as an image"),
        ("good", "nowhere", "There is no folder nowhere"),
        ("good", "few", "is not laid out as"),
        ("good", "bored", "has bored, which mobilenet_7_fer does not know"),
    ],
)
def test_unfit_data_are_told_and_leave_the_earlier_file(
    calibration: str, data: str, words: str, run: Run
) -> None:
    write_faces(Path("few"), 31)
    for name in ("good/happy", "good/sad", "bored/bored", "bored/sad"):
        write_faces(Path(name), 20)
    for picture in write_faces(Path("broken"), 40).iterdir():
        picture.write_text("no picture")
    Path("m.onnx").write_text("yesterday's")
    code, out, err = run("--calibration", calibration, "--data", data, "--out", "m.onnx")
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert Path("m.onnx").read_text() == "yesterday's"


def test_on_real_faces_it_loses_little(fer2013_archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(fer2013_archive) as archive:
        names = [n for n in archive.namelist() if n.endswith(".jpg")]
        chosen = [n for n in names if n.startswith("val/")][::3]
        chosen += [n for n in names if n.startswith("train/")][::250]
        archive.extractall(tmp_path, chosen)
    network, spec, _ = load_network(locate_model(DEFAULT_EXPRESSION))
    graph = export_graph(network, spec)
    small = quantise_graph(graph, spec, list(iter_faces(scan_folder(tmp_path / "train"))))
    folder = scan_folder(tmp_path / "val")
    truth = np.array([spec.classes.index(folder.classes[label]) for label in folder.labels])
    compared = compare(graph, small, spec, iter_faces(folder))
    before, after = (
        (logits.argmax(axis=1) == truth).mean() for logits in (compared.exact, compared.small)
    )
    assert before > 0.65
    assert after > before - 0.02
    assert compared.loss.same_emotion > 0.95
