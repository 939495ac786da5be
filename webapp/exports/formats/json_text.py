"""An export as one JSON text: what it is about, and each table as a list of objects."""

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

from webapp.exports.formats.delimited import text_time
from webapp.exports.tables import Export, Table

#: Counts up when names of the format itself change; tables may gain columns.
SCHEMA = "engagement.export/1"
_ROWS_AT_ONCE = 200


def export_text(export: Export) -> Iterator[str]:
    """The text, a piece at a time."""
    head = {
        "schema": SCHEMA,
        "title": export.title,
        "about": dict(export.about),
        "columns": {
            table.name: [vars(column) for column in table.columns] for table in export.tables
        },
    }
    yield f'{_text(head)[:-1]},"tables":{{'
    for number, table in enumerate(export.tables):
        yield f"{',' if number else ''}\n{_text(table.name)}:["
        yield from _rows(table)
        yield "]"
    yield "}}\n"


def _rows(table: Table) -> Iterator[str]:
    names = [column.name for column in table.columns]
    block: list[str] = []
    start = ""
    for row in table.rows():
        block.append(_text(dict(zip(names, row, strict=True))))
        if len(block) == _ROWS_AT_ONCE:
            yield start + ",\n".join(block)
            block, start = [], ",\n"
    if block:
        yield start + ",\n".join(block)


def _text(value: Any) -> str:
    return json.dumps(
        value, ensure_ascii=False, separators=(",", ":"), default=_other, allow_nan=False
    )


def _other(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return text_time(value)
    # Descriptions are translated when they are read.
    return str(value)
