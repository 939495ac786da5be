"""What people said of a report: marks, corrections by hand and disputes, as tables and on paper.

Each is what the reader sees on the report's page, and no more.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webapp import access
from webapp.accounts.models import User
from webapp.disputes.models import Dispute
from webapp.exports.about import Facts
from webapp.exports.gathering import Called
from webapp.exports.tables import Column, ColumnType, Table
from webapp.marks.models import Correction, Mark
from webapp.marks.panel import exclusions
from webapp.recordings.models import Analysis, Recording
from webapp.reports import corrections
from webapp.reports.templatetags.report_format import clock

# Of a column its name, type, meaning and unit; the meaning is said in the reader's language.
_Said = tuple[str, ColumnType, Promise, str]
_START: _Said = ("start_s", "number", gettext_lazy("Begin, from the recording's beginning."), "s")
_END: _Said = ("end_s", "number", gettext_lazy("End, from the recording's beginning."), "s")
_AUTHOR = gettext_lazy("Who wrote it, as this file calls people.")
_MARK: list[_Said] = [
    _START,
    _END,
    ("note", "text", gettext_lazy("What was written; empty of a bare marker."), ""),
    ("tags", "text", gettext_lazy("Words by which it is found again, with commas."), ""),
    ("shown_to", "text", gettext_lazy("Whom its author shows it to."), ""),
    ("author", "text", _AUTHOR, ""),
    ("changed_at", "time", gettext_lazy("When it was last changed."), "UTC"),
]
_CORRECTION: list[_Said] = [
    ("correction", "text", gettext_lazy("exclusion, name or merge."), ""),
    _START,
    _END,
    ("track", "integer", gettext_lazy("The person's track that is named or merged."), ""),
    ("into_track", "integer", gettext_lazy("The track into which it is merged."), ""),
    ("words", "text", gettext_lazy("The reason; of a name, the name."), ""),
    ("author", "text", _AUTHOR, ""),
    ("made_at", "time", gettext_lazy("When it was made."), "UTC"),
]
_DISPUTE: list[_Said] = [
    _START,
    _END,
    ("words", "text", gettext_lazy("What the student says is not right."), ""),
    ("answers", "text", gettext_lazy("What was answered, in order, a line an answer."), ""),
    ("opened_at", "time", gettext_lazy("When the student said it."), "UTC"),
    ("closed_at", "time", gettext_lazy("When it was settled; empty while it is open."), "UTC"),
]


@dataclass(frozen=True)
class Remarks:
    """What one reader sees of what was said; corrections are those in force."""

    marks: list[Mark]
    corrections: list[Correction]
    disputes: list[Dispute]


def remarks_of(user: User, recording: Recording, analysis: Analysis) -> Remarks:
    """What the reader sees of a recording that they may read."""
    marks = access.visible_marks(user).filter(recording=recording)
    # Whoever may read the report sees what is disputed in it.
    disputes = Dispute.objects.filter(recording=recording)
    return Remarks(
        marks=list(marks.prefetch_related("tags")),
        corrections=corrections.in_force(analysis),
        disputes=list(disputes.order_by("created_at", "pk").prefetch_related("replies__author")),
    )


def facts(found: Remarks, called: Called) -> Facts:
    """What is to be known before the figures: which time they leave out, and what is disputed."""
    told: Facts = []
    for one in exclusions(found.corrections):
        words = _("%(start)s to %(end)s, by %(who)s: %(reason)s") % {
            "start": clock(one.start_s),
            "end": clock(one.end_s),
            "who": _called(called, one.made_by_id),
            "reason": one.text,
        }
        told.append((_("Left out by hand"), words))
    open_ones = sum(one.is_open for one in found.disputes)
    if open_ones:
        told.append((_("Open disputes"), str(open_ones)))
    return told


def tables(found: Remarks, called: Called) -> list[Table]:
    """A table each of marks, corrections and disputes; there, and empty, where there is none."""
    return [
        _table("marks", _("Markers and notes"), _MARK, lambda: _marks(found.marks, called)),
        _table(
            "corrections",
            _("Corrections by hand that these figures follow"),
            _CORRECTION,
            lambda: _corrections(found.corrections, called),
        ),
        _table(
            "disputes",
            _("What the student disputes"),
            _DISPUTE,
            lambda: _disputes(found.disputes, called),
        ),
    ]


def _table(
    name: str,
    title: str,
    columns: Iterable[_Said],
    make: Any,
) -> Table:
    return Table(
        name,
        title,
        [Column(each, kind, str(words), unit) for each, kind, words, unit in columns],
        make,
    )


def _called(called: Called, pk: int | None) -> str:
    return called(pk) if pk is not None else _("somebody who has left")


def _marks(marks: Sequence[Mark], called: Called) -> Iterator[list[Any]]:
    for one in marks:
        yield [
            one.start_s,
            one.end_s,
            one.text,
            ", ".join(tag.name for tag in one.tags.all()),
            one.audience,
            called(one.author_id),
            one.changed_at,
        ]


def _corrections(rows: Sequence[Correction], called: Called) -> Iterator[list[Any]]:
    for one in rows:
        yield [
            one.kind,
            one.start_s,
            one.end_s,
            one.track,
            one.into,
            one.text,
            _called(called, one.made_by_id),
            one.made_at,
        ]


def _disputes(rows: Sequence[Dispute], called: Called) -> Iterator[list[Any]]:
    for one in rows:
        answers = [f"{called(each.author_id)}: {each.text}" for each in one.replies.all()]
        yield [one.start_s, one.end_s, one.text, "\n".join(answers), one.created_at, one.closed_at]
