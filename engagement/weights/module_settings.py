"""Whether a pickled network computes what the network built here does.

Tensors of the right names and shapes can still belong to another computation: another epsilon,
stride or activation. A whole network says these of itself, and they are compared.
"""

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from torch import nn

from engagement.errors import ModelError
from engagement.networks.base import ExpressionNetwork
from engagement.weights.arrangement import Arrangement
from engagement.weights.readers.checkpoint import Checkpoint, ModuleFacts

#: Attributes that change the numbers, of the layers that these networks have.
_COMPARED = (
    "dilation",
    "eps",
    "groups",
    "num_groups",
    "padding",
    "padding_mode",
    "patch_size",
    "pool_type",
    "stride",
)
_SWISH = frozenset({"SiLU", "Swish", "SwishJit", "SwishMe"})
#: Activations by class name, as PyTorch and timm have them.
_ACTIVATIONS = _SWISH | frozenset(
    {"CELU", "ELU", "GELU", "GELUTanh", "HardMish", "HardMishJit", "HardMishMe", "HardSigmoid"}
    | {"HardSigmoidJit", "HardSigmoidMe", "HardSwish", "HardSwishJit", "HardSwishMe", "Hardsigmoid"}
    | {"Hardswish", "Hardtanh", "LeakyReLU", "LogSigmoid", "LogSoftmax", "Mish", "MishJit"}
    | {"MishMe", "PReLU", "QuickGELU", "RReLU", "ReLU", "ReLU6", "SELU", "Sigmoid", "Softmax"}
    | {"Softplus", "Softsign", "Tanh"}
)
_ALLOWED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "efficientnet_b0": _SWISH | {"Sigmoid"},
        "efficientnet_b2": _SWISH | {"Sigmoid"},
        "mobilevitv2_150": _SWISH | {"Sigmoid"},
        "mobilefacenet": frozenset({"PReLU"}),
        "mobilenet_face": frozenset({"ReLU", "ReLU6"}),
    }
)
#: What may stand behind the backbone without changing more than a linear layer does.
_HEAD_PARTS = frozenset({"Dropout", "Flatten", "Identity", "Linear", "Sequential"})


def check_settings(
    checkpoint: Checkpoint, arrangement: Arrangement, network: ExpressionNetwork
) -> None:
    """Compare a whole network's description of itself with the network that was built.

    Raises:
        ModelError: names the first module that differs, and how.
    """
    for problem in _problems(checkpoint.modules, arrangement, network):
        raise ModelError(
            f"{checkpoint.source} does not compute what {arrangement.architecture} does here: "
            f"{problem}. Use the file that belongs to this model.",
            code="weights_mismatch",
        )


def _problems(
    modules: Mapping[str, ModuleFacts], arrangement: Arrangement, network: ExpressionNetwork
) -> Iterator[str]:
    allowed = _ALLOWED[arrangement.architecture]
    for path, facts in modules.items():
        if facts.kind in _ACTIVATIONS - allowed:
            yield f"its {path[:80]!r} is {facts.kind}"
        gate = facts.settings.get("gate_fn", "sigmoid")
        if gate != "sigmoid":
            yield f"its {path[:80]!r} is gated by {str(gate)[:40]!r}"
        if _is_beside_backbone(path, arrangement) and facts.kind not in _HEAD_PARTS:
            yield f"its {path[:80]!r} is {facts.kind}"
    backbone = getattr(network, "backbone", network)
    for path, module in backbone.named_modules():
        named = modules.get(f"{arrangement.prefix}{path}")
        if named is not None:
            yield from _differences(path, named, module)


def _is_beside_backbone(path: str, arrangement: Arrangement) -> bool:
    """Whether a module is of the head, or stands around the backbone where there is a wrapper."""
    if arrangement.head.split(".")[-1] == "classifier" and path.startswith(f"{arrangement.head}."):
        return True
    prefix = arrangement.prefix
    return not f"{path}.".startswith(prefix) and not prefix.startswith(f"{path}.") and path != ""


def _differences(path: str, facts: ModuleFacts, module: nn.Module) -> Iterator[str]:
    if isinstance(module, nn.Conv2d):
        pads_same = "Conv2dSame" in (type(module).__name__, facts.kind)
        if pads_same and type(module).__name__ != facts.kind:
            yield f"its {path[:80]!r} is {facts.kind}, not {type(module).__name__}"
    for name in _COMPARED:
        if name in facts.settings and hasattr(module, name):
            theirs, ours = facts.settings[name], getattr(module, name)
            if not _same(theirs, ours):
                yield f"its {path[:80]!r} has {name} {str(theirs)[:40]}, not {ours}"


def _same(theirs: object, ours: object) -> bool:
    """Equal, where one number stands for as many of it."""
    if isinstance(theirs, float) and isinstance(ours, float):
        return math.isclose(theirs, ours)
    if isinstance(theirs, tuple) != isinstance(ours, tuple):
        theirs = theirs if isinstance(theirs, tuple) else (theirs, theirs)
        ours = ours if isinstance(ours, tuple) else (ours, ours)
    return theirs == ours
