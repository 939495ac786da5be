"""From a model's name to a network that runs.

A name is looked up in the registry, its file in the cache; the file becomes a network (strictly,
never by unpickling), the network an ONNX graph where the runtime wants one. Both steps are done
once a file: their results are kept in the cache under the sha256 of the original.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engagement.errors import ModelError
from engagement.files import sha256_of
from engagement.networks.spec import (
    CLASSES_BY_OUTPUTS,
    SYMMETRIC_112,
    CropSpec,
    ExpressionSpec,
    InputSpec,
)
from engagement.runtimes.base import Floats, Runtime, RuntimeName, RuntimeSettings, choose
from engagement.runtimes.kept import KeptGraph
from engagement.weights.cache import converted_folder, find_file
from engagement.weights.registry import AUTO_ORDER, RegisteredModel, find_model

if TYPE_CHECKING:
    from engagement.networks.base import ExpressionNetwork


@dataclass(frozen=True)
class OpenModel:
    """A network that runs, and what it is."""

    runtime: Runtime
    spec: ExpressionSpec
    weights_sha256: str


@dataclass(frozen=True)
class OpenGraph(OpenModel):
    """An ONNX graph that runs, and its linear head.

    Attributes:
        head_weights: ``(k, d)``.
        head_bias: ``(k,)``.
    """

    head_weights: Floats
    head_bias: Floats


@dataclass(frozen=True)
class ModelFile:
    """Where a model's weights are.

    Attributes:
        path: a file that was verified, or that the user named.
        spec: what it is known to be; None for a file that has to tell by itself.
        custom: named by hand, so that its name in results is its sha256.
    """

    path: Path
    spec: ExpressionSpec | None
    custom: bool = False


def locate_model(model: str, weights: Path | None = None) -> ModelFile:
    """The file of a model.

    Args:
        model: ``auto``, a name of the registry, or the path of a file that ``engagement train``
            wrote.
        weights: a file named by hand, of whatever form the readers know.

    Raises:
        ModelError: unknown, or its file is not there; says how to get it.
    """
    if weights is not None:
        return ModelFile(weights, _known_spec(model), custom=True)
    if model == "auto":
        return _best_present()
    path = Path(model)
    if path.suffix and path.is_file():
        return ModelFile(path, None, custom=path.suffix != ".safetensors")
    known = find_model(model)
    if known.kind != "expression":
        raise ModelError(
            f"{model} is not an expression model but one of {known.kind}. Choose another; "
            "`engagement models` lists them.",
            code="model_unknown",
        )
    found = _present(known)
    if found is None:
        raise ModelError(
            f"The model {model} is not on this machine. Run `engagement models fetch {model}`, or "
            f"choose the bundled one, {AUTO_ORDER[-1]}.",
            code="model_absent",
        )
    return found


def _known_spec(model: str) -> ExpressionSpec | None:
    if model == "auto":
        return None
    spec = find_model(model).spec
    if spec is None:
        raise ModelError(f"{model} is not an expression model. `engagement models` lists them.")
    return spec


def _best_present() -> ModelFile:
    for name in AUTO_ORDER:
        found = _present(find_model(name))
        if found is not None:
            return found
    raise ModelError("No expression model is present, not even the bundled one: install again.")


def _present(model: RegisteredModel) -> ModelFile | None:
    if model.bundled is not None:
        return ModelFile(model.bundled, None)
    # The weights first: where a graph was published as well it is not always of the same weights.
    for file in sorted(model.files, key=lambda f: f.format == "onnx"):
        path = find_file(file)
        if path is not None:
            return ModelFile(path, model.spec)
    return None


def open_model(model: str, weights: Path | None, settings: RuntimeSettings) -> OpenModel:
    """Load a model and make it run.

    Raises:
        ModelError: unknown, absent, damaged, weights that do not fit, or no such runtime.
    """
    return open_file(locate_model(model, weights), settings)


def open_file(file: ModelFile, settings: RuntimeSettings) -> OpenModel:
    """Make a located model run. See `open_model`."""
    name = choose(settings)
    if _is_graph(file.path):
        return open_graph(file, settings)
    if name == "torch":
        from engagement.runtimes.torch_runtime import TorchRuntime

        network, spec, sha256 = load_network(file)
        return OpenModel(TorchRuntime(network, settings), spec, sha256)
    sha256 = _hashed(file.path)
    graph, spec = _graph_of(file, sha256)
    return OpenModel(_run_graph(name, graph, settings), spec, sha256)


def load_network(file: ModelFile) -> "tuple[ExpressionNetwork, ExpressionSpec, str]":
    """The network of a located model, its description, and its file's sha256.

    Raises:
        ModelError: damaged, or weights that do not fit.
    """
    if not file.custom and file.spec is None:
        from engagement.weights.expression_file import load_expression

        network, spec = load_expression(file.path)
        return network, spec, sha256_of(file.path)
    from engagement.weights.loading import load_custom, load_published

    if file.custom or file.spec is None:
        loaded = load_custom(file.path, file.spec, converted_folder())
    else:
        loaded = load_published(file.path, file.spec, converted_folder())
    return loaded.network, loaded.spec, loaded.weights_sha256


def _hashed(path: Path) -> str:
    try:
        return sha256_of(path)
    except (OSError, ValueError):
        from engagement.weights.readers.source import read_bytes

        return hashlib.sha256(read_bytes(path)).hexdigest()  # says what is wrong with it


def _is_graph(path: Path) -> bool:
    return path.suffix == ".onnx"


def _run_graph(name: RuntimeName, graph: bytes, settings: RuntimeSettings) -> Runtime:
    if name == "openvino":
        from engagement.runtimes.openvino_runtime import OpenVinoRuntime

        return OpenVinoRuntime(graph, settings)
    from engagement.runtimes.onnx_runtime import OnnxRuntime

    return OnnxRuntime(graph, settings)


def _graph_of(file: ModelFile, sha256: str) -> tuple[bytes, ExpressionSpec]:
    """The model as a graph, from the cache where it has been exported before."""
    # The same weights may be asked for under two descriptions.
    asked = hashlib.sha256(repr((file.spec, file.custom)).encode()).hexdigest()[:8]
    kept = KeptGraph(converted_folder(), f"{sha256}-{asked}")
    if (found := kept.read()) is not None:
        return found
    from engagement.runtimes.graph import export_graph

    network, spec, _ = load_network(file)
    graph = export_graph(network, spec)
    kept.write(graph, spec)
    return graph, spec


def open_graph(file: ModelFile, settings: RuntimeSettings) -> OpenGraph:
    """Make an ONNX file run as it was published, on ONNX Runtime or OpenVINO.

    Raises:
        ModelError: absent, damaged, no graph of an expression model, or no such runtime.
    """
    from engagement.runtimes.published_graph import head_of, with_embedding
    from engagement.weights.readers.onnx_file import describe_onnx, read_onnx

    sha256 = _hashed(file.path)
    name = choose(settings)
    if name == "torch":
        raise ModelError(
            f"{file.path.name} is an ONNX graph, which torch does not run. Choose the runtime onnx "
            "or openvino."
        )
    graph = read_onnx(file.path)
    described = describe_onnx(graph)
    spec = file.spec or _spec_of_graph(file.path, graph, described.outputs, described.size)
    if file.custom:
        spec = replace(spec, name=f"custom-{sha256[:12]}")
    runtime = _run_graph(name, with_embedding(graph, described.embedding), settings)
    return OpenGraph(runtime, spec, sha256, *head_of(graph))


def _spec_of_graph(path: Path, graph: Any, outputs: int, size: int) -> ExpressionSpec:
    """What a graph says of itself where this project exported it, else what its shapes tell."""
    from engagement.runtimes.export import SPEC_KEY

    said = next((entry.value for entry in graph.metadata_props if entry.key == SPEC_KEY), None)
    if said is not None:
        try:
            spec = ExpressionSpec.from_json(said)
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise ModelError(
                f"{path.name} does not describe itself as this version expects. Export it again."
            ) from error
        if (spec.outputs, spec.input.size) != (outputs, size):
            raise ModelError(
                f"{path.name} says that it takes faces of {spec.input.size} pixels and has "
                f"{spec.outputs} outputs, but its graph takes {size} and has {outputs}. Export it "
                "again."
            )
        return spec
    if outputs not in CLASSES_BY_OUTPUTS:
        raise ModelError(
            f"{path.name} has {outputs} outputs. Expression models have 7 or 8 emotions, with or "
            "without valence and arousal behind them."
        )
    classes, predicts_affect = CLASSES_BY_OUTPUTS[outputs]
    prepared = SYMMETRIC_112 if size == SYMMETRIC_112.size else InputSpec(size)
    return ExpressionSpec(
        "graph", classes, "graph", prepared, CropSpec("box"), predicts_affect=predicts_affect
    )
