"""What the client called its file, made safe to show. It is never used as a path."""

import unicodedata

_LONGEST = 120


def display_name(client_name: str) -> str:
    """The last part of the name, without control characters, at most 120 characters long.

    >>> display_name("../../etc/passwd")
    'passwd'
    """
    last = " ".join(client_name.split()).replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    # "C" covers control, format (right-to-left overrides), surrogate and private characters.
    kept = "".join(char for char in last if not unicodedata.category(char).startswith("C")).strip()
    if kept.strip(".") == "":
        return "recording"
    if len(kept) <= _LONGEST:
        return kept
    stem, dot, suffix = kept.rpartition(".")
    if not dot or len(suffix) > 10:
        return kept[: _LONGEST - 1] + "…"
    return stem[: _LONGEST - len(suffix) - 2] + "…." + suffix
