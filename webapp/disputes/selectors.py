"""Which recordings have a report that somebody disputes."""

import uuid
from collections.abc import Iterable

from django.db.models import QuerySet

from webapp.courses.models import Course
from webapp.disputes.models import Dispute
from webapp.recordings.models import Recording

_KNOWN = "_disputes_of"


def disputed_ids(recordings: Iterable[Recording]) -> set[uuid.UUID]:
    """Ids of those of the recordings whose report is disputed now; one query.

    A queryset is asked for nothing but its ids, inside the same query.
    """
    within = (
        recordings.order_by().values("pk")
        if isinstance(recordings, QuerySet)
        else [one.pk for one in recordings]
    )
    disputed = Dispute.objects.filter(closed_at__isnull=True, recording__in=within)
    return set(disputed.order_by().values_list("recording_id", flat=True))


def mark_disputed(recordings: Iterable[Recording]) -> None:
    """Sets `is_disputed` on each of the recordings, in one query; none where there is none."""
    shown = list(recordings)
    found = disputed_ids(shown) if shown else set()
    for one in shown:
        one.is_disputed = one.pk in found


def disputes_in(course: Course, *, is_open: bool) -> QuerySet[Dispute]:
    """The course's open disputes, the oldest first, or its closed ones, the latest first."""
    disputes = Dispute.objects.filter(
        recording__lesson__course=course, closed_at__isnull=is_open
    ).select_related("recording__lesson", "recording__student")
    return disputes.order_by("created_at" if is_open else "-closed_at", "pk")


def disputes_of(recording: Recording) -> list[Dispute]:
    """Everything that was ever disputed in the recording's report, open ones first.

    Read once for the object that is given: a page asks for its badge and for its panel.
    """
    known = vars(recording).get(_KNOWN)
    if known is None:
        found = recording.disputes.prefetch_related("replies__author")
        known = sorted(found.order_by("-created_at", "-pk"), key=lambda one: not one.is_open)
        vars(recording)[_KNOWN] = known
    return known
