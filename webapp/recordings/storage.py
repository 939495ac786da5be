"""Private storage: one folder a recording, named by its id, so that erasing is one step.

    <data>/incoming/<id>.part           bytes of an upload that is not acknowledged yet
    <data>/recordings/<id>/<id>         the video as uploaded
    <data>/recordings/<id>/playable.mp4 a copy that browsers play, where the upload is not one
    <data>/recordings/<id>/embeddings.parquet

Nothing here has a public URL.
"""

import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings


def incoming_dir() -> Path:
    """Where uploads are written until they are whole."""
    return _private(settings.DATA_DIR / "incoming")


def recordings_dir() -> Path:
    """Where recordings live."""
    return _private(settings.DATA_DIR / "recordings")


def folder(recording_id: uuid.UUID) -> Path:
    """The recording's folder; it may not exist."""
    return Path(settings.DATA_DIR / "recordings" / str(recording_id))


def video_path(recording_id: uuid.UUID) -> Path:
    """The video as uploaded."""
    return folder(recording_id) / str(recording_id)


def rendition_path(recording_id: uuid.UUID) -> Path:
    """The copy that browsers play."""
    return folder(recording_id) / "playable.mp4"


def embeddings_path(recording_id: uuid.UUID) -> Path:
    """The embeddings of the newest finished analysis."""
    return folder(recording_id) / "embeddings.parquet"


def adopt(part: Path, recording_id: uuid.UUID) -> Path:
    """Moves a whole, synced file into the recording's folder so that a crash cannot lose it."""
    home = recordings_dir() / str(recording_id)
    home.mkdir(mode=0o700)
    target = video_path(recording_id)
    part.replace(target)
    for directory in (home, home.parent):
        sync_directory(directory)
    return target


def erase(recording_id: uuid.UUID) -> None:
    """Removes everything kept of a recording. Erasing twice is fine."""
    shutil.rmtree(folder(recording_id), ignore_errors=True)


def sync_directory(directory: Path) -> None:
    """Makes a rename inside the directory survive a power cut."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def leftovers(older_than_s: float) -> Iterator[Path]:
    """Partial uploads that nobody has written to for that long."""
    limit = time.time() - older_than_s
    for path in incoming_dir().glob("*.part"):
        try:
            if path.stat().st_mtime < limit:
                yield path
        except FileNotFoundError:
            continue


def stored_ids(older_than_s: float) -> Iterator[uuid.UUID]:
    """Ids of the recordings' folders that have been there for that long."""
    limit = time.time() - older_than_s
    for path in recordings_dir().iterdir():
        try:
            if path.stat().st_mtime < limit:
                yield uuid.UUID(path.name)
        except (FileNotFoundError, ValueError):
            continue


def _private(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory
