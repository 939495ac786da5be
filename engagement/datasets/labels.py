"""Names of emotion classes: lower-case nouns, whatever a data set calls them."""

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
    """Map a folder's or data set's class name to the noun used here.

    >>> canonical_emotion("Happy")
    'happiness'
    """
    lowered = name.strip().lower()
    return _SYNONYMS.get(lowered, lowered)
