"""Several files of one export as a ZIP: a file a table, and a text that explains the columns."""

import tempfile
import zipfile
from collections.abc import Iterator
from typing import IO

from webapp.exports.formats import columnar, delimited
from webapp.exports.tables import Export

_PIECE = 1024 * 1024


def write_csv(export: Export, file: IO[bytes]) -> None:
    """A CSV a table."""
    with _open(export, file) as archive:
        for table in export.tables:
            with archive.open(f"{table.name}.csv", "w", force_zip64=True) as entry:
                for block in delimited.table_text(table):
                    entry.write(block.encode())


def write_parquet(export: Export, file: IO[bytes]) -> None:
    """A Parquet file a table."""
    with _open(export, file) as archive:
        for table in export.tables:
            # Parquet is read from its end: it is written to a file of its own first.
            with tempfile.TemporaryFile() as whole:
                columnar.write(export, table, whole)
                whole.seek(0)
                with archive.open(f"{table.name}.parquet", "w", force_zip64=True) as entry:
                    while piece := whole.read(_PIECE):
                        entry.write(piece)


def about_text(export: Export) -> Iterator[str]:
    """What the export is about, and what each column means, line by line."""
    yield export.title
    yield ""
    for label, value in export.about:
        yield f"{label}: {value}"
    for table in export.tables:
        yield ""
        yield f"{table.name}: {table.title}"
        for column in table.columns:
            unit = f" [{column.unit}]" if column.unit else ""
            yield f"  {column.name}{unit}: {column.description}"


def _open(export: Export, file: IO[bytes]) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(file, "w", compression=zipfile.ZIP_DEFLATED, compresslevel=4)
    archive.writestr("about.txt", "\n".join(about_text(export)) + "\n")
    return archive
