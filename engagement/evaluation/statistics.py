"""A clip as one vector: statistics of its faces' embeddings.

Savchenko, Savchenko and Makarov, "Classifying emotions and engagement in online learning based on
a single facial expression recognition neural network", IEEE Trans. Affective Computing 2022, and
the authors' notebooks for AFEW and VGAF. Deviations are over n.
"""

import numpy as np
from numpy.typing import NDArray

from engagement.types import Floats


def clip_vector(embeddings: Floats) -> Floats:
    """Mean, deviation, minimum and maximum over faces ``(n, d)``, joined: ``(4 d,)``."""
    return np.concatenate(
        [
            embeddings.mean(axis=0),
            embeddings.std(axis=0),
            embeddings.min(axis=0),
            embeddings.max(axis=0),
        ]
    )


def group_vector(embeddings: Floats, frames: NDArray[np.int32]) -> Floats:
    """Mean and deviation over the faces of each frame, then both of these over frames: ``(4 d,)``.

    Args:
        embeddings: ``(n, d)`` of all faces of a clip.
        frames: ``(n,)``, the frame of each face, ascending.
    """
    starts = np.flatnonzero(np.diff(frames, prepend=-1))
    people = np.split(embeddings, starts[1:])
    by_frame = np.stack([_mean_and_deviation(faces) for faces in people])
    return _mean_and_deviation(by_frame)


def _mean_and_deviation(rows: Floats) -> Floats:
    return np.concatenate([rows.mean(axis=0), rows.std(axis=0)])
