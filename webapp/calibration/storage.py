"""Private storage of fitted classifiers: one file each, named by its id.

    <data>/classifiers/<id>.safetensors

What it says depends on people's faces, so it is erased with them (see `signals.py`).
"""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings


def folder() -> Path:
    """Where the files live."""
    directory = Path(settings.DATA_DIR / "classifiers")
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory


def path_of(classifier_id: uuid.UUID) -> Path:
    """The classifier's file; it may not exist."""
    return Path(settings.DATA_DIR / "classifiers" / f"{classifier_id}.safetensors")


def erase(classifier_id: uuid.UUID) -> None:
    """Removes the classifier's file. Erasing twice is fine."""
    path_of(classifier_id).unlink(missing_ok=True)


def stored(older_than_s: float) -> Iterator[Path]:
    """Files, half-written ones too, that have been there for that long."""
    limit = time.time() - older_than_s
    for path in folder().iterdir():
        try:
            if path.stat().st_mtime < limit:
                yield path
        except FileNotFoundError:
            continue
