"""Telling the workers that a summary is to be made."""

import uuid

from django.utils import timezone

from webapp.recordings import queue
from webapp.summaries.models import LessonSummary

SUMMARISE_TASK = "workers.summaries.summarise"


def send_summary(summary_id: uuid.UUID) -> bool:
    """Asks a worker to make a queued summary; False if the broker is away."""
    if not queue.send(SUMMARISE_TASK, summary_id):
        return False
    LessonSummary.objects.filter(pk=summary_id).update(sent_at=timezone.now())
    return True
