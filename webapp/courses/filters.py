"""Searching, filtering and sorting a course's lessons and students.

By date, title, name and what there is of recordings: students are never ranked, nor picked, by what
a model says of them.
"""

import datetime as dt
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import User
from webapp.courses import overview
from webapp.courses.models import Course, Lesson
from webapp.recordings.models import Recording

LESSON_ORDERS = {"newest": _("Newest first"), "oldest": _("Oldest first"), "title": _("By title")}
STUDENT_ORDERS = {"name": _("By name"), "recording": _("Newest recording first")}
#: Which students: everybody, those without any recording, those who miss one of a lesson.
HAVING = {"": _("All students"), "none": _("Without any recording"), "some": _("Missing a lesson")}
_LONGEST = 100


@dataclass(frozen=True)
class LessonFilter:
    """Words in the title, and days between which a lesson begins, in the reader's time zone."""

    words: str
    first: dt.date | None
    last: dt.date | None

    def __bool__(self) -> bool:
        return bool(self.words or self.first or self.last)

    @property
    def query(self) -> str:
        """The filter as a query string."""
        asked = {"title": self.words, "from": self.first, "to": self.last}
        return urlencode({name: str(value) for name, value in asked.items() if value})


@dataclass(frozen=True)
class StudentFilter:
    """Words in the name or address, and one of `HAVING`."""

    words: str
    having: str

    def __bool__(self) -> bool:
        return bool(self.words or self.having)

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        """Value, words, and whether it is chosen."""
        return [(value, str(words), value == self.having) for value, words in HAVING.items()]


def lesson_filter(request: HttpRequest) -> LessonFilter:
    """What the query asks for; nonsense is passed over."""
    return LessonFilter(
        request.GET.get("title", "").strip()[:_LONGEST],
        _day(request.GET.get("from", "")),
        _day(request.GET.get("to", "")),
    )


def student_filter(request: HttpRequest) -> StudentFilter:
    """What the query asks for; nonsense is passed over."""
    having = request.GET.get("having", "")
    return StudentFilter(
        request.GET.get("student", "").strip()[:_LONGEST], having if having in HAVING else ""
    )


def _day(text: str) -> dt.date | None:
    try:
        day = parse_date(text)
    except ValueError:
        return None
    # Of other years no lesson is; the last of all years has no day after.
    return day if day and 1970 < day.year < 2200 else None


def lessons_of(course: Course, wanted: LessonFilter, order: str) -> QuerySet[Lesson]:
    """The lessons that are wanted, in an order of `LESSON_ORDERS`."""
    fields = {
        "newest": ("-starts_at", "-pk"),
        "oldest": ("starts_at", "pk"),
        "title": (Lower("title"), "starts_at", "pk"),
    }
    lessons = course.lessons.order_by(*fields[order])
    if wanted.words:
        lessons = lessons.filter(title__icontains=wanted.words)
    if wanted.first:
        lessons = lessons.filter(starts_at__gte=_midnight(wanted.first))
    if wanted.last:
        lessons = lessons.filter(starts_at__lt=_midnight(wanted.last + dt.timedelta(days=1)))
    return lessons


def _midnight(day: dt.date) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day, dt.time()))


def students_of(course: Course, wanted: StudentFilter, order: str, lessons: int) -> QuerySet[User]:
    """The students that are wanted, in an order of `STUDENT_ORDERS`; `lessons` are the course's."""
    students = overview.students_of(course)
    if wanted.words:
        words = wanted.words
        students = students.filter(Q(name__icontains=words) | Q(email__icontains=words))
    if wanted.having:
        sent = Recording.objects.filter(student=OuterRef("pk"), lesson__course=course).order_by()
        counted = sent.values("student").annotate(of=Count("lesson", distinct=True)).values("of")
        students = students.annotate(lessons_sent=Subquery(counted))
        if wanted.having == "none":
            students = students.filter(lessons_sent=None)
        else:
            students = students.filter(Q(lessons_sent=None) | Q(lessons_sent__lt=lessons))
    if order == "name":
        return students
    newest = Recording.objects.filter(student=OuterRef("pk"), lesson__course=course)
    newest = newest.order_by("-created_at").values("created_at")[:1]
    return students.order_by(F("newest_at").desc(nulls_last=True), *overview.BY_NAME).annotate(
        newest_at=Subquery(newest)
    )
