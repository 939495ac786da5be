"""What the pages about a reader's own data show."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.utils.translation import gettext

from webapp.accounts.models import User
from webapp.courses.models import Course
from webapp.privacy.holdings import Holder, Line, holders
from webapp.privacy.models import AccessLog
from webapp.recordings.models import Recording

#: Of each kind of thing, so many are listed for a course; the download holds all.
MOST_LISTED = 50
_LONG_AGO = dt.datetime.min.replace(tzinfo=dt.UTC)
# What somebody looks for first; other kinds follow as they were registered.
_FIRST = ("profile", "consents", "recordings", "unfinished_uploads", "summaries")


@dataclass
class Kind:
    """One kind of thing that is held: what is listed, and how many more there are.

    The newest lesson comes first, and of each lesson what is newest.
    """

    title: str
    lines: list[Line] = field(default_factory=list)
    more: int = 0

    def add(self, line: Line) -> None:
        """One more; of very many no more are kept than are listed."""
        self.lines.append(line)
        if len(self.lines) > 4 * MOST_LISTED:
            self.cut()

    def cut(self) -> None:
        """Puts the lines in order and leaves those that are listed."""
        self.lines.sort(key=_newest, reverse=True)
        self.more += max(0, len(self.lines) - MOST_LISTED)
        del self.lines[MOST_LISTED:]


def _newest(line: Line) -> tuple[dt.datetime, str, dt.datetime]:
    return line.lesson_at or _LONG_AGO, line.lesson, line.at or _LONG_AGO


@dataclass
class Part:
    """What is held in one course, or (without one) of the account."""

    course: Course | None
    kinds: list[Kind] = field(default_factory=list)
    consented: bool = False


def _place(holder: Holder) -> int:
    return _FIRST.index(holder.key) if holder.key in _FIRST else len(_FIRST)


def parts_of(user: User) -> list[Part]:
    """Everything that is held about the user, the account's own first and then by course."""
    by_course: dict[int | None, list[Kind]] = {None: []}
    for holder in sorted(holders(), key=_place):
        kinds: dict[int | None, Kind] = {}
        for line in holder.lines(user):
            kinds.setdefault(line.course_id, Kind(str(holder.title))).add(line)
        for course_id, kind in kinds.items():
            kind.cut()
            by_course.setdefault(course_id, []).append(kind)
    courses = Course.objects.filter(pk__in=[one for one in by_course if one])
    active = set(
        user.consents.filter(withdrawn_at=None).order_by().values_list("course_id", flat=True)
    )
    return [
        Part(None, by_course[None]),
        *(
            Part(one, by_course[one.pk], one.pk in active)
            for one in courses.order_by("title", "pk")
        ),
    ]


@dataclass(frozen=True)
class Look:
    """A line of the access log in words."""

    entry: AccessLog
    who: str
    what: str


def looks(entries: Iterable[AccessLog], reader: User) -> list[Look]:
    """The lines in words; two queries for what they were about, however many lines."""
    shown = list(entries)
    recordings = dict(
        Recording.objects.filter(pk__in={one.recording_id for one in shown if one.recording_id})
        .order_by()
        .values_list("pk", "original_name")
    )
    courses = dict(
        Course.objects.filter(pk__in={one.course_id for one in shown if one.course_id})
        .order_by()
        .values_list("pk", "title")
    )
    return [
        Look(
            one,
            gettext("You") if one.actor_id == reader.pk else str(one.actor),
            _what(one, recordings, courses),
        )
        for one in shown
    ]


def _what(entry: AccessLog, recordings: dict, courses: dict) -> str:
    if entry.recording_id:
        return recordings.get(entry.recording_id) or gettext("a recording that was erased since")
    if entry.course_id:
        return courses.get(entry.course_id) or gettext("a course that is gone")
    return gettext("all that is held about you")
