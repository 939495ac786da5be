"""OpenVINO on the CPU."""

from engagement.runtimes.base import (
    Floats,
    Runtime,
    RuntimeName,
    RuntimeSettings,
    stream_count,
    thread_count,
)
from engagement.runtimes.sessions import OpenVinoSession

# Four frames' faces go through together (`engagement.stages.watching`).
_BATCHES = (4, 1)


class OpenVinoRuntime(Runtime):
    """Runs a graph whose outputs are, in this order, the output and the embedding.

    Args:
        graph: an ONNX graph, or the .xml of OpenVINO's own form.
        weights: the .bin that belongs to an .xml.

    Raises:
        ModelError: the graph cannot be loaded.
    """

    name: RuntimeName = "openvino"

    def __init__(self, graph: bytes, settings: RuntimeSettings, weights: bytes = b"") -> None:
        super().__init__(settings.batch_size)
        self.parallel = stream_count(settings)
        self._session = OpenVinoSession(
            graph,
            threads=thread_count(settings),
            streams=self.parallel,
            weights=weights,
            precision="bf16" if settings.precision == "bf16" else "f32",
            batches=_BATCHES,
        )

    def _run_batch(self, x: Floats) -> tuple[Floats, Floats]:
        output, embedding = self._session.run(x)[:2]
        return output, embedding.reshape(len(x), -1)
