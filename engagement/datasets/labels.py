"""Names and orders of emotion classes.

The names are the design's lower-case nouns. Their alphabetical order is both ImageFolder's
and that of HSEmotion's published models, so one order serves all of them.
"""

from collections.abc import Sequence

EMOTIONS_7: tuple[str, ...] = (
    "anger",
    "disgust",
    "fear",
    "happiness",
    "neutral",
    "sadness",
    "surprise",
)
EMOTIONS_8: tuple[str, ...] = (
    "anger",
    "contempt",
    "disgust",
    "fear",
    "happiness",
    "neutral",
    "sadness",
    "surprise",
)

# Folder names seen in published ImageFolder copies of FER2013, RAF-DB, CK+ and AffectNet.
_SYNONYMS = {
    "angry": "anger",
    "disgusted": "disgust",
    "afraid": "fear",
    "fearful": "fear",
    "happy": "happiness",
    "sad": "sadness",
    "surprised": "surprise",
}


def canonical_emotion(name: str) -> str:
    """Map a folder's or data set's class name to the design's noun.

    >>> canonical_emotion("Happy")
    'happiness'
    """
    lowered = name.strip().lower()
    return _SYNONYMS.get(lowered, lowered)


def canonical_emotions(names: Sequence[str]) -> tuple[str, ...]:
    """`canonical_emotion` for a sequence, order kept."""
    return tuple(canonical_emotion(name) for name in names)
