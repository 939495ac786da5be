"""ONNX Runtime on the CPU."""

from engagement.runtimes.base import (
    Floats,
    Runtime,
    RuntimeName,
    RuntimeSettings,
    stream_count,
    thread_count,
)
from engagement.runtimes.sessions import OnnxSession


class OnnxRuntime(Runtime):
    """Runs an ONNX graph whose outputs are, in this order, the output and the embedding.

    Raises:
        ModelError: the graph cannot be loaded.
    """

    name: RuntimeName = "onnx"

    def __init__(self, graph: bytes, settings: RuntimeSettings) -> None:
        super().__init__(settings.batch_size)
        self.parallel = stream_count(settings)
        self._session = OnnxSession(graph, threads=thread_count(settings), streams=self.parallel)

    def _run_batch(self, x: Floats) -> tuple[Floats, Floats]:
        output, embedding = self._session.run(x)[:2]
        return output, embedding.reshape(len(x), -1)
