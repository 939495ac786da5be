"""Keras' HDF5 files (``.h5``), read with h5py alone.

Whole models (a group ``model_weights`` and the attribute ``model_config``) and files of weights
only. Layouts of HDF5 that reach outside the file, or that make much of little, are refused before
anything is read. The HDF5 library runs in a process of its own; see `hdf5_child`.
"""

import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from engagement.weights.readers.source import UnreadableError

MAGIC = b"\x89HDF\r\n\x1a\n"
MAX_LAYERS = 5_000
#: A published file takes half a second; a gigabyte takes a few.
CPU_SECONDS = 30
_WALL_SECONDS = 300
_MEMORY_BYTES = 4 << 30  # of address space, of which the libraries take much
_DTYPES = MappingProxyType({name: np.dtype(name) for name in ("<f2", "<f4", "<f8")})
_CHILD = Path(__file__).with_name("hdf5_child.py")


@dataclass(frozen=True)
class KerasContent:
    """Tensors as ``layer/weight``, for example ``conv1/kernel``, and the layers' settings.

    Attributes:
        layers: by name, Keras' own ``config`` with the class as ``class_name``; empty in a file of
            weights only.
    """

    tensors: Mapping[str, torch.Tensor]
    layers: Mapping[str, Mapping[str, Any]]


def read_keras(data: bytes) -> KerasContent:
    """Weights and settings of a Keras model.

    Raises:
        UnreadableError: damaged, reaching outside itself, not of floats, or not from Keras.
    """
    answer = _ask_child(data)
    try:
        return _understood(answer)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # A hostile file may have taken the other process over: its word is not trusted either.
        raise UnreadableError("its HDF5 is damaged") from error


def _ask_child(data: bytes) -> bytes:
    """What the other process says of the file."""
    limits = [str(CPU_SECONDS), str(4 * len(data) + _MEMORY_BYTES)]
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-P", str(_CHILD), *limits],
            input=data,
            capture_output=True,
            timeout=_WALL_SECONDS,
            check=False,
            env=os.environ | one_thread,
        )
    except subprocess.TimeoutExpired as error:
        raise UnreadableError("its HDF5 is damaged, so that reading it does not end") from error
    except OSError as error:
        raise UnreadableError("it is read in a process of its own, and none can start") from error
    if done.returncode:
        raise UnreadableError("its HDF5 is damaged or cut short")
    return done.stdout


def _understood(answer: bytes) -> KerasContent:
    line, _, numbers = answer.partition(b"\n")
    header: dict[str, Any] = json.loads(line)
    if "problem" in header:
        raise UnreadableError(str(header["problem"])[:300])
    tensors: dict[str, torch.Tensor] = {}
    start = 0
    for weight in header["weights"]:
        shape = [int(length) for length in weight["shape"]]
        dtype = _DTYPES[weight["dtype"]]
        array = np.frombuffer(numbers, dtype, math.prod(shape), start)
        start += array.nbytes
        name = _short_name([str(part) for part in weight["path"]])
        if name in tensors:
            raise UnreadableError(f"its HDF5 has the weight {name[:80]!r} twice")
        native = array.astype(dtype.newbyteorder("="))  # its own memory
        tensors[name] = torch.from_numpy(native.reshape(shape))
    if not tensors:
        raise UnreadableError("its HDF5 holds no weights of Keras")
    return KerasContent(tensors, _layers(header["model_config"]))


def _short_name(path: list[str]) -> str:
    """``conv1/conv1_1/kernel:0`` -> ``conv1/kernel``: the outermost group is the layer.

    A model inside the model is a layer whose group holds those of its own layers; then the
    innermost group is the layer.
    """
    weight = path[-1].removesuffix(":0")
    groups = path[:-1]
    if not groups:
        return weight
    first, last = groups[0], groups[-1]
    suffix = last.removeprefix(first)
    renamed = last.startswith(first) and (not suffix or suffix.lstrip("_").isdigit())
    return f"{first if renamed else last}/{weight}"


def _layers(text: str | None) -> Mapping[str, Mapping[str, Any]]:
    """Every layer's settings by its name, those of nested models included."""
    if text is None:
        return MappingProxyType({})
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("its model_config is not the JSON that Keras writes") from error
    layers: dict[str, Mapping[str, Any]] = {}
    waiting = [config]
    while waiting:
        entry = waiting.pop()
        settings = entry.get("config") if isinstance(entry, dict) else None
        inner = settings.get("layers") if isinstance(settings, dict) else settings
        if isinstance(inner, list):
            waiting += inner
        elif isinstance(settings, dict) and isinstance(settings.get("name"), str):
            layers[settings["name"]] = {**settings, "class_name": entry.get("class_name")}
        if len(layers) + len(waiting) > MAX_LAYERS:
            raise UnreadableError(f"its model_config has over {MAX_LAYERS} layers")
    return layers
