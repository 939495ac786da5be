"""ONNX Runtime on the CPU."""

import numpy as np

from engagement.errors import ModelError
from engagement.runtimes.base import Floats, Runtime, RuntimeName, RuntimeSettings, thread_count


class OnnxRuntime(Runtime):
    """Runs an ONNX graph whose outputs are, in this order, the output and the embedding.

    Raises:
        ModelError: the graph cannot be loaded.
    """

    name: RuntimeName = "onnx"

    def __init__(self, graph: bytes, settings: RuntimeSettings) -> None:
        super().__init__(settings.batch_size)
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = thread_count(settings)
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

    def _run_batch(self, x: Floats) -> tuple[Floats, Floats]:
        output, embedding = self._session.run(None, {self._input: x})[:2]
        return np.asarray(output, np.float32), _flat(embedding)


def _flat(embedding: Floats) -> Floats:
    return np.asarray(embedding, np.float32).reshape(len(embedding), -1)
