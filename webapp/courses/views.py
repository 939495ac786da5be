"""The list of courses, a course's page, its figures as a file, and saved views of pages."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET, require_POST

from webapp import access
from webapp.accounts.models import User
from webapp.courses import export, filters, overview, saved_views
from webapp.courses.chart_data import trend_data
from webapp.courses.home import course_rows
from webapp.courses.models import Course, Lesson, SavedView
from webapp.paging import orders, paged
from webapp.privacy import services as privacy
from webapp.privacy.models import AccessLog
from webapp.recordings.models import Recording
from webapp.recordings.newest import with_progress
from webapp.reports.answers import streamed
from webapp.reports.exports import csv_blocks

COURSES_A_PAGE, LESSONS_A_PAGE, STUDENTS_A_PAGE = 50, 20, 25
#: The trend is over so many lessons at most, the newest of those that are listed.
MOST_IN_TREND = 60


@require_GET
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The reader's courses."""
    courses = access.visible_courses(request.user).order_by("title", "pk")
    shown = paged(request, courses, COURSES_A_PAGE)
    page = {"courses": shown, "rows": course_rows(request.user, shown.rows)}
    return render(request, "courses/home.html", page)


@gzip_page
@require_GET
@login_required
def course(request: HttpRequest, course_id: int) -> HttpResponse:
    """A course with its lessons; for its instructors with its students, counts and figures."""
    found = get_object_or_404(access.visible_courses(request.user), pk=course_id)
    standing = access.standing(request.user, found)
    page: dict[str, Any] = {}
    if standing.can_view_all:
        views = saved_views.views_of(request, found, SavedView.Page.COURSE)
        if url := saved_views.default_url(request, views):
            return redirect(url)
        page["views"] = views
    wanted = filters.lesson_filter(request)
    order, lesson_orders = orders(
        request, "lessons", filters.LESSON_ORDERS, "lessons_page", "lessons"
    )
    found_lessons = filters.lessons_of(found, wanted, order)
    lessons = paged(request, found_lessons, LESSONS_A_PAGE, name="lessons_page", anchor="lessons")
    page |= {
        "course": found,
        "lessons": lessons,
        "lesson_orders": lesson_orders,
        "lesson_filter": wanted,
        "is_student": standing.is_student,
        "consent": privacy.active_consent(request.user, found) if standing.is_student else None,
        "can_view_all": standing.can_view_all,
    }
    if standing.can_view_all:
        held = found.lessons.count() if wanted else lessons.total
        page |= _whole_class(request, found, lessons.rows, held)
    else:
        _add_own(request.user, lessons.rows)
    return render(request, "courses/course.html", page)


def _add_own(user: User, lessons: Sequence[Lesson]) -> None:
    """Sets `own` on each lesson: the student's recordings of it, newest first, with their state."""
    own = with_progress(Recording.objects.filter(student=user, lesson__in=lessons))
    by_lesson: dict[int, list[Recording]] = {}
    for one in own.order_by("-created_at", "-pk"):
        by_lesson.setdefault(one.lesson_id, []).append(one)
    for lesson in lessons:
        lesson.own = by_lesson.get(lesson.pk, [])


@gzip_page
@require_GET
@login_required
def trend(request: HttpRequest, course_id: int) -> HttpResponse:
    """The class across lessons: a piece of the course's page, and without a script a page.

    Figures of classes alone, of no student: nothing to write into the log.
    """
    found = get_object_or_404(access.visible_courses(request.user), pk=course_id)
    if not access.can_view_all_recordings(request.user, found):
        raise PermissionDenied
    wanted = filters.lesson_filter(request)
    lessons = list(filters.lessons_of(found, wanted, "newest")[:MOST_IN_TREND])
    rows = overview.lesson_rows(found, lessons, students=0)[::-1]
    page = {
        "course": found,
        "trend_rows": rows,
        "trend": trend_data(rows),
        "has_trend": sum(one.figures is not None for one in rows) > 1,
        "models": overview.models_of(rows),
    }
    is_piece = getattr(request, "htmx", False)
    return render(request, "courses/_trend.html" if is_piece else "courses/trend.html", page)


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


@require_POST
@login_required
def save_view(request: HttpRequest, course_id: int, page: str) -> HttpResponse:
    """Keeps what the reader's page of the course shows now under a name."""
    found = get_object_or_404(access.visible_courses(request.user), pk=course_id)
    if not access.can_view_all_recordings(request.user, found):
        raise PermissionDenied
    if page not in SavedView.Page.values:
        raise Http404
    data = request.POST
    home_of = reverse("courses:course", args=[found.pk])
    back = data.get("back", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None) or "?" in back:
        back = home_of
    query = data.get("query", "")
    try:
        view = saved_views.save(
            request.user,
            found,
            SavedView.Page(page),
            data.get("name", ""),
            query,
            default=bool(data.get("default")),
        )
    except saved_views.ViewRefusedError as refusal:
        messages.error(request, str(refusal))
        return redirect(f"{back}?{saved_views.kept(query) or saved_views.NONE}")
    messages.success(request, gettext("The view “%(name)s” is saved.") % {"name": view.name})
    return redirect(f"{back}?{view.query or saved_views.NONE}")


@require_POST
@login_required
def change_view(request: HttpRequest, view_id: int) -> HttpResponse:
    """Deletes one of the reader's views, or shows it first from now on, or no longer."""
    view = get_object_or_404(SavedView, pk=view_id, user=request.user)
    back = request.POST.get("back", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        back = reverse("courses:course", args=[view.course_id])
    action = request.POST.get("action")
    if action == "delete":
        view.delete()
        messages.success(request, gettext("The view “%(name)s” is deleted.") % {"name": view.name})
    elif action in {"default", "ordinary"}:
        saved_views.make_default(view, default=action == "default")
    return redirect(back)


def _whole_class(request: HttpRequest, found: Course, shown: Any, held: int) -> dict[str, object]:
    """What only instructors see of a course; whose figures they see is written to the log."""
    order, student_orders = orders(
        request, "students", filters.STUDENT_ORDERS, "students_page", "students"
    )
    wanted = filters.student_filter(request)
    students = paged(
        request,
        filters.students_of(found, wanted, order, held),
        STUDENTS_A_PAGE,
        name="students_page",
        anchor="students",
    )
    taking = overview.students_of(found).count() if wanted else students.total
    lesson_rows = overview.lesson_rows(found, shown, taking)
    student_rows = overview.student_rows(found, students.rows, held)
    privacy.log_course_access(
        request.user,
        found,
        (row.student.pk for row in student_rows if row.figures),
        AccessLog.Action.FIGURES,
    )
    return {
        "students": students,
        "taking": taking,
        "held": held,
        "student_orders": student_orders,
        "student_filter": wanted,
        "lesson_rows": lesson_rows,
        "student_rows": student_rows,
        "models": overview.models_of([*lesson_rows, *student_rows]),
    }
