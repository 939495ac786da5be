"""An export as an XLSX workbook: a sheet "About", then a sheet a table.

Every text is written as text and never as a formula or a link, whatever it begins with. Rows go
to the disk one by one (XlsxWriter's `constant_memory`).
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import IO, Any

from webapp.exports.tables import Column, Export, Table

# A sheet of XLSX has 1,048,576 rows, one of which is the header.
MOST_ROWS = 1_048_575
_SHEET_NAME = 31
_WIDTHS = {"text": 18, "time": 18, "number": 12, "integer": 12}


def write(export: Export, file: IO[bytes]) -> None:
    """Writes the workbook."""
    # Loaded on use: a page that offers the export does not need it.
    import xlsxwriter

    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": True,
    }
    with xlsxwriter.Workbook(file, options) as workbook:
        workbook.set_properties({"title": export.title})
        styles = {
            "head": workbook.add_format({"bold": True, "bottom": 1}),
            "time": workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            "wrap": workbook.add_format({"text_wrap": True, "valign": "top"}),
            "strong": workbook.add_format({"bold": True, "valign": "top", "text_wrap": True}),
        }
        _about(workbook, export, styles)
        for table in export.tables:
            _table(workbook, table, styles)


def _about(workbook: Any, export: Export, styles: dict[str, Any]) -> None:
    sheet = workbook.add_worksheet("About")
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 1, 22)
    sheet.set_column(2, 2, 14)
    sheet.set_column(3, 3, 90)
    row = 0
    sheet.write_string(row, 0, export.title, styles["strong"])
    for label, value in export.about:
        row += 1
        sheet.write_string(row, 0, str(label), styles["strong"])
        # Long sentences lie over the columns to the right, which are empty.
        sheet.write_string(row, 1, str(value))
    row += 2
    for place, words in enumerate(("sheet", "column", "unit", "description")):
        sheet.write_string(row, place, words, styles["head"])
    for table in export.tables:
        for column in table.columns:
            row += 1
            cells = (table.name, column.name, column.unit, column.description)
            for place, text in enumerate(cells):
                sheet.write_string(row, place, str(text), styles["wrap"])


def _table(workbook: Any, table: Table, styles: dict[str, Any]) -> None:
    rows = table.rows()
    number = 1
    while True:
        # What does not fit on one sheet goes on in the next.
        ending = "" if number == 1 else f" {number}"
        sheet = workbook.add_worksheet(table.name[: _SHEET_NAME - len(ending)] + ending)
        written = _sheet(sheet, table.columns, islice(rows, MOST_ROWS), styles)
        if written < MOST_ROWS:
            return
        number += 1


def _sheet(
    sheet: Any, columns: Sequence[Column], rows: Iterator[Sequence[Any]], styles: dict[str, Any]
) -> int:
    sheet.freeze_panes(1, 0)
    for place, column in enumerate(columns):
        sheet.set_column(place, place, max(_WIDTHS[column.type], len(column.name) + 2))
        sheet.write_string(0, place, column.name, styles["head"])
    number = 0
    for number, row in enumerate(rows, start=1):
        for place, cell in enumerate(row):
            if cell is None:
                continue
            if isinstance(cell, str):
                sheet.write_string(number, place, cell)
            elif isinstance(cell, dt.datetime):
                # A sheet knows no time zones: all times are UTC, and the column says so.
                naive = cell.astimezone(dt.UTC).replace(tzinfo=None)
                sheet.write_datetime(number, place, naive, styles["time"])
            else:
                sheet.write_number(number, place, cell)
    return number
