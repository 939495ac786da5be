"""Which names a PyTorch model file may use, and what they become.

Tensors become descriptions, dictionaries and sets become Python's own, and classes of networks
become stand-ins. Everything else is refused by name.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from engagement.weights.readers.pickle_machine import MAX_ITEMS, checked_key
from engagement.weights.readers.pickle_values import (
    Constructor,
    Reference,
    StorageReference,
    StorageType,
    TensorReference,
)
from engagement.weights.readers.source import UnreadableError

#: Modules whose classes and functions stand for themselves, as inert references.
_PREFIXES = ("torch.nn", "timm", "mobilefacenet", "torch._C._nn")
#: Further names of that kind.
_SINGLE = frozenset(
    {
        ("functools", "partial"),
        ("torch", "device"),
        ("torch", "relu"),
        ("torch", "sigmoid"),
        ("torch", "tanh"),
        *(("torch", d) for d in ("float16", "bfloat16", "float32", "float64", "int64")),
    }
)
_STORAGES = MappingProxyType(
    {
        "HalfStorage": StorageType("float16", 2),
        "BFloat16Storage": StorageType("bfloat16", 2),
        "FloatStorage": StorageType("float32", 4),
        "DoubleStorage": StorageType("float64", 8),
        "LongStorage": StorageType("int64", 8),
        "IntStorage": StorageType("int32", 4),
        "ShortStorage": StorageType("int16", 2),
        "CharStorage": StorageType("int8", 1),
        "ByteStorage": StorageType("uint8", 1),
    }
)
MAX_DIMENSIONS = 8
#: Beyond this a length or an offset cannot be real, and products stay small integers.
_MAX_LENGTH = 1 << 40


def resolve(module: str, name: str) -> object:
    """What a name in a file stands for.

    Raises:
        UnreadableError: it is not one that a model needs; the reason names it.
    """
    if (module, name) in _CONSTRUCTORS:
        return Constructor(_CONSTRUCTORS[module, name])
    if module == "torch" and name in _STORAGES:
        return _STORAGES[name]
    known_place = any(module == p or module.startswith(f"{p}.") for p in _PREFIXES)
    well_formed = name.isidentifier() and re.fullmatch(r"[\w.]{1,200}", module, re.ASCII)
    if well_formed and (known_place or (module, name) in _SINGLE):
        return Reference(module, name)
    raise UnreadableError(
        f"its pickle asks for {f'{module}.{name}'[:120]!r}, which is no part of a network, and "
        "was not executed"
    )


def storage_of(identifier: object) -> StorageReference:
    """The storage that a persistent identifier describes.

    Storages of a GPU are read as any other.
    """
    match identifier:
        case (
            "storage",
            StorageType() as kind,
            str() as key,
            str(),
            int() as count,
        ) | (
            "storage",
            StorageType() as kind,
            str() as key,
            str(),
            int() as count,
            None,
        ) if 0 <= count < _MAX_LENGTH and len(key) <= 200:
            return StorageReference(key, kind, count)
    raise UnreadableError("its pickle describes a storage in an unknown way")


def _tensor(args: tuple[object, ...]) -> TensorReference:
    """Stands for ``torch._utils._rebuild_tensor`` and ``_rebuild_tensor_v2``."""
    match args:
        case (StorageReference() as storage, int() as offset, tuple() as size, tuple() as stride):
            pass
        case (
            StorageReference() as storage,
            int() as offset,
            tuple() as size,
            tuple() as stride,
            bool(),
            dict(),
            *metadata,
        ) if not any(metadata):
            pass
        case _:
            raise UnreadableError("its pickle describes a tensor in an unknown way")
    lengths, steps = _lengths(size), _lengths(stride)
    if len(lengths) != len(steps) or not 0 <= offset < _MAX_LENGTH:
        raise UnreadableError("its pickle describes a tensor of impossible shape")
    return TensorReference(storage, offset, lengths, steps)


def _lengths(values: tuple[object, ...]) -> tuple[int, ...]:
    lengths = tuple(v for v in values if type(v) is int and 0 <= v < _MAX_LENGTH)
    if len(lengths) != len(values) or len(values) > MAX_DIMENSIONS:
        raise UnreadableError("its pickle describes a tensor of impossible shape")
    return lengths


def _parameter(args: tuple[object, ...]) -> TensorReference:
    """Stands for ``torch._utils._rebuild_parameter`` and ``_rebuild_parameter_with_state``."""
    match args:
        case (TensorReference() as tensor, bool(), dict(), *state) if len(state) <= 1:
            return tensor
    raise UnreadableError("its pickle describes a parameter in an unknown way")


def _ordered(args: tuple[object, ...]) -> dict[object, object]:
    """Stands for ``collections.OrderedDict``."""
    match args:
        case ():
            return {}
        case (list() as pairs,) if len(pairs) <= MAX_ITEMS:
            if all(isinstance(p, list | tuple) and len(p) == 2 for p in pairs):
                return {checked_key(p[0]): p[1] for p in pairs}
    raise UnreadableError("its pickle makes a dictionary in an unknown way")


def _set(args: tuple[object, ...]) -> set[object]:
    match args:
        case () | ([],):
            return set()
        case (list() as members,):
            return {checked_key(member) for member in members}
    raise UnreadableError("its pickle makes a set in an unknown way")


def _size(args: tuple[object, ...]) -> tuple[int, ...]:
    match args:
        case (tuple() | list() as lengths,):
            return _lengths(tuple(lengths))
    raise UnreadableError("its pickle makes a size in an unknown way")


_CONSTRUCTORS: Mapping[tuple[str, str], Callable[[tuple[object, ...]], object]] = MappingProxyType(
    {
        ("torch._utils", "_rebuild_tensor"): _tensor,
        ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        ("torch._utils", "_rebuild_parameter"): _parameter,
        ("torch._utils", "_rebuild_parameter_with_state"): _parameter,
        ("torch", "Size"): _size,
        ("collections", "OrderedDict"): _ordered,
        ("builtins", "set"): _set,
        ("__builtin__", "set"): _set,
    }
)
