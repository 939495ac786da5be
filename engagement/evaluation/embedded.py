"""Items of a data set after a model has seen them, and the file that keeps them.

A second run with the same model reads the file instead of the images. Items are written and read
in the order of their keys, a few at a time, so that memory holds one item and not the data set.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engagement.errors import DataError, OutputError
from engagement.evaluation.embedder import Faces
from engagement.types import Floats

_BATCH = 2048
_NO_FACE = -1
_RECIPE = b"engagement.embeddings"
_SCHEMA = pa.schema(
    [
        ("item", pa.string()),
        ("frame", pa.int32()),
        ("embedding", pa.list_(pa.float32())),
        ("outputs", pa.list_(pa.float32())),
    ]
)

#: Told what share of the work is done.
OnProgress = Callable[[float], None]


@dataclass(frozen=True)
class Embedded:
    """What a model says of the faces of one item, an image or a clip.

    Attributes:
        key: the item's name in the data set.
        frames: ``(n,)`` int32, the frame that each face was found in, ascending; 0 for an image.
        faces: what the model says of the n faces, in that order.
        problem: why it could not be read to its end; None where it could.
    """

    key: str
    frames: NDArray[np.int32]
    faces: Faces
    problem: str | None = None

    def __len__(self) -> int:
        return len(self.frames)


def no_face(key: str, problem: str | None = None) -> Embedded:
    """An item in which there is no face, or that cannot be read."""
    return Embedded(key, np.empty(0, dtype=np.int32), Faces.joined(()), problem)


#: Makes the items with these keys, in this order.
Compute = Callable[[Sequence[str]], Iterator[Embedded]]


def embed(
    keys: Sequence[str],
    compute: Compute,
    *,
    file: Path | None = None,
    recipe: Mapping[str, str] | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[Embedded]:
    """Items in the order of their keys, from `file` where it has them and computed where not.

    Args:
        keys: of the data set's items, without repetition.
        compute: called with the keys that `file` lacks.
        file: where embeddings are kept. What is computed is added, save what could not be read;
            a run that is stopped keeps what it had.
        recipe: everything that embeddings depend on, above all the weights' sha256. A file made
            by another recipe is refused, never mixed.

    Raises:
        DataError: `file` is not such a file, or was made by another recipe.
        OutputError: `file` cannot be written.
    """
    ordered = sorted(keys)
    items = _embed(ordered, compute, file, dict(recipe or {}))
    for done, item in enumerate(items, start=1):
        yield item
        if on_progress:
            on_progress(done / len(ordered))


def _embed(
    ordered: list[str], compute: Compute, file: Path | None, recipe: dict[str, str]
) -> Iterator[Embedded]:
    if file is None:
        yield from compute(ordered)
        return
    kept = _keys_of(file, recipe) if file.exists() else frozenset()
    wanted = frozenset(ordered)
    if wanted <= kept:
        yield from (item for item in _read(file) if item.key in wanted)
        return
    fresh = compute([key for key in ordered if key not in kept])
    stored = _read(file) if kept else iter(())
    writer = _Writer(file.with_name(file.name + ".partial"), recipe)
    try:
        for key in sorted(wanted | kept):
            item = next(stored if key in kept else fresh)
            writer.add(item)
            if key in wanted:
                yield item
    finally:
        writer.close()
        _keep(writer.path, file, better=writer.items >= len(kept))


def _keep(partial: Path, file: Path, *, better: bool) -> None:
    try:
        if better:
            partial.replace(file)
        else:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(file, error) from error


def _unwritable(file: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{file} cannot be written ({error.strerror or error}). Choose another --embeddings."
    )


class _Writer:
    """Adds items to a Parquet file, a row a face; an item without a face is a row too."""

    def __init__(self, path: Path, recipe: dict[str, str]) -> None:
        self.path = path
        self.items = 0
        self._pending: list[Embedded] = []
        self._rows = 0
        metadata = {_RECIPE: json.dumps(recipe, sort_keys=True).encode()}
        try:
            self._file = pq.ParquetWriter(path, _SCHEMA.with_metadata(metadata), compression="zstd")
        except OSError as error:
            raise _unwritable(path, error) from error

    def add(self, item: Embedded) -> None:
        if item.problem is not None:  # tried again next time
            return
        self.items += 1
        self._pending.append(item)
        self._rows += max(1, len(item))
        if self._rows >= _BATCH:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        if not self._pending:
            return
        try:
            self._file.write_table(_table(self._pending).cast(self._file.schema))
        except OSError as error:
            raise _unwritable(self.path, error) from error
        self._pending, self._rows = [], 0


def _table(items: list[Embedded]) -> pa.Table:
    rows = [max(1, len(item)) for item in items]
    frames = [item.frames if len(item) else [_NO_FACE] for item in items]
    return pa.table(
        {
            "item": np.repeat([item.key for item in items], rows),
            "frame": np.concatenate(frames).astype(np.int32),
            "embedding": _lists([item.faces.embeddings for item in items]),
            "outputs": _lists([item.faces.outputs for item in items]),
        },
        schema=_SCHEMA,
    )


def _lists(matrices: Sequence[Floats]) -> pa.ListArray:
    """One list a face, and an empty one for an item without a face."""
    lengths = [size for matrix in matrices for size in [matrix.shape[1]] * len(matrix) or [0]]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    values = np.concatenate([matrix.ravel() for matrix in matrices]).astype(np.float32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))


def _open(file: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file)
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"{file} cannot be read as embeddings. Remove it, or name another --embeddings."
        ) from error


def _keys_of(file: Path, recipe: dict[str, str]) -> frozenset[str]:
    """Keys of what `file` holds.

    Raises:
        DataError: it is not such a file, or was made by another recipe.
    """
    with _open(file) as parquet:
        metadata = parquet.schema_arrow.metadata or {}
        if _RECIPE not in metadata:
            raise DataError(
                f"{file} does not hold the embeddings of an evaluation. Name another --embeddings."
            )
        made_by: dict[str, str] = json.loads(metadata[_RECIPE])
        for name in sorted(made_by.keys() | recipe.keys()):
            was, now = made_by.get(name, "-"), recipe.get(name, "-")
            if was != now:
                raise DataError(
                    f"{file} was made otherwise ({name} {was}, now {now}). Name another "
                    "--embeddings, or remove it."
                )
        keys: set[str] = set()
        for batch in parquet.iter_batches(_BATCH, columns=["item"]):
            keys.update(batch.column("item").to_pylist())
        return frozenset(keys)


def _read(file: Path) -> Iterator[Embedded]:
    with _open(file) as parquet:
        pending: list[pa.Table] = []
        for batch in parquet.iter_batches(_BATCH):
            for part in _runs(pa.Table.from_batches([batch])):
                if pending and pending[0]["item"][0] != part["item"][0]:
                    yield _item(pa.concat_tables(pending))
                    pending = []
                pending.append(part)
        if pending:
            yield _item(pa.concat_tables(pending))


def _runs(table: pa.Table) -> Iterator[pa.Table]:
    """Slices of consecutive rows of one item."""
    keys = table["item"].to_numpy()
    starts = [0, *(np.flatnonzero(keys[1:] != keys[:-1]) + 1).tolist(), len(keys)]
    for start, end in pairwise(starts):
        yield table.slice(start, end - start)


def _item(rows: pa.Table) -> Embedded:
    key = rows["item"][0].as_py()
    frames = rows["frame"].to_numpy().astype(np.int32)
    if frames[0] == _NO_FACE:
        return no_face(key)
    return Embedded(key, frames, Faces(_matrix(rows["embedding"]), _matrix(rows["outputs"])))


def _matrix(column: pa.ChunkedArray) -> Floats:
    values = np.asarray(column.combine_chunks().flatten(), dtype=np.float32)
    return values.reshape(len(column), -1)
