"""Receiving a file: straight to private storage, hashed and measured on the way.

The request's body is written once, to `incoming/<id>.part`, and never held in memory.
"""

import hashlib
import io
import logging
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webapp.recordings import storage
from webapp.recordings.naming import display_name

logger = logging.getLogger(__name__)

# What the form's own fields and boundaries may add to the file's size.
_FORM_SLACK_BYTES = 64 * 1024


EMPTY_FILE = gettext_lazy("This file is empty: it has no bytes. Choose the recording itself.")


def too_large_text() -> str:
    """Why a file over the limit is refused."""
    text = _("This file is larger than the limit of %(limit)s. Upload a shorter recording.")
    return text % {"limit": filesizeformat(settings.MAX_UPLOAD_BYTES)}


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A whole file on disk that is not yet a recording."""

    id: uuid.UUID
    part: Path
    name: str
    size_bytes: int
    sha256: str

    def discard(self) -> None:
        """Removes the file if it is still there."""
        self.part.unlink(missing_ok=True)


class ReceivedUpload(UploadedFile):  # type: ignore[type-arg]  # not generic at run time
    """What Django's form sees of a received file."""

    def __init__(self, received: ReceivedFile) -> None:
        super().__init__(name=received.name, size=received.size_bytes)
        self.received = received

    def close(self) -> None:
        """Called when the request ends: removes what was not adopted as a recording."""
        self.received.discard()


class PrivateUploadHandler(FileUploadHandler):
    """Writes one file of the request to private storage; further files are skipped.

    A file over the limit is dropped, and the rest of the body is read and thrown away, so that
    the browser finishes sending and can show the answer.
    """

    chunk_size = 1024 * 1024

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.limit_bytes: int = settings.MAX_UPLOAD_BYTES
        self.too_large = False
        self.interrupted = False
        self.broken: OSError | None = None
        self._seen = False
        self._file: io.FileIO | None = None
        self._part: Path | None = None

    def handle_raw_input(self, input_data: Any, meta: Any, content_length: int, *args: Any) -> None:
        """Knows from the announced length that a file must be too large, before it is written."""
        if content_length > self.limit_bytes + _FORM_SLACK_BYTES:
            self.too_large = True

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        if self._seen or self.too_large:
            raise SkipFile
        self._seen = True
        self._id = uuid.uuid4()
        self._part = storage.incoming_dir() / f"{self._id}.part"
        self._hash = hashlib.sha256()
        self._size = 0
        # Unbuffered: the parser hands over large chunks already.
        self._file = io.FileIO(self._part, "x")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._size += len(raw_data)
        if self._size > self.limit_bytes:
            self.too_large = True
            self.abandon()
            raise SkipFile
        self._hash.update(raw_data)
        try:
            _write_all(self._file, raw_data)
        except OSError as error:
            self._give_up(error)

    def file_complete(self, file_size: int) -> ReceivedUpload | None:
        if self._file is None or self._part is None:
            return None
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            logger.exception("An upload could not be synced to disk")
            self.broken = error
            self.abandon()
            return None
        self._file.close()
        received = ReceivedFile(
            id=self._id,
            part=self._part,
            name=display_name(self.file_name or ""),
            size_bytes=self._size,
            sha256=self._hash.hexdigest(),
        )
        # From here on the file is the request's: what happens to a later part must not touch it.
        self._file = self._part = None
        return ReceivedUpload(received)

    def upload_interrupted(self) -> None:
        """The body ended inside the file: what was sent is of no use."""
        self.interrupted = self._file is not None
        self.abandon()

    def _give_up(self, error: OSError) -> NoReturn:
        logger.error("An upload could not be written: %s", error)
        self.broken = error
        self.abandon()
        raise SkipFile from error

    def abandon(self) -> None:
        """Closes and removes the partial file."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._part is not None:
            self._part.unlink(missing_ok=True)
            self._part = None


def _write_all(file: io.FileIO | None, data: bytes) -> None:
    """Writes every byte: an unbuffered write may take fewer than it is given."""
    left = memoryview(data)
    while left and file is not None:
        left = left[file.write(left) :]
