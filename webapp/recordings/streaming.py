"""Sending a private file, whole or by HTTP Range (RFC 9110, section 14), so that players seek."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

_BLOCK_BYTES = 256 * 1024
_RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")


class UnsatisfiableRangeError(ValueError):
    """The range asked for lies outside the file."""


def sniff_media_type(head: bytes) -> str:
    """The media type by the file's first bytes; unknown ones are never shown as a page.

    QuickTime files are named MP4: browsers decode both alike but refuse the older name.
    """
    if head[4:8] == b"ftyp":
        return "video/mp4"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "video/webm"
    if head[:4] == b"OggS":
        return "video/ogg"
    return "application/octet-stream"


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte asked for, or None where the whole file should be sent.

    Several ranges at once, and units other than bytes, are ignored, as the standard allows.

    Raises:
        UnsatisfiableRangeError: the range begins after the end of the file.
    """
    match = _RANGE.match(header.replace(" ", ""))
    if not match or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        length = int(last)
        if length == 0 or size == 0:
            raise UnsatisfiableRangeError
        return max(0, size - length), size - 1
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    if start >= size:
        raise UnsatisfiableRangeError
    return (start, end) if end >= start else None


def send_file(
    request: HttpRequest, path: Path, etag: str, media_type: str | None = None
) -> HttpResponseBase:
    """The file, or the part that the request asks for; its type by its first bytes unless given.

    Raises:
        FileNotFoundError: there is no such file.
    """
    # The opened file is measured, not its path: it may be replaced by a rendition meanwhile.
    file = path.open("rb")
    size = os.fstat(file.fileno()).st_size
    media_type = media_type or sniff_media_type(file.read(16))
    file.seek(0)
    try:
        wanted = _wanted_range(request, size, etag)
    except UnsatisfiableRangeError:
        file.close()
        refusal = HttpResponse(status=416)
        refusal.headers["Content-Range"] = f"bytes */{size}"
        return refusal
    response: StreamingHttpResponse
    if wanted is None:
        response = FileResponse(file, content_type=media_type)
        response.headers["Content-Length"] = str(size)
    else:
        start, end = wanted
        response = StreamingHttpResponse(
            _blocks(file, start, end), status=206, content_type=media_type
        )
        # The response closes it even where the client goes away before the first block.
        response._resource_closers.append(file.close)  # type: ignore[attr-defined]
        response.headers["Content-Range"] = f"bytes {start}-{end}/{size}"
        response.headers["Content-Length"] = str(end - start + 1)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["ETag"] = etag
    response.headers["Content-Disposition"] = "inline"
    return response


def _wanted_range(request: HttpRequest, size: int, etag: str) -> tuple[int, int] | None:
    header = request.headers.get("Range", "")
    if not header or request.headers.get("If-Range", etag) != etag:
        return None
    return parse_range(header, size)


def _blocks(file: IO[bytes], start: int, end: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        left = end - start + 1
        while left > 0:
            block = file.read(min(_BLOCK_BYTES, left))
            if not block:
                return
            left -= len(block)
            yield block
