"""A network as an ONNX graph, which ONNX Runtime and OpenVINO read.

The graph has the input ``input`` ``(n, 3, s, s)`` and the outputs ``output`` ``(n, k)`` and
``embedding`` ``(n, d)``. The first two are named as in the published ONNX files, so that a file
exported here serves where one of those does.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

from engagement.networks.base import ExpressionNetwork
from engagement.networks.spec import ExpressionSpec

INPUT, OUTPUT, EMBEDDING = "input", "output", "embedding"
#: Understood by ONNX Runtime since 1.12 and OpenVINO since 2022.
_OPSET = 17


class OutputAndEmbedding(nn.Module):
    """The network with both of its results, ``(output, embedding)``."""

    def __init__(self, network: ExpressionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        embedding = self.network.embed(x)
        return self.network.classifier(embedding), embedding


def export_graph(network: ExpressionNetwork, spec: ExpressionSpec) -> bytes:
    """The network as ONNX with a free batch size, batch norms folded."""
    return export_module(
        OutputAndEmbedding(network),
        torch.zeros(2, 3, spec.input.size, spec.input.size),
        outputs=(OUTPUT, EMBEDDING),
    )


def export_module(
    module: nn.Module,
    example: torch.Tensor,
    *,
    outputs: Sequence[str],
    free_sides: bool = False,
) -> bytes:
    """A module of one image-like input ``(n, c, h, w)`` as ONNX, batch norms folded.

    Args:
        example: an input; its batch size is free in the graph.
        outputs: names of the outputs.
        free_sides: whether height and width are free too.
    """
    # Evaluation mode for the whole: the exporter puts all its parts into the whole's mode.
    module = module.eval().cpu()
    axes: dict[str, dict[int, str]] = {name: {0: "batch"} for name in (INPUT, *outputs)}
    if free_sides:
        axes = {name: {0: "batch", 2: "height", 3: "width"} for name in axes}
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        path = Path(folder) / "graph.onnx"
        # The tracing exporter is called old, and tells of shapes that it takes as constant: those
        # of the input's sides, which are.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (example,),
            path,
            dynamo=False,
            opset_version=_OPSET,
            input_names=[INPUT],
            output_names=list(outputs),
            dynamic_axes=axes,
        )
        return path.read_bytes()
