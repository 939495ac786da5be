"""Claiming, keeping, finishing and giving back an analysis.

Every step is one conditional UPDATE that names the owner; how many rows it matched tells whether
the analysis is still ours. Nothing here reads a row first and writes it later.
"""

import datetime as dt
import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from webapp.notices import services as notices
from webapp.recordings import storage
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from webapp.reports import ready

State = Analysis.State


class ClaimLostError(Exception):
    """The analysis is no longer this task's: erased, withdrawn, or taken over."""


def stale_before() -> dt.datetime:
    """A running analysis last heard of before this has lost its worker."""
    return timezone.now() - dt.timedelta(seconds=settings.ANALYSIS_STALE_S)


def claim(analysis_id: uuid.UUID, owner: str) -> Analysis | None:
    """Makes the analysis this owner's, or returns None: done, erased, or somebody else's.

    A queued one may be claimed, and a running one whose owner has been silent for too long. Its
    progress stays: the attempt goes on from the checkpoint of the one before.
    """
    abandoned = Q(
        state=State.RUNNING,
        heartbeat_at__lt=stale_before(),
        attempts__lt=settings.ANALYSIS_MAX_ATTEMPTS,
    )
    now = timezone.now()
    claimed = Analysis.objects.filter(Q(state=State.QUEUED) | abandoned, pk=analysis_id).update(
        state=State.RUNNING,
        owner=owner,
        heartbeat_at=now,
        started_at=now,
        expected_at=None,
        attempts=F("attempts") + 1,
    )
    if not claimed:
        return None
    return (
        Analysis.objects.select_related("recording")
        .filter(pk=analysis_id, owner=owner, state=State.RUNNING)
        .first()
    )


def _ours(analysis_id: uuid.UUID, owner: str) -> Any:
    return Analysis.objects.filter(pk=analysis_id, owner=owner, state=State.RUNNING)


def is_ours(analysis_id: uuid.UUID, owner: str) -> bool:
    """Whether the analysis is still this owner's to work on."""
    return bool(_ours(analysis_id, owner).exists())


def beat(analysis_id: uuid.UUID, owner: str, progress: float, left_s: float | None = None) -> bool:
    """Says that the owner lives and how far it is; False if the analysis is no longer its own.

    Args:
        progress: how much is done, 0..1.
        left_s: time that the rest should take; None where that is not known.
    """
    now = timezone.now()
    expected_at = None if left_s is None else now + dt.timedelta(seconds=left_s)
    ours = _ours(analysis_id, owner)
    return bool(ours.update(heartbeat_at=now, progress=progress, expected_at=expected_at))


def finish(analysis: Analysis, owner: str, document: dict[str, Any], embeddings: Path) -> None:
    """Writes the document, what its report reads in place of it, and the finished state.

    All in one transaction, which adopts the embeddings, too.

    Raises:
        ClaimLostError: the analysis is no longer the owner's; nothing is written.
    """
    models = document["models"]
    made = ready.make_for(analysis, document)
    with transaction.atomic():
        matched = _ours(analysis.pk, owner).update(
            state=State.FINISHED,
            progress=1.0,
            expected_at=None,
            finished_at=timezone.now(),
            owner="",
            error_code="",
            error_text="",
            **made.columns,
            expression_model=models["expression"]["name"],
            engagement_model=models["engagement"]["name"],
            engagement_kind=models["engagement"]["kind"],
        )
        if not matched:
            raise ClaimLostError(str(analysis.pk))
        AnalysisDocument.objects.create(analysis_id=analysis.pk, document=document)
        ready.store(analysis, made.parts, made.stamp)
        Recording.objects.filter(pk=analysis.recording_id).update(
            duration_s=document["source"]["duration_s"]
        )
        # Inside the transaction: a finished analysis always has its embeddings, and an erasure,
        # which waits for this row, cannot miss them.
        _move(embeddings, analysis.recording.embeddings_path)
        notices.analysis_ended(analysis.pk)


def _move(part: Path, target: Path) -> None:
    try:
        part.replace(target)
    except FileNotFoundError as error:
        raise ClaimLostError("The recording's folder is gone.") from error


def fail(analysis_id: uuid.UUID, owner: str, code: str, text: str) -> bool:
    """Ends the analysis with a reason for the student; False if it is no longer the owner's."""
    with transaction.atomic():
        failed = _ours(analysis_id, owner).update(
            state=State.FAILED,
            error_code=code[:64],
            error_text=text[:500],
            expected_at=None,
            finished_at=timezone.now(),
            owner="",
        )
        if failed:
            notices.analysis_ended(analysis_id)
    return bool(failed)


def give_back(analysis_id: uuid.UUID, owner: str) -> bool:
    """Queues the analysis again for a later try; False if it is no longer the owner's."""
    return bool(
        _ours(analysis_id, owner).update(
            state=State.QUEUED, owner="", expected_at=None, sent_at=timezone.now()
        )
    )


def clear_away(analysis: Analysis) -> None:
    """Removes what a run left that no further attempt may use.

    A checkpoint lives as long as its analysis is open: whoever has the next attempt goes on from
    it. An erasure removed the files while this run may still have written some; what is there
    without a row is removed, too.
    """
    state = Analysis.objects.filter(pk=analysis.pk).values_list("state", flat=True).first()
    if state in Analysis.OPEN:
        return
    storage.drop_checkpoint(analysis.recording_id, analysis.pk)
    if state is None and not Recording.objects.filter(pk=analysis.recording_id).exists():
        storage.erase(analysis.recording_id)
