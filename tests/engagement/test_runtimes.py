"""Torch, ONNX Runtime and OpenVINO give the same answers, and take the settings they are given."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from engagement.errors import ModelError
from engagement.expressions.models import load_network, locate_model, open_model
from engagement.expressions.recognizer import ExpressionRecognizer, softmax
from engagement.networks.spec import (
    EIGHT_EMOTIONS,
    SYMMETRIC_112,
    CropSpec,
    ExpressionSpec,
    InputSpec,
)
from engagement.runtimes.base import PACKAGES, Runtime, RuntimeName, RuntimeSettings, choose
from engagement.runtimes.graph import export_graph
from engagement.runtimes.onnx_runtime import OnnxRuntime
from engagement.runtimes.openvino_runtime import OpenVinoRuntime
from engagement.runtimes.torch_runtime import TorchRuntime
from engagement.sample import sample_path
from engagement.weights.registry import DEFAULT_EXPRESSION
from tests.engagement.lively_networks import inputs, lively, pictures

ONE_THREAD = RuntimeSettings(threads=1)
FORTY = 40


@pytest.fixture(autouse=True)
def _torch_threads() -> Iterator[None]:
    """Torch's number of threads is the process' own: later tests get back what they had."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def spec_of(architecture: str, prepared: InputSpec) -> ExpressionSpec:
    return ExpressionSpec(
        "random", EIGHT_EMOTIONS, architecture, prepared, CropSpec("box"), predicts_affect=True
    )


@dataclass(frozen=True)
class Trio:
    """One network in all three runtimes, forty prepared faces, and what each says of them."""

    runtimes: dict[str, Runtime]
    faces: np.ndarray
    answers: dict[str, tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="module", params=[DEFAULT_EXPRESSION, "mobilefacenet", "efficientnet_b0"])
def trio(request: pytest.FixtureRequest) -> Trio:
    if request.param == DEFAULT_EXPRESSION:
        network, spec, _ = load_network(locate_model(DEFAULT_EXPRESSION))
    else:
        size = SYMMETRIC_112 if request.param == "mobilefacenet" else InputSpec(128)
        spec = spec_of(request.param, size)
        network = lively(spec)
    graph = export_graph(network, spec)
    made: list[Runtime] = [
        TorchRuntime(network, ONE_THREAD),
        OnnxRuntime(graph, ONE_THREAD),
        OpenVinoRuntime(graph, ONE_THREAD),
    ]
    faces = inputs(spec.input, FORTY)
    return Trio({r.name: r for r in made}, faces, {r.name: r.run(faces) for r in made})


def assert_close(ours: np.ndarray, theirs: np.ndarray, limit: float) -> None:
    """Within `limit` of the largest number, or of 1: rounding is relative."""
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < limit * max(1.0, np.abs(theirs).max())


def test_all_runtimes_agree(trio: Trio) -> None:
    outputs, embeddings = trio.answers["torch"]
    assert outputs.std(axis=0).min() > 0.05, "a network that tells no faces apart proves nothing"
    for name in ("onnx", "openvino"):
        others = trio.answers[name]
        assert others[0].dtype == others[1].dtype == np.float32
        assert_close(others[0], outputs, 1e-4)
        assert_close(others[1], embeddings, 1e-4)


@pytest.mark.parametrize("name", PACKAGES)
def test_the_same_faces_give_the_same_bits(trio: Trio, name: str) -> None:
    # What was run in between, and what a runtime remembers of it, must not show.
    first = trio.answers[name]
    again = trio.runtimes[name].run(trio.faces)
    assert first[0].tobytes() == again[0].tobytes()
    assert first[1].tobytes() == again[1].tobytes()


@pytest.mark.parametrize("name", PACKAGES)
@pytest.mark.parametrize("count", [1, 16, 17])
def test_a_face_gets_the_same_answer_in_any_company(trio: Trio, name: str, count: int) -> None:
    outputs, embeddings = trio.answers[name]  # of three batches, the last one not full
    assert len(outputs) == len(embeddings) == FORTY
    fewer = trio.runtimes[name].run(trio.faces[-count:])
    assert_close(fewer[0], outputs[-count:], 1e-5)
    assert_close(fewer[1], embeddings[-count:], 1e-5)


@pytest.mark.parametrize("name", PACKAGES)
def test_an_earlier_answer_is_not_overwritten_by_a_later_one(trio: Trio, name: str) -> None:
    outputs, embeddings = trio.runtimes[name].run(trio.faces[:2])
    kept = outputs.copy(), embeddings.copy()
    trio.runtimes[name].run(trio.faces[2:4])
    assert np.array_equal(outputs, kept[0])
    assert np.array_equal(embeddings, kept[1])


