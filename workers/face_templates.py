"""Templates of faces: kept encrypted after an analysis, read for suggestions in the next meeting.

Everything here is called inside a transaction of the caller's.
"""

import logging
from collections.abc import Iterable

import numpy as np

from engagement.types import Floats
from webapp.accounts.models import User
from webapp.courses.models import Course
from webapp.groups.models import CourseGroupSettings, FaceTemplate
from webapp.groups.selectors import consenting_students
from webapp.groups.template_keys import TemplateUnreadableError, decrypt, encrypt

logger = logging.getLogger(__name__)

#: What makes the descriptors; those of another model mean nothing beside them.
MODEL_NAME = "hse_faceres"


def kept(course: Course) -> dict[str, Floats]:
    """The descriptors of the course's students who consent, by the student's id as text."""
    found: dict[str, Floats] = {}
    templates = FaceTemplate.objects.filter(
        course=course, model_name=MODEL_NAME, student__in=consenting_students(course)
    )
    for template in templates:
        try:
            plain = decrypt(bytes(template.encrypted))
        except TemplateUnreadableError as error:
            logger.warning("The %s cannot be used: %s", template, error)
            continue
        found[str(template.student_id)] = np.frombuffer(plain, dtype="<f4").astype(np.float32)
    return found


def keep(course: Course, student: User, descriptors: Iterable[Floats]) -> None:
    """Keeps the newest description of a student's face, where the course wants that."""
    wanted = CourseGroupSettings.objects.select_for_update().filter(
        course=course, keep_templates=True
    )
    if not list(wanted):
        return
    total = np.sum(list(descriptors), axis=0)
    length = float(np.linalg.norm(total))
    if not length:
        # An earlier analysis of the recording has already dropped what it had no use for.
        return
    unit = (total / length).astype("<f4")
    FaceTemplate.objects.update_or_create(
        student=student,
        course=course,
        model_name=MODEL_NAME,
        defaults={"encrypted": encrypt(unit.tobytes())},
    )
