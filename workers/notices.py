"""The task that sends somebody's e-mails, and the reaper's share of it."""

import datetime as dt
import logging
import time

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from webapp.notices import outbox, queue, services, weekly

logger = logging.getLogger(__name__)

#: Notices are kept for half a year.
_KEPT = dt.timedelta(days=180)
# When a task was last sent for whom: all workers may be busy for longer than a round.
_asked: dict[int, float] = {}


@shared_task(name=queue.MAIL_TASK)
def mail(user_id: str) -> None:
    """Sends what is due to the user, in one e-mail; safe to run any number of times."""
    outbox.gather(int(user_id))
    for mail_id in outbox.queued_of(int(user_id)):
        outbox.send(mail_id)


def reap() -> None:
    """Sends a task for everybody to whom something is due by now.

    That is at a full hour, on a Monday, when a server was away, or when a message was lost.
    """
    outbox.give_up_abandoned()
    weekly.queue_weekly(timezone.now())
    now = time.monotonic()
    due = outbox.people_with_mail()
    for user_id in set(_asked) - set(due):
        del _asked[user_id]
    for user_id in due:
        if now - _asked.get(user_id, -float("inf")) < settings.ANALYSIS_RESEND_S:
            continue
        if not queue.send_mail_of(user_id):
            break
        _asked[user_id] = now


def sweep() -> None:
    """Forgets notices of long ago."""
    forgotten = services.forget_old(_KEPT)
    if forgotten:
        logger.info("Forgot %d old notices", forgotten)
