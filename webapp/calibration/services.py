"""Everything that changes labels and classifiers, each in a transaction of its own."""

import functools
import logging

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from webapp.accounts.models import User
from webapp.calibration import queue, selectors
from webapp.calibration.models import Classifier, WindowLabel
from webapp.calibration.windows import Stretch
from webapp.courses.models import Course
from webapp.privacy import services as privacy
from webapp.privacy.models import AccessLog
from webapp.recordings import services as recordings
from webapp.recordings.models import Recording

logger = logging.getLogger(__name__)
State = Classifier.State


class CannotFitError(Exception):
    """There is not enough to fit with; the message says what is missing."""


def set_label(user: User, recording: Recording, stretch: Stretch, value: str) -> None:
    """Writes what the user saw in a window, in place of what they said before.

    Raises:
        privacy.ConsentMissingError: the student's consent does not cover labels.
    """
    course = recording.lesson.course
    with transaction.atomic():
        privacy.require_consent(recording.student, course)
        if not privacy.covers_groups_and_training(recording.student, course):
            raise privacy.ConsentMissingError("The consent does not cover labels.")
        WindowLabel.objects.update_or_create(
            recording=recording,
            start_s=stretch.start_s,
            labelled_by=user,
            defaults={"end_s": stretch.end_s, "value": WindowLabel.Value(value)},
        )
        privacy.log_access(user, recording, AccessLog.Action.LABEL)


def request_fit(user: User, course: Course, student: User | None = None) -> Classifier:
    """Queues a fit for the course or for one student, or returns the one that is open already.

    Raises:
        CannotFitError: with a sentence that says what is missing.
    """
    missing = selectors.readiness(course, student).missing
    if missing:
        raise CannotFitError(missing)
    try:
        with transaction.atomic():
            classifier = Classifier.objects.create(course=course, student=student, created_by=user)
            transaction.on_commit(functools.partial(queue.send_fit, classifier.pk))
    except IntegrityError:
        return Classifier.objects.filter(course=course, student=student).latest("created_at")
    return classifier


def retry_fit(classifier: Classifier) -> None:
    """Queues a failed fit again. Does nothing where it has not failed, or another one is open.

    Raises:
        CannotFitError: with a sentence that says why it would fail each time.
    """
    if never := selectors.without_embeddings(classifier.course):
        raise CannotFitError(never)
    failed = Classifier.objects.filter(pk=classifier.pk, state=State.FAILED)
    try:
        with transaction.atomic():
            if failed.update(state=State.QUEUED, attempts=0, error_code="", error_text=""):
                transaction.on_commit(functools.partial(queue.send_fit, classifier.pk))
    except IntegrityError:
        logger.info("The fit %s is not queued again: another one is open", classifier.pk)


def stop_using(classifier: Classifier) -> None:
    """Takes a classifier out of use; reports that it made stay as they are."""
    Classifier.objects.filter(pk=classifier.pk, in_use=True).update(
        in_use=False, verdict=Classifier.Verdict.STOPPED, used_until=timezone.now()
    )


def rerun(found: QuerySet[Recording]) -> int:
    """Queues a new analysis of each recording whose report the classifier in use did not make.

    The old documents are kept; pages show the newest. Returns how many were queued; a recording
    whose student has withdrawn consent is left out.
    """
    queued = 0
    for due in selectors.due_again(found).values():
        try:
            recordings.retry(due.newest)
        except privacy.ConsentMissingError:
            continue
        queued += 1
    return queued
