"""Claiming, keeping, finishing and giving back the fit of a classifier.

As for other rows (see `owned`), every step is one conditional UPDATE that names the owner.
"""

import logging
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from webapp.calibration import queue, storage
from webapp.calibration.models import Classifier
from webapp.calibration.selectors import covered_students
from webapp.recordings.models import Recording
from workers.claims import ClaimLostError
from workers.owned import OwnedRows

logger = logging.getLogger(__name__)
State, Verdict = Classifier.State, Classifier.Verdict

rows = OwnedRows(Classifier, "The fit")


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
    if not rows.claim(classifier_id, owner):
        return None
    claimed: Classifier | None = (
        rows.ours(classifier_id, owner).select_related("course", "student").first()
    )
    return claimed


def beat(classifier_id: uuid.UUID, owner: str) -> bool:
    """Says that the owner lives; False if the fit is no longer its own."""
    return rows.beat(classifier_id, owner, 0.0)


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
        matched = rows.finish(
            classifier.pk,
            owner,
            verdict=outcome.verdict,
            in_use=used,
            used_from=now if used else None,
            **outcome.fields,
        )
        if not matched:
            raise ClaimLostError(str(classifier.pk))
        classifier.fitted_on.set(kept)
        part.replace(classifier.path)


def give_back(classifier_id: uuid.UUID, owner: str) -> None:
    """Queues the fit again; the next round of the reaper sends it."""
    rows.ours(classifier_id, owner).update(state=State.QUEUED, owner="", sent_at=None)


def reap() -> None:
    """One round over the fits: see `OwnedRows.reap`."""
    rows.reap(queue.send_fit)


def sweep_files(older_than_s: float) -> None:
    """Removes files of classifiers that have no row, or whose use was ended by an erasure."""
    kept = Classifier.objects.filter(state=State.FINISHED).exclude(verdict=Verdict.ERASED)
    known = {storage.path_of(key) for key in kept.values_list("pk", flat=True)}
    for path in storage.stored(older_than_s):
        if path not in known:
            logger.info("Removing the classifier's file %s, which no row keeps", path.name)
            path.unlink(missing_ok=True)
