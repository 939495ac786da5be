"""Recordings of a whole meeting, in two passes with consent between them.

First `find_people` tells people apart, with no expression network. Whoever may say who is who and
who agreed then names those who are wanted, and only their faces are read by `analyze_people`;
`blur_others` makes a copy of the recording to show.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engagement.group.analysis import analyze_people
    from engagement.group.blurring import blur_others
    from engagement.group.finding import find_people
    from engagement.group.people import People, Person

__all__ = ["People", "Person", "analyze_people", "blur_others", "find_people"]

_PLACES = {
    "People": "people",
    "Person": "people",
    "analyze_people": "analysis",
    "blur_others": "blurring",
    "find_people": "finding",
}


def __getattr__(name: str) -> Any:
    # Heavy modules load on use.
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
