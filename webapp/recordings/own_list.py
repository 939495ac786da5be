"""The student's own list: what is searched for, which course and state, in which order."""

from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from webapp.courses.models import Course
from webapp.recordings.models import Analysis, Recording

State = Analysis.State

# What a student may ask for, and the states of the newest analysis that it stands for.
STATES = {
    "open": (_("Waiting or running"), Analysis.OPEN),
    "finished": (_("With a report"), (State.FINISHED,)),
    "failed": (_("Failed"), (State.FAILED,)),
    "stopped": (_("Stopped"), (State.CANCELLED,)),
}
ORDERS = {
    "newest": _("Newest first"),
    "oldest": _("Oldest first"),
    "name": _("By name"),
    "lesson": _("By lesson"),
}
_COLUMNS = {
    "newest": ("-created_at", "pk"),
    "oldest": ("created_at", "pk"),
    "name": ("original_name", "-created_at", "pk"),
    "lesson": ("-lesson__starts_at", "-created_at", "pk"),
}
_LONGEST_SEARCH = 200
_DIGITS = 10


@dataclass(frozen=True)
class Wish:
    """What the address asks for; what makes no sense there is left out."""

    text: str
    course_id: int | None
    state: str

    @classmethod
    def of(cls, request: HttpRequest) -> "Wish":
        """Read from the query parameters `q`, `course` and `state`."""
        course = request.GET.get("course", "")
        is_number = course.isascii() and course.isdigit() and len(course) < _DIGITS
        state = request.GET.get("state", "")
        return cls(
            text=request.GET.get("q", "").strip()[:_LONGEST_SEARCH].replace("\x00", ""),
            course_id=int(course) if is_number else None,
            state=state if state in STATES else "",
        )

    @property
    def is_any(self) -> bool:
        """Whether nothing is left out."""
        return not (self.text or self.course_id or self.state)


def narrowed(recordings: "QuerySet[Recording]", wish: Wish) -> "QuerySet[Recording]":
    """The recordings that fit; every word searched for is in the name, the lesson or the course."""
    for word in wish.text.split():
        recordings = recordings.filter(
            Q(original_name__icontains=word)
            | Q(lesson__title__icontains=word)
            | Q(lesson__course__title__icontains=word)
            | Q(lesson__course__code__icontains=word)
        )
    if wish.course_id:
        recordings = recordings.filter(lesson__course_id=wish.course_id)
    if wish.state:
        newest = Analysis.objects.filter(recording=OuterRef("pk")).order_by("-created_at")
        recordings = recordings.annotate(newest_state=Subquery(newest.values("state")[:1]))
        recordings = recordings.filter(newest_state__in=STATES[wish.state][1])
    return recordings


def ordered(recordings: "QuerySet[Recording]", order: str) -> "QuerySet[Recording]":
    """In one of the `ORDERS`."""
    return recordings.order_by(*_COLUMNS[order])


def choices(recordings: "QuerySet[Recording]", wish: Wish) -> dict[str, Any]:
    """The courses and states to choose from: courses that there is a recording of."""
    ids = recordings.order_by().values("lesson__course_id")
    return {
        "wish": wish,
        "courses": Course.objects.filter(pk__in=ids).order_by("title"),
        "states": [(value, words) for value, (words, _states) in STATES.items()],
    }
