"""Model files whose container is made to do harm: zips, HDF5, safetensors and ONNX."""

import io
import json
import pickle
import re
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from safetensors.torch import load_file, save
from torch import nn

from engagement.networks.mobilenet import MobileNetFace
from engagement.weights.expression_file import description_of, grey_spec, save_expression
from engagement.weights.loading import load_custom
from engagement.weights.readers import keras_file
from engagement.weights.readers.checkpoint import read_checkpoint
from engagement.weights.readers.onnx_file import read_onnx
from tests.engagement.checkpoints import keras
from tests.engagement.checkpoints.hostile import (
    legacy,
    refused,
    small_graph,
    state_dict,
    stream,
    tensor,
    torch_zip,
)


def rewritten(change: Callable[[zipfile.ZipFile, dict[str, bytes]], None]) -> bytes:
    """The same archive, its entries written by `change`."""
    with zipfile.ZipFile(io.BytesIO(torch_zip())) as file:
        entries = {entry: file.read(entry) for entry in file.namelist()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        change(file, entries)
    return buffer.getvalue()


def bomb(file: zipfile.ZipFile, entries: dict[str, bytes]) -> None:
    for entry, raw in entries.items():
        file.writestr(entry, raw)
    file.writestr("archive/data/99", bytes(64 << 20), zipfile.ZIP_DEFLATED)


def symbolic_link(file: zipfile.ZipFile, entries: dict[str, bytes]) -> None:
    for entry, raw in entries.items():
        info = zipfile.ZipInfo(entry)
        if entry.endswith("data/0"):
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            raw = b"/etc/passwd"
        file.writestr(info, raw)


def adding(entry: str) -> Callable[[zipfile.ZipFile, dict[str, bytes]], None]:
    def change(file: zipfile.ZipFile, entries: dict[str, bytes]) -> None:
        for known, raw in entries.items():
            file.writestr(known, raw)
        file.writestr(entry, b"x")

    return change


def replacing(entry: str, raw: bytes) -> Callable[[zipfile.ZipFile, dict[str, bytes]], None]:
    def change(file: zipfile.ZipFile, entries: dict[str, bytes]) -> None:
        for known, old in entries.items():
            file.writestr(known, raw if known.endswith(entry) else old)

    return change


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (bomb, "is compressed, which torch.save never does"),
        (symbolic_link, "which torch.save would not write"),
        (adding("/etc/cron.d/x"), "has the entry '/etc/cron.d/x'"),
        (adding("archive/../../x"), r"has the entry 'archive/../../x'"),
        (adding("archive\\..\\x"), "would not write|more than one folder"),
        (adding("other/x"), "more than one folder"),
        (adding("loose"), "has the entry 'loose'"),
        (adding("archive/data/0"), "has the entry 'archive/data/0' twice"),
        (adding("archive/code/__torch__.py"), "is a TorchScript program"),
        (adding("archive/constants.pkl"), "is a TorchScript program"),
        (replacing("byteorder", b"big"), "numbers are big-endian"),
        (lambda file, entries: file.writestr("a/b", b"x"), "not one that torch.save wrote"),
    ],
)
def test_a_zip_that_torch_save_would_not_write_is_refused(
    tmp_path: Path,
    change: Callable[[zipfile.ZipFile, dict[str, bytes]], None],
    says: str,
) -> None:
    assert re.search(says, refused(tmp_path / "odd.pt", rewritten(change)))


def test_a_zip_whose_directory_lies_about_sizes_is_refused(tmp_path: Path) -> None:
    data = bytearray(torch_zip())
    entry = data.rfind(b"data/0", 0, data.rfind(b"PK\x05\x06")) - len("archive/") - 46
    assert data[entry : entry + 4] == b"PK\x01\x02"
    for size in (0xFFFFFFF0, 1 << 20, 1):
        data[entry + 20 : entry + 28] = struct.pack("<II", size, size)
        sentence = refused(tmp_path / "lying.pt", bytes(data))
        assert re.search("claims to hold more|damaged|are described", sentence)


