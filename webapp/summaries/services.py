"""Everything that asks for summaries."""

import datetime as dt
import functools

from django.db import IntegrityError, transaction
from django.utils import timezone

from webapp.accounts.models import User
from webapp.courses.models import Lesson
from webapp.privacy import services as privacy
from webapp.privacy.models import AccessLog
from webapp.recordings.models import Analysis, Recording
from webapp.reports.selectors import latest_finished
from webapp.summaries import queue, selectors
from webapp.summaries.models import LessonSummary

# A page fetches stills and clips one by one; within this time they are one reading.
_ONE_READING = dt.timedelta(minutes=10)


class NothingToSummariseError(Exception):
    """There is no finished analysis to make a summary from."""


def make_for_recording(recording: Recording, user: User) -> LessonSummary:
    """Queues a summary of the recording's newest report, or returns the one under way.

    Raises:
        NothingToSummariseError: the recording has no report.
        privacy.ConsentMissingError: the student's consent is not active.
    """
    analysis = latest_finished(recording)
    if analysis is None:
        raise NothingToSummariseError(str(recording.pk))
    try:
        with transaction.atomic():
            privacy.require_consent(recording.student, recording.lesson.course)
            return _queue([analysis], user, recording=recording)
    except IntegrityError as error:
        return _open(recording, error)


def make_for_class(lesson: Lesson, user: User) -> LessonSummary:
    """Queues a summary of all consenting students' reports, or returns the one under way.

    Raises:
        NothingToSummariseError: nobody who consents has a report.
    """
    analyses = selectors.class_analyses(lesson)
    if not analyses:
        raise NothingToSummariseError(str(lesson.pk))
    try:
        with transaction.atomic():
            return _queue(analyses, user, lesson=lesson)
    except IntegrityError as error:
        return _open(lesson, error)


def log_reading(user: User, summary: LessonSummary) -> None:
    """Adds a line to the audit log for everybody whom the summary shows; once a reading."""
    recordings = list(selectors.members(summary))
    recent = set(
        AccessLog.objects.filter(
            actor=user,
            action=AccessLog.Action.SUMMARY,
            recording_id__in=[one.pk for one in recordings],
            at__gte=timezone.now() - _ONE_READING,
        ).values_list("recording_id", flat=True)
    )
    unseen = [one for one in recordings if one.pk not in recent]
    privacy.log_accesses(user, unseen, AccessLog.Action.SUMMARY)


def _queue(
    analyses: list[Analysis],
    user: User,
    *,
    recording: Recording | None = None,
    lesson: Lesson | None = None,
) -> LessonSummary:
    summary = LessonSummary.objects.create(recording=recording, lesson=lesson, created_by=user)
    summary.analyses.set(analyses)
    transaction.on_commit(functools.partial(queue.send_summary, summary.pk))
    return summary


def _open(subject: Recording | Lesson, error: IntegrityError) -> LessonSummary:
    # The constraint allows one open summary each: somebody pressed twice.
    states = [LessonSummary.State.QUEUED, LessonSummary.State.RUNNING]
    found = subject.summaries.filter(state__in=states).first()
    if found is None:  # a recording that it was to be made from was erased in this moment
        raise NothingToSummariseError(str(subject.pk)) from error
    return found
