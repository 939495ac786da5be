"""Private storage of lesson summaries: one folder each.

<data>/recordings/<recording>/summaries/<id>/   of one recording, erased with its folder
<data>/summaries/<id>/                          of a class
<folder>.part                                   being made
"""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from webapp.recordings import storage


def class_dir() -> Path:
    """Where summaries of classes live."""
    return storage.private_folder(Path(settings.DATA_DIR / "summaries"))


def folder(summary_id: uuid.UUID, recording_id: uuid.UUID | None) -> Path:
    """The summary's folder; it may not exist. A class's summary has no recording."""
    if recording_id is None:
        return Path(settings.DATA_DIR / "summaries" / str(summary_id))
    return storage.folder(recording_id) / "summaries" / str(summary_id)


def part(summary_id: uuid.UUID, recording_id: uuid.UUID | None) -> Path:
    """Where it is made; empty, and there, when this returns.

    Raises:
        FileNotFoundError: the recording's folder is gone.
    """
    if recording_id is None:
        class_dir()
    else:
        (storage.folder(recording_id) / "summaries").mkdir(mode=0o700, exist_ok=True)
    target = folder(summary_id, recording_id).with_suffix(".part")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(mode=0o700)
    return target


def erase(summary_id: uuid.UUID, recording_id: uuid.UUID | None) -> None:
    """Removes everything of the summary. Erasing twice is fine."""
    home = folder(summary_id, recording_id)
    for path in (home, home.with_suffix(".part")):
        shutil.rmtree(path, ignore_errors=True)


def stored_class_ids(older_than_s: float) -> Iterator[uuid.UUID]:
    """Ids of the classes' folders, half-made ones too, that have been there for that long."""
    old = storage.untouched(class_dir().iterdir(), older_than_s)
    return storage.ids_of(path.stem for path in old)
