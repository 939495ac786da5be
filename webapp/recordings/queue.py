"""Telling the workers that there is something to do.

The database is the truth; a message is only a nudge. When the broker is away the analysis stays
queued with `sent_at` null, and the reaper of the next worker sends it.
"""

import logging
import uuid
from functools import cache

from celery import Celery
from django.conf import settings
from django.utils import timezone
from kombu.exceptions import OperationalError

from webapp.recordings.models import Analysis

logger = logging.getLogger(__name__)

ANALYSE_TASK = "workers.analysis.analyse"
RENDER_TASK = "workers.playback.render"
#: Tasks that do not wait behind analyses; see workers/app.py.
TASK_ROUTES = {
    "workers.notices.*": {"queue": "mail"},
    "workers.reports.*": {"queue": "reports"},
}

# A student waits for this: one quick try, and the reaper does the rest.
_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}


@cache
def _sender() -> Celery:
    """A Celery application that only sends; it knows tasks by name and runs none."""
    app = Celery("webapp", broker=settings.CELERY_BROKER_URL, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        broker_transport_options=_TRANSPORT_OPTIONS,
        task_routes=TASK_ROUTES,
    )
    return app


def send_analysis(analysis_id: uuid.UUID) -> bool:
    """Asks a worker to run a queued analysis; False if the broker is away."""
    if not _send(ANALYSE_TASK, analysis_id):
        return False
    Analysis.objects.filter(pk=analysis_id).update(sent_at=timezone.now())
    return True


def send_rendition(recording_id: uuid.UUID) -> bool:
    """Asks a worker for a copy of the recording that browsers play."""
    return _send(RENDER_TASK, recording_id)


def send(task: str, subject_id: uuid.UUID | int) -> bool:
    """Sends another app's task for one row, by name; False if the broker is away."""
    return _send(task, subject_id)


def _send(task: str, subject_id: uuid.UUID | int) -> bool:
    try:
        _sender().send_task(task, args=[str(subject_id)], retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("The broker did not take %s for %s: %s", task, subject_id, error)
        return False
    return True
