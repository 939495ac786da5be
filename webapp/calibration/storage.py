"""Private storage of fitted classifiers: one file each, named by its id.

    <data>/classifiers/<id>.safetensors

What it says depends on people's faces, so it is erased with them (see `signals.py`).
"""

import uuid
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from webapp.recordings.storage import private_folder, untouched


def folder() -> Path:
    """Where the files live."""
    return private_folder(Path(settings.DATA_DIR / "classifiers"))


def path_of(classifier_id: uuid.UUID) -> Path:
    """The classifier's file; it may not exist."""
    return Path(settings.DATA_DIR / "classifiers" / f"{classifier_id}.safetensors")


def erase(classifier_id: uuid.UUID) -> None:
    """Removes the classifier's file. Erasing twice is fine."""
    path_of(classifier_id).unlink(missing_ok=True)


def stored(older_than_s: float) -> Iterator[Path]:
    """Files, half-written ones too, that have been there for that long."""
    return untouched(folder().iterdir(), older_than_s)
