"""The task that prepares reports of before, and the reaper's share of it.

A worker leaves a report's parts beside the document that it writes. An analysis of before there
were any, or of an older form of them, gets them here: a class's pages show it only then, and would
otherwise wait until somebody opens each report.
"""

import logging
import time
import uuid

from celery import shared_task
from django.conf import settings

from webapp.recordings.models import Analysis, AnalysisDocument
from webapp.reports import queue, ready

logger = logging.getLogger(__name__)

#: So many are asked for at a time, and the next ones when these are there.
AT_ONCE = 20
# Of so many of the newest is known when they were asked for.
_LOOKED_AT = 500
# Nothing comes to be missing while a site runs: a look at every report is only worth this much.
_LOOK_EVERY_S = 600.0


@shared_task(name=queue.PREPARE_TASK)
def prepare(analysis_id: str) -> None:
    """Makes what is missing of a report; safe to run any number of times."""
    analysis = Analysis.objects.filter(
        pk=uuid.UUID(analysis_id), state=Analysis.State.FINISHED
    ).first()
    if analysis is None:
        logger.info("Analysis %s has no report to prepare", analysis_id)
        return
    try:
        ready.prepare(analysis)
    except AnalysisDocument.DoesNotExist:
        logger.info("Analysis %s was erased meanwhile", analysis_id)


class Asking:
    """What one reaper has asked for."""

    def __init__(self) -> None:
        self._next_look_at = -float("inf")
        # By analysis: when it was asked for, and how often.
        self._asked: dict[uuid.UUID, tuple[float, int]] = {}

    def reap(self, now: float | None = None) -> int:
        """Asks for the newest of what is missing, a few at a time; returns how many.

        What is still missing long after is asked for again, ever less often: one that cannot be
        made must not keep the others from it.

        Args:
            now: seconds of a clock that only goes forward.
        """
        now = time.monotonic() if now is None else now
        if now < self._next_look_at:
            return 0
        missing = list(ready.unprepared().values_list("pk", flat=True)[:_LOOKED_AT])
        self._asked = {pk: self._asked[pk] for pk in missing if pk in self._asked}
        under_way = sum(now - at < settings.ANALYSIS_RESEND_S for at, _ in self._asked.values())
        due = [pk for pk in missing if self._is_due(pk, now)]
        self._next_look_at = now if due or under_way else now + _LOOK_EVERY_S
        asked = 0
        for pk in due[: max(0, AT_ONCE - under_way)]:
            if not queue.send_prepare(pk):
                break
            self._asked[pk] = (now, self._asked.get(pk, (now, 0))[1] + 1)
            asked += 1
        if asked:
            logger.info("Asked for %d reports of before to be prepared", asked)
        return asked

    def _is_due(self, pk: uuid.UUID, now: float) -> bool:
        at, times = self._asked.get(pk, (now, 0))
        return not times or now - at >= settings.ANALYSIS_RESEND_S * 2 ** (times - 1)


reap = Asking().reap
