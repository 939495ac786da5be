"""A table as Parquet, with units and descriptions in the fields' metadata."""

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import IO, Any

from webapp.exports.tables import Export, Table

_ROWS_AT_ONCE = 5000


def write(export: Export, table: Table, file: IO[bytes]) -> None:
    """Writes one table of the export; the file's metadata say what it is about."""
    # Loaded on use: half a second and 60 MB that no page needs.
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {
        "text": pa.string(),
        "number": pa.float64(),
        "integer": pa.int64(),
        "time": pa.timestamp("ms", tz="UTC"),
    }
    about = {"title": export.title, "about": dict(export.about)}
    schema = pa.schema(
        [
            pa.field(
                column.name,
                types[column.type],
                metadata={"description": str(column.description), "unit": str(column.unit)},
            )
            for column in table.columns
        ],
        metadata={"engagement.export": json.dumps(about, default=str, ensure_ascii=False)},
    )
    rows = table.rows()
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for block in _blocks(rows):
            columns = zip(*block, strict=True)
            arrays = [
                pa.array([_cell(one) for one in cells], type=field.type)
                for cells, field in zip(columns, schema, strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _blocks(rows: Iterator[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    while block := list(islice(rows, _ROWS_AT_ONCE)):
        yield block


def _cell(value: Any) -> Any:
    return value.astimezone(dt.UTC) if isinstance(value, dt.datetime) else value