#: Starts a runtime with so many threads, works, and tells how many the process has gained.
_THREADS = """
import sys
from engagement.expressions.models import open_model
from engagement.runtimes.base import RuntimeSettings
name, threads = sys.argv[1:]
runtime = open_model(
    "mobilenet_7_fer", None, RuntimeSettings(name, threads=int(threads), device="cpu")
).runtime
if name == "torch":
    import torch
    print(torch.get_num_threads())
elif name == "onnx":
    print(runtime._session._session.get_session_options().intra_op_num_threads)
else:
    print(runtime._session._models[1].get_property("INFERENCE_NUM_THREADS"))
"""


@pytest.mark.parametrize("name", PACKAGES)
def test_threads_are_as_many_as_were_asked_for(name: str) -> None:
    """As the libraries themselves say; each in a process of its own, since torch has one number."""
    assert [int(run_python(_THREADS, name, str(n))) for n in (1, 2)] == [1, 2]


def _cpu_flags() -> str:
    info = Path("/proc/cpuinfo")
    return info.read_text() if info.is_file() else ""


def run_python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif("bf16" not in _cpu_flags(), reason="this processor has no bf16")
@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_bf16_moves_probabilities_by_no_more_than_it_says(name: RuntimeName) -> None:
    faces = pictures(24, 48)
    exact = ExpressionRecognizer.open(DEFAULT_EXPRESSION, runtime=RuntimeSettings(name))
    half = ExpressionRecognizer.open(
        DEFAULT_EXPRESSION, runtime=RuntimeSettings(name, precision="bf16")
    )
    moved = np.abs(half.predict(faces)[0] - exact.predict(faces)[0])
    assert 0 < moved.max() < 0.05
    assert moved.mean() < 0.01


def test_bf16_means_a_runtime_that_has_it() -> None:
    assert choose(RuntimeSettings(precision="bf16")) == "openvino"
    with pytest.raises(ModelError, match="no bf16"):
        RuntimeSettings("onnx", precision="bf16")
    assert choose(RuntimeSettings(device="cuda:1")) == "torch"


#: Hides packages from Python, as if they were not installed, and asks what `auto` becomes.
_CHOOSE = """
import json, sys
hidden = set()
class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        return None if name in hidden else self.finder.find_spec(name, path, target)
sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
from engagement.errors import ModelError
from engagement.runtimes.base import RuntimeSettings, choose
told = []
for names in json.loads(sys.argv[1]):
    hidden.clear()
    hidden.update(names)
    told.append(choose(RuntimeSettings()))
for name, package in (("onnx", "onnxruntime"), ("openvino", "openvino")):
    hidden.add(package)
    try:
        choose(RuntimeSettings(name))
    except ModelError as error:
        told.append([str(error), error.code])
print(json.dumps(told))
"""


