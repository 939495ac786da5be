"""Keras files as TensorFlow writes them, made with h5py, and what their network gives."""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

Weights = dict[str, NDArray[np.float32]]
NORM_EPSILON = 1e-3
CHANNELS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
STRIDE_TWO = (2, 4, 6, 12)


def mobilenet_weights(hidden: int = 16, *, norms: bool = True) -> Weights:
    """Random weights by ``layer/name`` in Keras' layouts; without norms, convolutions have biases.

    Args:
        hidden: units of `feats`; 0 for none.
    """
    return dict(_mobilenet_weights(hidden, norms))


@lru_cache
def _mobilenet_weights(hidden: int, norms: bool) -> Weights:
    random = np.random.default_rng(5)
    weights: Weights = {}

    def convolution(layer: str, name: str, shape: tuple[int, ...], channels: int) -> None:
        fan_in = int(np.prod(shape[:2])) * (1 if "dw" in layer else shape[2])
        weights[f"{layer}/{name}"] = random.normal(0, 1.6 / fan_in**0.5, shape)
        if norms:
            weights[f"{layer}_bn/gamma"] = random.uniform(0.8, 1.2, channels)
            weights[f"{layer}_bn/beta"] = random.normal(0, 0.2, channels)
            weights[f"{layer}_bn/moving_mean"] = random.normal(0, 0.2, channels)
            weights[f"{layer}_bn/moving_variance"] = random.uniform(0.5, 1.5, channels)
        else:
            weights[f"{layer}/bias"] = random.normal(0, 0.2, channels)

    convolution("conv1", "kernel", (3, 3, 3, 32), 32)
    for block in range(1, 14):
        before, after = CHANNELS[block - 1], CHANNELS[block]
        convolution(f"conv_dw_{block}", "depthwise_kernel", (3, 3, before, 1), before)
        convolution(f"conv_pw_{block}", "kernel", (1, 1, before, after), after)
    sizes = [("feats", 1024, hidden)] if hidden else []
    for layer, before, after in [*sizes, ("emotion_preds", hidden or 1024, 7)]:
        weights[f"{layer}/kernel"] = random.normal(0, before**-0.5, (before, after))
        weights[f"{layer}/bias"] = random.normal(0, 0.2, after)
    return {name: array.astype(np.float32) for name, array in weights.items()}


def mobilenet_outputs(weights: Weights, inputs: torch.Tensor, activation: str) -> torch.Tensor:
    """What Keras' network gives for ``(n, 3, s, s)``, layer by layer, in double precision."""
    tensors = {name: torch.from_numpy(array).double() for name, array in weights.items()}

    def norm(x: torch.Tensor, layer: str) -> torch.Tensor:
        if f"{layer}_bn/gamma" in tensors:
            gamma, beta, mean, variance = (
                tensors[f"{layer}_bn/{part}"][:, None, None]
                for part in ("gamma", "beta", "moving_mean", "moving_variance")
            )
            x = (x - mean) / torch.sqrt(variance + NORM_EPSILON) * gamma + beta
        else:
            x = x + tensors[f"{layer}/bias"][:, None, None]
        return functional.relu6(x)

    def same(x: torch.Tensor, stride: int) -> torch.Tensor:
        return functional.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))

    kernel = tensors["conv1/kernel"].permute(3, 2, 0, 1)
    x = norm(functional.conv2d(same(inputs.double(), 2), kernel, stride=2), "conv1")
    for block in range(1, 14):
        stride = 2 if block in STRIDE_TWO else 1
        kernel = tensors[f"conv_dw_{block}/depthwise_kernel"].permute(2, 3, 0, 1)
        x = functional.conv2d(same(x, stride), kernel, stride=stride, groups=len(kernel))
        x = norm(x, f"conv_dw_{block}")
        kernel = tensors[f"conv_pw_{block}/kernel"].permute(3, 2, 0, 1)
        x = norm(functional.conv2d(x, kernel), f"conv_pw_{block}")
    x = x.mean(dim=(2, 3))
    if "feats/kernel" in tensors:
        x = x @ tensors["feats/kernel"] + tensors["feats/bias"]
        x = x.relu() if activation == "relu" else x
    return x @ tensors["emotion_preds/kernel"] + tensors["emotion_preds/bias"]


def mobilenet_layers(activation: str = "relu") -> dict[str, dict[str, Any]]:
    """The layers' settings as ``model_config`` has them, by name, each with its class."""
    layers: dict[str, dict[str, Any]] = {"input_1": {"class_name": "InputLayer"}}

    def convolution(layer: str, kind: str, stride: int) -> None:
        if stride == 2:
            name = "conv1_pad" if layer == "conv1" else layer.replace("dw", "pad")
            layers[name] = {"class_name": "ZeroPadding2D", "padding": [[0, 1], [0, 1]]}
        layers[layer] = {
            "class_name": kind,
            "strides": [stride, stride],
            "padding": "valid" if stride == 2 else "same",
            "dilation_rate": [1, 1],
            "activation": "linear",
        }
        layers[f"{layer}_bn"] = {"class_name": "BatchNormalization", "epsilon": NORM_EPSILON}
        layers[f"{layer}_relu"] = {"class_name": "ReLU", "max_value": 6.0, "threshold": 0.0}

    convolution("conv1", "Conv2D", 2)
    for block in range(1, 14):
        convolution(f"conv_dw_{block}", "DepthwiseConv2D", 2 if block in STRIDE_TWO else 1)
        convolution(f"conv_pw_{block}", "Conv2D", 1)
    layers["global_pooling"] = {"class_name": "GlobalAveragePooling2D"}
    layers["feats"] = {"class_name": "Dense", "units": 16, "activation": activation}
    layers["emotion_preds"] = {"class_name": "Dense", "units": 7, "activation": "softmax"}
    return layers


def write(
    path: Path, weights: Weights, layers: Mapping[str, Mapping[str, Any]] | None = None
) -> Path:
    """A whole model, or with no `layers` a file of weights only."""
    with h5py.File(path, "w") as file:
        root = file
        if layers is not None:
            listed = [
                {"class_name": layer["class_name"], "name": name, "config": {"name": name, **layer}}
                for name, layer in layers.items()
            ]
            config = {"class_name": "Functional", "config": {"name": "model", "layers": listed}}
            file.attrs["model_config"] = json.dumps(config)
            file.attrs["keras_version"] = "2.4.0"
            root = file.create_group("model_weights")
            file.create_group("optimizer_weights").create_dataset("iter:0", data=np.int64(3))
        root.attrs["layer_names"] = [
            name.encode() for name in sorted({w.split("/")[0] for w in weights})
        ]
        for name, array in weights.items():
            layer, part = name.split("/")
            root.require_group(layer).require_group(layer)[f"{part}:0"] = array
    return path
