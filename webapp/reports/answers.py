"""Answers made of an analysis: compressed, and with a validator.

An analysis never changes once it is finished, so its id, the corrections by hand and the form of
what is sent are all that a browser has to show to be told that it has the newest. What a browser
keeps it must ask for again each time (`no-cache`): whether the reader may still see it is decided,
and written down, at every request, before this module is asked.
"""

import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response, patch_vary_headers

from webapp.recordings.models import Analysis
from webapp.reports import ready

# A large table is sent once: level 6 would take as long as making it, to save an eighth more.
_FAST = 1
_GZIP_CONTAINER = 16 + zlib.MAX_WBITS
_GZIP = re.compile(r"(?:^|,)\s*gzip\s*(?:,|$|;(?!\s*q=0(?:\.0*)?\s*(?:,|$)))", re.IGNORECASE)


def etag_of(analysis: Analysis, what: str, stamp: str = "") -> str:
    """The validator of one kind of answer. Weak: compressed or not, it is the same content.

    `stamp` tells which corrections by hand are in it: `corrections.stamp_of`.
    """
    return f'W/"{analysis.pk.hex}-{what}-{ready.FORM}{"-" if stamp else ""}{stamp}"'


def validated(
    request: HttpRequest, etag: str, make: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    """304 where the reader has the content already, else what `make` makes of it."""
    response = get_conditional_response(request, etag=etag) or make()
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ["Accept-Encoding"])
    return response


def packed_json(request: HttpRequest, packed: bytes) -> HttpResponse:
    """JSON that is stored compressed, sent as it lies where the reader takes gzip."""
    if not accepts_gzip(request):
        return HttpResponse(gzip.decompress(packed), content_type="application/json")
    response = HttpResponse(packed, content_type="application/json")
    response.headers["Content-Encoding"] = "gzip"
    return response


def streamed(
    request: HttpRequest, blocks: Iterable[str], content_type: str
) -> StreamingHttpResponse:
    """Text that is sent as it is made, compressed lightly where the reader takes gzip."""
    packs = accepts_gzip(request)
    encoded = (block.encode() for block in blocks)
    response = StreamingHttpResponse(
        _packed(encoded) if packs else encoded, content_type=content_type
    )
    if packs:
        response.headers["Content-Encoding"] = "gzip"
    patch_vary_headers(response, ["Accept-Encoding"])
    return response


def _packed(blocks: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(_FAST, zlib.DEFLATED, _GZIP_CONTAINER)
    for block in blocks:
        if packed := packer.compress(block):
            yield packed
    yield packer.flush()


def accepts_gzip(request: HttpRequest) -> bool:
    """Whether the reader takes gzip; `gzip;q=0` says that it does not."""
    return bool(_GZIP.search(request.headers.get("Accept-Encoding", "")))
