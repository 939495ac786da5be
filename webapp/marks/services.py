"""Everything that writes marks and corrections."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from engagement.report.schema import Analysis as Document
from webapp.accounts.models import User
from webapp.marks.models import Correction, Mark, MarkTag
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from webapp.reports import corrections, ready
from webapp.reports.selectors import latest_finished

logger = logging.getLogger(__name__)

Kind = Correction.Kind
#: A mark has so many tags at most.
MOST_TAGS = 10
_MOST_TRIES = 5


class CannotCorrectError(Exception):
    """The correction makes no sense for the report; the text says why, to whoever made it."""


class BusyError(Exception):
    """Others correct the same report all the time: try again."""


def tag_names(text: str) -> list[str]:
    """The tags in a line of text, apart by commas; each once, in the order written.

    >>> tag_names(" question,  Group work , question,")
    ['question', 'group work']
    """
    names = (" ".join(one.lower().split())[:40] for one in text.split(","))
    return list(dict.fromkeys(one for one in names if one))[:MOST_TAGS]


def save_mark(mark: Mark, tags: Iterable[str]) -> Mark:
    """Writes a mark, new or changed, with exactly these tags."""
    with transaction.atomic():
        mark.save()
        wanted = list(tags)
        mark.tags.exclude(name__in=wanted).delete()
        MarkTag.objects.bulk_create(
            [MarkTag(mark=mark, name=one) for one in wanted], ignore_conflicts=True
        )
    return mark


def exclude(
    user: User, recording: Recording, start_s: float, end_s: float, reason: str
) -> Correction:
    """Leaves a stretch out of the figures.

    Raises:
        CannotCorrectError: nothing would be left, or there is no report.
    """

    def check(document: Document) -> None:
        if end_s <= start_s or start_s >= document.source.duration_s:
            raise CannotCorrectError("stretch")

    made = Correction(
        recording=recording, kind=Kind.EXCLUSION, start_s=start_s, end_s=end_s, text=reason
    )
    return _add(user, made, check)


def name_track(
    user: User, analysis: Analysis, track: int, name: str, is_student: bool
) -> Correction:
    """Names a person of the recording; a name given before is withdrawn.

    Raises:
        CannotCorrectError: the report has no such person.
    """
    made = Correction(
        recording=analysis.recording,
        analysis=analysis,
        kind=Kind.NAME,
        track=track,
        text=name,
        is_student=is_student,
    )
    return _add(user, made, lambda document: _require(document, track))


def merge_tracks(user: User, analysis: Analysis, track: int, into: int, reason: str) -> Correction:
    """Says that two tracks are one person; `track` goes into `into`.

    Raises:
        CannotCorrectError: there are no two such people.
    """

    def check(document: Document) -> None:
        _require(document, track)
        _require(document, into)
        if track == into:
            raise CannotCorrectError("same")

    made = Correction(
        recording=analysis.recording,
        analysis=analysis,
        kind=Kind.MERGE,
        track=track,
        into=into,
        text=reason,
    )
    return _add(user, made, check)


def withdraw(user: User, correction: Correction) -> None:
    """Undoes a correction: the figures are as they would be without it."""

    def change(rows: list[Correction]) -> None:
        Correction.objects.filter(pk=correction.pk, withdrawn_at=None).update(
            withdrawn_at=timezone.now(), withdrawn_by=user
        )

    _change(
        correction.recording,
        lambda rows: [one for one in rows if one.pk != correction.pk],
        change,
    )


def _require(document: Document, track: int) -> None:
    if track not in {one.id for one in document.tracks}:
        raise CannotCorrectError("track")


def _add(user: User, made: Correction, check: Callable[[Document], None]) -> Correction:
    made.made_by = user

    def replaced(one: Correction) -> bool:
        """Whether the new row takes the place of an older one."""
        if made.kind != Kind.NAME or one.kind != Kind.NAME:
            return False
        return one.track == made.track or (made.is_student and one.is_student)

    def planned(rows: list[Correction]) -> list[Correction]:
        return [*(one for one in rows if not replaced(one)), made]

    def change(rows: list[Correction]) -> None:
        old = [one.pk for one in rows if replaced(one)]
        Correction.objects.filter(pk__in=old).update(withdrawn_at=timezone.now(), withdrawn_by=user)
        made.save()

    _change(made.recording, planned, change, check)
    return made


def _change(
    recording: Recording,
    planned: Callable[[list[Correction]], list[Correction]],
    change: Callable[[list[Correction]], None],
    check: Callable[[Document], None] | None = None,
) -> None:
    """Writes a change and what is made of the newest report, in one transaction.

    The figures of an hour take about a second: they are made before, and once more where somebody
    else corrected the report meanwhile.
    """
    for _ in range(_MOST_TRIES):
        analysis = latest_finished(recording)
        if analysis is None:
            raise CannotCorrectError("report")
        before = corrections.in_force(analysis)
        rows = planned(list(before))
        document = _document(analysis)
        shown = corrections.corrected(document, before)
        if check is not None:
            check(shown)
        then = corrections.corrected(document, rows)
        if shown.tracks and not then.tracks:
            raise CannotCorrectError("nothing")
        parts = ready.make(then, corrections.excluded(then, rows))
        with transaction.atomic():
            # Held until the end, so that of two who correct at once the second starts anew.
            list(Recording.objects.select_for_update().filter(pk=recording.pk).values_list("pk"))
            now = corrections.in_force(analysis)
            if corrections.stamp_of(now) != corrections.stamp_of(before):
                continue
            change(before)
            stamp = corrections.stamp_of(corrections.in_force(analysis))
            ready.write(analysis, ready.Made(parts, stamp, ready.columns_of(then)))
            return
    raise BusyError


def _document(analysis: Analysis) -> Document:
    stored: dict[str, Any] = AnalysisDocument.objects.values_list("document", flat=True).get(
        analysis=analysis
    )
    return Document.model_validate(stored)
