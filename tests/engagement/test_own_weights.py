"""`--weights FILE` and `--runtime NAME`: what runs is what was named, and the analysis says so."""

import os
import pickle
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import save_file

from engagement import cli
from engagement.errors import ModelError
from engagement.expressions.models import load_network, locate_model
from engagement.expressions.recognizer import ExpressionRecognizer
from engagement.files import sha256_of
from engagement.networks.base import ExpressionNetwork
from engagement.networks.preprocess import prepare
from engagement.networks.spec import ExpressionSpec
from engagement.report.schema import Analysis
from engagement.runtimes.base import PACKAGES, RuntimeSettings
from engagement.runtimes.export import SPEC_KEY, export_model
from engagement.runtimes.graph import export_graph
from engagement.sample import sample_path
from engagement.weights.registry import MODELS
from tests.engagement.lively_networks import lively, pictures

Run = Callable[..., tuple[int, str]]
Made = dict[str, Path]
FORMS = ("state_dict.pt", "tensors.safetensors", "graph.onnx")
B0, MOBILE = "enet_b0_8_best_vgaf", "mbf_va_mtl"


@pytest.fixture
def analyse(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Run:
    """Runs `engagement analyze` on a few frames of the sample: (exit code, errors)."""

    def command(*arguments: str | Path) -> tuple[int, str]:
        out = ["--json", tmp_path / "a.json", "--fps", "0.3", "--threads", "1"]
        given = ["analyze", sample_path(), *arguments, *out]
        monkeypatch.setattr(sys, "argv", ["engagement", *map(str, given)])
        capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        return code, capsys.readouterr().err

    return command


def read(tmp_path: Path) -> Analysis:
    return Analysis.model_validate_json((tmp_path / "a.json").read_text())


def write_forms(network: ExpressionNetwork, spec: ExpressionSpec, folder: Path) -> Made:
    files = {form: folder / form for form in FORMS}
    torch.save(network.state_dict(), files["state_dict.pt"])
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(tensors, files["tensors.safetensors"])
    files["graph.onnx"].write_bytes(export_graph(network, spec))
    return files


@pytest.fixture(scope="module", params=[B0, MOBILE])
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, ExpressionNetwork, Made]:
    spec = MODELS[request.param].spec
    assert spec is not None
    network = lively(spec)
    return request.param, network, write_forms(network, spec, tmp_path_factory.mktemp("forms"))


@pytest.mark.parametrize("form", FORMS)
def test_a_file_in_any_form_runs_as_the_model_that_it_is_said_to_be(
    form: str, model: tuple[str, ExpressionNetwork, Made]
) -> None:
    name, network, files = model
    settings = RuntimeSettings("onnx", threads=1)
    recognizer = ExpressionRecognizer.open(name, weights=files[form], runtime=settings)
    assert recognizer.weights_sha256 == sha256_of(files[form])
    assert recognizer.spec.name == f"custom-{recognizer.weights_sha256[:12]}"
    assert recognizer.spec.classes == MODELS[name].spec.classes
    assert (recognizer.valence_arousal == "predicted") is name.endswith("_mtl")
    faces = pictures(3, 90)
    outputs, embeddings = recognizer.outputs(faces)
    with torch.inference_mode():
        x = torch.from_numpy(prepare(faces, recognizer.spec.input))
        expected = network(x).numpy(), network.embed(x).numpy()
    for ours, theirs in zip((outputs, embeddings), expected, strict=True):
        assert np.abs(ours - theirs).max() < 1e-4 * max(1, np.abs(theirs).max())


@pytest.fixture(scope="module")
def mobile(tmp_path_factory: pytest.TempPathFactory) -> Made:
    spec = MODELS[MOBILE].spec
    assert spec is not None
    return write_forms(lively(spec), spec, tmp_path_factory.mktemp("mobile"))


@pytest.mark.parametrize("form", FORMS)
def test_an_analysis_names_custom_weights_by_their_hash(
    form: str, mobile: Made, analyse: Run, tmp_path: Path
) -> None:
    assert analyse("--model", MOBILE, "--weights", mobile[form])[0] == 0
    expression = read(tmp_path).models.expression
    assert expression.weights_sha256 == sha256_of(mobile[form])
    assert expression.name == f"custom-{expression.weights_sha256[:12]}"
    assert expression.valence_arousal == "predicted"
    assert len(expression.classes) == 8


