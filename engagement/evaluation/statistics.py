"""A clip as one vector: statistics of its faces' embeddings.

Savchenko, Savchenko and Makarov, "Classifying emotions and engagement in online learning based on
a single facial expression recognition neural network", IEEE Trans. Affective Computing 2022, and
the authors' notebook for AFEW. Deviations are over n. The vector of a group of people is
`engagement.windows.group_classifier.group_vector`.
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
