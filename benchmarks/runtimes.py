"""Milliseconds a face of every expression model on every runtime, side by side in one run.

    python -m benchmarks.runtimes [NAME ...] [--rounds N] [--settings]

Weights are random where a model is not on this machine: the time is the same. Every runtime lives
in a process of its own, since one's waiting threads slow the next one down; the processes take
turns, a few calls each, so that whatever else the machine does falls on all of them alike. The
median and the quartiles of the turns are shown; ratios are what to compare between machines.
``--settings`` compares settings of the runtimes instead.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.measuring import cpu, environment, finish, load_average, table
from engagement.networks.preprocess import prepare
from engagement.networks.spec import ExpressionSpec
from engagement.runtimes.base import Floats, RuntimeSettings, installed, thread_count
from engagement.runtimes.sessions import openvino_core
from engagement.weights.registry import DEFAULT_EXPRESSION, MODELS

Run = Callable[[Floats], Any]
_BATCHES = (1, 16)
_FACE_PX = 160
#: A turn is as many calls as fit into this, but at least one.
_TURN_S = 0.06
#: Pause before a turn, in which the threads of the one before fall asleep.
_PAUSE_S = 0.02
_EXACT, _INT8, _SPEC = "exact.onnx", "int8.onnx", "spec.json"


@dataclass(frozen=True)
class Row:
    """Times of one model, runtime and batch size, in milliseconds a face."""

    model: str
    runtime: str
    batch: int
    median_ms: float
    low_ms: float
    high_ms: float
    ratio: float


def _names(wanted: list[str]) -> list[str]:
    """The models asked for, or one of each architecture and input."""
    if wanted:
        return wanted
    kinds: dict[tuple[str, int], str] = {}
    for model in MODELS.values():
        if model.kind == "expression" and model.spec is not None:
            kinds.setdefault((model.architecture, model.spec.input.size), model.name)
    return list(kinds.values())


def _network(name: str) -> tuple[Any, ExpressionSpec]:
    import torch

    from engagement.expressions.models import load_network, locate_model
    from engagement.networks.architectures import build_for

    model = MODELS[name]
    if model.bundled is not None:
        network, spec, _ = load_network(locate_model(name))
        return network, spec
    assert model.spec is not None
    torch.manual_seed(0)
    return build_for(model.spec), model.spec


def _write_graphs(name: str, folder: Path) -> None:
    from engagement.runtimes.graph import export_graph
    from engagement.runtimes.quantise import quantise_graph

    network, spec = _network(name)
    graph = export_graph(network, spec)
    (folder / _EXACT).write_bytes(graph)
    (folder / _SPEC).write_text(spec.to_json())
    if installed("onnx"):
        (folder / _INT8).write_bytes(quantise_graph(graph, spec, _crops(32)))


def _crops(count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 255, (count, _FACE_PX, _FACE_PX, 3), np.uint8))


def _torch(name: str, folder: Path, batch: int, precision: Any = "fp32") -> Run:
    del folder, batch
    from engagement.runtimes.torch_runtime import TorchRuntime

    return TorchRuntime(_network(name)[0], _settings(precision)).run


def _torch_bf16(name: str, folder: Path, batch: int) -> Run:
    return _torch(name, folder, batch, "bf16")


def _onnx(name: str, folder: Path, batch: int, file: str = _EXACT) -> Run:
    del name, batch
    from engagement.runtimes.onnx_runtime import OnnxRuntime

    return OnnxRuntime((folder / file).read_bytes(), _settings()).run


def _onnx_int8(name: str, folder: Path, batch: int) -> Run:
    return _onnx(name, folder, batch, _INT8)


def _openvino(name: str, folder: Path, batch: int, file: str = _EXACT) -> Run:
    del name, batch
    from engagement.runtimes.openvino_runtime import OpenVinoRuntime

    return OpenVinoRuntime((folder / file).read_bytes(), _settings()).run


def _openvino_int8(name: str, folder: Path, batch: int) -> Run:
    return _openvino(name, folder, batch, _INT8)


def _settings(precision: Any = "fp32") -> RuntimeSettings:
    threads = thread_count(RuntimeSettings())
    return RuntimeSettings(device="cpu", threads=threads, precision=precision)


def _nothing(name: str, folder: Path, batch: int) -> Run:
    del name, folder, batch
    return lambda x: x


def _onnx_spinning(name: str, folder: Path, batch: int) -> Run:
    del name, batch
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = thread_count(RuntimeSettings())
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    graph = (folder / _EXACT).read_bytes()
    session = onnxruntime.InferenceSession(graph, options, ["CPUExecutionProvider"])
    return lambda x: session.run(None, {"input": x})


def _openvino_set(folder: Path, batch: int, hint: str, *, fixed: bool) -> Run:
    core = openvino_core()
    model = core.read_model((folder / _EXACT).read_bytes(), b"")
    if fixed:
        channels, *sides = (d.get_length() for d in list(model.input(0).partial_shape)[1:])
        model.reshape([batch, channels, *sides])
    config = {
        "INFERENCE_NUM_THREADS": thread_count(RuntimeSettings()),
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": hint,
    }
    request = core.compile_model(model, "CPU", config).create_infer_request()
    return lambda x: request.infer([x])


def _latency_fixed(name: str, folder: Path, batch: int) -> Run:
    del name
    return _openvino_set(folder, batch, "LATENCY", fixed=True)


def _throughput(name: str, folder: Path, batch: int) -> Run:
    del name
    return _openvino_set(folder, batch, "THROUGHPUT", fixed=False)


def _throughput_fixed(name: str, folder: Path, batch: int) -> Run:
    del name
    return _openvino_set(folder, batch, "THROUGHPUT", fixed=True)


_Make = Callable[[str, Path, int], Run]
_SETTINGS: Mapping[str, _Make] = {
    "onnx: sleeping (ours)": _onnx,
    "onnx: spinning": _onnx_spinning,
    "openvino: latency, any batch (ours)": _openvino,
    "openvino: latency, fixed batch": _latency_fixed,
    "openvino: throughput, any batch": _throughput,
    "openvino: throughput, fixed batch": _throughput_fixed,
}


def _runtimes() -> dict[str, _Make]:
    made: dict[str, _Make] = {"torch": _torch}
    if "bf16" in cpu():
        made["torch bf16"] = _torch_bf16
    if installed("onnx"):
        made |= {"onnx": _onnx, "onnx int8": _onnx_int8}
    if installed("openvino"):
        made["openvino"] = _openvino
    if installed("openvino") and installed("onnx"):
        made["openvino int8"] = _openvino_int8
    return made


@contextmanager
def _player(
    make: _Make, name: str, folder: Path, batch: int, with_preparation: bool
) -> Iterator[Connection]:
    """A process that runs one runtime when it is told to, and answers with seconds a call."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    arguments = (theirs, make, name, folder, batch, with_preparation)
    process = context.Process(target=_play, args=arguments, daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.join(5)


def _play(
    orders: Connection, make: _Make, name: str, folder: Path, batch: int, with_preparation: bool
) -> None:
    run = make(name, folder, batch)
    spec = ExpressionSpec.from_json((folder / _SPEC).read_text())
    crops = _crops(batch)
    x = prepare(crops, spec.input)

    def call() -> float:
        started = time.perf_counter()
        run(prepare(crops, spec.input) if with_preparation else x)
        return time.perf_counter() - started

    for _ in range(3):
        once = call()
    count = max(1, round(_TURN_S / max(once, 1e-6)))
    orders.send("ready")
    try:
        while orders.recv():
            if count > 1:  # else its share in the one call is small
                call()  # wakes the threads up
            orders.send(statistics.median(call() for _ in range(count)))
    except EOFError:
        return


def _measure(
    name: str,
    folder: Path,
    makes: Mapping[str, _Make],
    rounds: int,
    batch: int,
    whole: bool = False,
) -> list[Row]:
    with ExitStack() as stack:
        players = {
            label: stack.enter_context(_player(make, name, folder, batch, whole))
            for label, make in makes.items()
        }
        for player in players.values():  # all start at once, and work only when all have
            player.recv()
        turns: dict[str, list[float]] = {label: [] for label in players}
        for number in range(rounds):
            for label in _turned(list(players), number):
                time.sleep(_PAUSE_S)
                players[label].send(True)
                turns[label].append(players[label].recv())
    title = f"{name}, with preparation" if whole else name
    return _rows(title, batch, turns)


def _turned(labels: Sequence[str], number: int) -> Sequence[str]:
    turn = number % len(labels)
    return [*labels[turn:], *labels[:turn]]


def _rows(title: str, batch: int, turns: Mapping[str, list[float]]) -> list[Row]:
    first = statistics.median(next(iter(turns.values())))
    rows = []
    for label, seconds in turns.items():
        low, middle, high = (1000 * s / batch for s in statistics.quantiles(seconds, n=4))
        ratio = statistics.median(seconds) / first
        rows.append(Row(title, label, batch, *(round(v, 3) for v in (middle, low, high, ratio))))
    return rows


def measure(name: str, rounds: int, makes: Mapping[str, _Make]) -> list[Row]:
    """The network alone, on prepared faces."""
    sys.stderr.write(f"{name}\n")
    with TemporaryDirectory() as folder:
        _write_graphs(name, Path(folder))
        return [
            row for batch in _BATCHES for row in _measure(name, Path(folder), makes, rounds, batch)
        ]


def measure_with_preparation(name: str, rounds: int) -> list[Row]:
    """From face crops of 160 pixels to outputs, and the preparation alone."""
    with TemporaryDirectory() as folder:
        _write_graphs(name, Path(folder))
        makes = {**_runtimes(), "preparation alone": _nothing}
        return _measure(name, Path(folder), makes, rounds, 16, whole=True)


def _table(rows: list[Row]) -> Table:
    shown = table(
        "Milliseconds a face: median, quartiles, ratio to the first of its group",
        ("model", "runtime", "batch", "median", "quartiles", "ratio"),
        left=2,
    )
    before = None
    for row in rows:
        if before not in {None, (row.model, row.batch)}:
            shown.add_section()
        before = (row.model, row.batch)
        shown.add_row(
            row.model,
            row.runtime,
            str(row.batch),
            f"{row.median_ms:.2f}",
            f"{row.low_ms:.2f} - {row.high_ms:.2f}",
            f"{row.ratio:.2f}",
        )
    return shown


def main() -> None:
    """Measure and print a table, and a line of JSON for machines."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runtimes")
    parser.add_argument("names", nargs="*", help="models; without, one of each architecture")
    parser.add_argument("--rounds", type=int, default=15, help="turns of each runtime")
    parser.add_argument("--settings", action="store_true", help="compare the runtimes' settings")
    chosen = parser.parse_args()
    before = environment()
    makes = _SETTINGS if chosen.settings else _runtimes()
    rows = [row for name in _names(chosen.names) for row in measure(name, chosen.rounds, makes)]
    if not chosen.settings and not chosen.names:
        rows += measure_with_preparation(DEFAULT_EXPRESSION, chosen.rounds)
    told = before | {"load_average_after": load_average(), "rows": [vars(row) for row in rows]}
    finish(_table(rows), told)


if __name__ == "__main__":
    # Read by torch when it loads, as the command and the workers do.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    main()