@pytest.mark.parametrize("runtime", PACKAGES)
def test_the_runtime_that_was_asked_for_runs(runtime: str, analyse: Run, tmp_path: Path) -> None:
    assert analyse("--runtime", runtime) == (0, "")
    analysis = read(tmp_path)
    assert analysis.models.expression.runtime == runtime
    assert analysis.tracks[0].observations


class Malice:
    """Unpickled by whoever is careless, it leaves a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., int], tuple[str]]:
        return os.system, (f"touch {self.mark}",)


def hostile(path: Path, mark: Path) -> None:
    torch.save({"weight": torch.zeros(2), "more": Malice(mark)}, path)


def bare_pickle(path: Path, mark: Path) -> None:
    path.write_bytes(pickle.dumps(Malice(mark)))


def of_another_network(path: Path, mark: Path) -> None:
    torch.save(torch.nn.Linear(4, 2).state_dict(), path)


def text(path: Path, mark: Path) -> None:
    path.write_text("no weights")


def empty(path: Path, mark: Path) -> None:
    path.touch()


def absent(path: Path, mark: Path) -> None:
    pass


@pytest.mark.parametrize("name", ["weights.pt", "weights.onnx", "weights.safetensors"])
@pytest.mark.parametrize("make", [hostile, bare_pickle, of_another_network, text, empty, absent])
@pytest.mark.parametrize("asked", ["auto", B0])
def test_an_unfit_file_ends_with_one_sentence(
    make: Callable[[Path, Path], None], name: str, asked: str, analyse: Run, tmp_path: Path
) -> None:
    path, mark = tmp_path / name, tmp_path / "executed"
    make(path, mark)
    code, err = analyse("--model", asked, "--weights", path)
    assert code == 2
    assert err.startswith("engagement: ")
    assert err.count("\n") == 1
    assert name in err
    assert not mark.exists()
    assert not (tmp_path / "a.json").exists()


def test_torch_does_not_run_a_graph_and_says_what_does(mobile: Made, analyse: Run) -> None:
    code, err = analyse("--runtime", "torch", "--weights", mobile["graph.onnx"])
    assert code == 2
    assert "Choose the runtime onnx or openvino" in err


def test_an_unknown_runtime_is_told(analyse: Run) -> None:
    code, err = analyse("--runtime", "tensorflow")
    assert code == 2
    assert err == (
        "engagement: There is no runtime 'tensorflow'. Choose auto, openvino, onnx, torch.\n"
    )


def test_an_exported_graph_is_prepared_as_it_says_itself(tmp_path: Path) -> None:
    """The bundled model takes grey, level faces, which nothing but its description tells."""
    network, spec, _ = load_network(locate_model("mobilenet_7_fer"))
    path = tmp_path / "mine.onnx"
    export_model(network, spec, path, "onnx")
    exact = ExpressionRecognizer.open("mobilenet_7_fer", runtime=RuntimeSettings("onnx"))
    again = ExpressionRecognizer.open(weights=path, runtime=RuntimeSettings("onnx"))
    assert again.spec.name == f"custom-{sha256_of(path)[:12]}"
    assert (again.spec.input, again.spec.crop) == (spec.input, spec.crop)
    faces = list(np.random.default_rng(0).integers(0, 255, (3, 90, 80, 3), dtype=np.uint8))
    assert again.predict(faces)[0] == pytest.approx(exact.predict(faces)[0], abs=1e-5)


def test_a_graph_that_describes_another_is_refused(tmp_path: Path) -> None:
    network, spec, _ = load_network(locate_model("mobilenet_7_fer"))
    export_model(network, spec, tmp_path / "mine.onnx", "onnx")
    graph = onnx.load(tmp_path / "mine.onnx")
    for text, words in (("{}", "does not describe itself"), (None, "Export it again")):
        changed = replace(spec, classes=spec.classes[:3]).to_json() if text is None else text
        onnx.helper.set_model_props(graph, {SPEC_KEY: changed})
        onnx.save(graph, tmp_path / "changed.onnx")
        with pytest.raises(ModelError, match=words):
            ExpressionRecognizer.open(
                weights=tmp_path / "changed.onnx", runtime=RuntimeSettings("onnx")
            )
