"""Pages of courses and lessons."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET

from webapp import access
from webapp.accounts.models import User
from webapp.courses import export, overview
from webapp.courses.models import Course, Lesson
from webapp.paging import orders, paged
from webapp.privacy import services as privacy
from webapp.privacy.models import AccessLog
from webapp.recordings.models import Recording
from webapp.reports.answers import streamed
from webapp.reports.exports import csv_blocks

COURSES_A_PAGE, LESSONS_A_PAGE, STUDENTS_A_PAGE, RECORDINGS_A_PAGE = 50, 20, 25, 25

# By date or by name: students are never ranked by what a model says of them.
_LESSON_ORDERS = {"newest": "Newest first", "oldest": "Oldest first", "title": "By title"}
_STUDENT_ORDERS = {"name": "By name", "recording": "Newest recording first"}
_RECORDING_ORDERS = {"newest": "Newest first", "name": "By student"}


@require_GET
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The reader's courses."""
    courses = access.visible_courses(request.user).annotate(
        lesson_count=Count("lessons", distinct=True)
    )
    page = {"courses": paged(request, courses.order_by("title", "pk"), COURSES_A_PAGE)}
    return render(request, "courses/home.html", page)


@gzip_page
@require_GET
@login_required
def course(request: HttpRequest, course_id: int) -> HttpResponse:
    """A course with its lessons; for its instructors with its students, counts and figures."""
    found = get_object_or_404(access.visible_courses(request.user), pk=course_id)
    standing = access.standing(request.user, found)
    order, lesson_orders = orders(request, "lessons", _LESSON_ORDERS, "lessons_page", "lessons")
    lessons = paged(
        request, _lessons(found, order), LESSONS_A_PAGE, name="lessons_page", anchor="lessons"
    )
    page = {
        "course": found,
        "lessons": lessons,
        "lesson_orders": lesson_orders,
        "is_student": standing.is_student,
        "consent": privacy.active_consent(request.user, found) if standing.is_student else None,
        "can_view_all": standing.can_view_all,
    }
    if standing.can_view_all:
        page |= _whole_class(request, found, lessons.rows, lessons.total)
    return render(request, "courses/course.html", page)


@require_GET
@login_required
def figures(request: HttpRequest, course_id: int) -> StreamingHttpResponse:
    """The figures of every recording of the course as CSV; `?names=1` adds who it is."""
    found = get_object_or_404(access.visible_courses(request.user), pk=course_id)
    if not access.can_export(request.user, found):
        raise PermissionDenied
    recorded = Recording.objects.filter(lesson__course=found).order_by()
    privacy.log_course_access(
        request.user,
        found,
        recorded.values_list("student_id", flat=True).distinct(),
        AccessLog.Action.EXPORT,
    )
    rows = export.figure_rows(found, names=request.GET.get("names") == "1")
    response = streamed(request, csv_blocks(rows), "text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="course-{found.pk}.csv"'
    return response


def _whole_class(
    request: HttpRequest, found: Course, shown: list[Lesson], lessons: int
) -> dict[str, object]:
    """What only instructors see of a course; whose figures they see is written to the log."""
    order, student_orders = orders(
        request, "students", _STUDENT_ORDERS, "students_page", "students"
    )
    students = paged(
        request, _students(found, order), STUDENTS_A_PAGE, name="students_page", anchor="students"
    )
    lesson_rows = overview.lesson_rows(found, shown, students.total)
    student_rows = overview.student_rows(found, students.rows, lessons)
    privacy.log_course_access(
        request.user,
        found,
        (row.student.pk for row in student_rows if row.figures),
        AccessLog.Action.FIGURES,
    )
    return {
        "students": students,
        "student_orders": student_orders,
        "lesson_rows": lesson_rows,
        "student_rows": student_rows,
        "models": overview.models_of([*lesson_rows, *student_rows]),
    }


@gzip_page
@require_GET
@login_required
def lesson(request: HttpRequest, lesson_id: int) -> HttpResponse:
    """A lesson: its instructor sees every recording, a student their own."""
    found = get_object_or_404(access.visible_lessons(request.user), pk=lesson_id)
    standing = access.standing(request.user, found.course)
    order, recording_orders = orders(request, "order", _RECORDING_ORDERS, "page", "recordings")
    recordings = access.visible_recordings(request.user).filter(lesson=found)
    page = {
        "lesson": found,
        "course": found.course,
        "recordings": paged(
            request, _recordings(recordings, order), RECORDINGS_A_PAGE, anchor="recordings"
        ),
        "orders": recording_orders,
        "can_view_all": standing.can_view_all,
        "can_upload": standing.is_student,
        "consent": (
            privacy.active_consent(request.user, found.course) if standing.is_student else None
        ),
    }
    return render(request, "courses/lesson.html", page)


def _lessons(found: Course, order: str) -> QuerySet[Lesson]:
    fields = {
        "newest": ("-starts_at", "-pk"),
        "oldest": ("starts_at", "pk"),
        "title": (Lower("title"), "starts_at", "pk"),
    }
    return found.lessons.order_by(*fields[order])


def _students(found: Course, order: str) -> QuerySet[User]:
    students = overview.students_of(found)
    if order == "name":
        return students
    newest = Recording.objects.filter(student=OuterRef("pk"), lesson__course=found)
    newest = newest.order_by("-created_at").values("created_at")[:1]
    return students.order_by(F("newest_at").desc(nulls_last=True), *overview.BY_NAME).annotate(
        newest_at=Subquery(newest)
    )


def _recordings(recordings: QuerySet[Recording], order: str) -> QuerySet[Recording]:
    names = (Lower("student__name"), "student__email") if order == "name" else ()
    return recordings.order_by(*names, "-created_at", "pk").prefetch_related("analyses")
