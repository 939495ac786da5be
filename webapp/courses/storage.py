"""Private storage of what instructors attach to lessons: one folder a material, named by its id.

    <data>/materials/<id>/<id>

Nothing here has a public URL.
"""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from webapp.recordings import storage


def materials_dir() -> Path:
    """Where materials live."""
    return storage.private_folder(settings.DATA_DIR / "materials")


def material_path(material_id: uuid.UUID) -> Path:
    """The file of a material; it may not exist."""
    return Path(settings.DATA_DIR / "materials" / str(material_id) / str(material_id))


def adopt(part: Path, material_id: uuid.UUID) -> Path:
    """Moves a whole, synced file into the material's folder so that a crash cannot lose it."""
    materials_dir()
    return storage.adopt_as(part, material_path(material_id))


def erase(material_id: uuid.UUID) -> None:
    """Removes the file of a material. Erasing twice is fine."""
    shutil.rmtree(material_path(material_id).parent, ignore_errors=True)


def stored_ids(older_than_s: float) -> Iterator[uuid.UUID]:
    """Ids of the folders that have been there for that long."""
    folders = storage.untouched(materials_dir().iterdir(), older_than_s)
    return storage.ids_of(path.name for path in folders)
