"""What every runtime offers, and how one is asked for."""

import ctypes
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engagement.errors import ModelError

Floats = NDArray[np.float32]
RuntimeName = Literal["torch", "onnx", "openvino"]

#: The package that each runtime needs, fastest first on a CPU (see ``benchmarks/runtimes.py``).
PACKAGES: dict[RuntimeName, str] = {
    "openvino": "openvino",
    "onnx": "onnxruntime",
    "torch": "torch",
}


_CUDA_DRIVERS = ("libcuda.so.1", "nvcuda.dll")


@dataclass(frozen=True)
class RuntimeSettings:
    """How a network is to be run.

    Attributes:
        name: ``auto`` is the fastest that is installed: torch where there is a CUDA device (on a
            CPU it is the slowest), then OpenVINO, then ONNX Runtime, then torch.
        device: for torch: ``auto`` (CUDA, then Apple's MPS, then the CPU), or a torch device.
        threads: CPU threads; 0 for ``OMP_NUM_THREADS`` or else every core that this process has.
        precision: ``fp32`` gives the published numbers. ``bf16`` is faster on processors that
            have it, and moves probabilities by about a hundredth; OpenVINO and torch only.
        batch_size: most faces in one pass, which bounds memory.
        streams: calls that are served at the same time, each on its share of the threads; 0 for as
            many as there are threads. With many calls that is faster, for a single one slower.
            torch serves one at a time.
    """

    name: Literal["auto", "torch", "onnx", "openvino"] = "auto"
    device: str = "auto"
    threads: int = 0
    precision: Literal["fp32", "bf16"] = "fp32"
    batch_size: int = 16
    streams: int = 1

    def __post_init__(self) -> None:
        if self.name not in {"auto", *PACKAGES}:
            raise ModelError(
                f"There is no runtime {self.name!r}. Choose auto, {', '.join(PACKAGES)}."
            )
        if self.precision not in {"fp32", "bf16"}:
            raise ModelError(f"There is no precision {self.precision!r}. Choose fp32 or bf16.")
        if self.precision == "bf16" and self.name == "onnx":
            raise ModelError("ONNX Runtime has no bf16 here. Choose openvino, torch or auto.")
        if self.threads < 0 or self.batch_size < 1 or self.streams < 0:
            raise ModelError(
                f"{self.threads} threads, batches of {self.batch_size} and {self.streams} streams "
                "cannot be. Use 0 or more threads and streams, and batches of at least 1."
            )


class Runtime(ABC):
    """A loaded network. The same input gives the same output, bit for bit.

    Attributes:
        name: of the runtime.
        device: that it runs on.
        parallel: so many threads may call `run` at the same time, and should where there is enough
            to do.
    """

    name: RuntimeName
    device: str = "cpu"
    parallel: int = 1

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size

    def run(self, x: Floats) -> tuple[Floats, Floats]:
        """Outputs ``(n, k)`` and embeddings ``(n, d)`` of prepared faces ``(n, 3, s, s)``.

        Outputs are as the network gives them: logits, and behind them valence and arousal where it
        predicts these. ``n`` is at least 1.
        """
        parts = [
            self._run_batch(x[start : start + self._batch_size])
            for start in range(0, len(x), self._batch_size)
        ]
        outputs, embeddings = zip(*parts, strict=True)
        return np.concatenate(outputs), np.concatenate(embeddings)

    @abstractmethod
    def _run_batch(self, x: Floats) -> tuple[Floats, Floats]: ...


def installed(name: RuntimeName) -> bool:
    """Whether the runtime's package is there (without importing it), and what writes its graphs."""
    needed = [PACKAGES[name]] if name == "torch" else [PACKAGES[name], "onnx"]
    return all(find_spec(package) is not None for package in needed)


def choose(settings: RuntimeSettings) -> RuntimeName:
    """The runtime to use.

    Raises:
        ModelError: the runtime asked for is not installed.
    """
    if settings.name == "auto":
        if settings.device not in {"auto", "cpu"} or _has_cuda():
            return "torch"
        able = [name for name in PACKAGES if settings.precision == "fp32" or name != "onnx"]
        return next(name for name in able if installed(name))
    if not installed(settings.name):
        raise ModelError(
            f"The runtime {settings.name!r} is not installed. Install it with pip install "
            f"'engagement-analytics[{settings.name}]', or choose auto.",
            code="runtime_missing",
        )
    return settings.name


def on_cpu(settings: RuntimeSettings) -> RuntimeName:
    """What runs small networks, for which no other device is worth its while."""
    if settings.name != "auto":
        return choose(settings)
    return next(name for name in PACKAGES if installed(name))


def _has_cuda() -> bool:
    # Loading torch takes seconds and much memory; without NVIDIA's driver there is nothing to ask.
    if not any(_can_load(library) for library in _CUDA_DRIVERS):
        return False
    import torch

    return torch.cuda.is_available()


def _can_load(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def thread_count(settings: RuntimeSettings) -> int:
    """How many CPU threads to use."""
    if settings.threads:
        return settings.threads
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def stream_count(settings: RuntimeSettings) -> int:
    """How many calls are served at the same time."""
    return settings.streams or thread_count(settings)
