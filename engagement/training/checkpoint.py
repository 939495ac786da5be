"""Read a training run's checkpoint, and make sure that it belongs to the run that asks for it."""

import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from engagement.errors import DataError


def read_checkpoint(path: Path, recipe: str, classes: Sequence[str]) -> dict[str, Any]:
    """The state in ``checkpoint.pt``; only tensors and plain values are read from it.

    Args:
        path: the checkpoint.
        recipe: the asking run's settings as JSON.
        classes: the emotions of its data.

    Raises:
        DataError: unreadable, or made with other settings or data.
    """
    state = read_state(path, recipe)
    made_on = state.get("classes", list(classes))
    if list(made_on) != list(classes):
        raise DataError(
            f"{path} was made on data with the emotions {', '.join(made_on)}, not "
            f"{', '.join(classes)}. Resume with the same data, or name another --out."
        )
    return state


def read_state(path: Path, recipe: str) -> dict[str, Any]:
    """The state in ``checkpoint.pt``, whatever data it was made on; see `read_checkpoint`.

    Raises:
        DataError: unreadable, or made with other settings.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        made_with = json.loads(state["config"])
    except (OSError, EOFError, RuntimeError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise DataError(
            f"{path} is damaged or no checkpoint. Remove it to start anew, or name another --out."
        ) from error
    if made_with != json.loads(recipe):
        raise DataError(
            f"{path} was made with other settings. Resume with the settings in "
            f"{path.with_name('recipe.json')}, or name another --out."
        )
    return state
