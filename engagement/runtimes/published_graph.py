"""A published ONNX graph, made to give what is needed of it. Does not load torch."""

from typing import TYPE_CHECKING

import numpy as np

from engagement.errors import ModelError
from engagement.runtimes.base import Floats

if TYPE_CHECKING:
    import onnx


def with_embedding(model: "onnx.ModelProto", embedding: str) -> bytes:
    """A published graph, which only has outputs, with the input of its head as a second output."""
    import onnx

    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    if all(output.name != embedding for output in changed.graph.output):
        changed.graph.output.append(
            onnx.helper.make_tensor_value_info(embedding, onnx.TensorProto.FLOAT, None)
        )
    return bytes(changed.SerializeToString())


def head_of(model: "onnx.ModelProto") -> tuple[Floats, Floats]:
    """Weight ``(k, d)`` and bias ``(k,)`` of the linear layer that gives a graph's first output.

    Raises:
        ModelError: the output does not come from such a layer.
    """
    from onnx import numpy_helper

    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    wanted = model.graph.output[0].name
    for node in model.graph.node:
        if wanted not in node.output or node.op_type != "Gemm" or len(node.input) != 3:
            continue
        weight, bias = (constants.get(name) for name in node.input[1:])
        if weight is None or bias is None:
            break
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        array = numpy_helper.to_array(weight).astype(np.float32)
        return (array if transposed else array.T), numpy_helper.to_array(bias).astype(np.float32)
    raise ModelError(
        "The graph's output does not come from a linear layer (Gemm with weight and bias). Use a "
        "published ONNX file, or one that `engagement models export` wrote."
    )
