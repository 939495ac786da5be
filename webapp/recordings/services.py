"""Everything that changes recordings and analyses, each in a transaction of its own."""

import datetime as dt
import functools
import logging
import uuid
from collections.abc import Callable

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from webapp.accounts.models import User
from webapp.courses.models import Lesson
from webapp.privacy import services as privacy
from webapp.privacy.models import AccessLog
from webapp.recordings import queue, storage
from webapp.recordings.models import Analysis, Recording
from webapp.recordings.uploads import ReceivedFile

logger = logging.getLogger(__name__)


def _nothing(recording: Recording) -> None:
    """What a form has to do besides."""


def accept(
    received: ReceivedFile,
    lesson: Lesson,
    student: User,
    *,
    started_at: dt.datetime | None = None,
    also: Callable[[Recording], None] = _nothing,
) -> Recording:
    """Makes a received file a recording with a queued analysis.

    When this returns, the bytes are synced under their final name and the rows are committed:
    only then may the student be told. The message to the workers follows the commit. `also` is
    called in the same transaction; what it raises undoes everything.

    Raises:
        privacy.ConsentMissingError: consent was withdrawn in the meantime; nothing is kept.
    """
    try:
        storage.adopt(received.part, received.id)
        with transaction.atomic():
            privacy.require_consent(student, lesson.course)
            recording = Recording.objects.create(
                id=received.id,
                lesson=lesson,
                student=student,
                original_name=received.name,
                size_bytes=received.size_bytes,
                sha256=received.sha256,
                started_at=started_at,
            )
            also(recording)
            _queue(recording)
    except BaseException:
        received.discard()
        # A commit whose answer was lost may have succeeded; the sweep decides by the row.
        if not _row_exists(received.id):
            storage.erase(received.id)
        raise
    return recording


def retry(analysis: Analysis) -> Analysis:
    """Queues a new analysis of the same recording, or returns the one that is already open.

    Raises:
        privacy.ConsentMissingError: the student's consent is not active.
    """
    recording = analysis.recording
    try:
        with transaction.atomic():
            privacy.require_consent(recording.student, recording.lesson.course)
            return _queue(recording)
    except IntegrityError:
        # The constraint allows one open analysis a recording: somebody pressed twice.
        return Analysis.objects.get(recording=recording, state__in=Analysis.OPEN)


def cancel(analysis: Analysis) -> bool:
    """Stops an analysis that waits or runs; False if it had ended before, and stays as it ended.

    The worker notices that the analysis is no longer its own. The recording is kept.
    """
    with transaction.atomic():
        stopped = Analysis.objects.filter(pk=analysis.pk, state__in=Analysis.OPEN).update(
            state=Analysis.State.CANCELLED,
            owner="",
            expected_at=None,
            finished_at=timezone.now(),
        )
        if stopped:
            transaction.on_commit(
                functools.partial(storage.drop_checkpoint, analysis.recording_id, analysis.pk)
            )
    return bool(stopped)


def delete(recording: Recording, actor: User) -> None:
    """Erases the recording, its results and its files. A running analysis notices and stops."""
    with transaction.atomic():
        privacy.log_access(actor, recording, AccessLog.Action.DELETE)
        recording.delete()


def _queue(recording: Recording) -> Analysis:
    analysis = Analysis.objects.create(
        recording=recording,
        model_requested=settings.EXPRESSION_MODEL,
        sampling_fps=settings.SAMPLING_FPS,
    )
    transaction.on_commit(functools.partial(queue.send_analysis, analysis.pk))
    return analysis


def _row_exists(recording_id: uuid.UUID) -> bool:
    try:
        return Recording.objects.filter(pk=recording_id).exists()
    except Exception:
        logger.exception("Could not check whether recording %s was committed", recording_id)
        return True
