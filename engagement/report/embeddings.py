"""Embeddings beside the JSON: Parquet, one row an observation."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from engagement.files import written_whole
from engagement.types import Observation

# Rows that are in memory, and together in the file, at a time.
_ROWS = 512


def write_embeddings(observations: Sequence[Observation], model: str, path: Path) -> None:
    """Write columns ``track_id``, ``t`` and ``embedding`` (a list of float32 of fixed length).

    Rows are those of the analysis' observations, in order of track and time, with the analysis'
    own track numbers. Nothing is left at `path` when writing fails.

    Raises:
        OutputError: the file cannot be written.
    """
    size = observations[0].expression.embedding.size if observations else 0
    kind = pa.list_(pa.float32(), size) if size else pa.list_(pa.float32())
    columns = pa.schema(
        [("track_id", pa.int32()), ("t", pa.float64()), ("embedding", kind)], {"model": model}
    )
    with (
        written_whole(path) as partial,
        pq.ParquetWriter(
            partial, columns, compression="zstd", use_dictionary=["track_id"]
        ) as writer,
    ):
        for start in range(0, len(observations), _ROWS):
            some = observations[start : start + _ROWS]
            flat = np.concatenate([o.expression.embedding for o in some]).astype(np.float32)
            table = {
                "track_id": pa.array([o.track_id for o in some], pa.int32()),
                "t": pa.array([round(o.t, 3) for o in some], pa.float64()),
                "embedding": pa.FixedSizeListArray.from_arrays(pa.array(flat), size),
            }
            writer.write_table(pa.table(table, columns))
