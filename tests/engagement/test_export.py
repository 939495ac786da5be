"""`engagement models export`: files that others can use, and no file that is wrong."""

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from engagement import cli
from engagement.errors import ModelError, OutputError
from engagement.expressions.models import load_network, locate_model
from engagement.expressions.recognizer import ExpressionRecognizer
from engagement.networks.base import ExpressionNetwork
from engagement.networks.spec import EIGHT_EMOTIONS, SYMMETRIC_112, CropSpec, ExpressionSpec
from engagement.runtimes import litert
from engagement.runtimes.base import RuntimeSettings
from engagement.runtimes.export import SPEC_KEY, SUFFIXES, ExportFormat, export_model
from engagement.runtimes.sessions import openvino_core
from engagement.weights.expression_file import save_expression
from engagement.weights.registry import DEFAULT_EXPRESSION
from tests.engagement.lively_networks import inputs, lively, pictures

Run = Callable[..., tuple[int, str, str]]
Model = tuple[ExpressionNetwork, ExpressionSpec]
PRESENT: tuple[ExportFormat, ...] = ("onnx", "openvino", "torchscript")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs `engagement models export` in an empty folder: (exit code, output, errors)."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def command(*arguments: str | Path) -> tuple[int, str, str]:
        given = ["engagement", "models", "export", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", given)
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


@pytest.fixture(scope="module")
def bundled() -> Model:
    network, spec, _ = load_network(locate_model(DEFAULT_EXPRESSION))
    return network, spec


@pytest.fixture(scope="module")
def with_affect() -> Model:
    spec = ExpressionSpec(
        "random",
        EIGHT_EMOTIONS,
        "mobilefacenet",
        SYMMETRIC_112,
        CropSpec("box"),
        predicts_affect=True,
    )
    return lively(spec), spec


@pytest.fixture(scope="module")
def folder(with_affect: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in every form that can be written here."""
    made = tmp_path_factory.mktemp("exported")
    for form in PRESENT:
        export_model(*with_affect, made / f"m{SUFFIXES[form]}", form)
    return made


@pytest.fixture(scope="module")
def expected(with_affect: Model) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces, and what torch makes of them."""
    network, spec = with_affect
    faces = inputs(spec.input, 5, seed=9)
    with torch.inference_mode():
        x = torch.from_numpy(faces)
        return faces, network(x).numpy(), network.embed(x).numpy()


def assert_same(found: Sequence[np.ndarray], expected: tuple[np.ndarray, ...]) -> None:
    assert len(found) == 2
    for ours, theirs in zip(found, expected[1:], strict=True):
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() < 1e-4 * np.abs(theirs).max()


def test_an_onnx_file_serves_where_a_published_one_did(folder: Path, expected: tuple) -> None:
    model = onnx.load(folder / "m.onnx")
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(folder / "m.onnx", providers=["CPUExecutionProvider"])
    outputs = session.run(None, {"input": expected[0]})
    assert_same(outputs, expected)
    assert [output.name for output in session.get_outputs()] == ["output", "embedding"]
    for count in (1, 3):
        assert len(session.run(["output"], {"input": expected[0][:count]})[0]) == count


def test_openvino_reads_its_two_files(folder: Path, expected: tuple) -> None:
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    model = openvino_core().compile_model(folder / "m.xml", "CPU", settings)
    found = model(expected[0])
    assert_same([found["output"], found["embedding"]], expected)


def test_a_phones_torch_and_a_computers_read_the_same_file(folder: Path, expected: tuple) -> None:
    from torch.jit.mobile import _load_for_lite_interpreter

    faces = torch.from_numpy(expected[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in (
            torch.jit.load(folder / "m.ptl"),
            _load_for_lite_interpreter(str(folder / "m.ptl")),
        ):
            assert_same([part.numpy() for part in module(faces)], expected)
            assert module(faces[:1])[0].shape == (1, 10)


def test_a_file_says_what_it_takes(folder: Path, with_affect: Model) -> None:
    _, spec = with_affect
    (prop,) = onnx.load(folder / "m.onnx").metadata_props
    assert (prop.key, ExpressionSpec.from_json(prop.value)) == (SPEC_KEY, spec)
    model = openvino_core().read_model(folder / "m.xml")
    assert ExpressionSpec.from_json(model.get_rt_info(SPEC_KEY.split(".")).astype(str)) == spec
    extra = {SPEC_KEY: ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.load(folder / "m.ptl", _extra_files=extra)
    assert ExpressionSpec.from_json(extra[SPEC_KEY]) == spec


@pytest.mark.parametrize("form", PRESENT)
def test_the_bundled_model_is_the_same_in_every_form(
    form: ExportFormat, bundled: Model, tmp_path: Path
) -> None:
    report = export_model(*bundled, tmp_path / f"m{SUFFIXES[form]}", form)
    assert report.max_abs_difference < 1e-4
    assert report.embedding_difference < 1e-4
    assert report.faces == 8
    assert set(report.paths) == set(tmp_path.iterdir())
    assert report.paths[0] == tmp_path / f"m{SUFFIXES[form]}"


class CountsFaces(ExpressionNetwork):
    """Multiplies by the number of faces, which a trace takes for the constant that it was."""

    def __init__(self, network: ExpressionNetwork) -> None:
        super().__init__()
        self.network = network
        self.classifier = network.classifier

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        return self.network.embed(x) * len(x)


def test_a_file_that_came_out_wrong_does_not_replace_the_earlier_one(
    with_affect: Model, tmp_path: Path
) -> None:
    network, spec = with_affect
    for form in PRESENT:
        file = tmp_path / f"m{SUFFIXES[form]}"
        file.write_text("yesterday's")
        with pytest.raises(ModelError, match="differ by") as caught:
            export_model(CountsFaces(network), spec, file, form)
        assert caught.value.code == "export_inexact"
        assert file.read_text() == "yesterday's"
    assert len(list(tmp_path.iterdir())) == len(PRESENT)


def test_a_place_that_cannot_be_written_is_told(bundled: Model, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        export_model(*bundled, tmp_path / "nowhere" / "m.onnx", "onnx")
    (tmp_path / "m.onnx").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        export_model(*bundled, tmp_path / "m.onnx", "onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


@pytest.mark.parametrize("form", PRESENT)
def test_the_command_writes_here_and_tells_how_exact_it_is(form: ExportFormat, run: Run) -> None:
    code, out, err = run("auto", "--format", form)
    assert (code, err) == (0, "")
    assert out.startswith(f"{DEFAULT_EXPRESSION}{SUFFIXES[form]} ")
    assert "outputs differ from torch's by at most " in out
    assert "anger, disgust, fear" in out
    names = {f"{DEFAULT_EXPRESSION}{SUFFIXES[form]}"}
    if form == "openvino":
        names.add(f"{DEFAULT_EXPRESSION}.bin")
    assert {path.name for path in Path.cwd().iterdir()} == names


def test_an_exported_file_gives_the_same_faces_the_same_emotions(run: Run) -> None:
    code, _, _ = run(DEFAULT_EXPRESSION, "--format", "onnx", "--out", "m.onnx")
    assert code == 0
    faces = pictures(4, 60)
    original = ExpressionRecognizer.open(DEFAULT_EXPRESSION, runtime=RuntimeSettings("torch"))
    exported = ExpressionRecognizer.open(DEFAULT_EXPRESSION, weights=Path("m.onnx"))
    assert exported.spec.name == f"custom-{exported.weights_sha256[:12]}"
    for ours, theirs in zip(exported.predict(faces), original.predict(faces), strict=True):
        assert np.allclose(ours, theirs, atol=1e-4)


def test_weights_of_ones_own_are_exported_under_their_own_name(
    with_affect: Model, run: Run, tmp_path: Path
) -> None:
    network, spec = with_affect
    torch.save(network.state_dict(), tmp_path / "mine.pt")
    code, out, _ = run("mbf_va_mtl", "--format", "onnx", "--weights", tmp_path / "mine.pt")
    (made,) = Path.cwd().iterdir()
    assert code == 0
    assert made.name.startswith("custom-")
    assert out.startswith(made.name)
    save_expression(network, spec, tmp_path / "trained.safetensors", dtype=torch.float32)
    code, _, _ = run(tmp_path / "trained.safetensors", "--format", "onnx")
    assert code == 0
    assert Path("random.onnx").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["auto", "--format", "keras"], "no format 'keras'"),
        (["nonesuch", "--format", "onnx"], "no model 'nonesuch'"),
        (["enet_b0_7", "--format", "onnx"], "models fetch enet_b0_7"),
        (["vggface2_enet0", "--format", "onnx"], "not an expression model"),
        (["engagement_single_attention", "--format", "onnx"], "not an expression model"),
        (["auto", "--format", "onnx", "--out", "m.tflite"], "End it with .onnx"),
        (["auto", "--format", "onnx", "--out", "nowhere/m.onnx"], "its folder does not exist"),
        (["auto", "--format", "openvino", "--int8"], "Only onnx files"),
        (["auto", "--format", "onnx", "--data", "."], "belong to --int8"),
        (["auto", "--format", "onnx", "--weights", "absent.pt"], "absent.pt"),
        (["auto", "--format", "onnx", "--weights", "graph.onnx"], "is an ONNX graph already"),
    ],
)
def test_what_cannot_be_exported_is_told_in_one_line(
    arguments: list[str], words: str, run: Run
) -> None:
    Path("graph.onnx").write_bytes(b"")
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert [path.name for path in Path.cwd().iterdir()] == ["graph.onnx"]


def test_attention_in_three_convolutions_computes_the_same() -> None:
    from timm.models.mobilevit import LinearSelfAttention

    torch.manual_seed(0)
    network = ExpressionNetwork()
    network.attention = LinearSelfAttention(24).eval()
    changed = litert.convertible(network)
    assert isinstance(changed.attention, litert.SplitAttention)
    assert isinstance(network.attention, LinearSelfAttention)
    x = torch.randn(2, 24, 4, 9)
    with torch.inference_mode():
        difference = (changed.attention(x) - network.attention(x)).abs().max()
    assert difference < 1e-6


def interpreter_with_litert() -> str | None:
    """A Python that has litert-torch: this one, or the one that the environment names."""
    named = os.environ.get("ENGAGEMENT_LITERT_PYTHON")
    return named or (sys.executable if litert.is_installed() else None)


_EXPORT_LITERT = """
import json, sys
from pathlib import Path
import numpy as np
from engagement.expressions.models import load_network, locate_model
from engagement.runtimes.export import check_inputs, export_model
from engagement.runtimes.litert import run_litert
network, spec, _ = load_network(locate_model(sys.argv[1]))
report = export_model(network, spec, Path(sys.argv[2]), "litert")
faces = check_inputs(spec.input)[:2]
found = run_litert(Path(sys.argv[2]), faces)
np.savez(sys.argv[3], faces=faces, outputs=found[0], embeddings=found[1])
sys.stderr.write("the end")
print(json.dumps(report.max_abs_difference))
"""


def test_a_litert_file_gives_torchs_answers(bundled: Model, tmp_path: Path) -> None:
    python = interpreter_with_litert()
    if python is None:
        pytest.skip(
            "litert-torch is not installed (set ENGAGEMENT_LITERT_PYTHON to a Python with it)"
        )
    network, spec = bundled
    save_expression(network, spec, tmp_path / "m.safetensors", dtype=torch.float32)
    arguments = [tmp_path / "m.safetensors", tmp_path / "m.tflite", tmp_path / "found.npz"]
    done = subprocess.run(
        [python, "-c", _EXPORT_LITERT, *map(str, arguments)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # The converter's own words stay away, and what was there before is back afterwards.
    assert done.stderr == "the end"
    assert json.loads(done.stdout) < 1e-4
    found = np.load(tmp_path / "found.npz")
    with torch.inference_mode():
        x = torch.from_numpy(found["faces"])
        outputs, embeddings = network(x).numpy(), network.embed(x).numpy()
    assert np.allclose(found["outputs"], outputs, atol=1e-4)
    assert np.allclose(found["embeddings"], embeddings, atol=1e-4)


def test_a_missing_converter_is_told(bundled: Model, tmp_path: Path) -> None:
    if litert.is_installed():
        pytest.skip("litert-torch is installed here")
    with pytest.raises(ModelError, match=r"pip install 'engagement-analytics\[litert\]'"):
        export_model(*bundled, tmp_path / "m.tflite", "litert")
    assert not list(tmp_path.iterdir())
