"""What the site holds about a person: a registry that every app with such rows adds to.

An app makes a `Holder` for each kind of thing it keeps and registers it when it is ready:

    class MarksConfig(AppConfig):
        def ready(self) -> None:
            from webapp.marks import holdings  # registers on import

    register(Holder("notes", _("Notes about your recordings"), lines, rows))

The page “Your data” shows the lines; the download holds the rows (`data.json`) and the files.
Everything is lazy: nothing may build a whole list of somebody's data in memory.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.functional import Promise

from webapp.accounts.models import User


@dataclass(frozen=True)
class Line:
    """One thing that is held, in words, as the page shows it.

    Attributes:
        course_id: the course that it belongs to; None for what belongs to the account itself.
        words: what it is, in the reader's language.
        at: when it came to be.
        url: the page on which the reader may see or change it; empty where there is none.
        lesson, lesson_at: title and begin of the lesson that it belongs to, by which it is found.
        says_lesson: the words name the lesson already.
    """

    course_id: int | None
    words: str
    at: dt.datetime | None = None
    url: str = ""
    lesson: str = ""
    lesson_at: dt.datetime | None = None
    says_lesson: bool = False


@dataclass(frozen=True)
class HeldFile:
    """One file of the download.

    Attributes:
        name: its path inside the ZIP, with folders.
        content: a file in private storage, or a function that makes the bytes piece by piece.
        packed: whether compressing it is worth while; videos are not.
    """

    name: str
    content: Path | Callable[[], Iterable[bytes]]
    packed: bool = True


def _nothing(user: User) -> Iterator[Any]:
    return iter(())


@dataclass(frozen=True)
class Holder:
    """One kind of thing that the site holds about people.

    Attributes:
        key: its name in `data.json`.
        title: its heading on the page, in the plural.
        lines: what the page shows; asks a number of queries that does not grow with the rows.
        rows: what `data.json` holds, as values that JSON knows, dates and ids included (they are
            written as text).
        files: what else goes into the download.
        explained: what the files are, a line each, for its README.
    """

    key: str
    title: str | Promise
    lines: Callable[[User], Iterable[Line]]
    rows: Callable[[User], Iterable[dict[str, Any]]]
    files: Callable[[User], Iterable[HeldFile]] = _nothing
    explained: tuple[str | Promise, ...] = ()


_holders: dict[str, Holder] = {}


def register(holder: Holder) -> None:
    """Adds a kind of thing; one with the same key takes the place of the one before."""
    _holders[holder.key] = holder


def holders() -> list[Holder]:
    """Every kind of thing, in the order in which they were registered."""
    return list(_holders.values())
