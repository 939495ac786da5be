"""Safetensors files, through their own library, which executes nothing and checks every offset."""

import json
from collections.abc import Mapping

import torch
from safetensors import SafetensorError
from safetensors.torch import load

from engagement.weights.readers.source import UnreadableError


def looks_like_safetensors(data: bytes) -> bool:
    """Whether a header's length and an opening brace come first."""
    return len(data) > 9 and data[8:9] == b"{"


def read_safetensors(data: bytes) -> tuple[dict[str, torch.Tensor], Mapping[str, str]]:
    """Tensors and the file's own description of itself.

    Raises:
        UnreadableError: damaged, cut short, or with a header that lies about what follows.
    """
    try:
        tensors = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    except (SafetensorError, ValueError, LookupError, RuntimeError, RecursionError) as error:
        raise UnreadableError(
            "its safetensors header is damaged, or does not agree with what follows it"
        ) from error
    return dict(tensors), header.get("__metadata__", {})
