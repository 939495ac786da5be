"""Reads other people's model files without executing anything in them.

PyTorch's files are pickles, which are programs; here they are read as data only (see
``docs/adr/``). What a file is, is told by its first bytes and never by its name.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import torch

from engagement.weights.readers.keras_file import MAGIC as HDF5_MAGIC
from engagement.weights.readers.keras_file import read_keras
from engagement.weights.readers.module_tree import ModuleFacts
from engagement.weights.readers.safetensors_file import looks_like_safetensors, read_safetensors
from engagement.weights.readers.source import (
    MAX_FILE_BYTES,
    UnreadableError,
    read_bytes,
    refusal,
)
from engagement.weights.readers.torch_file import (
    LEGACY_MAGIC,
    ZIP_MAGIC,
    read_legacy,
    read_zip,
)

__all__ = ["Checkpoint", "ModuleFacts", "read_checkpoint"]

Format = Literal["torch", "torch_legacy", "keras", "safetensors"]


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Checkpoint:
    """What a model file holds.

    Attributes:
        source: the file, for messages.
        sha256: of the very bytes that were read.
        tensors: by name, on the CPU, of the file's own dtypes. A Keras file's are named
            ``layer/weight``.
        modules: where the file holds a whole PyTorch network, its modules by path ("" is the root).
        layers: where it holds a whole Keras model, its layers' settings by name.
        metadata: of a safetensors file.
    """

    source: Path
    format: Format
    sha256: str
    tensors: Mapping[str, torch.Tensor]
    modules: Mapping[str, ModuleFacts] = field(default_factory=_nothing)
    layers: Mapping[str, Mapping[str, Any]] = field(default_factory=_nothing)
    metadata: Mapping[str, str] = field(default_factory=_nothing)


def read_checkpoint(path: Path, limit: int = MAX_FILE_BYTES) -> Checkpoint:
    """Read a file of PyTorch (whole network or state dict, old layout or new), Keras (.h5) or
    safetensors.

    Args:
        limit: the largest size in bytes that is read at all.

    Raises:
        ModelError: absent, of another kind, damaged, or asking for what no model needs; one
            sentence says which.
    """
    data = read_bytes(path, limit)
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        return _parse(path, sha256, data)
    except UnreadableError as error:
        raise refusal(path, str(error)) from error
    except MemoryError as error:
        raise refusal(path, "it does not fit into this machine's memory") from error


def _parse(path: Path, sha256: str, data: bytes) -> Checkpoint:
    if data.startswith(ZIP_MAGIC):
        content = read_zip(data)
        return Checkpoint(path, "torch", sha256, content.tensors, modules=content.modules)
    if data.startswith(LEGACY_MAGIC):
        content = read_legacy(data)
        return Checkpoint(path, "torch_legacy", sha256, content.tensors, modules=content.modules)
    if data.startswith(HDF5_MAGIC):
        keras = read_keras(data)
        return Checkpoint(path, "keras", sha256, keras.tensors, layers=keras.layers)
    if looks_like_safetensors(data):
        tensors, metadata = read_safetensors(data)
        return Checkpoint(path, "safetensors", sha256, tensors, metadata=metadata)
    if data.startswith(b"\x80"):
        raise UnreadableError("it is a bare pickle, which could execute anything, and was not read")
    raise UnreadableError("it is none of PyTorch's, Keras' HDF5 or safetensors")
