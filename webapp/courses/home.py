"""The list of courses: of each what its reader wants to know before they open it.

However many courses are listed, the counts take one query each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils import timezone

from webapp import access
from webapp.accounts.models import User
from webapp.courses.models import Course, Enrolment, Lesson
from webapp.disputes.models import Dispute
from webapp.privacy.models import Consent
from webapp.recordings.models import Analysis, Recording


@dataclass(frozen=True)
class CourseRow:
    """One course of the list.

    Attributes:
        lessons, held_at, next_at: how many, when the last was held, and when the next one is.
        takes: whether the reader is a student of the course, whose own `recordings` are counted
            and who may still have to `consent`.
        sees_all: whether the reader sees every report; only then `students`, open `disputes` and
            analyses `under_way` are counted.
    """

    course: Course
    lessons: int
    held_at: Any
    next_at: Any
    takes: bool
    consented: bool
    recordings: int
    sees_all: bool
    students: int
    disputes: int
    under_way: int


def course_rows(user: User, courses: Sequence[Course]) -> list[CourseRow]:
    """The rows of some courses that the user may see, in their order."""
    held = Enrolment.objects.filter(user=user, course__in=courses).order_by()
    roles = dict(held.values_list("course_id", "role"))
    governs = access.is_admin(user)
    all_of = [one.pk for one in courses if governs or roles.get(one.pk) == "instructor"]
    own = [one.pk for one in courses if roles.get(one.pk) == "student"]
    lessons = _lessons([one.pk for one in courses])
    consents = Consent.objects.filter(user=user, withdrawn_at=None, course__in=own).order_by()
    consented = set(consents.values_list("course_id", flat=True))
    recordings = _counted(
        Recording.objects.filter(student=user, lesson__course__in=own), "lesson__course"
    )
    students = _counted(Enrolment.objects.filter(course__in=all_of, role="student"), "course")
    disputes = _counted(
        Dispute.objects.filter(recording__lesson__course__in=all_of, closed_at=None),
        "recording__lesson__course",
    )
    under_way = _counted(
        Analysis.objects.filter(recording__lesson__course__in=all_of, state__in=Analysis.OPEN),
        "recording__lesson__course",
    )
    return [
        CourseRow(
            course=one,
            lessons=lessons.get(one.pk, {}).get("number", 0),
            held_at=lessons.get(one.pk, {}).get("held_at"),
            next_at=lessons.get(one.pk, {}).get("next_at"),
            takes=one.pk in own,
            consented=one.pk in consented,
            recordings=recordings.get(one.pk, 0),
            sees_all=one.pk in all_of,
            students=students.get(one.pk, 0),
            disputes=disputes.get(one.pk, 0),
            under_way=under_way.get(one.pk, 0),
        )
        for one in courses
    ]


def _lessons(courses: Sequence[int]) -> dict[int, dict[str, Any]]:
    now = timezone.now()
    counted = (
        Lesson.objects.filter(course__in=courses)
        .order_by()
        .values("course_id")
        .annotate(
            number=Count("pk"),
            held_at=Max("starts_at", filter=Q(starts_at__lte=now)),
            next_at=Min("starts_at", filter=Q(starts_at__gt=now)),
        )
    )
    return {one["course_id"]: one for one in counted}


def _counted(rows: QuerySet[Any], course: str) -> dict[int, int]:
    """How many rows there are of each course."""
    counted = rows.order_by().values(course).annotate(number=Count("pk"))
    return {one[course]: one["number"] for one in counted}
