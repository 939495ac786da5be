"""Taking files from a page's export menu, and reading them by what reads their format."""

import csv
import io
import json
import re
import zipfile
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
from playwright.sync_api import Page
from pypdf import PdfReader

MENU = "details.menu--export"
#: Formats that hold tables, as the menu calls them.
FORMATS = (
    "Workbook (XLSX)",
    "CSV, every table (ZIP)",
    "Tables as JSON",
    "Parquet, every table (ZIP)",
)


def take(page: Page, words: str, folder: Path, *, group: str = "") -> Path:
    """Opens the menu and takes the file behind the words."""
    ending = rf"\s*, {group}$" if group else "$"
    name = re.compile(rf"^{re.escape(words)}{ending}")
    page.locator(f"{MENU} > summary").click()
    with page.expect_download() as download:
        page.get_by_role("link", name=name).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def text_of(path: Path) -> str:
    return " ".join(" ".join(one.extract_text() for one in PdfReader(path).pages).split())


def rows_of(path: Path, table: str) -> dict[str, list[dict]]:
    """One table of a file, by whatever reads its format."""
    if path.suffix == ".json":
        return json.loads(path.read_text())["tables"][table]
    if path.suffix == ".xlsx":
        header, *rows = openpyxl.load_workbook(path)[table].iter_rows(values_only=True)
        return [dict(zip(header, row, strict=True)) for row in rows]
    with zipfile.ZipFile(path) as archive:
        if f"{table}.csv" in archive.namelist():
            text = archive.read(f"{table}.csv").decode()
            return list(csv.DictReader(io.StringIO(text)))
        return pq.read_table(io.BytesIO(archive.read(f"{table}.parquet"))).to_pylist()
