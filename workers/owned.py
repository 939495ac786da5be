"""Rows that a task owns while it works on them, for any model with the fields of an analysis.

The manner is that of `workers.claims`: every step is one conditional UPDATE that names the owner,
and how many rows it matched tells whether the work is still ours. The model has `state` (queued,
running, finished, failed), `owner`, `heartbeat_at`, `started_at`, `finished_at`, `sent_at`,
`attempts`, `error_code` and `error_text`; `progress` too, where its work has a share that is done.
"""

import datetime as dt
import logging
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db.models import F, Model, Q, QuerySet
from django.utils import timezone

from workers.claims import stale_before
from workers.identity import is_known_dead

logger = logging.getLogger(__name__)

_QUEUED, _RUNNING, _FINISHED, _FAILED = "queued", "running", "finished", "failed"
_MOST_SENT_AT_ONCE = 200


class OwnedRows:
    """The rows of one model.

    Args:
        model: has the fields above.
        what: the noun for one of its rows, as a sentence begins with it: "The summary".
    """

    def __init__(self, model: type[Model], what: str) -> None:
        self._rows: QuerySet[Any] = model._default_manager.all()
        self._what = what
        self._has_progress = any(field.name == "progress" for field in model._meta.get_fields())

    def _done(self, share: float) -> dict[str, float]:
        return {"progress": share} if self._has_progress else {}

    def claim(self, key: uuid.UUID, owner: str) -> bool:
        """Makes the row this owner's; False if it is done, erased, or somebody else's."""
        abandoned = Q(
            state=_RUNNING,
            heartbeat_at__lt=stale_before(),
            attempts__lt=settings.ANALYSIS_MAX_ATTEMPTS,
        )
        now = timezone.now()
        claimed = self._rows.filter(Q(state=_QUEUED) | abandoned, pk=key).update(
            state=_RUNNING,
            owner=owner,
            heartbeat_at=now,
            started_at=now,
            attempts=F("attempts") + 1,
            **self._done(0.0),
        )
        return bool(claimed)

    def ours(self, key: uuid.UUID, owner: str) -> QuerySet[Any]:
        """The row as long as it is this owner's."""
        return self._rows.filter(pk=key, owner=owner, state=_RUNNING)

    def beat(self, key: uuid.UUID, owner: str, progress: float) -> bool:
        """Says that the owner lives and how far it is; False if the row is no longer its own."""
        now = timezone.now()
        return bool(self.ours(key, owner).update(heartbeat_at=now, **self._done(progress)))

    def finish(self, key: uuid.UUID, owner: str, **fields: Any) -> bool:
        """Ends the work well; False if the row is no longer the owner's."""
        return bool(
            self.ours(key, owner).update(
                state=_FINISHED,
                finished_at=timezone.now(),
                owner="",
                error_code="",
                error_text="",
                **self._done(1.0),
                **fields,
            )
        )

    def fail(self, key: uuid.UUID, owner: str, code: str, text: str) -> bool:
        """Ends the work with a reason; False if the row is no longer the owner's."""
        return bool(
            self.ours(key, owner).update(
                state=_FAILED,
                error_code=code[:64],
                error_text=text[:500],
                finished_at=timezone.now(),
                owner="",
            )
        )

    def reap(self, send: Callable[[uuid.UUID], bool]) -> None:
        """Takes rows of dead owners back, and sends what was not sent or may be lost."""
        for row in self._rows.filter(state=_RUNNING):
            silent = row.heartbeat_at is None or row.heartbeat_at < stale_before()
            if silent or is_known_dead(row.owner):
                self._free(row)
        resend_before = timezone.now() - dt.timedelta(seconds=settings.ANALYSIS_RESEND_S)
        waiting = (
            self._rows.filter(state=_QUEUED)
            .filter(Q(sent_at__isnull=True) | Q(sent_at__lt=resend_before))
            .order_by("created_at")
            .values_list("pk", flat=True)[:_MOST_SENT_AT_ONCE]
        )
        for key in list(waiting):
            if not send(key):
                break

    def _free(self, row: Any) -> None:
        # The heartbeat in the condition: an owner that came back to life keeps its claim.
        still_so = self.ours(row.pk, row.owner).filter(heartbeat_at=row.heartbeat_at)
        if row.attempts < settings.ANALYSIS_MAX_ATTEMPTS:
            logger.warning("%s %s lost its worker and is queued again", self._what, row.pk)
            still_so.update(state=_QUEUED, owner="", sent_at=None, **self._done(0.0))
            return
        logger.error("%s %s lost its worker %d times", self._what, row.pk, row.attempts)
        still_so.update(
            state=_FAILED,
            owner="",
            finished_at=timezone.now(),
            error_code="worker_lost",
            error_text=(
                f"{self._what} was begun {row.attempts} times, and each time the worker stopped "
                "before its end. Try again; if it happens again, tell an administrator."
            ),
        )
