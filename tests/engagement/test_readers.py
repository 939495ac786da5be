"""Reading model files of every kind: the tensors that were saved, under their names."""

import json
import os
import sys
import warnings
from collections import OrderedDict
from pathlib import Path

import h5py
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from safetensors.torch import save_file
from torch import nn

from engagement.errors import ModelError
from engagement.weights.readers.checkpoint import read_checkpoint
from engagement.weights.readers.onnx_file import describe_onnx, read_onnx
from tests.engagement.checkpoints import keras

LEGACY = {"_use_new_zipfile_serialization": False}


class Masked(nn.Module):
    """A buffer that is saved and one that is not, and a parameter that is absent."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kept", torch.arange(3))
        self.register_buffer("passing", torch.zeros(1000), persistent=False)
        self.register_parameter("absent", None)


def small_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(3, 4, 3, stride=2),
            norm=nn.BatchNorm2d(4, eps=1e-3),
            act=nn.SiLU(),
            head=nn.Sequential(nn.Flatten(), nn.Linear(4, 2)),
        )
    ).eval()


def saved(value: object, path: Path, **options: object) -> Path:
    torch.save(value, path, **options)  # type: ignore[arg-type]
    return path


def assert_same(given: object, expected: dict[str, torch.Tensor]) -> None:
    assert isinstance(given, dict)
    assert given.keys() == expected.keys()
    for name, tensor in expected.items():
        assert given[name].dtype == tensor.dtype
        assert torch.equal(given[name], tensor), name


@pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "legacy"])
def test_a_whole_network_gives_its_state_dict_and_what_it_says_of_itself(
    tmp_path: Path, options: dict[str, bool]
) -> None:
    network = small_network()
    checkpoint = read_checkpoint(saved(network, tmp_path / "whole.pt", **options))
    assert_same(checkpoint.tensors, network.state_dict())
    assert checkpoint.format == ("torch_legacy" if options else "torch")
    assert checkpoint.modules["conv"].kind == "Conv2d"
    assert checkpoint.modules["conv"].settings["stride"] == (2, 2)
    assert checkpoint.modules["norm"].settings["eps"] == 1e-3
    assert [path for path, facts in checkpoint.modules.items() if facts.kind == "SiLU"] == ["act"]


@pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "legacy"])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model_state_dict", "model"])
def test_a_state_dict_is_found_bare_or_beside_other_things(
    tmp_path: Path, options: dict[str, bool], wrapper: str | None
) -> None:
    state = small_network().state_dict()
    value = {"epoch": 3, "best": 0.61, wrapper: state} if wrapper else state
    checkpoint = read_checkpoint(saved(value, tmp_path / "state.pt", **options))
    assert_same(checkpoint.tensors, state)
    assert not checkpoint.modules


def test_a_whole_network_beside_other_things_is_found(tmp_path: Path) -> None:
    network = small_network()
    checkpoint = read_checkpoint(saved({"model": network, "epoch": 1}, tmp_path / "c.pt"))
    assert_same(checkpoint.tensors, network.state_dict())


def test_buffers_that_are_not_saved_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Masked, "__module__", "mobilefacenet")
    monkeypatch.setitem(sys.modules, "mobilefacenet", sys.modules[__name__])
    path = saved(nn.Sequential(Masked()), tmp_path / "masked.pt")
    assert_same(read_checkpoint(path).tensors, {"0.kept": torch.arange(3)})


def test_a_network_of_somebodys_own_class_is_refused_by_its_name(tmp_path: Path) -> None:
    path = saved(nn.Sequential(Masked()), tmp_path / "masked.pt")
    with pytest.raises(
        ModelError, match=r"asks for '.*test_readers\.Masked'.* state_dict as safet"
    ):
        read_checkpoint(path)


def test_tied_weights_share_their_memory(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    network[1].weight = network[0].weight
    tensors = read_checkpoint(saved(network, tmp_path / "tied.pt")).tensors
    assert_same(tensors, network.state_dict())
    assert tensors["0.weight"].data_ptr() == tensors["1.weight"].data_ptr()


@pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(12.0).reshape(3, 4).T,
        torch.arange(12.0)[3:7],
        torch.arange(12.0).reshape(3, 4)[:, 1:3],
        torch.tensor(5.0),
        torch.empty(0, 3),
        torch.ones(2, 2, dtype=torch.float16),
        torch.ones(2, 2, dtype=torch.bfloat16),
        torch.ones(2, 2, dtype=torch.float64),
        torch.arange(4, dtype=torch.uint8),
        torch.randn(1, 3, 8, 8).to(memory_format=torch.channels_last),
    ],
    ids=["transposed", "slice", "window", "scalar", "empty", "f16", "bf16", "f64", "u8", "last"],
)
def test_every_view_and_type_comes_back_as_it_was(
    tmp_path: Path, options: dict[str, bool], tensor: torch.Tensor
) -> None:
    path = saved({"t": tensor}, tmp_path / "t.pt", **options)
    assert_same(read_checkpoint(path).tensors, {"t": tensor})


def test_parameters_hooks_and_metadata_do_no_harm(tmp_path: Path) -> None:
    parameter = nn.Parameter(torch.ones(2), requires_grad=False)
    parameter.note = "a state of its own"  # type: ignore[attr-defined]
    path = saved({"p": parameter}, tmp_path / "p.pt")
    tensors = read_checkpoint(path).tensors
    assert tensors["p"].tolist() == [1, 1]
    assert not isinstance(tensors["p"], nn.Parameter)


def test_tensors_of_a_gpu_are_read_on_the_cpu(tmp_path: Path) -> None:
    from tests.engagement.checkpoints import rebuild

    fixture = rebuild.load("mobilefacenet-10")
    pickled = fixture.pickled.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
    assert pickled != fixture.pickled
    path = tmp_path / "gpu.pt"
    path.write_bytes(rebuild.as_zip(rebuild.Fixture(**{**vars(fixture), "pickled": pickled})))
    assert {tensor.device.type for tensor in read_checkpoint(path).tensors.values()} == {"cpu"}


def test_a_file_is_told_by_its_content_not_its_name(tmp_path: Path) -> None:
    tensors = {"a": torch.ones(2)}
    save_file(tensors, tmp_path / "weights.pt", metadata={"note": "x"})
    checkpoint = read_checkpoint(tmp_path / "weights.pt")
    assert (checkpoint.format, checkpoint.metadata) == ("safetensors", {"note": "x"})
    saved(tensors, tmp_path / "weights.safetensors")
    assert read_checkpoint(tmp_path / "weights.safetensors").format == "torch"


def test_keras_weights_are_named_by_layer(tmp_path: Path) -> None:
    weights = {"dense/kernel": np.ones((3, 2), np.float32), "dense/bias": np.zeros(2, np.float32)}
    layers = {"dense": {"class_name": "Dense", "units": 2, "activation": "relu"}}
    whole = read_checkpoint(keras.write(tmp_path / "whole.h5", weights, layers))
    assert whole.tensors["dense/kernel"].shape == (3, 2)
    assert whole.layers["dense"]["activation"] == "relu"
    assert whole.layers["dense"]["class_name"] == "Dense"
    bare = read_checkpoint(keras.write(tmp_path / "bare.h5", weights))
    assert bare.tensors.keys() == weights.keys()
    assert not bare.layers


def test_keras_names_survive_nesting_and_renaming(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "n.h5", "w") as file:
        file["model_weights/conv1/conv1_2/kernel:0"] = np.ones(2, ">f4")
        file["model_weights/mobilenet_1.00_224/conv_dw_1/depthwise_kernel:0"] = np.ones(3)
        file["model_weights/feats/model/feats/bias:0"] = np.ones(4, "f2")
        file["model_weights/activation"] = np.float32(1)
        file.create_group("model_weights/dropout")
    tensors = read_checkpoint(tmp_path / "n.h5").tensors
    assert {name: tensor.dtype for name, tensor in tensors.items()} == {
        "conv1/kernel": torch.float32,
        "conv_dw_1/depthwise_kernel": torch.float64,
        "feats/bias": torch.float16,
        "activation": torch.float32,
    }


def test_layers_of_a_keras_model_inside_the_model_are_found(tmp_path: Path) -> None:
    inner = {"class_name": "ReLU", "config": {"name": "relu", "max_value": 6.0}}
    middle = {"class_name": "Functional", "config": {"name": "m", "layers": [inner]}}
    outer = {"class_name": "Sequential", "config": [middle]}
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(outer)
        file["model_weights/d/d/kernel:0"] = np.ones(2, np.float32)
    assert read_checkpoint(tmp_path / "m.h5").layers["relu"]["max_value"] == 6.0


def test_no_model_at_a_path_is_one_sentence_each(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pt"
    empty.touch()
    large = tmp_path / "large.pt"
    with large.open("wb") as file:
        file.truncate((1 << 30) + 1)
    pipe = tmp_path / "pipe.pt"
    os.mkfifo(pipe)
    loop = tmp_path / "loop.pt"
    loop.symlink_to(loop)
    text = tmp_path / "page.pt"
    text.write_text("<!DOCTYPE html><html>Not found</html>")
    cases = {
        tmp_path / "absent.pt": "There is no model file",
        tmp_path: "is a folder",
        empty: "is empty",
        large: "has 1.1 GB",
        pipe: "is a device or a pipe",
        Path(os.devnull): "is a device or a pipe",
        loop: "cannot be read",
        tmp_path / "a\0b.pt": "cannot be read",
        text: "none of PyTorch's, Keras' HDF5 or safetensors",
    }
    for path, says in cases.items():
        with pytest.raises(ModelError) as caught:
            read_checkpoint(path)
        assert says in str(caught.value)
        assert str(path) in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_that_may_not_be_read_is_one_sentence(tmp_path: Path) -> None:
    path = saved({"a": torch.ones(1)}, tmp_path / "secret.pt")
    path.chmod(0)
    with pytest.raises(ModelError, match="Permission denied"):
        read_checkpoint(path)


def exported(path: Path, outputs: int = 8) -> Path:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, 2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, outputs),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, 32, 32),),
            path,
            dynamo=False,
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "n"}, "output": {0: "n"}},
        )
    return path


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tmp_path_factory.mktemp("onnx") / "small.onnx")


def runs(model: onnx.ModelProto, name: str) -> np.ndarray:
    """What a tensor of the graph is for ones."""
    import onnxruntime

    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    changed.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(
        changed.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run([name], {"input": np.ones((2, 3, 32, 32), np.float32)})[0]


def test_an_onnx_graph_is_described(graph: Path) -> None:
    model = read_onnx(graph)
    described = describe_onnx(model)
    assert (described.input_name, described.size) == ("input", 32)
    assert (described.output_name, described.outputs) == ("output", 8)
    assert runs(model, described.embedding).shape == (2, 4)


def test_a_quantised_onnx_graph_is_described(graph: Path, tmp_path: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic

    quantize_dynamic(graph, tmp_path / "int8.onnx")
    model = read_onnx(tmp_path / "int8.onnx")
    described = describe_onnx(model)
    assert (described.size, described.outputs) == (32, 8)
    embedding = runs(model, described.embedding)
    assert embedding.shape == (2, 4)
    assert embedding.dtype == np.float32


def test_an_onnx_graph_that_is_no_expression_model_is_refused(graph: Path, tmp_path: Path) -> None:
    model = onnx.load(graph)
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    wide.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1
    twice = onnx.ModelProto()
    twice.CopyFrom(model)
    twice.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    whole.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    headless = onnx.ModelProto()
    headless.CopyFrom(model)
    headless.graph.output[0].name = headless.graph.node[0].output[0]
    path = tmp_path / "other.onnx"
    for changed, says in (
        (wide, "its input is not"),
        (twice, "does not have one input"),
        (whole, "its input is not"),
        (headless, "does not come from a linear layer"),
    ):
        path.write_bytes(changed.SerializeToString())
        with pytest.raises(ModelError, match=says):
            read_onnx(path)


def test_onnx_files_need_the_onnx_package(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModelError, match=r"Install engagement-analytics\[onnx\]"):
        read_onnx(graph)
