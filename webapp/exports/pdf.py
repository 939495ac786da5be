"""PDF from a template, with WeasyPrint: A4, tagged for screen readers (PDF/UA-1), no script.

Nothing is fetched: the style sheet is the site's own file, charts are in the page, and fonts are
those of the machine. WeasyPrint needs Pango, a library of the system; a site without it offers
every other format.
"""

import ctypes
import importlib.util
import logging
import threading
from functools import cache
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils.translation import get_language

from webapp.exports.documents import Paper

_PANGO = (
    ("libpango-1.0.so.0", "libpango-1.0.dylib", "libpango-1.0-0.dll"),
    ("libpangoft2-1.0.so.0", "libpangoft2-1.0.dylib", "libpangoft2-1.0-0.dll"),
)
# One at a time in a process: a large class takes seconds and 100 MB.
_one_at_a_time = threading.Lock()


@cache
def available() -> bool:
    """Whether this machine can make PDF; asked without loading WeasyPrint."""
    if importlib.util.find_spec("weasyprint") is None:
        return False
    return all(any(_loads(name) for name in names) for names in _PANGO)


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def render(paper: Paper) -> bytes:
    """The PDF of a paper."""
    html = render_to_string(paper.template, {**paper.context, "language": get_language()})
    # Loaded on use: it takes half a second and 40 MB that no page needs.
    import weasyprint
    import weasyprint.logger
    from PIL import ImageFile
    from weasyprint.urls import URLFetcher

    # It has Pillow take pictures that are cut short, for the whole process; nobody else wants that.
    ImageFile.LOAD_TRUNCATED_IMAGES = False

    class Nothing(URLFetcher):
        """Refuses every address, files of this machine among them."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            # WeasyPrint catches it, says so in the log and goes on without.
            raise ValueError(f"A report fetches nothing, and not {url[:80]}.")

    # It tells of every page that it makes.
    weasyprint.logger.PROGRESS_LOGGER.setLevel(logging.WARNING)
    fetcher = Nothing()
    with _one_at_a_time:
        style = weasyprint.CSS(string=_style(), url_fetcher=fetcher)
        document = weasyprint.HTML(string=html, url_fetcher=fetcher)
        made: bytes = document.write_pdf(stylesheets=[style], pdf_variant="pdf/ua-1")
    return made


@cache
def _style() -> str:
    path = finders.find("css/pdf.css")
    if not isinstance(path, str):
        raise FileNotFoundError("The style sheet css/pdf.css of the PDF reports is missing.")
    return Path(path).read_text()
