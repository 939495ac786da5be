"""What a pickle may become here: plain values, descriptions of tensors, and inert stand-ins.

None of these does anything. A stand-in for a class holds the class's name and what the file
wanted to put into it; nothing is imported, looked up or called by that name.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """A class or function that the file names."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class StandIn:
    """An object of the file: its class, its constructor's arguments, and its state."""

    reference: Reference
    args: tuple[object, ...] = ()
    state: object = None


@dataclass(frozen=True)
class StorageType:
    """A typed storage class, for example ``torch.FloatStorage``; `dtype` is torch's name."""

    dtype: str
    item_bytes: int


@dataclass(frozen=True)
class StorageReference:
    """Numbers that lie elsewhere in the file, under `key`."""

    key: str
    type: StorageType
    count: int


@dataclass(frozen=True)
class TensorReference:
    """A view of a storage, in elements."""

    storage: StorageReference
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of elements of the view."""
        count = 1
        for length in self.size:
            count *= length
        return count


@dataclass(frozen=True)
class Constructor:
    """A function of ours that takes the place of one that the file names."""

    build: Callable[[tuple[object, ...]], object]
