"""Fills networks of this project from other people's model files, strictly.

Every tensor of the network comes from the file and every tensor of the file goes into it, with its
shape; where the file describes its computation, that is compared as well.
"""

from dataclasses import replace

import torch

from engagement.errors import ModelError
from engagement.networks.architectures import build_for
from engagement.networks.base import ExpressionNetwork
from engagement.networks.mobilenet import check_tensors
from engagement.networks.spec import (
    CLASSES_BY_OUTPUTS,
    PUBLISHED_INPUTS,
    CropSpec,
    ExpressionSpec,
)
from engagement.weights.arrangement import Arrangement, arrange_torch
from engagement.weights.keras_arrangement import arrange_keras
from engagement.weights.module_settings import check_settings
from engagement.weights.readers.checkpoint import Checkpoint

#: Counters of batch norms: read by nothing here, and absent from old files.
_COUNTER = "num_batches_tracked"


def fit(checkpoint: Checkpoint, spec: ExpressionSpec) -> ExpressionNetwork:
    """The network that `spec` describes, filled from a file, in evaluation mode.

    A hidden layer of the head is as large as the file's; see `adapted`. A `spec` without classes
    gives a network that only embeds, and takes a file without a head.

    Raises:
        ModelError: of another architecture or number of outputs, tensors missing, left over or
            misshapen, numbers that are not finite, or a computation that differs.
    """
    arrangement = _arrange(checkpoint)
    _check_kind(checkpoint, arrangement, spec)
    network = build_for(replace(spec, hidden=arrangement.hidden))
    wanted = network.state_dict()
    counters = {name: t for name, t in wanted.items() if name.endswith(_COUNTER)}
    given = counters | dict(arrangement.tensors)
    check_tensors(wanted, given, f"{spec.name} ({checkpoint.source})")
    filled = {name: _as_wanted(checkpoint, name, given[name], wanted[name]) for name in wanted}
    network.load_state_dict(filled)
    check_settings(checkpoint, arrangement, network)
    return network.eval().to(memory_format=torch.channels_last)


def check_description(checkpoint: Checkpoint, spec: ExpressionSpec) -> None:
    """Compare what a file says of itself with the shapes of its tensors, building nothing.

    Raises:
        ModelError: another architecture, number of outputs or hidden layer.
    """
    arrangement = _arrange(checkpoint)
    _check_kind(checkpoint, arrangement, spec)
    if arrangement.hidden != spec.hidden:
        raise ModelError(
            f"{checkpoint.source} describes a hidden layer of {spec.hidden} units and holds one of "
            f"{arrangement.hidden}. Get it again from its maker.",
            code="weights_mismatch",
        )


def adapted(checkpoint: Checkpoint, spec: ExpressionSpec) -> ExpressionSpec:
    """`spec` with the hidden layer that the file's head has: what describes ``fit``'s network.

    Raises:
        ModelError: no network that is known here.
    """
    return replace(spec, hidden=_arrange(checkpoint).hidden)


def infer_spec(checkpoint: Checkpoint) -> ExpressionSpec:
    """What a file named by hand holds, told by the names and shapes of its tensors.

    Emotions are taken to be in the order of the published models, and the input to be theirs.

    Raises:
        ModelError: no network that is known here, or outputs that are no emotions.
    """
    arrangement = _arrange(checkpoint)
    if arrangement.outputs not in CLASSES_BY_OUTPUTS:
        raise ModelError(
            f"{checkpoint.source} has {arrangement.outputs or 'no'} outputs, and emotions need 7 "
            "or 8, with or without valence and arousal behind them. Use an expression model.",
            code="outputs_unknown",
        )
    return default_spec(
        custom_name(checkpoint.sha256),
        arrangement.architecture,
        arrangement.outputs,
        arrangement.hidden,
    )


def custom_name(sha256: str) -> str:
    """The name of a model that has none: from its file's bytes."""
    return f"custom-{sha256[:12]}"


def default_spec(name: str, architecture: str, outputs: int, hidden: int = 0) -> ExpressionSpec:
    """The description of a model of which no more is known than this.

    Raises:
        ModelError: a number of outputs that is none of 7, 8, 9 and 10.
    """
    if outputs not in CLASSES_BY_OUTPUTS:
        raise ModelError(
            f"{name} has {outputs} outputs, which are no emotions that are known here."
        )
    classes, predicts_affect = CLASSES_BY_OUTPUTS[outputs]
    return ExpressionSpec(
        name=name,
        classes=classes,
        architecture=architecture,
        input=PUBLISHED_INPUTS[architecture],
        crop=CropSpec("box"),
        predicts_affect=predicts_affect,
        hidden=hidden,
    )


def _arrange(checkpoint: Checkpoint) -> Arrangement:
    if checkpoint.format == "keras":
        return arrange_keras(checkpoint)
    return arrange_torch(checkpoint)


def _check_kind(checkpoint: Checkpoint, arrangement: Arrangement, spec: ExpressionSpec) -> None:
    if arrangement.architecture != spec.architecture:
        raise ModelError(
            f"{checkpoint.source} holds {arrangement.architecture}, and {spec.name} is "
            f"{spec.architecture}. Use the file that belongs to this model.",
            code="weights_mismatch",
        )
    if arrangement.outputs != spec.outputs:
        raise ModelError(
            f"{checkpoint.source} has {arrangement.outputs or 'no'} outputs, and {spec.name} has "
            f"{spec.outputs or 'none'}. Use the file that belongs to this model.",
            code="weights_mismatch",
        )


def _as_wanted(
    checkpoint: Checkpoint, name: str, given: torch.Tensor, wanted: torch.Tensor
) -> torch.Tensor:
    tensor = given.to(wanted.dtype)
    usable = not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())
    if usable and name.endswith("running_var"):
        usable = bool((tensor >= 0).all())
    if not usable:
        raise ModelError(
            f"The tensor {name} of {checkpoint.source} holds numbers that no network can have "
            "(infinite, not a number, or a negative variance). Get it again from its publisher.",
            code="weights_mismatch",
        )
    return tensor
