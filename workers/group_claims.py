"""Claiming, keeping and ending a step of a group recording.

A withdrawal takes the claim away, so that nothing that was begun before it is written after it.
"""

import logging
import uuid
from typing import Any

from django.utils import timezone

from webapp.groups import queue, storage
from webapp.groups.models import GroupRecording
from workers.claims import ClaimLostError
from workers.owned import OwnedRows

logger = logging.getLogger(__name__)

rows = OwnedRows(GroupRecording, "The work on this recording")


def claim(group_id: uuid.UUID, owner: str) -> GroupRecording | None:
    """Makes the group's queued step this owner's, or returns None: there is nothing to do."""
    if not rows.claim(group_id, owner):
        return None
    claimed: GroupRecording | None = (
        rows.ours(group_id, owner).select_related("lesson__course").first()
    )
    return claimed


def lock(group_id: uuid.UUID, owner: str) -> None:
    """Call inside a transaction: until it ends nobody can take the step away.

    Raises:
        ClaimLostError: somebody already has.
    """
    if not list(rows.ours(group_id, owner).select_for_update()):
        raise ClaimLostError(str(group_id))


def finish(group_id: uuid.UUID, owner: str, **fields: Any) -> None:
    """Ends the step well, with what it found out.

    Raises:
        ClaimLostError: the step is no longer the owner's.
    """
    if not rows.finish(group_id, owner, **fields):
        raise ClaimLostError(str(group_id))


def give_back(group_id: uuid.UUID, owner: str) -> bool:
    """Queues the step again for a later try; False if it is no longer the owner's."""
    return bool(
        rows.ours(group_id, owner).update(
            state=GroupRecording.State.QUEUED, owner="", progress=0.0, sent_at=timezone.now()
        )
    )


def reap() -> None:
    """One round over the rows."""
    rows.reap(queue.send_group)


def sweep_files(older_than_s: float) -> None:
    """Removes folders of group recordings whose row was never committed, or is erased."""
    stored = set(storage.stored_ids(older_than_s))
    known = set(GroupRecording.objects.filter(pk__in=stored).values_list("pk", flat=True))
    for group_id in stored - known:
        logger.info("Removing the files of the group recording %s, which has no row", group_id)
        storage.erase(group_id)
