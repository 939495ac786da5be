"""Materials of lessons: erases the files that a crash left without a row."""

import logging

from webapp.courses import storage
from webapp.courses.models import LessonMaterial

logger = logging.getLogger(__name__)


def sweep_files(older_than_s: float) -> int:
    """Erases files without a row that are older than that; returns how many there were."""
    stored = list(storage.stored_ids(older_than_s))
    known = set(LessonMaterial.objects.filter(pk__in=stored).values_list("pk", flat=True))
    orphans = set(stored) - known
    for material_id in orphans:
        logger.info("Removing the material %s, which has no row", material_id)
        storage.erase(material_id)
    return len(orphans)
