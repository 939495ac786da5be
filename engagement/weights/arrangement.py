"""A model file's tensors under the names of this project's networks.

Published PyTorch files name their tensors as timm or MobileFaceNet do; the names are the same from
timm 0.4 to 1.0. The last linear layer is called differently from file to file, and a network may
have been wrapped once more, so that every name begins with the same word.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch

from engagement.errors import ModelError
from engagement.networks.mobilenet import UNUSED_HEADS
from engagement.weights.readers.checkpoint import Checkpoint

#: A tensor that only one family has; its shape tells the architecture.
_SIGNS: Mapping[str, Mapping[tuple[int, ...], str]] = MappingProxyType(
    {
        "conv_head.weight": {
            (1280, 320, 1, 1): "efficientnet_b0",
            (1408, 352, 1, 1): "efficientnet_b2",
        },
        "stages.4.1.conv_proj.conv.weight": {(768, 384, 1, 1): "mobilevitv2_150"},
        "conv_sep.layers.0.weight": {(512, 256, 1, 1): "mobilefacenet"},
        "blocks.13.pointwise.weight": {(1024, 1024, 1, 1): "mobilenet_face"},
    }
)
_HEAD = re.compile(r"(classifier(?:\.\d+)?|head\.fc|head|fc|\d+)\.(weight|bias)", re.ASCII)


@dataclass(frozen=True)
class Arrangement:
    """A file's tensors as a network of this project names them.

    Attributes:
        tensors: backbone and head; names that the network does not have are left as they are.
        outputs: rows of the head; 0 for a file without one.
        hidden: units between embedding and outputs; 0 for none.
        prefix: what the file puts before the name of every tensor of the backbone.
        head: where the head is in the file, for example ``classifier``.
    """

    architecture: str
    tensors: Mapping[str, torch.Tensor]
    outputs: int
    hidden: int
    prefix: str = ""
    head: str = ""


def cannot_tell(checkpoint: Checkpoint, why: str) -> ModelError:
    """The error for a file whose architecture is not one of this project's."""
    return ModelError(
        f"{checkpoint.source} holds no network that is known here: {why}. Use a published "
        "HSEmotion model, or one that `engagement train` wrote.",
        code="architecture_unknown",
    )


def arrange_torch(checkpoint: Checkpoint) -> Arrangement:
    """Arrange a file of PyTorch or safetensors.

    Raises:
        ModelError: no architecture can be told from it, or its head is not one linear layer.
    """
    outer = _common_prefix(checkpoint.tensors)
    sign, prefix = _sign(checkpoint)
    shape = tuple(checkpoint.tensors[prefix + sign].shape)
    architecture = _SIGNS[sign].get(shape)
    if architecture is None:
        raise cannot_tell(checkpoint, f"its {sign} has the shape {shape}")
    place = "" if architecture == "mobilenet_face" else "backbone."
    heads: dict[str, dict[str, torch.Tensor]] = {}
    tensors: dict[str, torch.Tensor] = {}
    head_place = ""
    for name, tensor in checkpoint.tensors.items():
        bare = name.removeprefix(prefix)
        if match := _HEAD.fullmatch(bare) or _HEAD.fullmatch(name.removeprefix(outer)):
            heads.setdefault(match[1], {})[match[2]] = tensor
            head_place = name.removesuffix(match[0]) + match[1].split(".")[0]
        elif name.startswith(prefix):
            tensors[place + bare] = tensor
        else:
            tensors[name] = tensor
    head, outputs, hidden = _arranged_head(checkpoint, heads)
    if not head:
        tensors = {n: t for n, t in tensors.items() if n.split(".")[0] not in UNUSED_HEADS}
    return Arrangement(architecture, tensors | head, outputs, hidden, prefix, head_place)


def _common_prefix(tensors: Mapping[str, torch.Tensor]) -> str:
    """What every name begins with, up to a dot, such as the ``module.`` of `DataParallel`."""
    parts = [name.split(".")[:-1] for name in tensors]
    common = []
    for words in zip(*parts, strict=False):
        if len(set(words)) > 1:
            break
        common.append(words[0])
    return "".join(f"{word}." for word in common)


def _sign(checkpoint: Checkpoint) -> tuple[str, str]:
    """The telling tensor's own name, and what stands before it in the file."""
    found = [
        (sign, name.removesuffix(sign))
        for name in checkpoint.tensors
        for sign in _SIGNS
        if name == sign or name.endswith(f".{sign}")
    ]
    if len(found) != 1:
        some = ", ".join(sorted(checkpoint.tensors)[:3])[:200]
        count = "several networks" if found else f"tensors such as {some}"
        raise cannot_tell(checkpoint, f"it has {count}")
    return found[0]


def _arranged_head(
    checkpoint: Checkpoint, heads: Mapping[str, Mapping[str, torch.Tensor]]
) -> tuple[dict[str, torch.Tensor], int, int]:
    """Head tensors under our names, the number of outputs, and that of hidden units."""
    layers = [heads[name] for name in sorted(heads)]
    for layer in layers:
        if layer.keys() != {"weight", "bias"} or layer["weight"].ndim != 2:
            raise cannot_tell(checkpoint, f"its head {', '.join(sorted(heads))} is not linear")
    if not layers:
        return {}, 0, 0
    if len(layers) == 1:
        weight, bias = layers[0]["weight"], layers[0]["bias"]
        return {"classifier.weight": weight, "classifier.bias": bias}, len(weight), 0
    if sorted(heads) == ["classifier.0", "classifier.2"]:
        named = {f"{name}.{part}": t for name, layer in heads.items() for part, t in layer.items()}
        return named, len(layers[1]["weight"]), len(layers[0]["weight"])
    raise cannot_tell(checkpoint, f"it has several heads ({', '.join(sorted(heads))[:200]})")
