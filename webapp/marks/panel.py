"""What the panels of a report show: its marks as one reader sees them, and its corrections."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from webapp import access
from webapp.accounts.models import User
from webapp.marks.forms import MarkForm
from webapp.marks.models import Correction, Mark, MarkTag
from webapp.marks.times import time_text
from webapp.recordings.models import Recording

_MOST_SUGGESTIONS = 60


@dataclass(frozen=True)
class MarkRow:
    """One mark; `form` is there while its author changes it."""

    mark: Mark
    tags: list[str]
    mine: bool
    form: MarkForm | None
    is_new: bool = False

    @property
    def times(self) -> str:
        """Its time or its stretch."""
        mark = self.mark
        start = time_text(mark.start_s)
        return start if mark.end_s is None else f"{start} \N{EN DASH} {time_text(mark.end_s)}"

    @property
    def audience(self) -> str:
        """Who sees it, in a word or two."""
        return {
            Mark.Audience.PRIVATE: _("only you"),
            Mark.Audience.INSTRUCTORS: _("instructors"),
            Mark.Audience.EVERYONE: _("instructors and student"),
        }[Mark.Audience(self.mark.audience)]


@dataclass(frozen=True)
class Panel:
    """The marks that somebody may see of a recording, of one tag or of all."""

    recording: Recording
    rows: list[MarkRow]
    total: int
    tags: list[str]
    tag: str
    form: MarkForm


def read_panel(
    user: User,
    recording: Recording,
    duration_s: float,
    *,
    tag: str = "",
    form: MarkForm | None = None,
    editing: MarkForm | None = None,
    editing_id: object = None,
    new_id: object = None,
) -> Panel:
    """The panel for one person.

    Args:
        duration_s: length of the recording.
        tag: only marks with this tag; empty for all.
        form: the form for a new mark with its errors.
        editing: the form of the mark `editing_id` with its errors; a fresh one where it is None.
        new_id: the mark that was set a moment ago.
    """
    is_student = recording.student_id == user.pk
    marks = list(access.visible_marks(user).filter(recording=recording).prefetch_related("tags"))
    rows = [
        MarkRow(
            mark=one,
            tags=[each.name for each in one.tags.all()],
            mine=one.author_id == user.pk,
            form=(editing or form_of(one, duration_s, is_student=is_student))
            if editing_id is not None and one.pk == editing_id
            else None,
            is_new=one.pk == new_id,
        )
        for one in marks
    ]
    tags = sorted({name for row in rows for name in row.tags})
    wanted = tag if tag in tags else ""
    return Panel(
        recording=recording,
        rows=[row for row in rows if not wanted or wanted in row.tags],
        total=len(rows),
        tags=tags,
        tag=wanted,
        form=form or empty_form(duration_s, is_student=is_student),
    )


def suggestions(user: User, recording: Recording) -> list[str]:
    """Tags that the user meets in this course, for completing what they write."""
    seen = access.visible_marks(user).filter(recording__lesson__course=recording.lesson.course_id)
    names = MarkTag.objects.filter(mark__in=seen.order_by().values("pk")).order_by("name")
    return list(names.values_list("name", flat=True).distinct()[:_MOST_SUGGESTIONS])


def empty_form(duration_s: float, *, is_student: bool) -> MarkForm:
    """The form for a new mark."""
    initial = {"start": 0.0, "audience": Mark.Audience.PRIVATE}
    return MarkForm(initial=initial, duration_s=duration_s, is_student=is_student)


def form_of(mark: Mark, duration_s: float, *, is_student: bool) -> MarkForm:
    """The form that changes a mark."""
    return MarkForm(
        initial={
            "start": mark.start_s,
            "end": mark.end_s,
            "text": mark.text,
            "tags": ", ".join(one.name for one in mark.tags.all()),
            "audience": mark.audience,
        },
        duration_s=duration_s,
        is_student=is_student,
        auto_id=f"id_{mark.pk.hex}_%s",
    )


def who(one: Correction) -> str:
    """Who made a correction, by name."""
    return (one.made_by.name or one.made_by.email) if one.made_by else _("somebody who has left")


def exclusions(rows: Sequence[Correction]) -> list[Correction]:
    """The stretches left out, in order of time."""
    found = [one for one in rows if one.kind == Correction.Kind.EXCLUSION]
    return sorted(found, key=lambda one: (one.start_s or 0.0, one.pk))


def left_out_of(
    rows: Sequence[Correction], excluded: Sequence[tuple[float, float]]
) -> dict[str, Any]:
    """What a page and a PDF say before the figures: the stretches left out, and their length."""
    return {
        "excluded": exclusions(rows),
        "excluded_s": sum(end - start for start, end in excluded),
    }
