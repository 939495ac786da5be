"""Valence and arousal from emotion probabilities.

For models that do not predict them: the expectation, under the probabilities, of each emotion's
coordinates in Russell and Mehrabian, "Evidence for a three-factor theory of emotions", J. Research
in Personality 11 (1977), 273-294 (mean pleasure and arousal of happy, surprised, angry, disgusted,
fearful, sad). That paper is not the source of contempt's: it takes the mean of anger and disgust,
with which it forms the "hostility triad" (Izard, Human Emotions, 1977), an assumption of this
project. Results are marked `derived`.
"""

from collections.abc import Sequence

import numpy as np

from engagement.errors import ModelError
from engagement.types import Floats

#: (valence, arousal) of each emotion, both in -1..1.
COORDINATES: dict[str, tuple[float, float]] = {
    "anger": (-0.51, 0.59),
    "contempt": (-0.555, 0.47),
    "disgust": (-0.60, 0.35),
    "fear": (-0.64, 0.60),
    "happiness": (0.81, 0.51),
    "neutral": (0.0, 0.0),
    "sadness": (-0.63, -0.27),
    "surprise": (0.40, 0.67),
}


def coordinates_of(classes: Sequence[str]) -> Floats:
    """Coordinates ``(c, 2)`` of emotion names.

    Raises:
        ModelError: an emotion without coordinates.
    """
    unknown = [name for name in classes if name not in COORDINATES]
    if unknown:
        raise ModelError(
            f"Valence and arousal cannot be derived for {', '.join(unknown)}. Use a model whose "
            f"classes are among {', '.join(COORDINATES)}."
        )
    return np.array([COORDINATES[name] for name in classes], dtype=np.float32)


def derive(probabilities: Floats, coordinates: Floats) -> Floats:
    """Expected coordinates: ``(n, c)`` times ``(c, 2)`` -> ``(n, 2)`` valence, arousal."""
    return np.asarray(probabilities @ coordinates, dtype=np.float32)
