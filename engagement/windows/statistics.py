"""A window or clip as one vector: STAT features, the statistics of its embeddings.

Savchenko, Savchenko and Makarov, "Classifying emotions and engagement in online learning based on
a single facial expression recognition neural network", IEEE Trans. Affective Computing 2022, and
the authors' notebooks for AFEW and EngageWild. Deviations are over n.
"""

import numpy as np

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
