"""From descriptions of tensors to tensors, every view checked against its storage."""

from collections.abc import Callable, Mapping

import torch

from engagement.weights.readers.pickle_values import StorageReference, TensorReference
from engagement.weights.readers.source import MAX_FILE_BYTES, UnreadableError

MAX_TENSORS = 20_000
#: Views may share a storage (tied weights), so that their sum may exceed the file.
_MAX_VIEW_BYTES = 2 * MAX_FILE_BYTES

#: The raw bytes of a storage.
Load = Callable[[StorageReference], bytes]


def materialise(references: Mapping[str, TensorReference], load: Load) -> dict[str, torch.Tensor]:
    """Tensors on the CPU; those that share a storage in the file share memory.

    Raises:
        UnreadableError: a storage of another size than described, or a view that leaves its own.
    """
    if len(references) > MAX_TENSORS:
        raise UnreadableError(f"it holds over {MAX_TENSORS} tensors")
    view_bytes = sum(r.count * r.storage.type.item_bytes for r in references.values())
    if view_bytes > _MAX_VIEW_BYTES:
        raise UnreadableError("its tensors are larger together than any model")
    storages: dict[str, tuple[StorageReference, torch.Tensor]] = {}
    tensors = {}
    for name, reference in references.items():
        check_view(name, reference)
        key = reference.storage.key
        if key not in storages:
            storages[key] = (reference.storage, _flat(reference.storage, load))
        described, flat = storages[key]
        if described != reference.storage:
            raise UnreadableError(f"it describes the storage {key[:40]!r} in two ways")
        tensors[name] = flat.as_strided(reference.size, reference.stride, reference.offset)
    return tensors


def check_view(name: str, reference: TensorReference) -> None:
    """Refuse a view that leaves its storage, or has more elements than it."""
    available = reference.storage.count
    count = reference.count
    steps = zip(reference.size, reference.stride, strict=True)
    last = reference.offset + sum((length - 1) * step for length, step in steps if length)
    if count > available or (count and last >= available) or reference.offset > available:
        raise UnreadableError(f"its tensor {name[:80]!r} reaches out of its storage")


def _flat(reference: StorageReference, load: Load) -> torch.Tensor:
    dtype: torch.dtype = getattr(torch, reference.type.dtype)
    raw = load(reference)
    if len(raw) != reference.count * reference.type.item_bytes:
        raise UnreadableError(
            f"its storage {reference.key[:40]!r} has {len(raw)} bytes, and "
            f"{reference.count * reference.type.item_bytes} are described"
        )
    if not raw:
        return torch.empty(0, dtype=dtype)
    return torch.frombuffer(bytearray(raw), dtype=dtype)
