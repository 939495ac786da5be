"""Files of ``torch.save``, read without executing their pickle.

Two layouts: since PyTorch 1.6 a zip with stored (never compressed) entries, before it a chain of
pickles followed by the storages.
"""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from engagement.weights.readers.module_tree import ModuleFacts, content_of
from engagement.weights.readers.pickle_machine import MAX_STREAM_BYTES, read_pickle
from engagement.weights.readers.pickle_values import Reference, StorageReference
from engagement.weights.readers.source import UnreadableError
from engagement.weights.readers.storages import materialise
from engagement.weights.readers.torch_names import resolve, storage_of

ZIP_MAGIC = b"PK\x03\x04"
#: The first pickle of a file from before PyTorch 1.6: one integer (0x1950a86a20f9469cfc6c).
LEGACY_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_LEGACY_PROTOCOL = 1001
_MAX_ENTRIES = 20_000
#: What Python's zip reader raises on entries that are not as the directory says.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True)
class TorchContent:
    """Tensors by name, and what a whole network says of its modules."""

    tensors: Mapping[str, torch.Tensor]
    modules: Mapping[str, ModuleFacts]


def read_zip(data: bytes) -> TorchContent:
    """A file since PyTorch 1.6.

    Raises:
        UnreadableError: a zip that ``torch.save`` would not write, or a pickle beyond a model's.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except _ZIP_ERRORS as error:
        raise UnreadableError("its zip is damaged or cut short") from error
    with archive:
        return _read_entries(archive, _checked_entries(archive, len(data)))


def _checked_entries(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """Entries by name below the archive's one folder."""
    infos = archive.infolist()
    if len(infos) > _MAX_ENTRIES:
        raise UnreadableError(f"its zip has over {_MAX_ENTRIES} entries")
    entries: dict[str, zipfile.ZipInfo] = {}
    roots = set()
    for info in infos:
        root, _, name = info.filename.partition("/")
        parts = info.filename.replace("\\", "/").split("/")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise UnreadableError("its zip is compressed, which torch.save never does")
        if stat.S_ISLNK(info.external_attr >> 16) or ".." in parts or not root or not name:
            raise UnreadableError(
                f"its zip has the entry {info.filename[:80]!r}, which torch.save would not write"
            )
        if name in entries:
            raise UnreadableError(f"its zip has the entry {info.filename[:80]!r} twice")
        roots.add(root)
        entries[name] = info
    if sum(info.file_size for info in infos) > size:
        raise UnreadableError("its zip claims to hold more than it does")
    if len(roots) > 1:
        raise UnreadableError("its zip has more than one folder")
    return entries


def _read_entries(archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo]) -> TorchContent:
    if "constants.pkl" in entries or any(name.startswith("code/") for name in entries):
        raise UnreadableError("it is a TorchScript program, and programs are not executed")
    if "data.pkl" not in entries:
        raise UnreadableError("it is a zip, but not one that torch.save wrote")
    if "byteorder" in entries and _entry(archive, entries["byteorder"]) != b"little":
        raise UnreadableError("its numbers are big-endian")
    if entries["data.pkl"].file_size > MAX_STREAM_BYTES:
        raise UnreadableError("its pickle is longer than any model's")

    def load(reference: StorageReference) -> bytes:
        info = entries.get(f"data/{reference.key}")
        if info is None:
            raise UnreadableError(f"its storage {reference.key[:40]!r} is missing")
        return _entry(archive, info)

    stream = io.BytesIO(_entry(archive, entries["data.pkl"]))
    content = content_of(read_pickle(stream, resolve, storage_of))
    return TorchContent(materialise(content.tensors, load), content.modules)


def _entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """An entry's bytes; the zip's own name, sizes and checksum must agree."""
    try:
        return archive.read(info)
    except _ZIP_ERRORS as error:
        raise UnreadableError(
            f"the entry {info.filename[:80]!r} of its zip is damaged or cut short"
        ) from error


def read_legacy(data: bytes) -> TorchContent:
    """A file from before PyTorch 1.6: magic number, protocol, system, value, keys, storages.

    Raises:
        UnreadableError: not laid out so, cut short, or a pickle beyond a model's.
    """
    stream = io.BytesIO(data)
    stream.seek(len(LEGACY_MAGIC))
    protocol = read_pickle(stream, resolve, storage_of)
    system = read_pickle(stream, resolve, storage_of)
    if protocol != _LEGACY_PROTOCOL or not isinstance(system, dict):
        raise UnreadableError("its header is not one that torch.save writes")
    if system.get("little_endian") is not True:
        raise UnreadableError("its numbers are big-endian")
    described: dict[str, StorageReference] = {}

    def persistent(identifier: object) -> object:
        match identifier:
            case ("module", Reference() as cls, *_):  # then its file and its source, both ignored
                return cls
        reference = storage_of(identifier)
        described[reference.key] = reference
        return reference

    content = content_of(read_pickle(stream, resolve, persistent))
    keys = read_pickle(stream, resolve, storage_of)
    raw = _legacy_storages(stream, keys, described)

    def load(reference: StorageReference) -> bytes:
        if reference.key not in raw:
            raise UnreadableError(f"its storage {reference.key[:40]!r} is missing")
        return raw[reference.key]

    return TorchContent(materialise(content.tensors, load), content.modules)


def _legacy_storages(
    stream: io.BytesIO, keys: object, described: Mapping[str, StorageReference]
) -> dict[str, bytes]:
    """The storages in the order of `keys`, each an int64 number of elements, then the elements."""
    if not isinstance(keys, list) or len(keys) > _MAX_ENTRIES:
        raise UnreadableError("it does not list its storages")
    raw: dict[str, bytes] = {}
    for key in keys:
        if not isinstance(key, str) or key not in described or key in raw:
            raise UnreadableError("it lists a storage twice, or one that it does not describe")
        count = int.from_bytes(stream.read(8), "little")
        if count != described[key].count:
            raise UnreadableError(f"its storage {key[:40]!r} is not of the described size")
        raw[key] = stream.read(count * described[key].type.item_bytes)
    return raw