def test_a_file_that_is_cut_short_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save(nn.Linear(4, 2), buffer, _use_new_zipfile_serialization=False)
    weights = {"dense/kernel": np.ones((3, 2), np.float32)}
    h5 = keras.write(tmp_path / "w.h5", weights).read_bytes()
    whole = [(torch_zip(), 40), (buffer.getvalue(), 40), (save({"a": torch.ones(64)}), 20), (h5, 4)]
    for data, cuts in whole:
        for cut in range(1, len(data), max(1, len(data) // cuts)):
            refused(tmp_path / "short.pt", data[:cut])


def test_a_legacy_file_that_lists_its_storages_wrongly_is_refused(tmp_path: Path) -> None:
    pickled, numbers = state_dict(tensor()), bytes(16)
    four = (4).to_bytes(8, "little")
    cases = [
        (pickle.dumps(["0"], 2) + (1 << 60).to_bytes(8, "little") + numbers, "described size"),
        (pickle.dumps(["0"], 2) + four + numbers[:7], "has 7 bytes"),
        (pickle.dumps(["0", "0"], 2) + four + numbers, "lists a storage twice"),
        (pickle.dumps(["9"], 2) + four + numbers, "that it does not describe"),
        (pickle.dumps([], 2), "storage '0' is missing"),
        (pickle.dumps({}, 2), "does not list its storages"),
        (b"", "cut short"),
    ]
    for after, says in cases:
        assert says in refused(tmp_path / "legacy.pt", legacy(pickled, after))
    other_end = legacy(pickled).replace(b"little_endianq\x02\x88", b"little_endianq\x02\x89")
    assert "big-endian" in refused(tmp_path / "legacy.pt", other_end)


def test_a_bare_pickle_is_not_read_at_all(tmp_path: Path) -> None:
    assert "is a bare pickle" in refused(tmp_path / "bare.pt", stream(b"N"))


def linked(file: h5py.File, tmp_path: Path) -> None:
    file["model_weights/d/kernel:0"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/secret")


def soft(file: h5py.File, _: Path) -> None:
    file["model_weights/d/kernel:0"] = h5py.SoftLink("/model_config")


def linked_whole(file: h5py.File, tmp_path: Path) -> None:
    file["model_weights"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/")


def external_storage(file: h5py.File, tmp_path: Path) -> None:
    file.create_dataset(
        "d/kernel:0", (4,), "f4", external=[(str(tmp_path / "other.h5"), 0, h5py.h5f.UNLIMITED)]
    )


def virtual(file: h5py.File, tmp_path: Path) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "secret", (4,))
    file.create_virtual_dataset("d/kernel:0", layout)


def squeezed(file: h5py.File, _: Path) -> None:
    file.create_dataset("d/kernel:0", data=np.zeros(1 << 22, "f4"), compression="gzip")


def hollow(file: h5py.File, _: Path) -> None:
    file.create_dataset("d/kernel:0", (1 << 40,), "f4", chunks=(1024,))


def whole_numbers(file: h5py.File, _: Path) -> None:
    file["d/kernel:0"] = np.ones(4, "i8")


def texts(file: h5py.File, _: Path) -> None:
    file["d/kernel:0"] = ["a", "b"]


def looped(file: h5py.File, _: Path) -> None:
    group = file.create_group("d")
    group["again"] = file["/"]


def typed(file: h5py.File, _: Path) -> None:
    file["d/kernel:0"] = np.dtype("f4")


def unnamed(file: h5py.File, _: Path) -> None:
    file["d/d/kernel:0"] = np.ones(2, "f4")
    file["d/kernel:0"] = np.ones(2, "f4")


def empty(file: h5py.File, _: Path) -> None:
    file.create_group("model_weights")


def nonsense(file: h5py.File, _: Path) -> None:
    file["d/kernel:0"] = np.ones(2, "f4")
    file.attrs["model_config"] = '{"class_name": '


def bottomless(file: h5py.File, _: Path) -> None:
    file["d/kernel:0"] = np.ones(2, "f4")
    file.attrs["model_config"] = "[" * 50_000


@pytest.mark.parametrize(
    ("fill", "says"),
    [
        (linked, "link 'kernel:0', which could lead outside"),
        (soft, "link 'kernel:0', which could lead outside"),
        (linked_whole, "link 'model_weights', which could lead outside"),
        (external_storage, "is stored outside it"),
        (virtual, "is stored outside it"),
        (squeezed, "is compressed, which Keras does not do"),
        (hollow, "claims to hold more than it does"),
        (whole_numbers, "is not of floating-point numbers"),
        (texts, "is not of floating-point numbers"),
        (looped, "more groups than any model"),
        (typed, "'d/kernel:0', which is no weight"),
        (unnamed, "has the weight 'd/kernel' twice"),
        (empty, "holds no weights"),
        (nonsense, "model_config is not the JSON"),
        (bottomless, "model_config is not the JSON"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_an_hdf5_file_that_reaches_out_or_makes_no_sense_is_refused(
    tmp_path: Path, fill: Callable[[h5py.File, Path], None], says: str
) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = np.ones(4, "f4")
    with h5py.File(tmp_path / "made.h5", "w") as file:
        fill(file, tmp_path)
    data = (tmp_path / "made.h5").read_bytes()
    assert says in refused(tmp_path / "hostile.h5", data)


@pytest.mark.skipif(
    h5py.version.hdf5_version_tuple[:2] != (2, 0), reason="the flaw is that of HDF5 2.0"
)
def test_an_hdf5_file_on_which_its_library_never_ends_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = {"feats/kernel": np.ones((8, 4), np.float32)}
    layers = {"feats": {"class_name": "Dense", "units": 4, "activation": "relu"}}
    data = bytearray(keras.write(tmp_path / "w.h5", weights, layers).read_bytes())
    # The length of a text in the heap, made longer than the heap.
    place = data.find((5).to_bytes(8, "little") + b"feats")
    assert place > 0
    data[place] = 131
    monkeypatch.setattr(keras_file, "CPU_SECONDS", 1)
    assert "damaged" in refused(tmp_path / "endless.h5", bytes(data))


@pytest.mark.parametrize(
    "does",
    [
        "import os; os.abort()",
        "import sys; sys.stdin.buffer.read(); print('{\"weights\": [[]]}')",
        "import sys; sys.stdin.buffer.read(); print('[' * 50_000)",
        "import sys; sys.stdin.buffer.read(); print('{\"weights\": 3}')",
        "import time; time.sleep(60)",
    ],
)
def test_whatever_becomes_of_the_process_that_reads_hdf5_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    child = tmp_path / "child.py"
    child.write_text(does)
    monkeypatch.setattr(keras_file, "_CHILD", child)
    monkeypatch.setattr(keras_file, "_WALL_SECONDS", 1)
    assert "damaged" in refused(tmp_path / "w.h5", keras_file.MAGIC + bytes(1 << 20))


def with_header(header: object, rest: bytes = b"", length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(raw) if length is None else length).to_bytes(8, "little") + raw + rest


FOUR = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    "data",
    [
        with_header({"a": FOUR}, bytes(4), length=(1 << 63) - 1),
        with_header({"a": FOUR}, bytes(4), length=1 << 33),
        with_header({"a": FOUR}, bytes(3)),
        with_header({"a": FOUR}, bytes(5)),
        with_header({"a": FOUR, "b": FOUR}, bytes(4)),
        with_header({"a": {**FOUR, "shape": [1 << 62, 1 << 62]}}, bytes(4)),
        with_header({"a": {**FOUR, "shape": [2]}}, bytes(4)),
        with_header({"a": {**FOUR, "data_offsets": [4, 0]}}, bytes(4)),
        with_header({"a": {**FOUR, "data_offsets": [0, 1 << 62]}}, bytes(4)),
        with_header({"a": {**FOUR, "dtype": "PICKLE"}}, bytes(4)),
        with_header({"__metadata__": [1], "a": FOUR}, bytes(4)),
        with_header(b'{"a":' * 20_000, bytes(4)),
        with_header(b"{" + bytes([0xFF]) * 40, bytes(4)),
    ],
)
def test_a_safetensors_file_whose_header_lies_is_refused(tmp_path: Path, data: bytes) -> None:
    assert "its safetensors header" in refused(tmp_path / "lying.safetensors", data)
    refused(tmp_path / "lying.safetensors", data, load_custom)


@pytest.mark.parametrize(
    "spec",
    [
        "[]",
        "3",
        "{}",
        "null",
        '{"name": 1}',
        "[" * 50_000,
        {"hidden": 1 << 40},
        {"classes": "x" * 9},
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_file_that_describes_itself_wrongly_builds_nothing(
    tmp_path: Path, spec: str | dict[str, object]
) -> None:
    path = tmp_path / "mine.safetensors"
    save_expression(MobileNetFace(7), grey_spec("mine", tuple("abcdefg"), 64), path)
    said = description_of(read_checkpoint(path).metadata)
    changed = spec if isinstance(spec, str) else json.dumps(json.loads(said["spec"]) | spec)
    described = json.dumps({**said, "spec": changed})
    data = save(load_file(path), metadata={"engagement": described})
    refused(path, data, load_custom)


def leave_out(tensor: TensorProto) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../../../../etc/passwd")


def onnx_external(model: onnx.ModelProto) -> None:
    leave_out(model.graph.initializer[0])


def onnx_external_constant(model: onnx.ModelProto) -> None:
    value = onnx.numpy_helper.from_array(np.ones(7, np.float32), "c")
    leave_out(value)
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=value))


def onnx_external_inside(model: onnx.ModelProto) -> None:
    inner = small_graph().graph
    leave_out(inner.initializer[1])
    model.graph.node.append(helper.make_node("If", ["x"], ["y"], then_branch=inner))


def onnx_own_operator(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Shell", ["input"], ["z"], domain="com.example"))


def onnx_function(model: onnx.ModelProto) -> None:
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    model.functions.append(
        helper.make_function("", "Gemm", ["x"], ["y"], nodes, model.opset_import)
    )


def onnx_circle(model: onnx.ModelProto) -> None:
    model.graph.node[2].CopyFrom(helper.make_node("Add", ["output", "embedding"], ["output"]))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (onnx_external, "keeps 'w' in another file"),
        (onnx_external_constant, "keeps 'c' in another file"),
        (onnx_external_inside, "keeps 'b' in another file"),
        (onnx_own_operator, "'Shell' of the unknown domain 'com.example'"),
        (onnx_function, "defines functions of its own"),
        (onnx_circle, "does not come from a linear layer"),
        (lambda model: model.graph.ClearField("node"), "has no network in it"),
    ],
)
def test_an_onnx_file_that_reaches_out_or_makes_no_sense_is_refused(
    tmp_path: Path, change: Callable[[onnx.ModelProto], object], says: str
) -> None:
    path = tmp_path / "hostile.onnx"
    model = small_graph()
    path.write_bytes(model.SerializeToString())
    read_onnx(path)
    change(model)
    assert says in refused(path, model.SerializeToString(), read_onnx)


def test_what_is_no_onnx_is_refused(tmp_path: Path) -> None:
    for data in (b"hello", bytes(100), b"\x08\x07", torch_zip(), b"\x0a\xff\xff\xff\xff\x7f"):
        assert "not an ONNX file" in refused(tmp_path / "x.onnx", data, read_onnx)
