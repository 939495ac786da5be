"""The small networks that find faces and tell them apart, on whatever runs them fastest here.

MTCNN's three come with facenet-pytorch, the descriptor's with this package. For OpenVINO and ONNX
Runtime each is exported once and kept in the cache, so that a process that only analyses never
loads torch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from engagement.errors import ModelError
from engagement.files import sha256_of
from engagement.runtimes.base import RuntimeSettings, on_cpu
from engagement.runtimes.kept import KeptBytes
from engagement.runtimes.sessions import OnnxSession, OpenVinoSession, Session
from engagement.weights.bundled import BACKBONE, load_identity
from engagement.weights.cache import converted_folder

if TYPE_CHECKING:
    import torch
    from torch import nn

#: Of what is exported: another form must not be taken for this one.
_FORM = "1"


@dataclass(frozen=True)
class CascadeNetworks:
    """MTCNN's networks; all take RGB pixels, minus 127.5, divided by 128.

    Attributes:
        proposal: P-Net ``(1, 3, h, w)`` -> box offsets ``(1, 4, h', w')``, scores ``(1, 2, ...)``.
        refinement: R-Net ``(n, 3, 24, 24)`` -> box offsets ``(n, 4)``, scores ``(n, 2)``.
        output: O-Net ``(n, 3, 48, 48)`` -> box offsets ``(n, 4)``, points ``(n, 10)``, scores
            ``(n, 2)``.
    """

    proposal: Session
    refinement: Session
    output: Session


def open_cascade(settings: RuntimeSettings | None = None) -> CascadeNetworks:
    """MTCNN's networks, one thread each.

    Raises:
        ModelError: their weights are not there, or the runtime is not installed.
    """
    settings = settings or RuntimeSettings()
    return CascadeNetworks(
        _open(settings, _weights("pnet"), lambda: _mtcnn("PNet"), (50, 60), 2, free_sides=True),
        _open(settings, _weights("rnet"), lambda: _mtcnn("RNet"), (24, 24), 2),
        _open(settings, _weights("onet"), lambda: _mtcnn("ONet"), (48, 48), 3),
    )


def open_descriptor(size: int, settings: RuntimeSettings | None = None) -> Session:
    """The face descriptor: BGR pixels minus VGGFace2's means ``(n, 3, size, size)`` -> ``(n, d)``.

    Raises:
        ModelError: the packaged weights are absent or damaged, or the runtime is not installed.
    """
    return _open(settings or RuntimeSettings(), BACKBONE, _descriptor, (size, size), 1)


def _open(
    settings: RuntimeSettings,
    weights: Path,
    load: "Callable[[], nn.Module]",
    sides: tuple[int, int],
    outputs: int,
    *,
    free_sides: bool = False,
) -> Session:
    name = on_cpu(settings)
    if name == "torch":
        from engagement.runtimes.torch_runtime import TorchSession

        return TorchSession(load())

    def export() -> bytes:
        import torch

        from engagement.runtimes.graph import export_module

        names = tuple(f"output{i}" for i in range(outputs))
        example = torch.zeros(2, 3, *sides)
        return export_module(load(), example, outputs=names, free_sides=free_sides)

    kept = KeptBytes(converted_folder(), f"{_hashed(weights)}-{sides[0]}-{_FORM}")
    graph = kept.read_or_make(export)
    session = OpenVinoSession if name == "openvino" else OnnxSession
    return session(graph, threads=1)


def _hashed(weights: Path) -> str:
    try:
        return sha256_of(weights)
    except OSError as error:
        raise ModelError(
            f"{weights.name}, a part of the installation, cannot be read ({error.strerror}). "
            "Install the package again."
        ) from error


def _weights(name: str) -> Path:
    # Found without importing the package, which loads torch.
    spec = find_spec("facenet_pytorch")
    if spec is None or not spec.submodule_search_locations:
        raise ModelError("facenet-pytorch is not installed: install the package again.")
    return Path(spec.submodule_search_locations[0]) / "data" / f"{name}.pt"


def _mtcnn(name: str) -> "nn.Module":
    from facenet_pytorch.models import mtcnn

    network: nn.Module = getattr(mtcnn, name)()
    return network


def _descriptor() -> "nn.Module":
    from torch import nn

    class Embedding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = load_identity()

        def forward(self, x: "torch.Tensor") -> "torch.Tensor":
            return self.network.embed(x)

    return Embedding()
