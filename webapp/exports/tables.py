"""What an export holds: tables with described columns, whichever format they are written in."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

#: `time` is an aware datetime, written in UTC; every type may be None where nothing is known.
ColumnType = Literal["text", "number", "integer", "time"]


@dataclass(frozen=True)
class Column:
    """One column: its name in every format, and what a reader must know to use it."""

    name: str
    type: ColumnType
    description: str
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of one kind. `make` is called when the rows are wanted, and may be called again."""

    name: str
    title: str
    columns: Sequence[Column]
    make: Callable[[], Iterable[Sequence[Any]]] = field(repr=False)

    def rows(self) -> Iterator[Sequence[Any]]:
        """The rows, each with a cell a column; read as they are written, never all at once."""
        return iter(self.make())


@dataclass(frozen=True)
class Export:
    """Tables that belong together, and what is to be known about them.

    Attributes:
        stem: the file's name without its ending; says nothing about a person.
        title: what it is of.
        about: facts as (label, value): course, models, dates, the sentence on evidence.
    """

    stem: str
    title: str
    about: Sequence[tuple[str, str]]
    tables: Sequence[Table]

    def table(self, name: str) -> Table | None:
        """The table of that name, if there is one."""
        return next((one for one in self.tables if one.name == name), None)
