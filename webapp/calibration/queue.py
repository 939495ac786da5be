"""Telling the workers that a classifier waits for its fit."""

import uuid

from django.utils import timezone

from webapp.calibration.models import Classifier
from webapp.recordings import queue

FIT_TASK = "workers.calibration.fit"


def send_fit(classifier_id: uuid.UUID) -> bool:
    """Asks a worker to fit a queued classifier; False if the broker is away."""
    if not queue.send(FIT_TASK, classifier_id):
        return False
    Classifier.objects.filter(pk=classifier_id).update(sent_at=timezone.now())
    return True
