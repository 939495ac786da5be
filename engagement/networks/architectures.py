"""Every network that an expression model can have, built without weights.

Every one is an `ExpressionNetwork`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import nn

from engagement.errors import ModelError
from engagement.networks.base import ExpressionNetwork
from engagement.networks.mobilefacenet import MobileFaceNet
from engagement.networks.mobilenet import MobileNetFace
from engagement.networks.spec import ExpressionSpec


class BackboneWithHead(ExpressionNetwork):
    """A backbone that embeds, and a linear head.

    Args:
        backbone: maps ``(n, 3, s, s)`` to ``(n, embedding_size)``.
        outputs: length of the output vector; 0 for a network that only embeds.
    """

    def __init__(self, backbone: nn.Module, embedding_size: int, outputs: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = nn.Linear(embedding_size, outputs) if outputs else nn.Identity()

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        embeddings: torch.Tensor = self.backbone(x)
        return embeddings


@dataclass(frozen=True)
class Architecture:
    """A family of networks.

    Attributes:
        embedding_size: length d of an embedding.
        build: makes the network for a number of outputs and of hidden units, at random weights.
    """

    name: str
    embedding_size: int
    build: Callable[[int, int], ExpressionNetwork]


def _mobilenet_face(outputs: int, hidden: int) -> ExpressionNetwork:
    network = MobileNetFace(outputs)
    if hidden:
        size = ARCHITECTURES["mobilenet_face"].embedding_size
        network.classifier = nn.Sequential(
            nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
        )
    return network


def _timm(timm_name: str, embedding_size: int) -> Callable[[int, int], ExpressionNetwork]:
    def build(outputs: int, hidden: int) -> ExpressionNetwork:
        del hidden  # these have none
        import timm  # takes a second to import

        backbone = timm.create_model(timm_name, pretrained=False, num_classes=0)
        return BackboneWithHead(backbone, embedding_size, outputs)

    return build


def _mobilefacenet(outputs: int, hidden: int) -> ExpressionNetwork:
    del hidden  # it has none
    return BackboneWithHead(MobileFaceNet(), 512, outputs)


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        a.name: a
        for a in (
            Architecture("mobilenet_face", 1024, _mobilenet_face),
            Architecture("efficientnet_b0", 1280, _timm("tf_efficientnet_b0", 1280)),
            Architecture("efficientnet_b2", 1408, _timm("tf_efficientnet_b2", 1408)),
            Architecture("mobilevitv2_150", 768, _timm("mobilevitv2_150", 768)),
            Architecture("mobilefacenet", 512, _mobilefacenet),
        )
    }
)


def build(architecture: str, outputs: int, hidden: int = 0) -> ExpressionNetwork:
    """A network at random weights, in evaluation mode.

    Args:
        architecture: a key of `ARCHITECTURES`.
        outputs: length of the output vector; 0 for a network that only embeds.
        hidden: units between embedding and outputs, where the architecture has such a layer.

    Raises:
        ModelError: an unknown architecture.
    """
    if architecture not in ARCHITECTURES:
        raise ModelError(
            f"There is no architecture {architecture!r}. Known are {', '.join(ARCHITECTURES)}."
        )
    return ARCHITECTURES[architecture].build(outputs, hidden).eval()


def build_for(spec: ExpressionSpec) -> ExpressionNetwork:
    """The network that a model's description asks for, at random weights."""
    return build(spec.architecture, spec.outputs, spec.hidden)
