"""The task that fits a course's or a student's own engagement classifier."""

import logging
import uuid
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from celery import shared_task
from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone

from engagement.errors import CancelledError, DataError, EngagementError
from webapp.calibration import selectors, storage
from webapp.calibration.models import Classifier
from webapp.calibration.queue import FIT_TASK
from workers import fit_claims
from workers.claims import ClaimLostError
from workers.identity import owner_name
from workers.pulse import Pulse

if TYPE_CHECKING:
    from engagement.datasets.engagement_windows import WindowSet
    from engagement.training.engagement import Comparison, Fitted
    from engagement.types import Floats
    from engagement.windows.classifier import Scope

logger = logging.getLogger(__name__)

_PROGRAM_FAULT = (
    "The fit stopped because of a fault in the program, which has been logged. "
    "Try again; if it happens again, tell an administrator."
)
_NO_MEMORY = "The fit needed more memory than the worker has. Tell an administrator."


@shared_task(name=FIT_TASK, bind=True)
def fit(self: Any, classifier_id: str) -> None:
    """Runs a queued fit to its end: finished, failed with a reason, or queued again.

    Safe to run any number of times, by any number of workers. A database that goes away in
    between is left to the reaper, which sees the claim go stale.
    """
    owner = owner_name(self.request.id)
    classifier = fit_claims.claim(uuid.UUID(classifier_id), owner)
    if classifier is None:
        logger.info("The fit %s needs no work", classifier_id)
        return
    every_s = settings.ANALYSIS_STALE_S / 5
    try:
        with Pulse(lambda done: fit_claims.beat(classifier.pk, owner), every_s) as pulse:
            _fit_and_write(classifier, owner, pulse)
    except ClaimLostError:
        logger.info("The fit %s is no longer this task's", classifier_id)
    except fit_claims.ErasedMeanwhileError:
        logger.info("Labels of the fit %s were erased meanwhile; it begins again", classifier_id)
        fit_claims.give_back(classifier.pk, owner)
    except CancelledError:
        logger.info("The fit %s was taken over or erased", classifier_id)
    except EngagementError as error:
        logger.info("The fit %s ended with %s: %s", classifier_id, error.code, error)
        fit_claims.rows.fail(classifier.pk, owner, error.code, str(error))
    except MemoryError:
        logger.exception("The fit %s ran out of memory", classifier_id)
        fit_claims.rows.fail(classifier.pk, owner, "out_of_memory", _NO_MEMORY)
    except DatabaseError:
        raise
    except Exception:
        logger.exception("The fit %s met a fault of the program", classifier_id)
        fit_claims.rows.fail(classifier.pk, owner, "program_fault", _PROGRAM_FAULT)


def _fit_and_write(classifier: Classifier, owner: str, pulse: Pulse) -> None:
    """Fits, compares with what is in use, and writes what came of it.

    Raises:
        ClaimLostError, fit_claims.ErasedMeanwhileError: see `fit_claims.finish`.
        EngagementError: with a sentence for the instructor.
    """
    # Imported here, in the pool's process: numeric libraries must not be loaded before a fork.
    from engagement.training.engagement import FitSettings, compare, fit_engagement
    from engagement.windows.classifier_file import write_classifier
    from workers.labelled_windows import collect, levels_in_use

    collected = collect(classifier)
    windows = collected.windows
    people = len({window.person for window in windows.windows})
    counts = Counter(windows.levels[window.level] for window in windows.windows)
    _require_enough(classifier, people, counts)
    scope: Scope = "student" if classifier.student_id else "course"
    # Unlike that of an earlier fit, which it may be compared with on the same day.
    name = f"{scope}-{classifier.course.code}-{timezone.now():%Y-%m-%d}-{classifier.pk.hex[:4]}"
    fitted = fit_engagement(
        windows,
        FitSettings(scope=scope, name=name),
        on_progress=lambda share: pulse.progress(share, 1.0),
    )
    current_name, current = levels_in_use(_in_use(classifier), collected)
    comparison = compare(windows, fitted.out_of_fold, current)
    outcome = fit_claims.Outcome(
        recordings=collected.recordings,
        verdict=_verdict(fitted, comparison),
        fields={
            "name": name,
            "embedding_model": windows.embedding_model,
            "card": asdict(fitted.classifier.card),
            "counts": {**collected.left_out, **counts},
            "comparison": {**asdict(comparison), "current_name": current_name},
            "out_of_fold": _levels(windows, fitted.out_of_fold),
        },
    )
    part = storage.folder() / f".{classifier.pk}-{uuid.uuid4().hex}.part"
    try:
        write_classifier(fitted.classifier, part)
        fit_claims.finish(classifier, owner, outcome, part)
    finally:
        part.unlink(missing_ok=True)


def _verdict(fitted: "Fitted", comparison: "Comparison") -> Classifier.Verdict:
    """In use where it beats what is in use and guessing, each beyond its interval.

    Beating a rule that does worse than guessing is no skill.
    """
    card = fitted.classifier.card
    if card.metrics["balanced_recall"].low <= card.guessing["balanced_recall"]:
        return Classifier.Verdict.NO_SKILL
    return Classifier.Verdict.IN_USE if comparison.better else Classifier.Verdict.NOT_BETTER


def _require_enough(classifier: Classifier, people: int, counts: Counter[str]) -> None:
    """See that what was labelled is still there, and that its embeddings are.

    Raises:
        DataError: there is too little.
    """
    missing = selectors.missing_words(people, counts, personal=classifier.student_id is not None)
    if missing:
        raise DataError(
            f"Too few labelled windows have embeddings of one expression model. {missing}",
            code="too_few_labels",
        )


def _in_use(classifier: Classifier) -> Classifier | None:
    """What the new classifier would replace."""
    if classifier.student is not None:
        return selectors.classifier_in_use(classifier.course, classifier.student)
    return Classifier.objects.filter(course=classifier.course, student=None, in_use=True).first()


def _levels(windows: "WindowSet", out_of_fold: "Floats") -> dict[str, int]:
    """The level given to each window by a fold that had not seen the person."""
    said = out_of_fold.argmax(axis=1)
    return {one.key: int(level) for one, level in zip(windows.windows, said, strict=True)}
