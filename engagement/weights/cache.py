"""Where model files lie on this machine, and whether they are what was published.

Looked at: our own cache, then the folders of the published packages, which may have fetched the
same files before. A file counts only when its git blob id is the published one, so that a broken
download, a newer upload under the same name or a login page saved as a model is never loaded.
"""

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from engagement.errors import OutputError
from engagement.files import sha256_of
from engagement.weights.registry import PublishedFile

logger = logging.getLogger(__name__)

CACHE_VARIABLE = "ENGAGEMENT_CACHE"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Copy:
    """A file on this machine under a published file's name.

    Attributes:
        git_blob: its git blob id; None if it cannot be read.
        right: whether it is the published file.
    """

    path: Path
    git_blob: str | None
    right: bool


def cache_folder() -> Path:
    """Folder of everything that can be fetched or made again; it need not exist.

    ``ENGAGEMENT_CACHE`` names it; without, it is the system's place for caches.
    """
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        with suppress(RuntimeError):  # ~ of a user that has no home
            return Path(named).expanduser().absolute()
        return Path(named).absolute()
    return platformdirs.user_cache_path("engagement", appauthor=False)


def models_folder() -> Path:
    """Where fetched model files lie, under their own names; it need not exist."""
    return cache_folder() / "models"


def converted_folder() -> Path:
    """Where files made from model files lie; it need not exist.

    The name of what is made from a model file begins with that file's sha256; `conversions_of`
    finds it by that.
    """
    return cache_folder() / "converted"


def make_folder(folder: Path) -> Path:
    """Make a folder of the cache, and return it.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The cache folder {folder} cannot be made ({error.strerror}). Set {CACHE_VARIABLE} to "
            "a folder that can."
        ) from error
    return folder


def known_folders() -> tuple[Path, ...]:
    """Folders that are searched for model files, in order: ours, then the published packages'."""
    try:
        home = Path.home()
    except RuntimeError:
        return (models_folder(),)
    return models_folder(), home / ".emotiefflib", home / ".hsemotion"


def git_blob_id(path: Path) -> str:
    """Hexadecimal id that git gives the file's bytes: sha1 of ``blob <size>``, a zero, the bytes.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        # An address of content, agreed with the publisher; not a signature.
        digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def copies_of(file: PublishedFile) -> Iterator[Copy]:
    """Every file on this machine under that name, right or wrong; nothing is raised."""
    for folder in known_folders():
        path = folder / file.name
        try:
            if not path.is_file():
                continue
            found = git_blob_id(path)
        except OSError as error:
            logger.warning("%s is ignored: it cannot be read (%s)", path, error.strerror)
            yield Copy(path, None, right=False)
        else:
            yield Copy(path, found, found == file.git_blob)


def find_file(file: PublishedFile) -> Path | None:
    """The file on this machine, checked; None if it is not here.

    A wrong file under its name is passed over, with a warning in the log.
    """
    for copy in copies_of(file):
        if copy.right:
            return copy.path
        if copy.git_blob:
            logger.warning(
                "%s is ignored: its git blob id is %s, the published file's is %s",
                copy.path,
                copy.git_blob,
                file.git_blob,
            )
    return None


def conversions_of(path: Path) -> tuple[Path, ...]:
    """Files in `converted_folder` that were made from the model file `path`."""
    try:
        made_from = sha256_of(path)
        entries = sorted(converted_folder().iterdir())
    except OSError:
        return ()
    return tuple(entry for entry in entries if entry.name.startswith(made_from))
