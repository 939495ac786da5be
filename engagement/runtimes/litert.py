"""LiteRT files (.tflite), for phones.

The converter and the interpreter are optional packages, and talk to the terminal past Python's own
streams; what they say is kept away from it.
"""

import copy
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import torch
from torch import nn

from engagement.errors import ModelError
from engagement.networks.base import ExpressionNetwork
from engagement.networks.spec import ExpressionSpec
from engagement.runtimes.base import Floats
from engagement.runtimes.graph import OutputAndEmbedding


class SplitAttention(nn.Module):
    """MobileViT v2's separable attention with query, key and value as three convolutions.

    The same arithmetic as timm's, which splits the result of one convolution; LiteRT's converter
    does not take that (it makes a product out of it whose shapes do not fit).

    Source: Mehta and Rastegari, "Separable Self-attention for Mobile Vision Transformers", arXiv
    2206.02680, section 3.2.
    """

    def __init__(self, joint: nn.Conv2d, out: nn.Conv2d) -> None:
        super().__init__()
        size = out.in_channels
        self.query = _part(joint, 0, 1)
        self.key = _part(joint, 1, 1 + size)
        self.value = _part(joint, 1 + size, 1 + 2 * size)
        self.out = out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = self.query(x).softmax(dim=-1)
        context = (self.key(x) * scores).sum(dim=-1, keepdim=True)
        result: torch.Tensor = self.out(self.value(x).relu() * context)
        return result


def _part(joint: nn.Conv2d, start: int, stop: int) -> nn.Conv2d:
    """The pointwise convolution that gives the channels from `start` to `stop` alone."""
    layer = nn.Conv2d(joint.in_channels, stop - start, 1, bias=joint.bias is not None)
    layer.weight = nn.Parameter(joint.weight.detach()[start:stop])
    if joint.bias is not None:
        layer.bias = nn.Parameter(joint.bias.detach()[start:stop])
    return layer


def convertible(network: ExpressionNetwork) -> ExpressionNetwork:
    """A copy that computes the same and that LiteRT's converter takes."""
    from timm.models.mobilevit import LinearSelfAttention

    changed = copy.deepcopy(network)
    for parent in list(changed.modules()):
        for name, child in parent.named_children():
            if isinstance(child, LinearSelfAttention):
                setattr(parent, name, SplitAttention(child.qkv_proj, child.out_proj))
    return changed


def is_installed() -> bool:
    """Whether the converter is there (without importing it)."""
    return find_spec("litert_torch") is not None


def write_litert(network: ExpressionNetwork, spec: ExpressionSpec, path: Path) -> None:
    """Write the network for one face at a time, with its output and its embedding.

    Raises:
        ModelError: the converter does not take it.
    """
    example = torch.zeros(1, 3, spec.input.size, spec.input.size)
    both = OutputAndEmbedding(convertible(network)).eval().cpu()
    with _hushed():
        import litert_torch

        try:
            converted = litert_torch.convert(both, (example,))
        except (ValueError, RuntimeError) as error:
            # Its messages are a compiler's, many lines long; the first says which step failed.
            raise ModelError(
                f"LiteRT's converter does not take {spec.name} ({str(error).splitlines()[0]}). "
                "Choose another format or another model.",
                code="export_unsupported",
            ) from error
        converted.export(str(path))


def run_litert(path: Path, faces: Floats) -> tuple[Floats, Floats]:
    """Outputs and embeddings that the file gives for prepared faces ``(n, 3, s, s)``."""
    with _hushed():
        from ai_edge_litert.interpreter import Interpreter

        run = Interpreter(model_path=str(path)).get_signature_runner()
        (name,) = run.get_input_details()
        # Outputs are named by position, output_0 and output_1.
        first, second = sorted(run.get_output_details())
        results = [run(**{name: face[None]}) for face in faces]
    outputs, embeddings = (np.concatenate([r[key] for r in results]) for key in (first, second))
    return outputs, embeddings


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep native code's and absl's words off the terminal: they go past `sys.stderr`."""
    sys.stdout.flush()
    sys.stderr.flush()
    with TemporaryFile() as away, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kept = [os.dup(number) for number in (1, 2)]
        try:
            for number in (1, 2):
                os.dup2(away.fileno(), number)
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy_of in zip((1, 2), kept, strict=True):
                os.dup2(copy_of, number)
                os.close(copy_of)
