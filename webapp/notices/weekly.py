"""The weekly digest: counts of each course that somebody teaches.

It counts recordings and analyses, and says nothing about what was found in them: no figure of a
person, no order among them.
"""

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, Q
from django.utils import timezone

from webapp.accounts.models import User
from webapp.courses.models import Course, Enrolment, Lesson
from webapp.notices.models import Mail
from webapp.recordings.models import Analysis, Recording

#: Monday from this hour on, in the site's time zone.
_HOUR = 7


@dataclass(frozen=True)
class CourseWeek:
    """What happened in one course.

    Attributes:
        uploaded: recordings that came.
        analysed, failed: analyses that ended so.
        lessons: how many lessons were held.
        missing: for how many students of them, counted by lesson, there is no recording.
    """

    course: Course
    uploaded: int
    analysed: int
    failed: int
    lessons: int
    missing: int

    @property
    def is_quiet(self) -> bool:
        """Whether nothing happened at all."""
        return not (self.uploaded or self.analysed or self.failed or self.lessons)


def period_of(day: dt.date) -> str:
    """The name of the week before this day's, such as 2026-W47."""
    year, week, _ = (day - dt.timedelta(days=7)).isocalendar()
    return f"{year}-W{week:02}"


def bounds(period: str) -> tuple[dt.datetime, dt.datetime]:
    """Where a week begins and ends, in the site's time zone."""
    year, week = period.split("-W")
    monday = dt.date.fromisocalendar(int(year), int(week), 1)
    zone = timezone.get_default_timezone()
    begin, end = (
        dt.datetime.combine(monday + dt.timedelta(days=days), dt.time(), tzinfo=zone)
        for days in (0, 7)
    )
    return begin, end


def queue_weekly(now: dt.datetime) -> int:
    """On Mondays, puts a digest in the queue for each instructor who wants one; any number of
    times. Returns how many instructors were asked for."""
    local = timezone.localtime(now, timezone.get_default_timezone())
    if not settings.MAIL_ENABLED or local.weekday() != 0 or local.hour < _HOUR:
        return 0
    period = period_of(local.date())
    teaching = Enrolment.objects.filter(role=Enrolment.Role.INSTRUCTOR).values("user_id")
    have = Mail.objects.filter(kind=Mail.Kind.WEEKLY, period=period).values("user_id")
    wanting = User.objects.filter(is_active=True, pk__in=teaching).exclude(pk__in=have)
    wanting = wanting.exclude(notice_preferences__weekly=False).order_by()
    mails = [
        Mail(user_id=one, kind=Mail.Kind.WEEKLY, period=period)
        for one in wanting.values_list("pk", flat=True)
    ]
    Mail.objects.bulk_create(mails, ignore_conflicts=True)
    return len(mails)


def weeks_of(user: User, period: str) -> list[CourseWeek]:
    """What happened in each course that the user teaches; quiet courses are left out."""
    taught = Course.objects.filter(enrolments__user=user, enrolments__role="instructor")
    weeks = [_week(course, *bounds(period)) for course in taught.order_by("title", "pk")]
    return [one for one in weeks if not one.is_quiet]


def _week(course: Course, begin: dt.datetime, end: dt.datetime) -> CourseWeek:
    held = Lesson.objects.filter(course=course, starts_at__gte=begin, starts_at__lt=end)
    lessons = list(held.order_by().values_list("pk", flat=True))
    students = Enrolment.objects.filter(course=course, role=Enrolment.Role.STUDENT)
    student_ids = students.order_by().values("user_id")
    there = Recording.objects.filter(lesson__in=lessons, student__in=student_ids).order_by()
    pairs = there.values("lesson_id", "student_id").distinct().count() if lessons else 0
    recordings = Recording.objects.filter(lesson__course=course).order_by()
    ended = Analysis.objects.filter(
        recording__in=recordings.values("pk"), finished_at__gte=begin, finished_at__lt=end
    ).aggregate(
        analysed=Count("pk", filter=Q(state=Analysis.State.FINISHED)),
        failed=Count("pk", filter=Q(state=Analysis.State.FAILED)),
    )
    return CourseWeek(
        course=course,
        uploaded=recordings.filter(created_at__gte=begin, created_at__lt=end).count(),
        analysed=ended["analysed"],
        failed=ended["failed"],
        lessons=len(lessons),
        missing=students.count() * len(lessons) - pairs,
    )
