"""Which classifier an analysis is made with, and the note of it."""

import logging

from webapp.calibration.models import AnalysisClassifier, Classifier
from webapp.calibration.selectors import classifier_in_use
from webapp.courses.models import Course
from webapp.recordings.models import Analysis, Recording

logger = logging.getLogger(__name__)


def classifier_for(recording: Recording, expression_model: str) -> Classifier | None:
    """The student's own classifier, else the course's; None where none takes the embeddings."""
    used = classifier_in_use(recording.lesson.course, recording.student)
    return _usable(used, expression_model)


def course_classifier(course: Course, expression_model: str) -> Classifier | None:
    """The course's classifier, for several students at once; None where it takes others."""
    used = Classifier.objects.filter(course=course, student=None, in_use=True).first()
    return _usable(used, expression_model)


def _usable(used: Classifier | None, expression_model: str) -> Classifier | None:
    if used is None or used.embedding_model != expression_model:
        return None
    if not used.path.is_file():
        logger.error("The file of the classifier %s is gone; the analysis goes without", used.pk)
        return None
    return used


def note(analysis: Analysis, classifier: Classifier | None) -> None:
    """Records what made a finished analysis, unless it was erased while the analysis ran."""
    if classifier is not None and Classifier.objects.filter(pk=classifier.pk).exists():
        AnalysisClassifier.objects.create(analysis=analysis, classifier=classifier)
