"""Damage by chance: whatever happens to a model file's bytes ends in success or one sentence."""

import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import nn

from engagement.errors import ModelError
from engagement.weights.readers import keras_file
from engagement.weights.readers.checkpoint import read_checkpoint
from engagement.weights.readers.onnx_file import read_onnx
from tests.engagement.checkpoints import keras
from tests.engagement.checkpoints.hostile import small_graph, torch_zip


def mutated(data: bytes, random_: random.Random) -> bytes:
    """`data` with a few bytes changed, left out or put in."""
    changed = bytearray(data)
    for _ in range(random_.choice([1, 1, 2, 4, 16])):
        place = random_.randrange(len(changed))
        match random_.randrange(5):
            case 0 | 1:
                changed[place] = random_.randrange(256)
            case 2:
                del changed[place : place + random_.choice([1, 4, 100])]
            case 3:
                start = random_.randrange(len(data))
                changed[place:place] = data[start : start + random_.choice([1, 4, 64])]
            case 4:
                changed[place : place + 4] = random_.choice([b"\xff" * 4, bytes(4)])
    return bytes(changed)


def survived(path: Path, data: bytes, read: Callable[[Path], object]) -> bool:
    path.write_bytes(data)
    try:
        read(path)
    except ModelError:
        return False
    return True


def test_no_damage_to_a_pickle_ends_in_anything_but_a_sentence(tmp_path: Path) -> None:
    chance = random.Random(7)
    with zipfile.ZipFile(io.BytesIO(torch_zip())) as file:
        entries = {entry: file.read(entry) for entry in file.namelist()}
    outcomes = []
    for _ in range(600):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:  # with right checksums, to get further
            for entry, raw in entries.items():
                damaged = mutated(raw, chance) if entry.endswith("data.pkl") else raw
                file.writestr(entry, damaged)
        outcomes.append(survived(tmp_path / "x.pt", buffer.getvalue(), read_checkpoint))
    assert {True, False} == set(outcomes)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors", "onnx"])
def test_no_damage_to_a_file_ends_in_anything_but_a_sentence(tmp_path: Path, kind: str) -> None:
    chance = random.Random(8)
    if kind == "legacy":
        buffer = io.BytesIO()
        torch.save(nn.Linear(4, 2), buffer, _use_new_zipfile_serialization=False)
        data = buffer.getvalue()
    else:
        data = {
            "zip": torch_zip,
            "safetensors": lambda: save({"a": torch.ones(3, 4), "b": torch.zeros(5)}),
            "onnx": lambda: small_graph().SerializeToString(),
        }[kind]()
    read = read_onnx if kind == "onnx" else read_checkpoint
    outcomes = [survived(tmp_path / "x", mutated(data, chance), read) for _ in range(400)]
    assert {True, False} == set(outcomes)


def test_no_damage_to_an_hdf5_file_ends_in_anything_but_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras_file, "CPU_SECONDS", 2)
    chance = random.Random(9)
    weights = {"dense/kernel": np.ones((3, 2), np.float32), "dense/bias": np.zeros(2, np.float32)}
    layers = {"dense": {"class_name": "Dense", "units": 2, "activation": "relu"}}
    data = keras.write(tmp_path / "w.h5", weights, layers).read_bytes()
    outcomes = [survived(tmp_path / "x", mutated(data, chance), read_checkpoint) for _ in range(16)]
    assert {True, False} == set(outcomes)
