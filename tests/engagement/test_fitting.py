"""Other people's weights in our networks: the same numbers come out, or a sentence says why not."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load, load_file, save_file
from torch import nn

from engagement.errors import ModelError
from engagement.networks.architectures import build, build_for
from engagement.networks.spec import (
    CAFFE_224,
    EIGHT_EMOTIONS,
    IMAGENET_224,
    IMAGENET_260,
    SEVEN_EMOTIONS,
    SYMMETRIC_112,
    CropSpec,
    ExpressionSpec,
)
from engagement.weights.bundled import BACKBONE, load_identity
from engagement.weights.expression_file import grey_spec, load_expression, save_expression
from engagement.weights.fitting import adapted, fit, infer_spec
from engagement.weights.loading import load_custom, load_published
from engagement.weights.readers.checkpoint import Checkpoint, ModuleFacts, read_checkpoint
from tests.engagement.checkpoints import keras, rebuild

ARCHITECTURES = {
    "b0": ("efficientnet_b0", IMAGENET_224),
    "b2": ("efficientnet_b2", IMAGENET_260),
    "mobilevitv2": ("mobilevitv2_150", IMAGENET_224),
    "mobilefacenet": ("mobilefacenet", SYMMETRIC_112),
}
B0 = "timm-0.4.5-b0-8"


def written(folder: Path, name: str, make: Callable[[rebuild.Fixture], bytes]) -> Path:
    path = folder / f"{name}.pt"
    path.write_bytes(make(rebuild.load(name)))
    return path


@pytest.fixture(scope="module")
def b0_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("b0"), B0, rebuild.as_zip)


@pytest.fixture(scope="module")
def b0(b0_file: Path) -> Checkpoint:
    return read_checkpoint(b0_file)


@pytest.fixture(scope="module")
def mobilefacenet(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    folder = tmp_path_factory.mktemp("mbf")
    return read_checkpoint(written(folder, "mobilefacenet-10", rebuild.as_zip))


def renamed(checkpoint: Checkpoint, change: Callable[[str], str]) -> Checkpoint:
    """The same with other names, as a state dict has them."""
    tensors = {change(name): tensor for name, tensor in checkpoint.tensors.items()}
    return replace(checkpoint, tensors=tensors, modules={})


def outputs_of(network: nn.Module, fixture: rebuild.Fixture) -> np.ndarray:
    with torch.inference_mode():
        faces = torch.from_numpy(rebuild.faces(fixture.seed, fixture.input_size))
        return network.double()(faces).numpy()


LAYOUTS = [(name, rebuild.as_zip) for name in rebuild.names()] + [
    (name, rebuild.as_legacy) for name in (B0, "timm-0.9.16-mobilevitv2-10", "mobilefacenet-10")
]


@pytest.mark.parametrize(("name", "make"), LAYOUTS)
def test_an_old_checkpoint_gives_the_numbers_that_its_own_network_gave(
    name: str, make: Callable[[rebuild.Fixture], bytes], tmp_path: Path
) -> None:
    fixture = rebuild.load(name)
    checkpoint = read_checkpoint(written(tmp_path, name, make))
    spec = infer_spec(checkpoint)
    *_, kind, outputs = name.split("-")
    assert (spec.architecture, spec.input) == ARCHITECTURES[kind]
    assert spec.outputs == int(outputs)
    network = fit(checkpoint, spec)
    assert not network.training
    assert outputs_of(network, fixture) == pytest.approx(fixture.outputs, rel=1e-9, abs=1e-9)


def test_fixtures_cover_the_releases_that_the_published_files_came_from() -> None:
    packages = {rebuild.load(name).facts["package"] for name in rebuild.names()}
    assert {"timm==0.4.5", "timm==0.6.13", "timm==0.9.16", "timm==1.0.31"} <= packages


@pytest.mark.parametrize(
    ("outputs", "classes", "affect"),
    [
        (7, SEVEN_EMOTIONS, False),
        (8, EIGHT_EMOTIONS, False),
        (9, SEVEN_EMOTIONS, True),
        (10, EIGHT_EMOTIONS, True),
    ],
)
def test_the_number_of_outputs_tells_the_classes(
    mobilefacenet: Checkpoint, outputs: int, classes: tuple[str, ...], affect: bool
) -> None:
    head = {"fc.weight": torch.zeros(outputs, 512), "fc.bias": torch.zeros(outputs)}
    checkpoint = replace(mobilefacenet, tensors={**mobilefacenet.tensors, **head})
    spec = infer_spec(checkpoint)
    assert (spec.classes, spec.predicts_affect) == (classes, affect)
    assert spec.name == f"custom-{checkpoint.sha256[:12]}"
    assert spec.crop == CropSpec("box")


@pytest.mark.parametrize("outputs", [0, 3, 1000])
def test_outputs_that_are_no_emotions_are_refused(mobilefacenet: Checkpoint, outputs: int) -> None:
    tensors = {k: v for k, v in mobilefacenet.tensors.items() if not k.startswith("fc.")}
    if outputs:
        tensors |= {"fc.weight": torch.zeros(outputs, 512), "fc.bias": torch.zeros(outputs)}
    with pytest.raises(ModelError, match=f"has {outputs or 'no'} outputs, and emotions need 7"):
        infer_spec(replace(mobilefacenet, tensors=tensors))


@pytest.mark.parametrize(
    "change",
    [
        lambda name: name.removeprefix("backbone."),
        lambda name: name.replace("backbone.", "0.", 1) if "backbone" in name else f"1{name[2:]}",
        lambda name: f"module.{name}",
        lambda name: name.replace("fc.", "classifier."),
    ],
    ids=["bare", "numbered", "data parallel", "ours"],
)
def test_mobilefacenet_is_found_under_any_one_wrapper(
    mobilefacenet: Checkpoint, change: Callable[[str], str]
) -> None:
    fixture = rebuild.load("mobilefacenet-10")
    checkpoint = renamed(mobilefacenet, change)
    network = fit(checkpoint, infer_spec(checkpoint))
    assert outputs_of(network, fixture) == pytest.approx(fixture.outputs, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda t: t.pop("blocks.1.0.bn2.bias"), "missing: backbone.blocks.1.0.bn2.bias"),
        (lambda t: t.update(surplus=torch.zeros(1)), "left over: backbone.surplus"),
        (lambda t: t.update({"bn1.bias": torch.zeros(31)}), "misshapen: backbone.bn1.bias"),
        (lambda t: t["bn1.bias"].fill_(float("nan")), "backbone.bn1.bias .* no network can have"),
        (lambda t: t["bn1.running_var"].fill_(-1), "running_var .* no network can have"),
        (lambda t: t.update({"head.fc.weight": torch.zeros(8, 1280)}), "its head .* not linear"),
        (
            lambda t: t.update({"fc.weight": torch.zeros(8, 5), "fc.bias": torch.zeros(8)}),
            "several heads",
        ),
        (lambda t: t.update({"conv_head.weight": torch.zeros(1, 2)}), r"has the shape \(1, 2\)"),
        (lambda t: t.pop("conv_head.weight"), "tensors such as blocks.0.0.bn1.bias"),
        (
            lambda t: t.update({"x.conv_sep.layers.0.weight": torch.zeros(512, 256, 1, 1)}),
            "several networks",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_refused_by_name(
    b0: Checkpoint, change: Callable[[dict[str, torch.Tensor]], object], problem: str
) -> None:
    tensors = {name: tensor.clone() for name, tensor in b0.tensors.items()}
    spec = infer_spec(b0)
    change(tensors)
    with pytest.raises(ModelError, match=problem):
        fit(replace(b0, tensors=tensors), spec)


def test_counters_of_batch_norms_may_be_missing(b0: Checkpoint) -> None:
    tensors = {k: v for k, v in b0.tensors.items() if not k.endswith("num_batches_tracked")}
    assert len(tensors) < len(b0.tensors)
    fit(replace(b0, tensors=tensors), infer_spec(b0))


def test_another_models_file_is_told_from_this_ones(b0: Checkpoint) -> None:
    spec = infer_spec(b0)
    with pytest.raises(ModelError, match=r"holds efficientnet_b0, and .* is efficientnet_b2"):
        fit(b0, replace(spec, architecture="efficientnet_b2"))
    with pytest.raises(ModelError, match=r"has 8 outputs, and custom.* has 7"):
        fit(b0, replace(spec, classes=SEVEN_EMOTIONS))


def with_facts(b0: Checkpoint, path: str, **changes: object) -> Checkpoint:
    facts = b0.modules[path]
    changed = ModuleFacts(
        str(changes.pop("kind", facts.kind)),
        {**facts.settings, **changes},  # type: ignore[dict-item]
    )
    return replace(b0, modules={**b0.modules, path: changed})


@pytest.mark.parametrize(
    ("path", "changes", "problem"),
    [
        ("bn1", {"eps": 1e-5}, "'bn1' has eps 1e-05, not 0.001"),
        ("blocks.2.0.conv_dw", {"stride": (1, 1)}, r"has stride \(1, 1\), not \(2, 2\)"),
        ("blocks.3.1.conv_dw", {"padding": 0}, r"has padding 0, not \(1, 1\)"),
        ("blocks.3.1.conv_dw", {"padding_mode": "reflect"}, "has padding_mode reflect"),
        ("blocks.3.1.conv_dw", {"dilation": (2, 2)}, "has dilation"),
        ("conv_stem", {"kind": "Conv2d"}, "'conv_stem' is Conv2d, not Conv2dSame"),
        ("global_pool", {"pool_type": "max"}, "has pool_type max, not avg"),
        ("act1", {"kind": "ReLU6"}, "'act1' is ReLU6"),
        ("blocks.1.0.se", {"gate_fn": "hard_sigmoid"}, "is gated by 'hard_sigmoid'"),
        ("classifier.0", {"kind": "Softmax"}, "'classifier.0' is Softmax"),
    ],
)
def test_a_network_that_computes_something_else_is_refused(
    b0: Checkpoint, path: str, changes: dict[str, object], problem: str
) -> None:
    with pytest.raises(ModelError, match=problem):
        fit(with_facts(b0, path, **changes), infer_spec(b0))


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_wrapper_that_does_more_than_wrap_is_refused(
    mobilefacenet: Checkpoint, prefix: str
) -> None:
    tensors = {f"{prefix}{name}": tensor for name, tensor in mobilefacenet.tensors.items()}
    modules = {
        f"{prefix}{path}".rstrip("."): facts for path, facts in mobilefacenet.modules.items()
    }
    wrapped = replace(mobilefacenet, tensors=tensors, modules=modules)
    spec = infer_spec(wrapped)
    fit(wrapped, spec)
    modules[f"{prefix}norm"] = ModuleFacts("Normalize", {})
    with pytest.raises(ModelError, match=f"'{prefix}norm' is Normalize"):
        fit(replace(wrapped, modules=modules), spec)


def test_the_activation_is_read_from_the_pickle_itself(tmp_path: Path) -> None:
    fixture = rebuild.load(B0)
    other = fixture.pickled.replace(b"activation\nSiLU", b"activation\nGELU")
    assert other != fixture.pickled
    path = tmp_path / "gelu.pt"
    path.write_bytes(rebuild.as_zip(replace(fixture, pickled=other)))
    with pytest.raises(ModelError, match="is GELU"):
        load_custom(path)


def keras_outputs(path: Path, spec: ExpressionSpec | None = None) -> np.ndarray:
    checkpoint = read_checkpoint(path)
    spec = spec or infer_spec(checkpoint)
    with torch.inference_mode():
        return fit(checkpoint, spec)(keras_inputs().float()).numpy()


def keras_inputs() -> torch.Tensor:
    return torch.from_numpy(rebuild.faces(3, 64)) * 60


@pytest.mark.parametrize(
    ("whole", "norms", "hidden", "activation"),
    [
        (True, True, 16, "relu"),
        (True, True, 16, "linear"),
        (False, True, 16, "relu"),
        (False, False, 16, "relu"),
        (False, True, 0, "relu"),
    ],
    ids=["whole", "linear feats", "weights only", "folded already", "no feats"],
)
def test_a_keras_mobilenet_gives_the_numbers_of_its_layers(
    tmp_path: Path, whole: bool, norms: bool, hidden: int, activation: str
) -> None:
    weights = keras.mobilenet_weights(hidden, norms=norms)
    layers = keras.mobilenet_layers(activation) if whole else None
    path = keras.write(tmp_path / "mobilenet_7.h5", weights, layers)
    expected = keras.mobilenet_outputs(weights, keras_inputs(), activation).numpy()
    assert expected.std() > 0.01
    assert keras_outputs(path) == pytest.approx(expected, rel=1e-5, abs=1e-5)
    spec = infer_spec(read_checkpoint(path))
    assert (spec.architecture, spec.input, spec.classes) == (
        "mobilenet_face",
        CAFFE_224,
        SEVEN_EMOTIONS,
    )
    assert spec.hidden == (hidden if activation == "relu" else 0)


@pytest.mark.parametrize(
    ("layer", "changes", "problem"),
    [
        ("feats", {"activation": "tanh"}, "'feats' has the activation 'tanh'"),
        ("emotion_preds", {"activation": "sigmoid"}, "has the activation 'sigmoid'"),
        ("conv1_relu", {"max_value": None}, "'conv1_relu' is not ReLU6"),
        ("conv_dw_4", {"strides": [1, 1]}, "'conv_dw_4' has the strides"),
        ("conv_dw_3", {"dilation_rate": [2, 2]}, "is dilated"),
        ("conv_pad_2", {"padding": [[1, 1], [1, 1]]}, r"'conv_dw_2' is padded by \[\[1, 1\]"),
        ("global_pooling", {"class_name": "GlobalMaxPooling2D"}, "of the class 'GlobalMaxPool"),
        ("conv_pw_5_bn", {"epsilon": "0"}, "has the epsilon"),
    ],
)
def test_a_keras_network_that_computes_something_else_is_refused(
    tmp_path: Path, layer: str, changes: dict[str, object], problem: str
) -> None:
    layers = keras.mobilenet_layers()
    layers[layer] |= changes
    path = keras.write(tmp_path / "other.h5", keras.mobilenet_weights(), layers)
    with pytest.raises(ModelError, match=problem):
        load_custom(path)


def test_an_epsilon_in_the_file_is_used(tmp_path: Path) -> None:
    layers = keras.mobilenet_layers()
    weights = keras.mobilenet_weights()
    usual = keras_outputs(keras.write(tmp_path / "a.h5", weights, layers))
    for name in layers:
        if name.endswith("_bn"):
            layers[name]["epsilon"] = 0.5
    other = keras_outputs(keras.write(tmp_path / "b.h5", weights, layers))
    assert abs(other - usual).max() > 1e-3


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda w: w.pop("conv_dw_3_bn/gamma"), "its conv_dw_3_bn does not fit"),
        (lambda w: w.pop("conv_dw_3/depthwise_kernel"), "its conv_dw_3 is no convolution"),
        (lambda w: w.update({"extra/kernel": np.ones((2, 2), np.float32)}), "several heads"),
        (lambda w: w.update({"extra/beta": np.ones(2, np.float32)}), "left over: extra/beta"),
        (lambda w: w.pop("feats/bias"), "its feats is no linear layer"),
        (lambda w: w.pop("conv_pw_13/kernel"), "weights such as conv1/kernel"),
    ],
)
def test_keras_weights_that_do_not_fit_are_refused_by_name(
    tmp_path: Path, change: Callable[[keras.Weights], object], problem: str
) -> None:
    weights = keras.mobilenet_weights()
    change(weights)
    path = keras.write(tmp_path / "odd.h5", weights)
    with pytest.raises(ModelError, match=problem):
        load_custom(path)


def test_a_backbone_without_classes_comes_from_its_own_file() -> None:
    spec = ExpressionSpec("hse_faceres", (), "mobilenet_face", CAFFE_224)
    checkpoint = read_checkpoint(BACKBONE)
    network, known = fit(checkpoint, spec), load_identity()
    with torch.inference_mode():
        faces = keras_inputs().float()
        assert torch.allclose(network.embed(faces), known.embed(faces), atol=1e-4)
    with pytest.raises(ModelError, match="has no outputs"):
        infer_spec(checkpoint)


def test_heads_for_age_and_gender_are_left_out_of_a_backbone(tmp_path: Path) -> None:
    heads = {
        "feats.weight": torch.zeros(4, 1024),
        "feats.bias": torch.zeros(4),
        "age_pred.weight": torch.zeros(2, 4),
        "age_pred.bias": torch.zeros(2),
    }
    save_file(dict(load_file(BACKBONE)) | heads, tmp_path / "whole.safetensors")
    spec = ExpressionSpec("faces", (), "mobilenet_face", CAFFE_224)
    network = fit(read_checkpoint(tmp_path / "whole.safetensors"), spec)
    assert isinstance(network.classifier, nn.Identity)
    weights = keras.mobilenet_weights()
    weights |= {"age_pred/kernel": np.ones((16, 3), np.float32)}
    weights |= {"age_pred/bias": np.ones(3, np.float32)}
    fit(read_checkpoint(keras.write(tmp_path / "age.h5", weights)), spec)


def test_a_network_of_ours_without_its_description_is_found_by_its_names(tmp_path: Path) -> None:
    network = build("mobilenet_face", 8, hidden=6)
    save_file(network.state_dict(), tmp_path / "bare.safetensors")
    checkpoint = read_checkpoint(tmp_path / "bare.safetensors")
    spec = infer_spec(checkpoint)
    assert (spec.hidden, spec.classes) == (6, EIGHT_EMOTIONS)
    assert adapted(checkpoint, replace(spec, hidden=0)) == spec
    faces = keras_inputs().float()
    with torch.inference_mode():
        assert torch.allclose(fit(checkpoint, replace(spec, hidden=0))(faces), network(faces))


PUBLISHED = ExpressionSpec(
    "enet_b0_8_best_vgaf", EIGHT_EMOTIONS, "efficientnet_b0", IMAGENET_224, CropSpec("box")
)


def changed_bias(path: Path) -> None:
    """Mark a conversion, so that a network that comes from it can be told."""
    network, spec = load_expression(path)
    with torch.no_grad():
        network.classifier.bias.fill_(5.0)
    save_expression(network, spec, path, dtype=torch.float32)


def test_a_published_file_is_converted_once_and_read_from_there_afterwards(
    b0_file: Path, b0: Checkpoint, tmp_path: Path
) -> None:
    converted = tmp_path / "cache" / "converted"
    first = load_published(b0_file, PUBLISHED, converted)
    assert (first.spec, first.custom, first.source) == (PUBLISHED, False, b0_file)
    assert first.weights_sha256 == b0.sha256
    assert [path.name for path in converted.iterdir()] == [f"{b0.sha256}.safetensors"]
    changed_bias(converted / f"{b0.sha256}.safetensors")
    again = load_published(b0_file, PUBLISHED, converted)
    assert again.network.classifier.bias.tolist() == [5.0] * 8
    assert (again.spec, again.weights_sha256) == (PUBLISHED, b0.sha256)


def test_a_conversion_is_exact(b0_file: Path, tmp_path: Path) -> None:
    fixture = rebuild.load(B0)
    for _ in range(2):
        network = load_published(b0_file, PUBLISHED, tmp_path).network
        assert outputs_of(network, fixture) == pytest.approx(fixture.outputs, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("damage", [lambda data: data[:5000], lambda _: b"", lambda _: b"hello"])
def test_a_damaged_conversion_is_made_again(
    b0_file: Path,
    b0: Checkpoint,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[bytes], bytes],
) -> None:
    load_published(b0_file, PUBLISHED, tmp_path)
    conversion = tmp_path / f"{b0.sha256}.safetensors"
    sound = load(conversion.read_bytes())
    conversion.write_bytes(damage(conversion.read_bytes()))
    with caplog.at_level(logging.WARNING):
        load_published(b0_file, PUBLISHED, tmp_path)
    assert "is damaged and made again" in caplog.text
    assert all(torch.equal(tensor, sound[k]) for k, tensor in load(conversion.read_bytes()).items())


def test_a_cache_that_cannot_be_written_only_costs_time(
    b0_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with caplog.at_level(logging.WARNING):
        loaded = load_published(b0_file, PUBLISHED, blocked / "converted")
    assert loaded.spec == PUBLISHED
    assert "is not kept" in caplog.text


def test_one_file_under_two_descriptions_keeps_them_apart(b0_file: Path, tmp_path: Path) -> None:
    custom = load_custom(b0_file, converted=tmp_path)
    assert custom.custom
    assert custom.spec.name == f"custom-{custom.weights_sha256[:12]}"
    assert load_published(b0_file, PUBLISHED, tmp_path).spec == PUBLISHED
    assert load_custom(b0_file, converted=tmp_path).spec == custom.spec
    described = load_custom(b0_file, replace(PUBLISHED, input=IMAGENET_260), tmp_path).spec
    assert described == replace(PUBLISHED, name=custom.spec.name, input=IMAGENET_260)
    with pytest.raises(ModelError, match="has 8 outputs, and enet_b0_7 has 7"):
        load_published(
            b0_file, replace(PUBLISHED, name="enet_b0_7", classes=SEVEN_EMOTIONS), tmp_path
        )


def test_a_published_keras_file_gets_the_hidden_layer_that_it_has(tmp_path: Path) -> None:
    path = keras.write(
        tmp_path / "mobilenet_7.h5", keras.mobilenet_weights(), keras.mobilenet_layers()
    )
    spec = ExpressionSpec(
        "mobilenet_7", SEVEN_EMOTIONS, "mobilenet_face", CAFFE_224, CropSpec("box")
    )
    for _ in range(2):
        loaded = load_published(path, spec, tmp_path / "converted")
        assert loaded.spec == replace(spec, hidden=16)
        assert build_for(loaded.spec).state_dict().keys() == loaded.network.state_dict().keys()


def test_a_file_that_describes_itself_keeps_its_name(tmp_path: Path) -> None:
    spec = grey_spec("mine", ("anger", "fear", "neutral"), 64)
    network = build_for(spec)
    path = tmp_path / "mine.safetensors"
    save_expression(network, spec, path)
    loaded = load_custom(path, PUBLISHED, tmp_path / "converted")
    assert (loaded.spec, loaded.custom) == (spec, True)
    assert not (tmp_path / "converted").exists()
