"""The network itself, on torch."""

import numpy as np
import torch

from engagement.errors import ModelError
from engagement.networks.base import ExpressionNetwork
from engagement.runtimes.base import Floats, Runtime, RuntimeName, RuntimeSettings
from engagement.runtimes.sessions import Session


class TorchRuntime(Runtime):
    """Channels last; bf16 by autocast where asked for.

    Threads are torch's own, process-wide: they are changed only where `settings` names a number.

    Raises:
        ModelError: there is no such device.
    """

    name: RuntimeName = "torch"

    def __init__(self, network: ExpressionNetwork, settings: RuntimeSettings) -> None:
        super().__init__(settings.batch_size)
        if settings.threads:
            torch.set_num_threads(settings.threads)
        device = _device(settings.device)
        self.device = str(device)
        self._bf16 = settings.precision == "bf16"
        self._network = network.eval().to(device).to(memory_format=torch.channels_last)

    def _run_batch(self, x: Floats) -> tuple[Floats, Floats]:
        faces = torch.from_numpy(x).to(self.device).contiguous(memory_format=torch.channels_last)
        with (
            torch.inference_mode(),
            torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self._bf16),
        ):
            embeddings = self._network.embed(faces)
        with torch.inference_mode():
            outputs = self._network.classifier(embeddings.float())
        return _numpy(outputs), _numpy(embeddings)


class TorchSession(Session):
    """A small network on the CPU, where neither OpenVINO nor ONNX Runtime is installed."""

    def __init__(self, module: torch.nn.Module) -> None:
        self._module = module.eval().cpu()

    def run(self, x: Floats) -> list[Floats]:
        with torch.inference_mode():
            found = self._module(torch.from_numpy(x))
        return [_numpy(y) for y in (found if isinstance(found, tuple) else (found,))]


def _numpy(tensor: torch.Tensor) -> Floats:
    return np.asarray(tensor.float().cpu().numpy(), dtype=np.float32)


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ModelError(
            f"torch has no device {name!r} here. Choose auto, cpu, cuda or mps."
        ) from error
    return device
