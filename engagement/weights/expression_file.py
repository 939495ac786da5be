"""Expression models on disk: fp16 safetensors that describe themselves.

The file's metadata carries all that inference needs (architecture, classes, input size, crop), so
that a model is one file and nothing about it has to be guessed from its name.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from engagement.errors import ModelError
from engagement.files import written_whole
from engagement.networks.mobilenet import MobileNetFace, check_tensors

FORMAT = "engagement.expression/1"
ARCHITECTURE = "mobilenet_face"


@dataclass(frozen=True)
class ExpressionSpec:
    """What an expression model file says of itself.

    Attributes:
        name: for reports, for example ``mobilenet_7_fer``.
        classes: emotion names in the order of the logits.
        input_size: side of the square grey input in pixels.
        crop_scale: side of the square crop over the longer side of the detector's box.
        crop_shift_y: the crop's centre below the box's centre, as a share of that longer side.
    """

    name: str
    classes: tuple[str, ...]
    input_size: int
    crop_scale: float = 1.0
    crop_shift_y: float = 0.0


def save_expression(network: MobileNetFace, spec: ExpressionSpec, path: Path) -> None:
    """Write `network` (batch norms folded) as fp16 safetensors with its description."""
    metadata = {
        "format": FORMAT,
        "architecture": ARCHITECTURE,
        "spec": json.dumps(asdict(spec)),
    }
    tensors = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    with written_whole(path) as partial:
        save_file(tensors, partial, metadata=metadata)


def load_expression(path: Path) -> tuple[MobileNetFace, ExpressionSpec]:
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
    network = MobileNetFace(len(spec.classes))
    check_tensors(network.state_dict(), tensors, spec.name)
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    return network.eval().to(memory_format=torch.channels_last), spec


def _read_spec(path: Path, metadata: Mapping[str, str] | None) -> ExpressionSpec:
    if not metadata or metadata.get("format") != FORMAT:
        raise ModelError(
            f"{path} is not an expression model of this project (format {FORMAT}). Name a file "
            "that `engagement train expression` wrote."
        )
    try:
        values = json.loads(metadata["spec"])
        return ExpressionSpec(**{**values, "classes": tuple(values["classes"])})
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path} does not describe itself as this version expects ({error}). Train it again, "
            "or use the version that wrote it."
        ) from error
