"""ONNX models: parsed, checked to be one file of known operators, and described.

ONNX is an optional dependency; nothing here runs a model.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engagement.errors import ModelError
from engagement.weights.readers.source import (
    MAX_FILE_BYTES,
    UnreadableError,
    read_bytes,
)

if TYPE_CHECKING:
    from types import ModuleType

#: Operators of the standard, and those in which quantised models are written.
DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
MAX_NODES = 100_000
_FLOAT = 1  # TensorProto.FLOAT
_EXTERNAL = 1  # TensorProto.EXTERNAL
#: Operators that multiply by a matrix of weights, with the place of the matrix among their inputs.
_LINEAR = {
    "Gemm": 1,
    "MatMul": 1,
    "MatMulInteger": 1,
    "DynamicQuantizeMatMul": 1,
    "MatMulIntegerToFloat": 1,
    "MatMulNBits": 1,
    "QGemm": 3,
    "QLinearMatMul": 3,
}
#: Operators that may stand between that and the output, or between the embedding and that.
_PASSING = frozenset(
    {"Add", "Cast", "DequantizeLinear", "DynamicQuantizeLinear", "Flatten", "Identity", "Mul"}
    | {"QLinearAdd", "QuantizeLinear", "Softmax"}
)
_QUANTISING = frozenset({"Cast", "DequantizeLinear", "DynamicQuantizeLinear", "QuantizeLinear"})


@dataclass(frozen=True)
class OnnxDescription:
    """What has to be known of an ONNX model to run it.

    Attributes:
        input_name: of the one input ``(n, 3, size, size)`` float32.
        size: its side in pixels.
        outputs: length k of the first output, ``(n, k)``.
        output_name: of that output.
        embedding: name of the tensor that the last linear layer takes.
    """

    input_name: str
    size: int
    outputs: int
    output_name: str
    embedding: str


def read_onnx(path: Path, limit: int = MAX_FILE_BYTES) -> Any:
    """A checked ``onnx.ModelProto``.

    Raises:
        ModelError: `onnx` is not installed, the file is absent or no ONNX, keeps data outside
            itself, uses operators of unknown domains, or does not map a face to outputs.
    """
    onnx = _onnx()
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    data = read_bytes(path, limit)
    try:
        model = onnx.ModelProto()
        try:
            model.ParseFromString(data)
        except (DecodeError, RuntimeError, ValueError) as error:
            raise UnreadableError("it is not an ONNX file, or is damaged") from error
        _check(model)
        _describe(model)
    except UnreadableError as error:
        raise _refusal(path, str(error)) from error
    return model


def describe_onnx(model: Any) -> OnnxDescription:
    """Input, output and embedding of a model that `read_onnx` gave.

    Raises:
        ModelError: it does not map a face to outputs by a last linear layer.
    """
    try:
        return _describe(model)
    except UnreadableError as error:
        raise _refusal(Path(model.graph.name or "model.onnx"), str(error)) from error


def _onnx() -> "ModuleType":
    try:
        import onnx
    except ImportError as error:
        raise ModelError(
            "Reading ONNX files needs the onnx package. Install engagement-analytics[onnx].",
            code="onnx_missing",
        ) from error
    module: ModuleType = onnx
    return module


def _refusal(path: Path, reason: str) -> ModelError:
    return ModelError(
        f"{path} cannot be used as a model: {reason}. Get it again from its publisher, or export "
        "it again.",
        code="model_unreadable",
    )


def _check(model: Any) -> None:
    if not model.graph.node:
        raise UnreadableError("it is not an ONNX file, or has no network in it")
    if model.functions or model.training_info:
        raise UnreadableError("it defines functions of its own")
    count = 0
    for graph in _graphs(model.graph):
        count += len(graph.node)
        if count > MAX_NODES:
            raise UnreadableError(f"it has over {MAX_NODES} operators")
        for node in graph.node:
            if node.domain not in DOMAINS:
                raise UnreadableError(
                    f"it uses the operator {node.op_type[:60]!r} of the unknown domain "
                    f"{node.domain[:60]!r}"
                )
        for tensor in _tensors(graph):
            if tensor.data_location == _EXTERNAL or tensor.external_data:
                raise UnreadableError(f"it keeps {tensor.name[:80]!r} in another file")


def _graphs(root: Any) -> Iterator[Any]:
    """`root` and the graphs inside its operators (protobuf bounds how deep)."""
    waiting = [root]
    while waiting:
        graph = waiting.pop()
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                waiting += [*attribute.graphs]
                if attribute.HasField("g"):
                    waiting.append(attribute.g)


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    sparse = list(graph.sparse_initializer)
    for node in graph.node:
        for attribute in node.attribute:
            yield from attribute.tensors
            if attribute.HasField("t"):
                yield attribute.t
            sparse += attribute.sparse_tensors
            if attribute.HasField("sparse_tensor"):
                sparse.append(attribute.sparse_tensor)
    for tensor in sparse:
        yield tensor.values
        yield tensor.indices


def _describe(model: Any) -> OnnxDescription:
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1 or not graph.output:
        raise UnreadableError("it does not have one input and an output")
    shape = _shape(inputs[0])
    if len(shape) != 4 or shape[1] != 3 or not shape[2] or shape[2] != shape[3]:
        raise UnreadableError("its input is not (n, 3, size, size) float32")
    linear = _last_linear(graph)
    outputs = _outputs(graph, linear)
    if len(_shape(graph.output[0])) != 2 or not outputs:
        raise UnreadableError("its output is not (n, k) float32")
    return OnnxDescription(
        input_name=inputs[0].name,
        size=shape[2],
        outputs=outputs,
        output_name=graph.output[0].name,
        embedding=_embedding(graph, linear),
    )


def _shape(value: Any) -> tuple[int, ...]:
    """Lengths of a float tensor; 0 for what is only known when running."""
    kind = value.type.tensor_type
    if kind.elem_type != _FLOAT:
        return ()
    return tuple(int(dimension.dim_value) for dimension in kind.shape.dim)


def _producers(graph: Any) -> dict[str, Any]:
    return {name: node for node in graph.node for name in node.output if name}


def _last_linear(graph: Any) -> Any:
    """The operator that makes the outputs from the embedding."""
    producers = _producers(graph)
    waiting, seen = [graph.output[0].name], set()
    while waiting:
        node = producers.get(waiting.pop())
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if node.op_type in _LINEAR:
            return node
        if node.op_type in _PASSING:
            waiting += list(node.input)[::-1]
    raise UnreadableError("its output does not come from a linear layer")


def _outputs(graph: Any, linear: Any) -> int:
    """Length of the output, from its own shape or from the last layer's weights."""
    shape = _shape(graph.output[0])
    if len(shape) == 2 and shape[1]:
        return shape[1]
    place = _LINEAR[linear.op_type]
    name = linear.input[place] if len(linear.input) > place else ""
    weights = next((t for t in graph.initializer if t.name == name), None)
    if weights is None or len(weights.dims) != 2:
        return 0
    transposed = any(a.name == "transB" and a.i for a in linear.attribute)
    return int(weights.dims[0 if transposed else 1])


def _embedding(graph: Any, linear: Any) -> str:
    """Name of the float tensor that the last linear layer takes."""
    producers = _producers(graph)
    name = str(linear.input[0])
    for _ in range(len(graph.node)):
        node = producers.get(name)
        if node is None or node.op_type not in _QUANTISING or not node.input:
            break
        name = str(node.input[0])
    return name
