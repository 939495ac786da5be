"""A model file's bytes, read once, within a limit.

Everything after this works on bytes in memory: what is hashed is what is read, and nobody can
change the file in between.
"""

import stat
from pathlib import Path

from engagement.errors import ModelError

#: The largest published model has 60 MB.
MAX_FILE_BYTES = 1 << 30


class UnreadableError(Exception):
    """What is wrong with a file, as the middle of a sentence; `refusal` makes it whole."""


def refusal(path: Path, reason: str) -> ModelError:
    """The error for a file that is there but is not, or must not be, read."""
    return ModelError(
        f"{path} cannot be used as a model: {reason}. Get it again from its publisher, or export "
        "its state_dict as safetensors.",
        code="model_unreadable",
    )


def read_bytes(path: Path, limit: int = MAX_FILE_BYTES) -> bytes:
    """The content of a regular file.

    Raises:
        ModelError: absent, a folder or a device, not permitted, empty, or larger than `limit`.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise _unusable(f"{path} is a folder, not a model file. Name the file in it.")
        if not stat.S_ISREG(status.st_mode):
            raise _unusable(f"{path} is a device or a pipe, not a model file. Name a file.")
        if status.st_size > limit:
            raise _unusable(
                f"{path} has {status.st_size / 1e9:.1f} GB, and no model of this kind has more "
                f"than {limit / 1e9:.1f} GB. Name another file."
            )
        with path.open("rb") as file:
            data = file.read(status.st_size + 1)
    except FileNotFoundError as error:
        raise ModelError(
            f"There is no model file {path}. Check its name.", code="model_unknown"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise _unusable(f"{path} cannot be read ({reason}). Check the file.") from error
    if not data:
        raise _unusable(f"{path} is empty. Get it again from its publisher.")
    if len(data) != status.st_size:
        raise _unusable(f"{path} changed while it was read. Try again when it is complete.")
    return data


def _unusable(message: str) -> ModelError:
    return ModelError(message, code="model_unreadable")
