"""HSEmotion's Keras MobileNet (``mobilenet_7.h5``) under the names of this project's MobileNet.

Keras keeps kernels as (h, w, in, out) and batch norms apart; this project's network has them folded
into its convolutions, which changes no output. What the file says of its layers is compared with
what the network does. A file of weights only says nothing, and is taken to be as published:
MobileNet's epsilon of 0.001 (Howard et al. in Keras' applications), and ReLU after `feats`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from engagement.errors import ModelError
from engagement.networks.mobilenet import UNUSED_HEADS
from engagement.weights.arrangement import Arrangement, cannot_tell
from engagement.weights.readers.checkpoint import Checkpoint

_BLOCKS = 13
_STRIDE_TWO = ("conv1", "conv_dw_2", "conv_dw_4", "conv_dw_6", "conv_dw_12")
_EPSILON = 1e-3
_NORM_PARTS = ("gamma", "beta", "moving_mean", "moving_variance")
#: Layers that do what the network here does, or nothing outside training.
_KNOWN_CLASSES = frozenset(
    {"InputLayer", "Conv2D", "DepthwiseConv2D", "BatchNormalization", "ReLU", "Activation"}
    | {"ZeroPadding2D", "GlobalAveragePooling2D", "Dense", "Dropout", "Functional", "Model"}
)


def arrange_keras(checkpoint: Checkpoint) -> Arrangement:
    """Arrange a Keras MobileNet, batch norms folded.

    Raises:
        ModelError: not a MobileNet of this layout, or layers that compute something else.
    """
    weights = dict(checkpoint.tensors)
    if "conv_pw_13/kernel" not in weights:
        some = ", ".join(sorted(weights)[:3])[:200]
        raise cannot_tell(checkpoint, f"it has weights such as {some}")
    _check_layers(checkpoint)
    tensors: dict[str, torch.Tensor] = {}
    for layer, ours in _convolutions():
        weight, bias = _folded(checkpoint, weights, layer)
        tensors |= {f"{ours}.weight": weight, f"{ours}.bias": bias}
    head, outputs, hidden = _head(checkpoint, weights)
    return Arrangement("mobilenet_face", tensors | head | weights, outputs, hidden)


def _convolutions() -> Iterator[tuple[str, str]]:
    yield "conv1", "conv1"
    for block in range(1, _BLOCKS + 1):
        yield f"conv_dw_{block}", f"blocks.{block}.depthwise"
        yield f"conv_pw_{block}", f"blocks.{block}.pointwise"


def _folded(
    checkpoint: Checkpoint, weights: dict[str, torch.Tensor], layer: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight (out, in / groups, h, w) and bias of a convolution; takes what it used."""
    depthwise = layer.startswith("conv_dw")
    kernel = weights.pop(f"{layer}/{'depthwise_kernel' if depthwise else 'kernel'}", None)
    if kernel is None or kernel.ndim != 4:
        raise cannot_tell(checkpoint, f"its {layer} is no convolution")
    weight = kernel.double().permute((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
    bias = weights.pop(f"{layer}/bias", torch.zeros(len(weight))).double()
    norm = [weights.pop(f"{layer}_bn/{part}", None) for part in _NORM_PARTS]
    given = [tensor.double() for tensor in norm if tensor is not None]
    if not given:  # folded already
        return weight.contiguous(), bias
    channels = (len(weight),)
    if len(given) != len(_NORM_PARTS) or any(t.shape != channels for t in (*given, bias)):
        raise cannot_tell(checkpoint, f"its {layer}_bn does not fit {layer}")
    gamma, beta, mean, variance = given
    epsilon = checkpoint.layers.get(f"{layer}_bn", {}).get("epsilon", _EPSILON)
    if not isinstance(epsilon, float) or not epsilon > 0:
        raise cannot_tell(checkpoint, f"its {layer}_bn has the epsilon {str(epsilon)[:40]!r}")
    scale = gamma / torch.sqrt(variance + epsilon)
    return (weight * scale[:, None, None, None]).contiguous(), (bias - mean) * scale + beta


def _head(
    checkpoint: Checkpoint, weights: dict[str, torch.Tensor]
) -> tuple[dict[str, torch.Tensor], int, int]:
    """Head tensors under our names, the number of outputs, and that of hidden units."""
    names = [n.removesuffix("/kernel") for n, t in weights.items() if n.endswith("/kernel")]
    if set(names) & (set(UNUSED_HEADS) - {"feats"}):  # age and gender: a backbone's file
        for name in names:
            weights.pop(f"{name}/kernel"), weights.pop(f"{name}/bias", None)
        return {}, 0, 0
    layers = sorted(names, key=lambda name: name != "feats")
    if len(layers) > 2 or (len(layers) == 2 and layers[0] != "feats"):
        raise cannot_tell(checkpoint, f"it has several heads ({', '.join(layers)[:200]})")
    dense = [_dense(checkpoint, weights, name) for name in layers]
    if not dense:
        return {}, 0, 0
    if len(dense) == 1:
        (weight, bias), hidden = dense[0], 0
    elif _activation(checkpoint, "feats", "relu") == "linear":
        # Two linear maps in a row are one.
        (first, shift), (second, offset) = dense
        weight, bias, hidden = second @ first, second @ shift + offset, 0
    else:
        (first, shift), (second, offset) = dense
        named = {"classifier.0.weight": first, "classifier.0.bias": shift}
        named |= {"classifier.2.weight": second, "classifier.2.bias": offset}
        return named, len(second), len(first)
    return {"classifier.weight": weight, "classifier.bias": bias}, len(weight), hidden


def _dense(
    checkpoint: Checkpoint, weights: dict[str, torch.Tensor], name: str
) -> tuple[torch.Tensor, torch.Tensor]:
    kernel, bias = weights.pop(f"{name}/kernel"), weights.pop(f"{name}/bias", None)
    if kernel.ndim != 2 or bias is None or bias.shape != kernel.shape[1:]:
        raise cannot_tell(checkpoint, f"its {name} is no linear layer with a bias")
    return kernel.double().T.contiguous(), bias.double()


def _activation(checkpoint: Checkpoint, layer: str, default: str) -> Any:
    return checkpoint.layers.get(layer, {}).get("activation", default)


def _check_layers(checkpoint: Checkpoint) -> None:
    """Compare what a whole model says of its layers with what the network here does.

    Raises:
        ModelError: names the first layer that computes something else.
    """
    for name, layer in checkpoint.layers.items():
        problem = _problem(name, layer, checkpoint.layers)
        if problem:
            raise ModelError(
                f"{checkpoint.source} does not compute what MobileNet does here: its layer "
                f"{name[:80]!r} {problem}. Use the file that belongs to this model.",
                code="weights_mismatch",
            )


def _problem(
    name: str, layer: Mapping[str, Any], layers: Mapping[str, Mapping[str, Any]]
) -> str | None:
    kind, activation = layer.get("class_name"), layer.get("activation", "linear")
    if kind not in _KNOWN_CLASSES:
        return f"is of the class {str(kind)[:80]!r}"
    if kind == "ReLU":
        plain = not layer.get("negative_slope") and not layer.get("threshold")
        return None if layer.get("max_value") == 6 and plain else "is not ReLU6"
    if kind == "Activation" and activation not in ("relu6", "softmax", "linear"):
        return f"has the activation {str(activation)[:80]!r}"
    if kind == "Dense":
        allowed = ("relu", "linear") if name == "feats" else ("softmax", "linear")
        if name not in UNUSED_HEADS[1:] and activation not in allowed:
            return f"has the activation {str(activation)[:80]!r}"
    if kind in ("Conv2D", "DepthwiseConv2D"):
        return _convolution_problem(name, layer, layers)
    return None


def _convolution_problem(
    name: str, layer: Mapping[str, Any], layers: Mapping[str, Mapping[str, Any]]
) -> str | None:
    stride = 2 if name in _STRIDE_TWO else 1
    ones = (layer.get("dilation_rate", [1, 1]), layer.get("depth_multiplier", 1))
    if list(layer.get("strides", [stride, stride])) != [stride, stride]:
        return f"has the strides {str(layer['strides'])[:40]}"
    if list(ones[0]) != [1, 1] or ones[1] != 1 or layer.get("groups", 1) not in (1, None):
        return "is dilated, grouped or multiplied"
    if layer.get("activation", "linear") != "linear":
        return f"has the activation {str(layer['activation'])[:80]!r}"
    if stride == 2 and layer.get("padding", "valid") == "valid":
        padding = layers.get(
            name.replace("conv_dw", "conv_pad") if name != "conv1" else "conv1_pad"
        )
        if padding is not None and padding.get("padding") != [[0, 1], [0, 1]]:
            return f"is padded by {str(padding.get('padding'))[:40]}"
    return None
