"""Files of uploads under way, and the lock that keeps two requests out of one file.

    <data>/uploads/<id>.part         the bytes that have arrived; its size is the upload's offset
    <data>/uploads/<id>.unverified   present while bytes are written that a checksum is still to
                                     confirm: where they begin

The offset is read from the file, never from the database, so that it cannot be more than what is
there, whatever was killed when. It leaves the server after `sync` alone: what is acknowledged
survives a power cut.

The lock is the kernel's (flock): it ends with the process that holds it, however that ends.
"""

import contextlib
import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from django.conf import settings

from webapp.recordings.storage import ids_of, private_folder, sync_directory, untouched

_LOCK_POLL_S = 0.02
# Linux writes the file's size with it, which is all that there is to know beyond the bytes.
_sync_data = getattr(os, "fdatasync", os.fsync)


class LockedError(Exception):
    """Somebody else is writing to the upload."""


def uploads_dir() -> Path:
    """Where uploads under way live."""
    return private_folder(Path(settings.DATA_DIR / "uploads"))


def part_path(upload_id: uuid.UUID) -> Path:
    """The bytes that have arrived."""
    return Path(settings.DATA_DIR / "uploads" / f"{upload_id}.part")


def unverified_path(upload_id: uuid.UUID) -> Path:
    """Where the bytes begin that no checksum has confirmed."""
    return part_path(upload_id).with_suffix(".unverified")


def size_bytes(upload_id: uuid.UUID) -> int:
    """How much has arrived, without a lock: for people, who may be told a moment's old number."""
    try:
        return part_path(upload_id).stat().st_size
    except FileNotFoundError:
        return 0


def create(upload_id: uuid.UUID) -> None:
    """Makes the empty file, so that it survives a power cut."""
    directory = uploads_dir()
    os.close(os.open(part_path(upload_id), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    sync_directory(directory)


def erase(upload_id: uuid.UUID) -> None:
    """Removes what has arrived. Twice is fine; a request that is writing notices."""
    part_path(upload_id).unlink(missing_ok=True)
    unverified_path(upload_id).unlink(missing_ok=True)


def stored_ids(older_than_s: float) -> Iterator[uuid.UUID]:
    """Ids of the files that nobody has written to for that long."""
    return ids_of(path.stem for path in untouched(uploads_dir().iterdir(), older_than_s))


class Part:
    """The locked file of one upload. Use it in a `with` statement.

    Args:
        upload_id: whose file it is.
        patience_s: how long to wait for another request to let go of it.

    Raises:
        LockedError: it is still being written to.
        FileNotFoundError: there is none (any more).
    """

    def __init__(self, upload_id: uuid.UUID, patience_s: float = 0.0) -> None:
        self._id = upload_id
        self.path = part_path(upload_id)
        self._handle = self._open_locked(time.monotonic() + patience_s)

    def __enter__(self) -> Self:
        try:
            self._drop_unverified()
        except BaseException:
            os.close(self._handle)
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        os.close(self._handle)

    @property
    def size_bytes(self) -> int:
        """How much is in it."""
        return os.fstat(self._handle).st_size

    @property
    def is_erased(self) -> bool:
        """Whether somebody has removed it in the meantime: what is written to it is lost."""
        return os.fstat(self._handle).st_nlink == 0

    def append(self, data: bytes) -> None:
        """Writes all of it at the end."""
        left = memoryview(data)
        while left:
            left = left[os.write(self._handle, left) :]

    def cut(self, size_bytes: int) -> None:
        """Takes away what is beyond that size."""
        os.ftruncate(self._handle, size_bytes)

    def touch(self) -> None:
        """Makes it look just written to, for sweeps that take what nobody has touched."""
        os.utime(self._handle)

    def sync(self) -> None:
        """Returns when everything in it is on the disk."""
        _sync_data(self._handle)

    @contextlib.contextmanager
    def unverified(self) -> Iterator[None]:
        """What is appended inside stays if this ends well: not after an exception or a kill."""
        before = self.size_bytes
        mark = unverified_path(self._id)
        with mark.open("x") as file:
            file.write(str(before))
            file.flush()
            os.fsync(file.fileno())
        sync_directory(mark.parent)
        try:
            yield
        except BaseException:
            self.cut(before)
            raise
        finally:
            self.sync()
            mark.unlink(missing_ok=True)
            # A mark that came back after a power cut would take confirmed bytes away.
            sync_directory(mark.parent)

    def _drop_unverified(self) -> None:
        """After a kill: a piece without its checksum's confirmation never arrived."""
        mark = unverified_path(self._id)
        with contextlib.suppress(FileNotFoundError):
            text = mark.read_text()
            # An empty mark was never followed by a byte.
            if text.isdigit():
                self.cut(min(int(text), self.size_bytes))
                self.sync()
            mark.unlink()

    def _open_locked(self, until: float) -> int:
        while True:
            handle = os.open(self.path, os.O_RDWR | os.O_APPEND)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                if time.monotonic() >= until:
                    raise LockedError(str(self.path)) from None
                time.sleep(_LOCK_POLL_S)
                continue
            # It may have been removed between the two calls.
            if os.fstat(handle).st_nlink:
                return handle
            os.close(handle)