def test_auto_is_the_fastest_that_is_installed() -> None:
    hidden = [[], ["openvino"], ["onnxruntime"], ["openvino", "onnxruntime"]]
    told = json.loads(run_python(_CHOOSE, json.dumps(hidden)))
    if torch.cuda.is_available():
        assert told[:4] == ["torch"] * 4
    else:
        assert told[:4] == ["openvino", "onnx", "openvino", "torch"]
    for name, (message, code) in zip(("onnx", "openvino"), told[4:], strict=True):
        assert f"pip install 'engagement-analytics[{name}]'" in message
        assert code == "runtime_missing"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: RuntimeSettings("tensorflow"), "no runtime 'tensorflow'"),  # type: ignore[arg-type]
        (lambda: RuntimeSettings(precision="fp8"), "no precision 'fp8'"),  # type: ignore[arg-type]
        (lambda: RuntimeSettings(threads=-1), "-1 threads"),
        (lambda: RuntimeSettings(batch_size=0), "batches of 0"),
        (lambda: open_bundled(RuntimeSettings("torch", "abacus")), "no device 'abacus'"),
        (lambda: open_bundled(RuntimeSettings("torch", "meta:x")), "no device 'meta:x'"),
        (lambda: OnnxRuntime(b"no graph", ONE_THREAD), "ONNX Runtime cannot load"),
        (lambda: OpenVinoRuntime(b"no graph", ONE_THREAD), "OpenVINO cannot load"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_graphics_card_that_is_not_there_is_told() -> None:
    with pytest.raises(ModelError, match="no device 'cuda' here"):
        open_bundled(RuntimeSettings("torch", "cuda"))


def open_bundled(settings: RuntimeSettings) -> Runtime:
    return open_model(DEFAULT_EXPRESSION, None, settings).runtime


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("ENGAGEMENT_CACHE", str(folder))
    return folder


def kept_graphs(cache: Path) -> list[Path]:
    return sorted((cache / "converted").glob("*.onnx"))


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_a_model_becomes_a_graph_only_once(name: str, cache: Path) -> None:
    settings = RuntimeSettings(name, threads=1)  # type: ignore[arg-type]
    faces = inputs(InputSpec(120), 2)
    first = open_bundled(settings).run(faces)
    (graph,) = kept_graphs(cache)
    before = graph.stat()
    second = open_bundled(settings).run(faces)
    after = graph.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert np.array_equal(first[0], second[0])


def test_both_graph_runtimes_share_what_was_kept(cache: Path) -> None:
    for name in ("onnx", "openvino"):
        open_bundled(RuntimeSettings(name, threads=1))  # type: ignore[arg-type]
    assert len(kept_graphs(cache)) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda graph: graph.write_bytes(graph.read_bytes()[:-1000]),
        lambda graph: graph.write_bytes(b"\0" * 1000),
        lambda graph: graph.unlink(),
        lambda graph: graph.with_suffix(".json").write_text("{"),
        lambda graph: graph.with_suffix(".json").write_text("[]"),
        lambda graph: graph.with_suffix(".json").unlink(),
    ],
    ids=["cut", "zeros", "gone", "half a note", "another note", "no note"],
)
def test_a_damaged_kept_graph_is_made_again(damage: Callable[[Path], object], cache: Path) -> None:
    settings = RuntimeSettings("onnx", threads=1)
    faces = inputs(InputSpec(120), 2)
    expected = open_bundled(settings).run(faces)
    (graph,) = kept_graphs(cache)
    whole = graph.read_bytes()
    damage(graph)
    assert np.array_equal(open_bundled(settings).run(faces)[0], expected[0])
    assert kept_graphs(cache) == [graph]
    assert graph.read_bytes() == whole


def test_a_cache_that_cannot_be_written_only_costs_time(
    cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        runtime = open_bundled(RuntimeSettings("onnx", threads=1))
    outputs, _ = runtime.run(inputs(InputSpec(120), 2))
    assert np.isfinite(softmax(outputs)).all()
    assert any("not kept" in record.getMessage() for record in caplog.records)


def test_analyses_of_all_runtimes_differ_only_by_rounding(tmp_path: Path) -> None:
    from engagement.pipeline import Analyzer, Settings

    found = {}
    for name in PACKAGES:
        settings = Settings(runtime=RuntimeSettings(name, threads=1))
        found[name] = Analyzer(DEFAULT_EXPRESSION, settings).analyze(sample_path(), fps=0.3)
    reference = found["torch"].analysis
    assert len(reference.tracks[0].observations) > 5
    for name, result in found.items():
        analysis = result.analysis
        assert analysis.models.expression.runtime == name
        assert [t.id for t in analysis.tracks] == [t.id for t in reference.tracks]
        for ours, theirs in zip(analysis.tracks, reference.tracks, strict=True):
            for one, other in zip(ours.observations, theirs.observations, strict=True):
                assert one.box == other.box
                assert one.emotions == pytest.approx(other.emotions, abs=1e-3)
                assert (one.valence, one.arousal) == pytest.approx(
                    (other.valence, other.arousal), abs=1e-3
                )
            assert ours.summary.dominant_emotion == theirs.summary.dominant_emotion


@pytest.mark.parametrize("runtime", PACKAGES)
@pytest.mark.parametrize("name", ["gone.pt", "gone.onnx", "."])
def test_weights_that_are_not_there_are_told_on_every_runtime(
    name: str, runtime: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"There is no model file|is a folder"):
        ExpressionRecognizer.open(
            weights=tmp_path / name, runtime=RuntimeSettings(runtime, device="cpu")
        )


_RUN_ONNX = """
import sys
from engagement.expressions.models import open_model
from engagement.runtimes.base import RuntimeSettings
open_model("mobilenet_7_fer", None, RuntimeSettings("onnx", threads=1))
"""


def test_onnx_runtime_collects_nothing_about_its_use(tmp_path: Path) -> None:
    """Left to itself it keeps a database in the user's cache, and a thread that wants to send."""
    found = {
        name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"
    } | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", _RUN_ONNX], env=found, check=True)
    assert not [path for path in tmp_path.rglob("*") if "onnxruntime" in path.name.lower()]
