"""From the stand-ins of a pickled network to its tensors by name, and what else it says of itself.

The names are those that ``state_dict()`` of the real network would give.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from engagement.weights.readers.pickle_values import Reference, StandIn, TensorReference
from engagement.weights.readers.source import UnreadableError

MAX_MODULES = 20_000
MAX_DEPTH = 64

#: Keys under which training scripts keep a network or its tensors beside other things.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "network", "net")

Plain = bool | int | float | str | None
Setting = Plain | tuple[Plain, ...]


@dataclass(frozen=True)
class ModuleFacts:
    """What a pickled network says of one of its modules.

    Attributes:
        kind: name of its class, without its package.
        settings: its plain attributes (stride, eps, ...); a function is given by its name.
    """

    kind: str
    settings: Mapping[str, Setting]


@dataclass(frozen=True)
class Content:
    """Tensors by name, and the modules by path where the file holds a whole network."""

    tensors: Mapping[str, TensorReference]
    modules: Mapping[str, ModuleFacts]


def content_of(value: object) -> Content:
    """What a PyTorch file's value holds: a whole network, a state dict, or one of them in a dict.

    Raises:
        UnreadableError: none of these.
    """
    if isinstance(value, StandIn):
        return _walk(value)
    if isinstance(value, dict):
        inner = next((value[key] for key in _WRAPPERS if key in value), value)
        if isinstance(inner, StandIn):
            return _walk(inner)
        if isinstance(inner, dict):
            tensors = {k: v for k, v in inner.items() if isinstance(v, TensorReference)}
            if tensors:
                return Content(_named(tensors), MappingProxyType({}))
    raise UnreadableError("it holds neither a network nor a state_dict")


def _named(tensors: Mapping[object, TensorReference]) -> Mapping[str, TensorReference]:
    if not all(isinstance(name, str) for name in tensors):
        raise UnreadableError("its tensors have no names")
    return {str(name): tensor for name, tensor in tensors.items()}


@dataclass(frozen=True)
class _Visit:
    """A module on the way down; `parent` leads back to the root."""

    path: str
    module: StandIn
    depth: int
    parent: "_Visit | None"

    def is_inside(self, module: StandIn) -> bool:
        visit: _Visit | None = self
        while visit is not None:
            if visit.module is module:
                return True
            visit = visit.parent
        return False


def _walk(root: StandIn) -> Content:
    """Every module below `root`, without recursion, so that no file can exhaust the stack."""
    tensors: dict[str, TensorReference] = {}
    modules: dict[str, ModuleFacts] = {}
    waiting = [_Visit("", root, 0, None)]
    while waiting:
        visit = waiting.pop()
        if len(modules) >= MAX_MODULES:
            raise UnreadableError(f"its network has over {MAX_MODULES} modules")
        state = visit.module.state
        if not isinstance(state, dict) or "_modules" not in state:
            raise UnreadableError(
                f"{str(visit.module.reference)[:120]!r} in it is no module of a network"
            )
        modules[visit.path] = _facts(visit.module, state)
        tensors |= _own_tensors(visit.path, state)
        children = _dictionary(state, "_modules")
        for name in reversed(children):
            if children[name] is not None:
                waiting.append(_child(visit, name, children[name]))
    return Content(tensors, modules)


def _child(visit: _Visit, name: object, child: object) -> _Visit:
    path = _path(visit.path, name)
    if not isinstance(child, StandIn):
        raise UnreadableError(f"its module {path[:80]!r} is no module of a network")
    if visit.depth >= MAX_DEPTH or visit.is_inside(child):
        raise UnreadableError("its network contains itself or is nested too deeply")
    return _Visit(path, child, visit.depth + 1, visit)


def _own_tensors(path: str, state: dict[object, object]) -> dict[str, TensorReference]:
    passing = state.get("_non_persistent_buffers_set", set())
    if not isinstance(passing, set):
        raise UnreadableError(f"its module {path[:80]!r} is not laid out as PyTorch's are")
    buffers = _dictionary(state, "_buffers")
    own = _dictionary(state, "_parameters") | {
        name: buffer for name, buffer in buffers.items() if name not in passing
    }
    tensors = {}
    for name, value in own.items():
        if value is None:
            continue
        if not isinstance(value, TensorReference):
            raise UnreadableError(f"{_path(path, name)[:80]!r} in it is no tensor")
        tensors[_path(path, name)] = value
    return tensors


def _dictionary(state: dict[object, object], key: str) -> dict[object, object]:
    value = state.get(key, {})
    if not isinstance(value, dict):
        raise UnreadableError("its network is not laid out as PyTorch's are")
    return value


def _path(parent: str, name: object) -> str:
    if not isinstance(name, str) or not name or len(name) > 200 or "." in name:
        raise UnreadableError("its network has a module or tensor without a proper name")
    return f"{parent}.{name}" if parent else name


def _facts(module: StandIn, state: dict[object, object]) -> ModuleFacts:
    settings: dict[str, Setting] = {}
    for name, value in state.items():
        if not isinstance(name, str) or name.startswith("_"):
            continue
        if isinstance(value, Reference):
            settings[name] = value.name
        elif _is_plain(value):
            settings[name] = value  # type: ignore[assignment]
        elif isinstance(value, tuple) and len(value) <= 8 and all(_is_plain(v) for v in value):
            settings[name] = value
    return ModuleFacts(module.reference.name, settings)


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)
