"""Whole checkpoints from small fixtures.

A fixture is the pickle that a release of timm and PyTorch really wrote, without the numbers: those
are made again from a seed, and the outputs that the real network had with them are kept beside the
pickle. `tools/make_checkpoint_fixtures.py` makes the fixtures.
"""

import io
import json
import pickle
import pickletools
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent
DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
COUNTER = 7


@dataclass(frozen=True)
class Fixture:
    """A real pickle, and what its network gave.

    Attributes:
        pickled: the stream ``data.pkl`` of the real file.
        storages: by key: storage type, number of elements, and centre and spread of the numbers.
        input_size: side of the square input, of which there are two.
        outputs: ``(2, k)``, computed in double precision by the network that was pickled.
    """

    name: str
    pickled: bytes
    seed: int
    storages: dict[str, tuple[str, int, float, float]]
    input_size: int
    outputs: NDArray[np.float64]
    facts: dict[str, Any]


def names() -> list[str]:
    """Every fixture there is."""
    return sorted(path.stem for path in FOLDER.glob("*.zip"))


def load(name: str) -> Fixture:
    """A fixture by name."""
    with zipfile.ZipFile(FOLDER / f"{name}.zip") as archive:
        facts = json.loads(archive.read("facts.json"))
        return Fixture(
            name,
            archive.read("data.pkl"),
            facts["seed"],
            {key: tuple(value) for key, value in facts["storages"].items()},
            facts["input_size"],
            np.array(facts["outputs"]),
            facts,
        )


def numbers(
    seed: int, key: str, kind: str, count: int, centre: float, spread: float
) -> NDArray[Any]:
    """The numbers of a storage; `RandomState` gives the same for ever."""
    if kind == "LongStorage":
        return np.full(count, COUNTER, DTYPES[kind])
    random = np.random.RandomState([seed, int(key)])
    return (centre + spread * random.uniform(-1, 1, count)).astype(DTYPES[kind])


def faces(seed: int, size: int) -> NDArray[np.float64]:
    """Two inputs ``(2, 3, size, size)``."""
    return np.random.RandomState(seed).uniform(-2, 2, (2, 3, size, size))


def storage_bytes(fixture: Fixture, key: str) -> bytes:
    """The raw bytes of a storage."""
    return numbers(fixture.seed, key, *fixture.storages[key]).tobytes()


def as_zip(fixture: Fixture) -> bytes:
    """The file as PyTorch has written it since 1.6."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", fixture.pickled)
        for key in fixture.storages:
            archive.writestr(f"archive/data/{key}", storage_bytes(fixture, key))
        archive.writestr("archive/version", "3\n")
    return buffer.getvalue()


def as_legacy(fixture: Fixture) -> bytes:
    """The file as PyTorch wrote it before 1.6."""
    sizes = {"short": 2, "int": 4, "long": 4}
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": sizes}
    keys = sorted(fixture.storages)
    parts = [pickle.dumps(value, 2) for value in (LEGACY_MAGIC, 1001, system)]
    parts += [_with_view_metadata(fixture.pickled), pickle.dumps(keys, 2)]
    for key in keys:
        parts.append(fixture.storages[key][1].to_bytes(8, "little"))
        parts.append(storage_bytes(fixture, key))
    return b"".join(parts)


def _with_view_metadata(pickled: bytes) -> bytes:
    """Storages of the old layout have a sixth item, None: put before the end of each's tuple."""
    ends, last_tuple = [], 0
    for opcode, _, position in pickletools.genops(pickled):
        if opcode.name == "TUPLE":
            last_tuple = position or 0
        elif opcode.name == "BINPERSID":
            ends.append(last_tuple)
    pieces = [pickled[a:b] for a, b in zip([0, *ends], [*ends, None], strict=True)]
    return b"N".join(pieces)
