"""Runs in a process of its own: HDF5 on standard input, its numbers and `model_config` on output.

The HDF5 library is written in C and, given a damaged or hostile file, may crash or never end. Here
that ends this process alone; `keras_file` starts it, limits it, and reads what it says. The file
is a script on purpose, and imports nothing of the package, so that it starts in a quarter of a
second.

Output: one line of JSON, then the raw numbers one after the other. The JSON is either
``{"problem": "..."}`` or ``{"model_config": ..., "weights": [{"path", "dtype", "shape"}, ...]}``.
"""

import io
import json
import sys
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

MAX_OBJECTS = 20_000
MAX_DEPTH = 32
MAX_DIMENSIONS = 8


class RefusedError(Exception):
    """What is wrong with the file, as the middle of a sentence."""


def main(cpu_seconds: int, memory_bytes: int) -> None:
    """Read one file within limits of processor time and address space."""
    limit(cpu_seconds, memory_bytes)
    data = sys.stdin.buffer.read()
    out = sys.stdout.buffer
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            found = list(datasets(weights_of(file)))
            header = {
                "model_config": text_of(file.attrs.get("model_config")),
                "weights": described(found, len(data)),
            }
            arrays = [np.asarray(dataset[()]) for _, dataset in found]
    except RefusedError as error:
        out.write(json.dumps({"problem": str(error)}).encode() + b"\n")
        return
    out.write(json.dumps(header).encode() + b"\n")
    for array in arrays:
        out.write(array.astype(array.dtype.newbyteorder("<"), order="C").tobytes())


def limit(cpu_seconds: int, memory_bytes: int) -> None:
    """Let the system end this process when it takes too much; not on Windows."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def weights_of(file: h5py.File) -> h5py.Group:
    """The group of a whole model's weights, or the file itself where it holds weights only."""
    if "model_weights" not in file:
        return file
    return member(file, "model_weights")


def member(group: h5py.Group, name: str) -> Any:
    """A member of a group that is no link to elsewhere."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise RefusedError(f"its HDF5 has the link {name[:80]!r}, which could lead outside it")
    return group[name]


def datasets(root: h5py.Group) -> Iterator[tuple[tuple[str, ...], h5py.Dataset]]:
    """Every data set below `root`, with its path."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), root)]
    seen = 0
    while waiting:
        path, thing = waiting.pop()
        if isinstance(thing, h5py.Dataset):
            yield path, thing
        elif isinstance(thing, h5py.Group):
            for name in reversed(list(thing)):
                seen += 1
                if seen > MAX_OBJECTS or len(path) >= MAX_DEPTH:
                    raise RefusedError("its HDF5 has more groups than any model")
                waiting.append(((*path, name), member(thing, name)))
        else:
            raise RefusedError(f"its HDF5 has {'/'.join(path)[-80:]!r}, which is no weight")


def described(
    found: list[tuple[tuple[str, ...], h5py.Dataset]], file_bytes: int
) -> list[dict[str, Any]]:
    """Path, type and shape of each; nothing is read."""
    descriptions = [describe(path, dataset) for path, dataset in found]
    if sum(nbytes for _, nbytes in descriptions) > file_bytes:
        # Stored as they are, weights cannot be larger than their file.
        raise RefusedError("its HDF5 claims to hold more than it does")
    return [description for description, _ in descriptions]


def describe(path: tuple[str, ...], dataset: h5py.Dataset) -> tuple[dict[str, Any], int]:
    """What a data set of plain floats inside the file is, and how many bytes."""
    name = "/".join(path)[-80:]
    plist = dataset.id.get_create_plist()
    layouts = (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT, h5py.h5d.CHUNKED)
    if plist.get_layout() not in layouts or plist.get_external_count():
        raise RefusedError(f"its weight {name!r} is stored outside it")
    if plist.get_nfilters():
        raise RefusedError(f"its weight {name!r} is compressed, which Keras does not do")
    if dataset.dtype.kind != "f" or dataset.dtype.itemsize not in (2, 4, 8):
        raise RefusedError(f"its weight {name!r} is not of floating-point numbers")
    shape = dataset.shape
    if shape is None or len(shape) > MAX_DIMENSIONS:
        raise RefusedError(f"its weight {name!r} has an impossible shape")
    count = 1
    for length in shape:
        count *= int(length)
    dtype = dataset.dtype.newbyteorder("<").str
    description = {"path": list(path), "dtype": dtype, "shape": [int(n) for n in shape]}
    return description, count * int(dataset.dtype.itemsize)


def text_of(value: object) -> str | None:
    """An attribute as text; old versions of h5py give bytes."""
    return value.decode() if isinstance(value, bytes) else value if isinstance(value, str) else None


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
