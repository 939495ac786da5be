"""Claiming, keeping and ending a step of a group recording; see `workers.claims` for the manner.

Every step is one conditional UPDATE that names the owner. A withdrawal takes the claim away, so
that nothing that was begun before it is written after it.
"""

import datetime as dt
import logging
import uuid
from typing import Any

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from webapp.groups import queue, storage
from webapp.groups.models import GroupRecording
from workers.claims import stale_before
from workers.identity import is_known_dead

logger = logging.getLogger(__name__)
State = GroupRecording.State

_MOST_SENT_AT_ONCE = 200


def claim(group_id: uuid.UUID, owner: str) -> GroupRecording | None:
    """Makes the group's queued step this owner's, or returns None: there is nothing to do."""
    abandoned = Q(
        state=State.RUNNING,
        heartbeat_at__lt=stale_before(),
        attempts__lt=settings.ANALYSIS_MAX_ATTEMPTS,
    )
    claimed = GroupRecording.objects.filter(Q(state=State.QUEUED) | abandoned, pk=group_id).update(
        state=State.RUNNING,
        owner=owner,
        heartbeat_at=timezone.now(),
        progress=0.0,
        attempts=F("attempts") + 1,
    )
    if not claimed:
        return None
    return ours(group_id, owner).select_related("lesson__course").first()


def ours(group_id: uuid.UUID, owner: str) -> QuerySet[GroupRecording]:
    """The group's row as long as the running step is this owner's."""
    return GroupRecording.objects.filter(pk=group_id, owner=owner, state=State.RUNNING)


def beat(group_id: uuid.UUID, owner: str, progress: float) -> bool:
    """Says that the owner lives and how far it is; False if the step is no longer its own."""
    now = timezone.now()
    return bool(ours(group_id, owner).update(heartbeat_at=now, progress=progress))


def done(group_id: uuid.UUID, owner: str, **fields: Any) -> bool:
    """Ends the step well, with what it found out; False if it is no longer the owner's."""
    return bool(
        ours(group_id, owner).update(
            state=State.DONE, progress=1.0, owner="", error_code="", error_text="", **fields
        )
    )


def fail(group_id: uuid.UUID, owner: str, code: str, text: str) -> bool:
    """Ends the step with a reason for the instructor; False if it is no longer the owner's."""
    return bool(
        ours(group_id, owner).update(
            state=State.FAILED, owner="", error_code=code[:64], error_text=text[:500]
        )
    )


def give_back(group_id: uuid.UUID, owner: str) -> bool:
    """Queues the step again for a later try; False if it is no longer the owner's."""
    return bool(
        ours(group_id, owner).update(
            state=State.QUEUED, owner="", progress=0.0, sent_at=timezone.now()
        )
    )


def reap() -> None:
    """One round over the rows."""
    free_abandoned()
    send_unsent()


def free_abandoned() -> None:
    """Takes running steps from dead owners."""
    limit = stale_before()
    for group in GroupRecording.objects.filter(state=State.RUNNING):
        silent = group.heartbeat_at is None or group.heartbeat_at < limit
        if silent or is_known_dead(group.owner):
            _free(group)


def _free(group: GroupRecording) -> None:
    # The heartbeat in the condition: an owner that came back to life in between keeps its claim.
    still_so = ours(group.pk, group.owner).filter(heartbeat_at=group.heartbeat_at)
    if group.attempts < settings.ANALYSIS_MAX_ATTEMPTS:
        logger.warning("Group recording %s lost its worker and is queued again", group.pk)
        still_so.update(state=State.QUEUED, owner="", progress=0.0, sent_at=None)
        return
    logger.error("Group recording %s lost its worker %d times", group.pk, group.attempts)
    still_so.update(
        state=State.FAILED,
        owner="",
        error_code="worker_lost",
        error_text=(
            f"This was begun {group.attempts} times, and each time the worker stopped before the "
            "end. Try a shorter recording, or convert it to MP4 (H.264)."
        ),
    )


def send_unsent() -> None:
    """Sends queued steps whose message was never sent, or may be lost."""
    before = timezone.now() - dt.timedelta(seconds=settings.ANALYSIS_RESEND_S)
    waiting = (
        GroupRecording.objects.filter(state=State.QUEUED)
        .filter(Q(sent_at__isnull=True) | Q(sent_at__lt=before))
        .order_by("created_at")
        .values_list("pk", flat=True)[:_MOST_SENT_AT_ONCE]
    )
    for group_id in list(waiting):
        if not queue.send_group(group_id):
            break


def sweep_files(older_than_s: float) -> None:
    """Removes folders of group recordings whose row was never committed, or is erased."""
    stored = set(storage.stored_ids(older_than_s))
    known = set(GroupRecording.objects.filter(pk__in=stored).values_list("pk", flat=True))
    for group_id in stored - known:
        logger.info("Removing the files of the group recording %s, which has no row", group_id)
        storage.erase(group_id)
