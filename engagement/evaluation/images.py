"""Face images through a model, and its answers among the classes that a data set knows."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engagement.errors import DataError, ModelError
from engagement.evaluation.embedded import Embedded, OnProgress, embed, no_face
from engagement.evaluation.embedder import Embedder, see
from engagement.types import Floats, Pixels

_BATCH = 64

#: Reads the face image with this key; raises `DataError` where it cannot be read.
ReadFace = Callable[[str], Pixels]


def embed_images(
    keys: Sequence[str],
    read: ReadFace,
    embedder: Embedder,
    *,
    data: str,
    file: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[Embedded]:
    """Face images of the data set `data`, each taken as a crop, whole; ordered by key.

    An image that cannot be read becomes an item without a face, with the reason.
    """
    recipe = {
        "data": data,
        "model": embedder.spec.name,
        "weights_sha256": embedder.weights_sha256,
    }

    def compute(missing: Sequence[str]) -> Iterator[Embedded]:
        remaining = iter(missing)
        while batch := list(islice(remaining, _BATCH)):
            crops = [_read(read, key) for key in batch]
            faces = see(embedder, [crop for crop in crops if not isinstance(crop, str)])
            row = 0
            for key, crop in zip(batch, crops, strict=True):
                if isinstance(crop, str):
                    yield no_face(key, crop)
                    continue
                yield Embedded(key, np.zeros(1, dtype=np.int32), faces.part(row, row + 1))
                row += 1

    return embed(keys, compute, file=file, recipe=recipe, on_progress=on_progress)


def _read(read: ReadFace, key: str) -> Pixels | str:
    """The image, or why it cannot be read."""
    try:
        return read(key)
    except DataError as error:
        return str(error)


def columns_of(classes: Sequence[str], model: str, known: Sequence[str]) -> NDArray[np.int64]:
    """Where `classes` stand in a model's output.

    Raises:
        ModelError: the model does not know one of them.
    """
    unknown = [name for name in classes if name not in known]
    if unknown:
        raise ModelError(
            f"{model} does not know {', '.join(unknown)}, which this protocol asks for. Choose "
            f"another --model, or other classes; it knows {', '.join(known)}.",
            code="model_classes",
        )
    return np.array([list(known).index(name) for name in classes], dtype=np.int64)


def answers_among(outputs: Floats, columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """The most probable of some classes: indices into `columns`, ``(n,)``.

    The other outputs are left out before the maximum is taken, as if the model did not have them.
    """
    return np.asarray(outputs[:, columns].argmax(axis=1), dtype=np.int64)
