"""The models that come with the package, and how a model is named."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from engagement.errors import ModelError
from engagement.networks.mobilenet import MobileNetFace, load_backbone

_FILES = Path(__file__).parent / "files"
#: The expression model that needs no download.
DEFAULT_EXPRESSION = "mobilenet_7_fer"
#: Expression models in the package, by name.
BUNDLED = {DEFAULT_EXPRESSION: _FILES / "mobilenet_7_fer.safetensors"}
#: The face backbone as published, without its unused heads: identity and training start from it.
BACKBONE = _FILES / "hse_faceres.safetensors"


def resolve_expression(name: str) -> Path:
    """File of an expression model.

    Args:
        name: ``auto`` (the best model present), a bundled model's name, or the path of a file
            that ``engagement train expression`` wrote.

    Raises:
        ModelError: neither a known name nor a file.
    """
    if name == "auto":
        return BUNDLED[DEFAULT_EXPRESSION]
    if name in BUNDLED:
        return BUNDLED[name]
    path = Path(name)
    if path.is_file():
        return path
    raise ModelError(
        f"There is no model {name!r}. Known are: auto, {', '.join(sorted(BUNDLED))}, or the path "
        "of a .safetensors file.",
        code="model_unknown",
    )


def load_identity() -> MobileNetFace:
    """The published backbone as a network without a head.

    Raises:
        ModelError: the packaged file is absent or damaged.
    """
    network = MobileNetFace(0)
    load_backbone(network, read_backbone(BACKBONE))
    return network.eval()


def read_backbone(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a backbone file.

    Raises:
        ModelError: absent, or not safetensors.
    """
    try:
        return dict(load_file(path))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path} cannot be read as a safetensors backbone. Name the HSE-FaceRes file."
        ) from error
