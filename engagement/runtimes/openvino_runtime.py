"""OpenVINO on the CPU."""

import numpy as np

from engagement.errors import ModelError
from engagement.runtimes.base import Floats, Runtime, RuntimeName, RuntimeSettings, thread_count


class OpenVinoRuntime(Runtime):
    """Runs a graph whose outputs are, in this order, the output and the embedding.

    Args:
        graph: an ONNX graph, or the .xml of OpenVINO's own form.
        weights: the .bin that belongs to an .xml.

    The graph is read by OpenVINO's core; its converter, which reports its use to its maker, is
    never called.

    Raises:
        ModelError: the graph cannot be loaded.
    """

    name: RuntimeName = "openvino"

    def __init__(self, graph: bytes, settings: RuntimeSettings, weights: bytes = b"") -> None:
        super().__init__(settings.batch_size)
        import openvino

        config = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": thread_count(settings),
            # On processors with bf16 or fp16 its default is half precision, which is not exact.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        try:
            core = openvino.Core()
            self._model = core.compile_model(core.read_model(graph, weights), "CPU", config)
        except RuntimeError as error:
            raise ModelError(
                f"OpenVINO cannot load the model ({str(error).splitlines()[0]}). Use a file that "
                "`engagement models export` wrote, or another runtime."
            ) from error
        self._request = self._model.create_infer_request()

    def _run_batch(self, x: Floats) -> tuple[Floats, Floats]:
        results = self._request.infer([x])
        output, embedding = results[0], results[1]
        # Copies: the request's own memory is used again by the next batch.
        return np.array(output, np.float32), np.array(embedding, np.float32).reshape(len(x), -1)
