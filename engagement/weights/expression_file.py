"""Expression models on disk: safetensors that describe themselves.

The file's metadata carries all that inference needs (architecture, classes, input, crop), so that a
model is one file and nothing about it has to be guessed from its name.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from engagement.errors import ModelError
from engagement.files import written_whole
from engagement.networks.architectures import build_for
from engagement.networks.base import ExpressionNetwork
from engagement.networks.mobilenet import check_tensors
from engagement.networks.spec import BGR_MEAN, CropSpec, ExpressionSpec, InputSpec

FORMAT = "engagement.expression/2"
#: Grey models of one architecture, whose input is told by its size alone.
_FIRST_FORMAT = "engagement.expression/1"
#: The one entry of metadata that holds a description.
_DESCRIPTION = "engagement"


def grey_spec(
    name: str,
    classes: tuple[str, ...],
    input_size: int,
    crop_scale: float = 1.0,
    crop_shift_y: float = 0.0,
) -> ExpressionSpec:
    """Description of a model that takes level, grey faces, as `mobilenet_7_fer` does."""
    return ExpressionSpec(
        name=name,
        classes=classes,
        architecture="mobilenet_face",
        input=InputSpec(input_size, "grey", BGR_MEAN, (1.0, 1.0, 1.0), 1.0, "area"),
        crop=CropSpec("level", crop_scale, crop_shift_y),
    )


def save_expression(
    network: nn.Module, spec: ExpressionSpec, path: Path, dtype: torch.dtype = torch.float16
) -> None:
    """Write `network` as safetensors with its description.

    Args:
        dtype: half precision moves probabilities by a thousandth and halves the file.

    Raises:
        OutputError: the file cannot be written.
    """
    tensors = {
        name: (tensor.to(dtype) if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in network.state_dict().items()
    }
    write_described(tensors, {"format": FORMAT, "spec": spec.to_json()}, path)


def write_described(
    tensors: Mapping[str, torch.Tensor], description: Mapping[str, str], path: Path
) -> None:
    """Write tensors and what they are; the same of both is the same file, byte by byte.

    The library writes metadata in random order, so the description is one entry.

    Raises:
        OutputError: the file cannot be written.
    """
    metadata = {_DESCRIPTION: json.dumps(dict(description))}
    with written_whole(path) as partial:
        partial.write_bytes(save(dict(tensors), metadata=metadata))


def description_of(metadata: Mapping[str, str] | None) -> Mapping[str, str]:
    """What `write_described` was told, or the metadata themselves in a file of the first format.

    Raises:
        ValueError: the description is damaged.
    """
    if not metadata or _DESCRIPTION not in metadata:
        return metadata or {}
    described = json.loads(metadata[_DESCRIPTION])
    if not isinstance(described, dict):
        raise ValueError("the description is no object")  # noqa: TRY004 - the text is wrong
    return described


def load_expression(path: Path) -> tuple[ExpressionNetwork, ExpressionSpec]:
    """Read an expression model, strictly, as a float32 network in evaluation mode.

    Raises:
        ModelError: absent, not safetensors, of another format, or weights that do not fit.
    """
    try:
        with safe_open(path, framework="pt") as file:
            spec = _read_spec(path, file.metadata())
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{path} cannot be read as a safetensors model. Name a file that "
            "`engagement train expression` wrote."
        ) from error
    network = build_for(spec)
    check_tensors(network.state_dict(), tensors, spec.name)
    network.load_state_dict(
        {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}
    )
    return network.eval().to(memory_format=torch.channels_last), spec


def read_expression_spec(path: Path) -> ExpressionSpec:
    """The description of a model file, without its weights.

    Raises:
        ModelError: absent, not safetensors, or of another format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return _read_spec(path, file.metadata())
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{path} cannot be read as a safetensors model. Name a file that "
            "`engagement train expression` wrote."
        ) from error


def _read_spec(path: Path, metadata: Mapping[str, str] | None) -> ExpressionSpec:
    try:
        described = description_of(metadata)
        form = described.get("format")
        if form == FORMAT:
            return ExpressionSpec.from_json(described["spec"])
        if form == _FIRST_FORMAT:
            values = json.loads(described["spec"])
            return grey_spec(**{**values, "classes": tuple(values["classes"])})
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{path} does not describe itself as this version expects ({error}). Train it again, "
            "or use the version that wrote it."
        ) from error
    raise ModelError(
        f"{path} is not an expression model of this project (format {FORMAT}). Name a file that "
        "`engagement train` wrote."
    )
