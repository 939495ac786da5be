"""The face backbone that comes with the package."""

from pathlib import Path
from typing import TYPE_CHECKING

from engagement.errors import ModelError

if TYPE_CHECKING:
    import torch

    from engagement.networks.mobilenet import MobileNetFace

#: The face backbone as published, without its unused heads: identity and training start from it.
BACKBONE = Path(__file__).parent / "files" / "hse_faceres.safetensors"


def load_identity() -> "MobileNetFace":
    """The published backbone as a network without a head.

    Raises:
        ModelError: the packaged file is absent or damaged.
    """
    from engagement.networks.mobilenet import MobileNetFace, load_backbone

    network = MobileNetFace(0)
    load_backbone(network, read_backbone(BACKBONE))
    return network.eval()


def read_backbone(path: Path) -> "dict[str, torch.Tensor]":
    """Tensors of a backbone file.

    Raises:
        ModelError: absent, or not safetensors.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelError(
            f"{path} cannot be read as a safetensors backbone. Name the HSE-FaceRes file."
        ) from error
