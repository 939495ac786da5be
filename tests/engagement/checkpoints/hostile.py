"""Pickles and PyTorch archives by hand, instruction by instruction, and how they are refused."""

import io
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from engagement.errors import ModelError
from engagement.weights.readers.checkpoint import read_checkpoint

MEMORY_BYTES = 96 << 20


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    raw = value.to_bytes(9, "little", signed=True)
    return b"\x8a\x09" + raw


def tup(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + tup(*arguments) + b"R"


def stream(body: bytes) -> bytes:
    return b"\x80\x02" + body + b"."


ORDERED = b"ccollections\nOrderedDict\n)R"


def storage(key: str = "0", kind: str = "FloatStorage", count: int = 4) -> bytes:
    return tup(text("storage"), name("torch", kind), text(key), text("cpu"), number(count)) + b"Q"


def tensor(
    size: tuple[int, ...] = (4,),
    stride: tuple[int, ...] = (1,),
    offset: int = 0,
    stored: bytes | None = None,
) -> bytes:
    return call(
        name("torch._utils", "_rebuild_tensor_v2"),
        stored or storage(),
        number(offset),
        tup(*map(number, size)),
        tup(*map(number, stride)),
        b"\x89",
        ORDERED,
    )


def state_dict(value: bytes) -> bytes:
    return stream(b"}" + text("t") + value + b"s")


def archive(pickled: bytes, storages: dict[str, bytes] | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a/data.pkl", pickled)
        for key, raw in (storages or {"0": bytes(16)}).items():
            file.writestr(f"a/data/{key}", raw)
    return buffer.getvalue()


def legacy(pickled: bytes, after: bytes = b"") -> bytes:
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    head = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, system)]
    return b"".join(head) + pickled + after


def module(state: bytes, cls: bytes = b"ctorch.nn.modules.container\nSequential\n") -> bytes:
    return cls + b")\x81" + state + b"b"


def dictionary(**items: bytes) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


PARTS = {"_parameters": dictionary(t=tensor()), "_buffers": b"}", "_modules": b"}"}


def refused(path: Path, data: bytes, read: Callable[[Path], object] = read_checkpoint) -> str:
    """Read a file that must be refused; the sentence without the path.

    Memory is bounded whatever the file claims.
    """
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(ModelError) as caught:
            read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MEMORY_BYTES + 3 * len(data)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 500 + len(str(path))
    return sentence.replace(str(path), "FILE")


def torch_zip() -> bytes:
    """What `torch.save` writes of a small network."""
    buffer = io.BytesIO()
    torch.save(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2)), buffer)
    return buffer.getvalue()


def small_graph() -> onnx.ModelProto:
    """A sound ONNX model of one pooling and one linear layer."""
    face = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, 8, 8])
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 7])
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["embedding"]),
        helper.make_node("Gemm", ["embedding", "w", "b"], ["output"]),
    ]
    weights = [
        onnx.numpy_helper.from_array(np.ones((3, 7), np.float32), "w"),
        onnx.numpy_helper.from_array(np.ones(7, np.float32), "b"),
    ]
    return helper.make_model(helper.make_graph(nodes, "g", [face], [output], weights))
