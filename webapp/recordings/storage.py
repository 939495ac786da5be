"""Private storage: one folder a recording, named by its id, so that erasing is one step.

    <data>/incoming/<id>.part           bytes of an upload that is not acknowledged yet
    <data>/recordings/<id>/<id>         the video as uploaded
    <data>/recordings/<id>/playable.mp4 a copy that browsers play, where the upload is not one
    <data>/recordings/<id>/embeddings.parquet
    <data>/recordings/<id>/checkpoint-<analysis>/   what an analysis that runs, or will, has so far

Nothing here has a public URL.
"""

import contextlib
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings

_CHECKPOINT = "checkpoint-"
_REMOVALS = 3


def incoming_dir() -> Path:
    """Where uploads are written until they are whole."""
    return private_folder(settings.DATA_DIR / "incoming")


def recordings_dir() -> Path:
    """Where recordings live."""
    return private_folder(settings.DATA_DIR / "recordings")


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


def checkpoint_path(recording_id: uuid.UUID, analysis_id: uuid.UUID) -> Path:
    """Folder in which an analysis keeps what it has so far, for the attempt after this one."""
    return folder(recording_id) / f"{_CHECKPOINT}{analysis_id}"


def drop_checkpoint(recording_id: uuid.UUID, analysis_id: uuid.UUID) -> None:
    """Removes what an analysis that has ended kept for its next attempt. Twice is fine."""
    _remove(checkpoint_path(recording_id, analysis_id))


def adopt(part: Path, recording_id: uuid.UUID) -> Path:
    """Moves a whole, synced file into the recording's folder so that a crash cannot lose it."""
    recordings_dir()
    return adopt_as(part, video_path(recording_id))


def adopt_as(part: Path, target: Path) -> Path:
    """Moves a whole, synced file to `target`, in a folder of its own that is made for it."""
    home = target.parent
    home.mkdir(mode=0o700)
    part.replace(target)
    for directory in (home, home.parent):
        sync_directory(directory)
    return target


def erase(recording_id: uuid.UUID) -> None:
    """Removes everything kept of a recording. Erasing twice is fine."""
    _remove(folder(recording_id))


def _remove(directory: Path) -> None:
    """Removes a folder in which somebody may still be writing: they must not keep it alive."""
    for _ in range(_REMOVALS):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return


def sync_directory(directory: Path) -> None:
    """Makes a rename inside the directory survive a power cut."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def leftovers(older_than_s: float) -> Iterator[Path]:
    """Partial uploads that nobody has written to for that long."""
    return untouched(incoming_dir().glob("*.part"), older_than_s)


def stored_ids(older_than_s: float) -> Iterator[uuid.UUID]:
    """Ids of the recordings' folders that have been there for that long."""
    return ids_of(path.name for path in untouched(recordings_dir().iterdir(), older_than_s))


def checkpoints() -> Iterator[tuple[uuid.UUID, uuid.UUID]]:
    """The recording and the analysis of every checkpoint that there is."""
    for path in recordings_dir().glob(f"*/{_CHECKPOINT}*"):
        with contextlib.suppress(ValueError):
            yield uuid.UUID(path.parent.name), uuid.UUID(path.name.removeprefix(_CHECKPOINT))


def untouched(paths: Iterable[Path], older_than_s: float) -> Iterator[Path]:
    """Those of the paths that are there and were last written to longer ago than that."""
    limit = time.time() - older_than_s
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < limit:
                yield path


def ids_of(names: Iterable[str]) -> Iterator[uuid.UUID]:
    """The names that are ids; others are passed over."""
    for name in names:
        with contextlib.suppress(ValueError):
            yield uuid.UUID(name)


def private_folder(directory: Path) -> Path:
    """The folder, made for the site's own user alone where it is not there."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory
