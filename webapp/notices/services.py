"""Everything that tells people something. Call these inside the transaction of what happened, so
that a notice is there exactly when what it says is true."""

import datetime as dt
import functools
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from webapp.accounts.models import User
from webapp.courses.models import Enrolment
from webapp.disputes.models import Dispute
from webapp.notices import queue
from webapp.notices.models import Kind, Notice, Preferences
from webapp.recordings.models import Analysis, Recording

#: What an e-mail to instructors gathers.
GATHERED = dt.timedelta(hours=1)
#: A transaction that began before the end of the hour may be committed a little after it.
_GRACE = dt.timedelta(minutes=1)


def analysis_ended(analysis_id: Any) -> None:
    """Tells the student, and gathered the course's instructors, how an analysis ended.

    An analysis that was stopped by hand, or has not ended, is told to nobody.
    """
    analysis = Analysis.objects.select_related("recording__lesson").get(pk=analysis_id)
    failed = analysis.state == Analysis.State.FAILED
    if not failed and analysis.state != Analysis.State.FINISHED:
        return
    recording = analysis.recording
    _tell(
        [recording.student_id],
        Kind.FAILED if failed else Kind.ANALYSED,
        key=f"analysis:{analysis.pk}",
        wanted="analyses",
        recording=recording,
        reason=analysis.error_text if failed else "",
    )
    _gather(recording, Kind.CLASS_FAILED if failed else Kind.CLASS_ANALYSED)


def dispute_opened(dispute: Dispute) -> None:
    """Tells the course's instructors that a student disputes a report."""
    recording = dispute.recording
    _tell(
        _instructors(recording.lesson.course_id, but=recording.student_id),
        Kind.DISPUTED,
        key=f"dispute:{dispute.pk}",
        wanted="disputes",
        recording=recording,
        dispute=dispute,
        actor_id=recording.student_id,
    )


def dispute_answered(dispute: Dispute, reply_id: int, author: User) -> None:
    """Tells the other side that somebody wrote in a dispute."""
    _to_other_side(dispute, Kind.ANSWERED, f"reply:{reply_id}", author)


def dispute_closed(dispute: Dispute, by: User) -> None:
    """Tells the other side that a dispute was closed without a further word."""
    _to_other_side(dispute, Kind.CLOSED, f"closed:{dispute.pk}", by)


def mark_read(user: User, ids: Iterable[int] | None = None) -> int:
    """Marks these of the user's notices as read, or all of them; returns how many were not."""
    unread = Notice.objects.filter(user=user, read_at=None)
    if ids is not None:
        unread = unread.filter(pk__in=ids)
    return unread.update(read_at=timezone.now())


def forget_old(older_than: dt.timedelta) -> int:
    """Removes notices of longer ago, and e-mails that carry none any more; returns how many."""
    limit = timezone.now() - older_than
    removed, _ = Notice.objects.filter(at__lt=limit).delete()
    return removed


def _to_other_side(dispute: Dispute, kind: Kind, key: str, author: User) -> None:
    recording = dispute.recording
    own = author.pk == recording.student_id
    _tell(
        _instructors(recording.lesson.course_id, but=author.pk) if own else [recording.student_id],
        kind,
        key=key,
        wanted="disputes",
        recording=recording,
        dispute=dispute,
        actor_id=author.pk,
    )


def _instructors(course_id: int, but: int) -> list[int]:
    held = Enrolment.objects.filter(course_id=course_id, role=Enrolment.Role.INSTRUCTOR)
    return list(held.exclude(user_id=but).order_by().values_list("user_id", flat=True))


def _who_wants_mail(user_ids: Iterable[int], wanted: str) -> set[int]:
    """Those of the people who have not said that they want no e-mail of this sort."""
    if not settings.MAIL_ENABLED:
        return set()
    unwanted = Preferences.objects.filter(user__in=user_ids, **{wanted: False})
    return set(user_ids) - set(unwanted.values_list("user_id", flat=True))


def _tell(user_ids: list[int], kind: Kind, *, key: str, wanted: str, **about: Any) -> None:
    mailed = _who_wants_mail(user_ids, wanted)
    now = timezone.now()
    Notice.objects.bulk_create(
        (
            Notice(
                user_id=one, kind=kind, key=key, mail_due_at=now if one in mailed else None, **about
            )
            for one in user_ids
        ),
        ignore_conflicts=True,
    )
    for one in sorted(mailed):
        transaction.on_commit(functools.partial(queue.send_mail_of, one))


def _gather(recording: Recording, kind: Kind) -> None:
    """Counts one more in the notice of this lesson, kind and hour of every instructor."""
    user_ids = _instructors(recording.lesson.course_id, but=recording.student_id)
    if not user_ids:
        return
    mailed = _who_wants_mail(user_ids, "analyses")
    now = timezone.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    key = f"{kind}:{recording.lesson_id}:{hour:%Y-%m-%dT%H}"
    due = hour + GATHERED + _GRACE
    # The row first and then the count: of two transactions at once, neither loses its own.
    Notice.objects.bulk_create(
        (
            Notice(
                user_id=one,
                kind=kind,
                key=key,
                count=0,
                lesson_id=recording.lesson_id,
                mail_due_at=due if one in mailed else None,
            )
            for one in user_ids
        ),
        ignore_conflicts=True,
    )
    Notice.objects.filter(user__in=user_ids, key=key).update(
        count=F("count") + 1, at=now, read_at=None
    )
