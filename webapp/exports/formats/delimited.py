"""Tables as CSV, in UTF-8 with a header; text that a spreadsheet would run is made inert."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from webapp.exports.tables import Table
from webapp.reports.exports import csv_blocks


def text_time(at: dt.datetime) -> str:
    """A time in UTC as ISO 8601 writes it."""
    return at.astimezone(dt.UTC).isoformat(timespec="seconds")


def table_text(table: Table) -> Iterator[str]:
    """The table as text, in blocks that are worth sending."""
    return csv_blocks(_lines(table))


def _lines(table: Table) -> Iterator[list[Any]]:
    yield [column.name for column in table.columns]
    for row in table.rows():
        yield [text_time(cell) if isinstance(cell, dt.datetime) else cell for cell in row]
