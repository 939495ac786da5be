"""Claiming, keeping, finishing and giving back the fit of a classifier.

As for analyses (see `claims`), every step is one conditional UPDATE that names the owner.
"""

import datetime as dt
import logging
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from webapp.calibration import queue, storage
from webapp.calibration.models import Classifier
from webapp.calibration.selectors import covered_students
from webapp.recordings.models import Recording
from workers.claims import ClaimLostError, stale_before
from workers.identity import is_known_dead

logger = logging.getLogger(__name__)
State, Verdict = Classifier.State, Classifier.Verdict

_MOST_SENT_AT_ONCE = 50


class ErasedMeanwhileError(Exception):
    """Labels that were fitted with are no longer there, or no longer covered by consent."""


@dataclass(frozen=True)
class Outcome:
    """What a fit ends with: whose labels it learned from, its verdict, and the row's fields."""

    recordings: frozenset[uuid.UUID]
    verdict: Classifier.Verdict
    fields: dict[str, Any] = field(default_factory=dict)


def claim(classifier_id: uuid.UUID, owner: str) -> Classifier | None:
    """Makes the fit this owner's, or returns None: done, erased, or somebody else's."""
    abandoned = Q(
        state=State.RUNNING,
        heartbeat_at__lt=stale_before(),
        attempts__lt=settings.ANALYSIS_MAX_ATTEMPTS,
    )
    now = timezone.now()
    claimed = Classifier.objects.filter(Q(state=State.QUEUED) | abandoned, pk=classifier_id).update(
        state=State.RUNNING,
        owner=owner,
        heartbeat_at=now,
        started_at=now,
        attempts=F("attempts") + 1,
    )
    if not claimed:
        return None
    return _ours(classifier_id, owner).select_related("course", "student").first()


def _ours(classifier_id: uuid.UUID, owner: str) -> QuerySet[Classifier]:
    return Classifier.objects.filter(pk=classifier_id, owner=owner, state=State.RUNNING)


def beat(classifier_id: uuid.UUID, owner: str) -> bool:
    """Says that the owner lives; False if the fit is no longer its own."""
    return bool(_ours(classifier_id, owner).update(heartbeat_at=timezone.now()))


def finish(classifier: Classifier, owner: str, outcome: Outcome, part: Path) -> None:
    """Ends the fit, adopts its file, and puts it in use where it is better; all or nothing.

    Raises:
        ClaimLostError: the fit is no longer the owner's; nothing is written.
        ErasedMeanwhileError: labels that it learned from are gone; nothing is written.
    """
    with transaction.atomic():
        # Locked, so that no recording is erased between this look and the commit.
        kept = list(
            Recording.objects.select_for_update().filter(
                pk__in=outcome.recordings,
                student__in=covered_students(classifier.course).values("user"),
            )
        )
        if len(kept) < len(outcome.recordings):
            raise ErasedMeanwhileError(str(classifier.pk))
        now, used = timezone.now(), outcome.verdict == Verdict.IN_USE
        if used:
            Classifier.objects.filter(
                course=classifier.course, student=classifier.student, in_use=True
            ).update(in_use=False, verdict=Verdict.REPLACED, used_until=now)
        matched = _ours(classifier.pk, owner).update(
            state=State.FINISHED,
            finished_at=now,
            owner="",
            error_code="",
            error_text="",
            verdict=outcome.verdict,
            in_use=used,
            used_from=now if used else None,
            **outcome.fields,
        )
        if not matched:
            raise ClaimLostError(str(classifier.pk))
        classifier.fitted_on.set(kept)
        part.replace(classifier.path)


def fail(classifier_id: uuid.UUID, owner: str, code: str, text: str) -> bool:
    """Ends the fit with a reason; False if it is no longer the owner's."""
    return bool(
        _ours(classifier_id, owner).update(
            state=State.FAILED,
            error_code=code[:64],
            error_text=text[:500],
            finished_at=timezone.now(),
            owner="",
        )
    )


def give_back(classifier_id: uuid.UUID, owner: str) -> None:
    """Queues the fit again; the next round of the reaper sends it."""
    _ours(classifier_id, owner).update(state=State.QUEUED, owner="", sent_at=None)


def reap() -> None:
    """One round over the fits: takes those of dead owners back, and sends what was not sent."""
    for classifier in Classifier.objects.filter(state=State.RUNNING):
        silent = classifier.heartbeat_at is None or classifier.heartbeat_at < stale_before()
        if silent or is_known_dead(classifier.owner):
            _free(classifier)
    _send_unsent()


def _free(classifier: Classifier) -> None:
    # The heartbeat in the condition: an owner that came back to life in between keeps its claim.
    still_so = _ours(classifier.pk, classifier.owner).filter(heartbeat_at=classifier.heartbeat_at)
    if classifier.attempts < settings.ANALYSIS_MAX_ATTEMPTS:
        logger.warning("The fit %s lost its worker and is queued again", classifier.pk)
        still_so.update(state=State.QUEUED, owner="", sent_at=None)
        return
    logger.error("The fit %s lost its worker %d times", classifier.pk, classifier.attempts)
    still_so.update(
        state=State.FAILED,
        owner="",
        finished_at=timezone.now(),
        error_code="worker_lost",
        error_text=(
            f"The fit was begun {classifier.attempts} times, and each time the worker stopped "
            "before its end. Try again; if it happens again, tell an administrator."
        ),
    )


def _send_unsent() -> None:
    resend_before = timezone.now() - dt.timedelta(seconds=settings.ANALYSIS_RESEND_S)
    waiting = (
        Classifier.objects.filter(state=State.QUEUED)
        .filter(Q(sent_at__isnull=True) | Q(sent_at__lt=resend_before))
        .order_by("created_at")
        .values_list("pk", flat=True)[:_MOST_SENT_AT_ONCE]
    )
    for classifier_id in list(waiting):
        if not queue.send_fit(classifier_id):
            break


def sweep_files(older_than_s: float) -> None:
    """Removes files of classifiers that have no row, or whose use was ended by an erasure."""
    kept = Classifier.objects.filter(state=State.FINISHED).exclude(verdict=Verdict.ERASED)
    known = {storage.path_of(key) for key in kept.values_list("pk", flat=True)}
    for path in storage.stored(older_than_s):
        if path not in known:
            logger.info("Removing the classifier's file %s, which no row keeps", path.name)
            path.unlink(missing_ok=True)
