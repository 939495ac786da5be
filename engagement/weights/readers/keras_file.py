"""Keras' HDF5 files (``.h5``), read with h5py alone.

Whole models (a group ``model_weights`` and the attribute ``model_config``) and files of weights
only. Layouts of HDF5 that reach outside the file, or that make much of little, are refused before
anything is read.
"""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import h5py
import numpy as np
import torch

from engagement.weights.readers.source import UnreadableError

MAGIC = b"\x89HDF\r\n\x1a\n"
MAX_OBJECTS = 20_000
MAX_DEPTH = 32
MAX_LAYERS = 5_000
#: What h5py raises on files that are not what they say.
_HDF5_ERRORS = (OSError, LookupError, RuntimeError, TypeError, ValueError, OverflowError)


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
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            layers = _layers(file)
            weights = file
            if "model_weights" in file:
                link = file.get("model_weights", getlink=True)
                if not isinstance(link, h5py.HardLink):
                    raise UnreadableError("its weights are a link, which could lead outside it")
                weights = file["model_weights"]
            if not isinstance(weights, h5py.Group):
                raise UnreadableError("its HDF5 has no group of weights")
            tensors = _tensors(weights, len(data))
    except _HDF5_ERRORS as error:
        raise UnreadableError("its HDF5 is damaged or cut short") from error
    if not tensors:
        raise UnreadableError("its HDF5 holds no weights of Keras")
    return KerasContent(tensors, layers)


def _tensors(weights: h5py.Group, file_bytes: int) -> dict[str, torch.Tensor]:
    found = list(_datasets(weights))
    claimed = sum(_checked_bytes(path, dataset) for path, dataset in found)
    if claimed > file_bytes:  # stored as they are, weights cannot be larger than their file
        raise UnreadableError("its HDF5 claims to hold more than it does")
    tensors = {}
    for path, dataset in found:
        name = _short_name(path)
        if name in tensors:
            raise UnreadableError(f"its HDF5 has the weight {name[:80]!r} twice")
        array = np.asarray(dataset[()])
        tensors[name] = torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=True))
    return tensors


def _datasets(root: h5py.Group) -> Iterator[tuple[tuple[str, ...], h5py.Dataset]]:
    """Every data set below `root`, in the file's order, following no link but plain membership."""
    waiting: list[tuple[tuple[str, ...], h5py.Group]] = [((), root)]
    seen = 0
    while waiting:
        path, group = waiting.pop()
        for name in group:
            seen += 1
            if seen > MAX_OBJECTS or len(path) >= MAX_DEPTH:
                raise UnreadableError("its HDF5 has more groups than any model")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise UnreadableError(
                    f"its HDF5 has the link {name[:80]!r}, which could lead outside it"
                )
            member = group[name]
            if isinstance(member, h5py.Dataset):
                yield (*path, name), member
            elif isinstance(member, h5py.Group):
                waiting.append(((*path, name), member))
            else:
                raise UnreadableError(f"its HDF5 has {name[:80]!r}, which is no weight")


def _checked_bytes(path: tuple[str, ...], dataset: h5py.Dataset) -> int:
    """Bytes of a data set that is plain floats inside the file; nothing is read."""
    name = "/".join(path)[-80:]
    plist = dataset.id.get_create_plist()
    plain = plist.get_layout() in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT, h5py.h5d.CHUNKED)
    if not plain or plist.get_external_count():
        raise UnreadableError(f"its weight {name!r} is stored outside it")
    if plist.get_nfilters():
        raise UnreadableError(f"its weight {name!r} is compressed, which Keras does not do")
    if dataset.dtype.kind != "f" or dataset.dtype.itemsize not in (2, 4, 8):
        raise UnreadableError(f"its weight {name!r} is not of floating-point numbers")
    shape = dataset.shape
    if shape is None or len(shape) > 8:
        raise UnreadableError(f"its weight {name!r} has an impossible shape")
    count = 1
    for length in shape:
        count *= int(length)
    return count * int(dataset.dtype.itemsize)


def _short_name(path: tuple[str, ...]) -> str:
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


def _layers(file: h5py.File) -> Mapping[str, Mapping[str, Any]]:
    """Every layer's settings by its name, those of nested models included."""
    text = file.attrs.get("model_config")
    if text is None:
        return MappingProxyType({})
    try:
        config = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
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
