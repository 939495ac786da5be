"""An export as the file that a reader asked for: streamed, or written to a temporary file."""

import tempfile
from collections.abc import Callable, Iterator
from typing import IO

from django.http import FileResponse, Http404, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.gzip import gzip_page

from webapp.exports.formats import archive, columnar, delimited, json_text, workbook
from webapp.exports.tables import Export, Table

#: Endings of the addresses; `pdf` is made elsewhere.
TABLE_ENDINGS = ("csv", "xlsx", "json", "parquet")
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_PARQUET = "application/vnd.apache.parquet"


def answer(
    request: HttpRequest, export: Export, ending: str, table_name: str = ""
) -> HttpResponseBase:
    """The whole export, or one of its tables where the format takes one a file.

    CSV and Parquet of several tables come as a ZIP.
    """
    table = _table(export, table_name)
    if ending == "csv" and table:
        return _text(request, delimited.table_text(table), "text/csv", _name(export, table, "csv"))
    if ending == "json":
        name = f"{export.stem}.json"
        return _text(request, json_text.export_text(export), "application/json", name)
    if ending == "parquet" and table:
        name = _name(export, table, "parquet")
        return _file(lambda file: columnar.write(export, table, file), _PARQUET, name)
    if ending == "xlsx":
        return _file(lambda file: workbook.write(export, file), _XLSX, f"{export.stem}.xlsx")
    write = archive.write_csv if ending == "csv" else archive.write_parquet
    name = f"{export.stem}-{ending}.zip"
    return _file(lambda file: write(export, file), "application/zip", name)


def _table(export: Export, name: str) -> Table | None:
    found = export.table(name) if name else None
    if name and found is None:
        raise Http404(_("This export has no table of that name."))
    return found


def _name(export: Export, table: Table, ending: str) -> str:
    return f"{export.stem}-{table.name}.{ending}"


def _text(
    request: HttpRequest, pieces: Iterator[str], content_type: str, name: str
) -> HttpResponseBase:
    response = StreamingHttpResponse(pieces, content_type=f"{content_type}; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    compressed: HttpResponseBase = gzip_page(lambda _request: response)(request)
    return compressed


def _file(write: Callable[[IO[bytes]], None], content_type: str, name: str) -> FileResponse:
    # On the disk, so that memory stays flat; it is gone when the answer is closed.
    file = tempfile.TemporaryFile()  # noqa: SIM115  (the answer closes it)
    try:
        write(file)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return FileResponse(file, as_attachment=True, filename=name, content_type=content_type)
