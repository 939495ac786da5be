"""A graph that runs on the CPU, on OpenVINO or ONNX Runtime, from as many threads as is wanted."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from queue import SimpleQueue
from typing import Any

import numpy as np

from engagement.errors import ModelError
from engagement.runtimes.base import Floats

_ANY = 0


@cache
def openvino_core() -> Any:
    """The process' one OpenVINO core, which is never let go.

    Its CPU plugin gives the thread that loads it a stack for signal handlers, and takes it away
    with the core. With several cores, the one that goes last puts back the stack of one that went
    before: the next signal that Python handles then ends the process by SIGSEGV (OpenVINO 2026.4).
    """
    import openvino

    return openvino.Core()


class Session(ABC):
    """A loaded graph with one input. Safe to call from several threads."""

    @abstractmethod
    def run(self, x: Floats) -> list[Floats]:
        """The outputs, in the graph's order, of one input; the arrays are the caller's own."""


class OpenVinoSession(Session):
    """A graph on OpenVINO.

    Args:
        graph: an ONNX graph, or the .xml of OpenVINO's own form.
        weights: the .bin that belongs to an .xml.
        threads: CPU threads in all.
        precision: ``f32``, or ``bf16``, which is not exact, where the processor has it.
        batches: what a call is given is split into batches of these sizes, largest first and 1 at
            last, for each of which the graph is compiled; without, it goes through as it is, which
            takes a tenth more time (a fifth in 8 bits).
        streams: so many calls are served at the same time, each on its share of the threads; more
            wait for their turn.

    The graph is read by OpenVINO's core; its converter, which reports its use to its maker, is
    never called.

    Raises:
        ModelError: the graph cannot be loaded.
    """

    def __init__(
        self,
        graph: bytes,
        *,
        threads: int,
        streams: int = 1,
        weights: bytes = b"",
        precision: str = "f32",
        batches: Sequence[int] = (),
    ) -> None:
        config: dict[str, object] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            # By itself it would take half precision wherever the processor has it.
            "INFERENCE_PRECISION_HINT": precision,
        }
        if streams > 1:
            config |= {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": streams}
        self._models: dict[int, Any] = {}
        try:
            core = openvino_core()
            for size in batches or (_ANY,):
                model = core.read_model(graph, weights)
                if size != _ANY:
                    model.reshape([size, *list(model.input(0).partial_shape)[1:]])
                self._models[size] = core.compile_model(model, "CPU", config)
        except RuntimeError as error:
            raise ModelError(
                f"OpenVINO cannot load the model ({str(error).splitlines()[0]}). Use a file that "
                "`engagement models export` wrote, or another runtime."
            ) from error
        self._requests: SimpleQueue[dict[int, Any]] = SimpleQueue()
        for _ in range(streams):
            self._requests.put(
                {size: model.create_infer_request() for size, model in self._models.items()}
            )

    def run(self, x: Floats) -> list[Floats]:
        requests = self._requests.get()
        try:
            if _ANY in requests:
                return _inferred(requests[_ANY], x)
            parts = []
            start = 0
            for size, request in requests.items():
                while len(x) - start >= size:
                    parts.append(_inferred(request, x[start : start + size]))
                    start += size
            return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]
        finally:
            self._requests.put(requests)


def _inferred(request: Any, x: Floats) -> list[Floats]:
    # Shared: the input is not copied, and is not changed as long as the call lasts.
    results = request.infer([x], share_inputs=True)
    # Copies: the request's own memory is used again by the next call.
    return [np.array(results[i], np.float32) for i in range(len(results))]


class OnnxSession(Session):
    """A graph on ONNX Runtime; arguments as `OpenVinoSession` takes them.

    Raises:
        ModelError: the graph cannot be loaded.
    """

    def __init__(self, graph: bytes, *, threads: int, streams: int = 1) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        # Every call brings a thread of its own and uses the session's others beside it.
        options.intra_op_num_threads = max(1, threads // streams)
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = 3
        # Threads that wait sleep: where other work runs beside, spinning slows both.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Sums of 8-bit products overflow on processors without VNNI; this is the way around it.
        options.add_session_config_entry("session.x64quantprecision", "1")
        try:
            self._session = ort.InferenceSession(graph, options, ["CPUExecutionProvider"])
        except Exception as error:
            raise ModelError(
                f"ONNX Runtime cannot load the model ({str(error).splitlines()[0]}). Use a file "
                "that `engagement models export` wrote, or another runtime."
            ) from error
        self._input = self._session.get_inputs()[0].name

    def run(self, x: Floats) -> list[Floats]:
        return [np.asarray(y, np.float32) for y in self._session.run(None, {self._input: x})]
