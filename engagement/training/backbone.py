"""Networks as they are trained: from a backbone's file to a network, and back to a file.

A backbone's file holds the network without its head, its tensors named as in the published
``state_vggface2_enet0_new.pt`` and ``hse_faceres.safetensors``.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from engagement.errors import DataError, ModelError
from engagement.networks.architectures import BackboneWithHead, build
from engagement.networks.base import ExpressionNetwork
from engagement.networks.mobilenet import (
    MobileNetFace,
    check_tensors,
    fold_batch_norm,
    load_backbone,
    unfold_batch_norm,
)
from engagement.networks.spec import (
    PUBLISHED_INPUTS,
    InputSpec,
)
from engagement.weights.expression_file import write_described

FORMAT = "engagement.backbone/1"
#: What each architecture's published models take.
#: First parts of the names that heads go by.
_HEADS = frozenset({"classifier", "head", "fc"})
_NAMES = "num_batches_tracked"


def input_of(architecture: str, size: int = 0) -> InputSpec:
    """What an architecture's published models take, or the same at another size.

    Raises:
        ModelError: an unknown architecture.
    """
    if architecture not in PUBLISHED_INPUTS:
        raise ModelError(
            f"There is no architecture {architecture!r} to train. "
            f"Known are {', '.join(PUBLISHED_INPUTS)}."
        )
    spec = PUBLISHED_INPUTS[architecture]
    return replace(spec, size=size) if size else spec


def build_network(
    architecture: str, outputs: int, spec: InputSpec, backbone: Path | None, seed: int
) -> ExpressionNetwork:
    """A network with a fresh head, its backbone filled from a file or at random.

    Raises:
        ModelError: an unknown architecture, or a file that does not fit it.
        DataError: the architecture does not take faces of that size.
    """
    torch.manual_seed(seed)
    network = build(architecture, outputs)
    if backbone is not None:
        fill_backbone(network, read_backbone_file(backbone), f"{architecture} (from {backbone})")
    try:
        with torch.inference_mode():
            network(torch.zeros(1, 3, spec.size, spec.size))
    except RuntimeError as error:
        raise DataError(
            f"{architecture} does not take faces of {spec.size} pixels. Leave --input-size away "
            f"for its own {PUBLISHED_INPUTS[architecture].size}."
        ) from error
    return network.to(memory_format=torch.channels_last)


def read_backbone_file(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a backbone, without a head: this project's files or a published checkpoint.

    Raises:
        ModelError: absent, or of a format that is not known.
    """
    if path.suffix == ".safetensors":
        try:
            tensors = dict(load_file(path))
        except (OSError, SafetensorError) as error:
            raise ModelError(
                f"{path} cannot be read as a safetensors file. Name a backbone that "
                "`engagement train faces` wrote, or a published checkpoint."
            ) from error
    else:
        from engagement.weights.readers.checkpoint import read_checkpoint

        tensors = {name: torch.as_tensor(t) for name, t in read_checkpoint(path).tensors.items()}
    inside = "backbone."
    if any(name.startswith(inside) for name in tensors):
        tensors = {n.removeprefix(inside): t for n, t in tensors.items() if n.startswith(inside)}
    return {name: t for name, t in tensors.items() if name.split(".")[0] not in _HEADS}


def fill_backbone(
    network: ExpressionNetwork, tensors: Mapping[str, torch.Tensor], what: str
) -> None:
    """Load a backbone's tensors into `network`, strictly; its head stays as it is.

    Args:
        what: the backbone, for the message.

    Raises:
        ModelError: a tensor is missing, left over, or of another shape.
    """
    if isinstance(network, MobileNetFace):
        load_backbone(network, tensors)
        return
    backbone = _backbone(network)
    wanted = backbone.state_dict()
    # Files from before torch 0.4.1 lack the batch norms' counters, which nothing here reads.
    counters = {n: t for n, t in wanted.items() if n.endswith(_NAMES) and n not in tensors}
    given = {**tensors, **counters}
    check_tensors(wanted, given, what)
    backbone.load_state_dict(
        {name: t.to(wanted[name].dtype) for name, t in given.items()}, strict=True
    )


def prepare_for_training(network: ExpressionNetwork, faces: torch.Tensor, *, fresh: bool) -> None:
    """Put back the batch norms that a MobileNet's file has folded away; see `unfold_batch_norm`.

    Args:
        faces: some of the training's prepared faces, ``(n, 3, s, s)``.
        fresh: whether the weights are random; there is nothing to preserve then, and norms that
            did would pass on next to nothing.
    """
    if not isinstance(network, MobileNetFace):
        return
    unfold_batch_norm(network, faces)
    if fresh:
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.reset_parameters()


def finished(network: ExpressionNetwork) -> ExpressionNetwork:
    """A copy of a trained network as it is shipped: on the CPU, batch norms folded if they were."""
    shipped = copy.deepcopy(network).cpu().eval()
    return fold_batch_norm(shipped) if isinstance(shipped, MobileNetFace) else shipped


def save_backbone(
    network: ExpressionNetwork, architecture: str, spec: InputSpec, path: Path
) -> None:
    """Write a finished network without its head, as safetensors.

    Raises:
        OutputError: the file cannot be written.
    """
    tensors = {
        name: tensor.contiguous()
        for name, tensor in _backbone(network).state_dict().items()
        if name.split(".")[0] not in _HEADS
    }
    description = {
        "format": FORMAT,
        "architecture": architecture,
        "input": json.dumps(asdict(spec)),
    }
    write_described(tensors, description, path)


def _backbone(network: ExpressionNetwork) -> torch.nn.Module:
    return network.backbone if isinstance(network, BackboneWithHead) else network
