"""Where a network is trained, and in what precision."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch.amp.grad_scaler import GradScaler

from engagement.errors import DataError

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Device:
    """A device and the precision of the passes through a network on it.

    Attributes:
        torch: the device.
        precision: `fp32`, `bf16` or `fp16`; weights and their steps are float32 in each.
    """

    torch: torch.device
    precision: str

    def autocast(self) -> AbstractContextManager[object]:
        """The context of a pass through the network."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.torch.type, _TYPES[self.precision])

    def scaler(self) -> GradScaler:
        """Scales the loss so that fp16's gradients do not vanish; does nothing otherwise."""
        return GradScaler(self.torch.type, enabled=self.precision == "fp16")


def choose_device(device: str = "auto", precision: str = "auto") -> Device:
    """The device asked for; `auto` is the fastest that is here.

    Args:
        device: one of `DEVICES`.
        precision: one of `PRECISIONS`; `auto` is bf16 or, on older cards, fp16 on CUDA, and fp32
            elsewhere.

    Raises:
        DataError: unknown, or not on this machine.
    """
    if device not in DEVICES:
        raise DataError(f"There is no device {device!r}. Choose {', '.join(DEVICES)}.")
    if precision not in PRECISIONS:
        raise DataError(f"There is no precision {precision!r}. Choose {', '.join(PRECISIONS)}.")
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        device = next(name for name, here in present.items() if here)
    if not present[device]:
        raise DataError(f"Torch finds no {device} device here. Choose --device auto or cpu.")
    if precision == "auto":
        wide = device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        precision = "fp32" if device != "cuda" else "bf16" if wide else "fp16"
    if precision == "fp16" and device != "cuda":
        raise DataError(f"fp16 needs a CUDA device, not {device}. Choose bf16 or fp32.")
    return Device(torch.device(device), precision)


@contextmanager
def explained(batch_size: int) -> Iterator[None]:
    """Turn what a device or a data loader's worker runs out of into one sentence.

    Raises:
        DataError: the device's memory is full, or a worker was ended.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _too_large(batch_size) from error
    except RuntimeError as error:
        if "allocate memory" in str(error):  # torch's own words on a CPU
            raise _too_large(batch_size) from error
        if "DataLoader worker" not in str(error):
            raise
        raise DataError(
            "A data loader's worker was ended, most often for want of memory. Lower --workers, "
            "or give the container more shared memory (--shm-size)."
        ) from error


def _too_large(batch_size: int) -> DataError:
    return DataError(f"A batch of {batch_size} does not fit the memory. Lower --batch-size.")
