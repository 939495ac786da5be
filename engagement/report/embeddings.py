"""Embeddings beside the JSON: Parquet, one row an observation."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from engagement.files import written_whole
from engagement.types import Observation


def write_embeddings(observations: Sequence[Observation], model: str, path: Path) -> None:
    """Write columns ``track_id``, ``t`` and ``embedding`` (a list of float32 of fixed length).

    Rows are those of the analysis' observations, in order of track and time, with the analysis'
    own track numbers. Nothing is left at `path` when writing fails.

    Raises:
        OutputError: the file cannot be written.
    """
    size = observations[0].expression.embedding.size if observations else 0
    flat = (
        np.concatenate([o.expression.embedding for o in observations]).astype(np.float32)
        if observations
        else np.empty(0, dtype=np.float32)
    )
    table = pa.table(
        {
            "track_id": pa.array([o.track_id for o in observations], pa.int32()),
            "t": pa.array([round(o.t, 3) for o in observations], pa.float64()),
            "embedding": (
                pa.FixedSizeListArray.from_arrays(pa.array(flat), size)
                if size
                else pa.array([], pa.list_(pa.float32()))
            ),
        }
    ).replace_schema_metadata({"model": model})
    with written_whole(path) as partial:
        pq.write_table(table, partial, compression="zstd")
