"""The figures of a class as exports and PDF reports need them, each asked for in one place.

They are those of the pages, and nothing is averaged anew here: `webapp.courses.overview` says what
a lesson and a student have together, `webapp.courses.lesson_class` how a lesson went on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db.models import Q

from webapp.accounts.models import User
from webapp.courses import overview, strips
from webapp.courses.export import pseudonym
from webapp.courses.lesson_class import LessonClass, Row, lesson_class
from webapp.courses.models import Course, Lesson
from webapp.courses.overview import LessonRow, StudentRow
from webapp.recordings.models import Analysis, Recording
from webapp.recordings.newest import newest_finished

#: What a student is called, by their id.
Called = Callable[[int], str]


@dataclass(frozen=True)
class LessonFigures:
    """A lesson in the course's list, its class, and its rows in an order that may be told."""

    row: LessonRow
    whole: LessonClass
    rows: Sequence[Row]


def caller(course: Course, *, names: bool) -> Called:
    """How the files of a course call its students: by name, or by the course's pseudonyms."""
    if not names:
        return lambda pk: pseudonym(course, pk)
    # Whoever recorded something, and whoever is in the course: its teachers write marks.
    people = User.objects.filter(
        Q(pk__in=Recording.objects.filter(lesson__course=course).order_by().values("student_id"))
        | Q(pk__in=course.enrolments.order_by().values("user_id"))
    )
    known = {one.pk: one.name or one.email for one in people.order_by()}
    return lambda pk: known.get(pk) or pseudonym(course, pk)


def lessons_of(course: Course) -> list[LessonRow]:
    """The course's lessons, oldest first, with counts and figures."""
    lessons = list(course.lessons.order_by("starts_at", "pk"))
    return overview.lesson_rows(course, lessons, overview.students_of(course).count())


def students_of(course: Course, *, names: bool) -> list[StudentRow]:
    """The course's students with counts and figures.

    With names in the page's order, else in that of their pseudonyms, which tells no name.
    """
    students = list(overview.students_of(course))
    if not names:
        students.sort(key=lambda one: pseudonym(course, one.pk))
    return overview.student_rows(course, students, course.lessons.count())


def student_row(course: Course, student: User) -> StudentRow:
    """One student's counts and figures over the course's lessons."""
    return overview.student_rows(course, [student], course.lessons.count())[0]


def reports_of(course: Course, student: User) -> list[Analysis]:
    """The newest report of each of the student's recordings of the course, by lesson."""
    recordings = Recording.objects.filter(student=student, lesson__course=course)
    newest = newest_finished(recordings).select_related("recording__lesson")
    return list(newest.order_by("recording__lesson__starts_at", "recording_id"))


def lesson_figures(lesson: Lesson, *, names: bool) -> LessonFigures:
    """A lesson's class; rows by name with names, else by their recordings' random ids."""
    _make_strips(lesson)
    course = lesson.course
    (row,) = overview.lesson_rows(course, [lesson], overview.students_of(course).count())
    whole = lesson_class(lesson)
    rows = list(whole.rows)
    if not names:
        rows.sort(key=lambda one: one.report.recording_id)
    return LessonFigures(row, whole, rows)


def _make_strips(lesson: Lesson) -> None:
    """A page makes a few missing rows of bins at a time; a file wants every one."""
    newest = newest_finished(Recording.objects.filter(lesson=lesson))
    made_from = newest.filter(strip=None, ready_report__isnull=False)
    missing = set(made_from.values_list("pk", flat=True))
    while missing:
        made = strips.read(sorted(missing)[: strips.AT_ONCE])
        if not made:
            return
        missing -= made.keys()
