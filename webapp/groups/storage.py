"""Private storage of group recordings: one folder each, named by its id.

    <data>/groups/<id>/<id>          the meeting's video; what students withdrew is blurred in it
    <data>/groups/<id>/blurred.mp4   the copy for the page: whoever does not consent is blurred
    <data>/groups/<id>/faces/<n>.jpg the found people's faces, to be matched
    <data>/groups/<id>/people/       what a worker keeps of the people between two steps
    <data>/groups/<id>/step/         files of a step under way

Nothing here has a public URL, and the video itself has none at all.
"""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from webapp.recordings.storage import adopt_as, ids_of, private_folder, untouched


def groups_dir() -> Path:
    """Where group recordings live."""
    return private_folder(Path(settings.DATA_DIR / "groups"))


def folder(group_id: uuid.UUID) -> Path:
    """The group recording's folder; it may not exist."""
    return Path(settings.DATA_DIR / "groups" / str(group_id))


def video_path(group_id: uuid.UUID) -> Path:
    """The meeting's video."""
    return folder(group_id) / str(group_id)


def blurred_path(group_id: uuid.UUID) -> Path:
    """The copy in which only those who consent can be recognised."""
    return folder(group_id) / "blurred.mp4"


def faces_path(group_id: uuid.UUID) -> Path:
    """The folder of the found people's faces."""
    return folder(group_id) / "faces"


def thumbnail_path(group_id: uuid.UUID, number: int) -> Path:
    """The face of the person with that number."""
    return faces_path(group_id) / f"{number}.jpg"


def people_path(group_id: uuid.UUID) -> Path:
    """The folder in which a worker keeps the found people."""
    return folder(group_id) / "people"


def work_path(group_id: uuid.UUID) -> Path:
    """The folder for files of a step under way; emptied when a step begins or ends."""
    return folder(group_id) / "step"


def adopt(part: Path, group_id: uuid.UUID) -> Path:
    """Moves a whole, synced file into the group's folder so that a crash cannot lose it."""
    groups_dir()
    return adopt_as(part, video_path(group_id))


def erase(group_id: uuid.UUID) -> None:
    """Removes everything kept of a group recording. Erasing twice is fine."""
    shutil.rmtree(folder(group_id), ignore_errors=True)


def erase_pictures(group_id: uuid.UUID, numbers: list[int]) -> None:
    """Removes these people's thumbnails, and the page's copy of the video if they may be in it."""
    blurred_path(group_id).unlink(missing_ok=True)
    for number in numbers:
        thumbnail_path(group_id, number).unlink(missing_ok=True)


def stored_ids(older_than_s: float) -> Iterator[uuid.UUID]:
    """Ids of the groups' folders that have been there for that long."""
    return ids_of(path.name for path in untouched(groups_dir().iterdir(), older_than_s))
