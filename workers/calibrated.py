"""Which classifier an analysis is made with, and the note of it."""

from webapp.calibration.models import AnalysisClassifier, Classifier
from webapp.calibration.selectors import classifier_in_use
from webapp.recordings.models import Analysis, Recording


def classifier_for(recording: Recording, expression_model: str) -> Classifier | None:
    """The student's own classifier, else the course's; None where none takes the embeddings."""
    used = classifier_in_use(recording.lesson.course, recording.student)
    return used if used is not None and used.embedding_model == expression_model else None


def note(analysis: Analysis, classifier: Classifier | None) -> None:
    """Records what made a finished analysis, unless it was erased while the analysis ran."""
    if classifier is not None and Classifier.objects.filter(pk=classifier.pk).exists():
        AnalysisClassifier.objects.create(analysis=analysis, classifier=classifier)
