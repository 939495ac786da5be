"""From the request's body to the upload's file, in small pieces: memory does not grow with it.

Bytes are on the disk before anybody is told that they arrived (`Part.sync`). In a long body they
are brought there now and then, so that the last time is short.
"""

import contextlib
import errno
import logging
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

from webapp.uploads.checksums import Checksum
from webapp.uploads.errors import (
    CutShortError,
    FullHouseError,
    GoneError,
    NoSpaceError,
    TooLargeError,
)
from webapp.uploads.storage import Part

logger = logging.getLogger(__name__)

# A slow line's second or so: what a lost connection takes with it.
_PIECE_BYTES = 64 * 1024
_SYNC_EVERY_BYTES = 32 * 1024 * 1024
# How much of a refused body is read all the same: a browser shows no answer before it has sent it.
_DRAINED_BYTES = 40 * 1024 * 1024
_DRAINED_S = 5.0

_places: threading.BoundedSemaphore | None = None
_places_made = threading.Lock()


class Body:
    """A request's body as a stream that knows its end.

    Attributes:
        announced: how many bytes it should have; None where the client does not say.
    """

    def __init__(self, request: HttpRequest) -> None:
        chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
        # A server that knows where a body of unknown length ends hands it on; Django would not.
        self._chunked = chunked and bool(request.META.get("wsgi.input_terminated"))
        self._stream: Any = request.META["wsgi.input"] if self._chunked else request
        self.announced = None if self._chunked else int(request.META.get("CONTENT_LENGTH") or 0)
        self._socket: Any = request.META.get("gunicorn.socket")

    def pieces(self) -> Iterator[bytes]:
        """Everything in it.

        Raises:
            CutShortError: it ended early, or nothing came for `UPLOAD_STALL_S`.
        """
        arrived = 0
        with self._impatient(settings.UPLOAD_STALL_S):
            while piece := self._read():
                arrived += len(piece)
                yield piece
        if self.announced is not None and arrived < self.announced:
            raise _cut_short()

    def drain(self) -> None:
        """Reads what a refusal left of it, if that is soon done, so that the answer is heard."""
        drained = 0
        until = time.monotonic() + _DRAINED_S
        with contextlib.suppress(CutShortError), self._impatient(_DRAINED_S):
            while drained < _DRAINED_BYTES and time.monotonic() < until:
                piece = self._read()
                if not piece:
                    break
                drained += len(piece)

    def hang_up(self) -> None:
        """Listens no more: what is left of the body costs no thread, and nobody waits for it.

        Gunicorn waits for the rest for seconds otherwise, at the end in its only accepting thread.
        """
        # Not where it speaks TLS itself: that would cut the answer off, too.
        if type(self._socket) is socket.socket:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RD)

    def _read(self) -> bytes:
        try:
            return bytes(self._stream.read(_PIECE_BYTES))
        except OSError as error:
            logger.info("An upload's connection was lost: %s", error)
            raise _cut_short() from error

    @contextlib.contextmanager
    def _impatient(self, patience_s: float) -> Iterator[None]:
        """A client that vanished without a word must not keep the upload locked, nor a thread."""
        if not isinstance(self._socket, socket.socket):
            yield
            return
        before = self._socket.gettimeout()
        self._socket.settimeout(patience_s)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                self._socket.settimeout(before)


def _cut_short() -> CutShortError:
    return CutShortError(_("The connection was lost. What has arrived is kept: go on from there."))


@contextlib.contextmanager
def a_place() -> Iterator[None]:
    """One of `UPLOADS_AT_ONCE` places, so that slow uploads leave threads for pages.

    Raises:
        FullHouseError: all are taken.
    """
    places = _all_places()
    if not places.acquire(blocking=False):
        text = _("Many recordings are being uploaded just now. Yours goes on in a few seconds.")
        raise FullHouseError(text, Retry_After="5")
    try:
        yield
    finally:
        places.release()


def _all_places() -> threading.BoundedSemaphore:
    # Made when the settings are there.
    global _places
    with _places_made:
        if _places is None:
            _places = threading.BoundedSemaphore(settings.UPLOADS_AT_ONCE)
        return _places


def append(part: Part, body: Body, most_bytes: int, checksum: Checksum | None) -> None:
    """Appends the body to the file, and brings it to the disk, whatever happens on the way.

    With a checksum, the body stays only if it is whole and as it was sent.

    Raises:
        TooLargeError: it has more than `most_bytes`; nothing of it stays.
        CutShortError: it ended early; what came stays.
        ChecksumError: it was damaged; nothing of it stays.
        GoneError: the upload was erased in the meantime.
        NoSpaceError: the disk refused it; what could be written stays.
    """
    if (body.announced or 0) > most_bytes:
        raise _too_much()
    before = part.size_bytes
    try:
        with contextlib.nullcontext() if checksum is None else part.unverified():
            _copy(part, body, most_bytes, checksum)
            if checksum is not None:
                checksum.verify()
    except TooLargeError:
        part.cut(before)
        raise
    except OSError as error:
        # Of the disk: what goes wrong with the connection has another name by now.
        raise _no_space(error) from error
    finally:
        part.sync()


def _copy(part: Part, body: Body, most_bytes: int, checksum: Checksum | None) -> None:
    arrived = unsynced = 0
    for piece in body.pieces():
        arrived += len(piece)
        if arrived > most_bytes:
            raise _too_much()
        part.append(piece)
        if checksum is not None:
            checksum.update(piece)
        unsynced += len(piece)
        if unsynced >= _SYNC_EVERY_BYTES:
            unsynced = 0
            part.sync()
            if part.is_erased:
                raise GoneError(_("This upload was erased in the meantime."))


def _too_much() -> TooLargeError:
    return TooLargeError(_("More was sent than the file's announced size. Nothing of it was kept."))


def _no_space(error: OSError) -> NoSpaceError:
    logger.error("An upload could not be written: %s", error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        text = _("The server's disk is full. What has arrived is kept: try again later.")
    else:
        text = _("The server's disk refused the file. What has arrived is kept: try later.")
    return NoSpaceError(text)
