"""Sending e-mails, each at most once.

What is due to somebody is put into one e-mail (`gather`), which is claimed by a conditional UPDATE
before it is sent (`send`). A server that was not reached, or said no for now, is asked again. When
a worker dies between the claim and the answer nobody can know whether the e-mail went: it is not
sent again, since the notice on the page is there in any case.
"""

import datetime as dt
import logging
import smtplib
import uuid

from django.core.mail import get_connection
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from webapp.notices.letters import compose
from webapp.notices.models import Mail, Notice

logger = logging.getLogger(__name__)
State = Mail.State

MOST_ATTEMPTS = 6
_FIRST_RETRY = dt.timedelta(minutes=1)
# A server that has not answered by then never will.
_SENDING_AT_MOST = dt.timedelta(minutes=15)


def gather(user_id: int) -> Mail | None:
    """Puts what is due to the user into one e-mail; None where nothing is."""
    with transaction.atomic():
        due = Notice.objects.select_for_update().filter(
            user_id=user_id, mail_due_at__lte=timezone.now()
        )
        ids = list(due.order_by().values_list("pk", flat=True))
        if not ids:
            return None
        mail = Mail.objects.create(user_id=user_id, kind=Mail.Kind.NOTICES)
        Notice.objects.filter(pk__in=ids).update(mail=mail, mail_due_at=None)
        return mail


def queued_of(user_id: int) -> list[uuid.UUID]:
    """Ids of the user's e-mails that may be sent now."""
    queued = Mail.objects.filter(user_id=user_id, state=State.QUEUED, due_at__lte=timezone.now())
    return list(queued.order_by("created_at").values_list("pk", flat=True))


def send(mail_id: uuid.UUID) -> bool:
    """Sends the e-mail if it is queued and due; whether it was handed to the server."""
    now = timezone.now()
    mine = Mail.objects.filter(pk=mail_id, state=State.QUEUED, due_at__lte=now)
    if not mine.update(state=State.SENDING, attempts=F("attempts") + 1, due_at=now):
        return False
    mail = Mail.objects.select_related("user").get(pk=mail_id)
    message = compose(mail)
    if message is None:
        _end(mail, State.EMPTY)
        return False
    connection = get_connection()
    try:
        # By itself: what fails here has sent nothing, and may be tried again.
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        _later(mail, f"The mail server was not reached: {error}")
        return False
    try:
        connection.send_messages([message])
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        _refused(mail, code, said)
    except smtplib.SMTPResponseException as error:
        _refused(mail, error.smtp_code, error.smtp_error)
    except (OSError, smtplib.SMTPException) as error:
        logger.warning("Mail %s may or may not have been sent: %s", mail.pk, error)
        _end(mail, State.FAILED, f"It may or may not have been sent: {error}")
    else:
        _end(mail, State.SENT)
        return True
    finally:
        connection.close()
    return False


def people_with_mail() -> list[int]:
    """Ids of the people to whom something is due now."""
    now = timezone.now()
    noticed = Notice.objects.filter(mail_due_at__lte=now).order_by()
    queued = Mail.objects.filter(state=State.QUEUED, due_at__lte=now).order_by()
    ids = set(noticed.values_list("user_id", flat=True))
    return sorted(ids | set(queued.values_list("user_id", flat=True)))


def give_up_abandoned() -> int:
    """Ends what a worker was sending when it stopped; returns how many there were."""
    lost = Mail.objects.filter(
        state=State.SENDING, due_at__lt=timezone.now() - _SENDING_AT_MOST
    ).update(state=State.FAILED, problem="A worker stopped while it was being sent.")
    if lost:
        logger.warning("%d mails may or may not have been sent", lost)
    return lost


def _refused(mail: Mail, code: int, said: bytes | str) -> None:
    words = said.decode(errors="replace") if isinstance(said, bytes) else said
    if 400 <= code < 500:
        _later(mail, f"The mail server said {code}: {words}")
    else:
        logger.warning("Mail %s was refused: %d %s", mail.pk, code, words)
        _end(mail, State.FAILED, f"The mail server refused it: {code} {words}")


def _later(mail: Mail, problem: str) -> None:
    if mail.attempts >= MOST_ATTEMPTS:
        logger.error("Mail %s is given up: %s", mail.pk, problem)
        _end(mail, State.FAILED, problem)
        return
    logger.warning("Mail %s is tried again: %s", mail.pk, problem)
    Mail.objects.filter(pk=mail.pk, state=State.SENDING).update(
        state=State.QUEUED,
        problem=problem[:200],
        due_at=timezone.now() + _FIRST_RETRY * 4 ** (mail.attempts - 1),
    )


def _end(mail: Mail, state: Mail.State, problem: str = "") -> None:
    Mail.objects.filter(pk=mail.pk, state=State.SENDING).update(
        state=state,
        problem=problem[:200],
        sent_at=timezone.now() if state == State.SENT else None,
    )
