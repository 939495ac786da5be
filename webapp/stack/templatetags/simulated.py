"""Says on every page about a simulated course that it is one, whichever app made the page."""

from typing import Any

from django import template

from webapp.courses.models import Course, Lesson
from webapp.groups.models import GroupRecording
from webapp.paging import Paged
from webapp.recordings.models import Recording
from webapp.stack.simulated import is_simulated

register = template.Library()
# The names under which pages have what they are about.
_COURSES, _LESSONS, _RECORDINGS = ("course",), ("lesson",), ("recording", "group", "a", "b")


@register.inclusion_tag("stack/_simulated.html", takes_context=True)
def simulated_notice(context: template.Context) -> dict[str, Any]:
    """A notice where the page is about a simulated course, lesson or recording.

    A list of recordings of several courses has it for all of its rows, or for some of them.
    """
    courses = _courses(context)
    listed = [is_simulated(one) for one in _listed(context)] if not courses else []
    return {
        "simulated": any(is_simulated(one) for one in courses) or any(listed),
        "in_part": not all(listed),
    }


@register.filter
def simulated(course: Course) -> bool:
    """Whether the course is simulated."""
    return is_simulated(course)


def _listed(context: template.Context) -> list[Course]:
    """The courses of the recordings that the page lists."""
    found = context.get("recordings")
    rows = found.rows if isinstance(found, Paged) else []
    return [one.lesson.course for one in rows if isinstance(one, Recording)]


def _courses(context: template.Context) -> list[Course]:
    """The courses that the page is about, as far as its context says."""
    found = [context.get(name) for name in (*_COURSES, *_LESSONS, *_RECORDINGS)]
    courses = [one for one in found if isinstance(one, Course)]
    courses += [one.course for one in found if isinstance(one, Lesson)]
    courses += [one.lesson.course for one in found if isinstance(one, (Recording, GroupRecording))]
    return courses
