"""Opening, answering and closing a dispute, each in a transaction with the notice of it."""

from django.db import transaction
from django.utils import timezone

from webapp.accounts.models import User
from webapp.disputes.models import Dispute, Reply
from webapp.notices import services as notices
from webapp.recordings.models import Recording

#: More at once are not read by anybody.
MOST_OPEN = 20


class TooManyError(Exception):
    """The recording has as many open disputes as there may be."""


def open_dispute(
    recording: Recording, text: str, start_s: float | None, end_s: float | None
) -> Dispute:
    """Says that something in the report is not right.

    Args:
        start_s, end_s: the stretch that it is about; None for the whole report.

    Raises:
        TooManyError: there are `MOST_OPEN` open ones already.
    """
    with transaction.atomic():
        Recording.objects.select_for_update().get(pk=recording.pk)
        if recording.disputes.filter(closed_at=None).count() >= MOST_OPEN:
            raise TooManyError
        dispute = Dispute.objects.create(
            recording=recording, text=text, start_s=start_s, end_s=end_s
        )
        notices.dispute_opened(dispute)
    return dispute


def reply(dispute: Dispute, author: User, text: str, *, close: bool) -> Reply:
    """Adds what the author says; `close` ends the dispute with it."""
    with transaction.atomic():
        said = Reply.objects.create(dispute=dispute, author=author, text=text)
        if close:
            _close(dispute, author)
        notices.dispute_answered(dispute, said.pk, author)
    return said


def close(dispute: Dispute, by: User) -> bool:
    """Ends the dispute; False if it had ended before."""
    with transaction.atomic():
        closed = _close(dispute, by)
        if closed:
            notices.dispute_closed(dispute, by)
    return closed


def _close(dispute: Dispute, by: User) -> bool:
    still_open = Dispute.objects.filter(pk=dispute.pk, closed_at=None)
    return bool(still_open.update(closed_at=timezone.now(), closed_by=by))
