"""Marks and corrections among what is held about a person.

A student is given what they wrote, what others show them, and every correction of their reports.
What an instructor keeps to themself is told to the instructor alone.
"""

from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import User
from webapp.marks.models import Correction, Mark
from webapp.marks.times import time_text
from webapp.privacy.holdings import Holder, Line, register

_AT_ONCE = 500


def _marks(user: User) -> QuerySet[Mark]:
    shown = Q(recording__student=user, audience=Mark.Audience.EVERYONE)
    found = Mark.objects.filter(Q(author=user) | shown)
    return found.select_related("author", "recording__lesson").order_by("pk")


def _mark_lines(user: User) -> Iterator[Line]:
    for one in _marks(user).iterator(chunk_size=_AT_ONCE):
        mine = one.author_id == user.pk
        words = (
            gettext("Your note at %(time)s of “%(recording)s”")
            if mine
            else gettext("A note that an instructor shows you, at %(time)s of “%(recording)s”")
        )
        yield Line(
            one.recording.lesson.course_id,
            words % {"time": time_text(one.start_s), "recording": one.recording.original_name},
            one.created_at,
            reverse("reports:recording", args=[one.recording_id]) + "#marks",
            one.recording.lesson.title,
            one.recording.lesson.starts_at,
        )


def _mark_rows(user: User) -> Iterator[dict[str, Any]]:
    for one in _marks(user).prefetch_related("tags").iterator(chunk_size=_AT_ONCE):
        yield {
            "recording": one.recording_id,
            "by": str(one.author),
            "at": one.created_at,
            "start_s": one.start_s,
            "end_s": one.end_s,
            "text": one.text,
            "tags": [each.name for each in one.tags.all()],
            "audience": one.audience,
        }


def _corrections(user: User) -> QuerySet[Correction]:
    found = Correction.objects.filter(Q(recording__student=user) | Q(made_by=user))
    return found.select_related("made_by", "recording__lesson").order_by("pk")


def _correction_lines(user: User) -> Iterator[Line]:
    for one in _corrections(user).iterator(chunk_size=_AT_ONCE):
        words = (
            gettext("Your report of “%(recording)s” was corrected by hand: %(what)s")
            if one.recording.student_id == user.pk
            else gettext("You corrected the report of “%(recording)s” by hand: %(what)s")
        )
        yield Line(
            one.recording.lesson.course_id,
            words % {"recording": one.recording.original_name, "what": one.get_kind_display()},
            one.made_at,
            reverse("reports:recording", args=[one.recording_id]) + "#corrections",
            one.recording.lesson.title,
            one.recording.lesson.starts_at,
        )


def _correction_rows(user: User) -> Iterator[dict[str, Any]]:
    for one in _corrections(user).iterator(chunk_size=_AT_ONCE):
        yield {
            "recording": one.recording_id,
            "kind": one.kind,
            "start_s": one.start_s,
            "end_s": one.end_s,
            "track": one.track,
            "into": one.into,
            "text": one.text,
            "by": str(one.made_by) if one.made_by else None,
            "at": one.made_at,
            "withdrawn_at": one.withdrawn_at,
        }


register(Holder("notes", _("Markers and notes"), _mark_lines, _mark_rows))
register(Holder("corrections", _("Corrections by hand"), _correction_lines, _correction_rows))
