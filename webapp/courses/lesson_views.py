"""Pages of one lesson: its recordings, its materials, and the class along it."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET

from webapp import access
from webapp.courses import lesson_class as classes
from webapp.courses import saved_views
from webapp.courses.chart_data import lesson_data
from webapp.courses.class_curve import FEWEST_STUDENTS, LEAST_COVERAGE
from webapp.courses.materials import cues_of
from webapp.courses.models import Lesson, LessonMaterial, SavedView
from webapp.courses.moments import moments_of
from webapp.groups.models import GroupRecording
from webapp.groups.selectors import affect_chart
from webapp.paging import orders, paged
from webapp.privacy import services as privacy
from webapp.privacy.models import AccessLog
from webapp.recordings.models import Recording

RECORDINGS_A_PAGE = 25
_ORDERS = {"newest": _("Newest first"), "name": _("By student")}


@gzip_page
@require_GET
@login_required
def lesson(request: HttpRequest, lesson_id: int) -> HttpResponse:
    """A lesson: its instructor sees every recording, a student their own; both its materials."""
    found = get_object_or_404(access.visible_lessons(request.user), pk=lesson_id)
    standing = access.standing(request.user, found.course)
    page: dict[str, Any] = {}
    if standing.can_view_all:
        views = saved_views.views_of(request, found.course, SavedView.Page.LESSON)
        if url := saved_views.default_url(request, views):
            return redirect(url)
        page["views"] = views
    order, recording_orders = orders(request, "order", _ORDERS, "page", "recordings")
    recordings = access.visible_recordings(request.user).filter(lesson=found)
    wanted = request.GET.get("q", "").strip()[:100]
    page |= {
        "lesson": found,
        "course": found.course,
        "recordings": paged(
            request,
            _recordings(_named(recordings, wanted), order),
            RECORDINGS_A_PAGE,
            anchor="recordings",
        ),
        "orders": recording_orders,
        "wanted": wanted,
        "can_view_all": standing.can_view_all,
        "can_upload": standing.is_student,
        "consent": (
            privacy.active_consent(request.user, found.course) if standing.is_student else None
        ),
        **_materials(found),
    }
    return render(request, "courses/lesson.html", page)


@gzip_page
@require_GET
@login_required
def lesson_class(request: HttpRequest, lesson_id: int) -> HttpResponse:
    """The class along the lesson: a piece of its page, and without a script a page of its own."""
    found = get_object_or_404(access.visible_lessons(request.user), pk=lesson_id)
    if not access.can_view_all_recordings(request.user, found.course):
        raise PermissionDenied
    shown = classes.lesson_class(found)
    privacy.log_course_access(
        request.user,
        found.course,
        (row.report.student_id for row in shown.rows),
        AccessLog.Action.FIGURES,
    )
    materials = list(found.materials.all())
    page = {
        "lesson": found,
        "course": found.course,
        "shown": shown,
        "moments": moments_of(shown, materials),
        "has_video": any(one.kind == LessonMaterial.Kind.VIDEO for one in materials),
        "data": lesson_data(shown, request.GET.get("q", "").strip()[:100]),
        "fewest": FEWEST_STUDENTS,
        "least_coverage": LEAST_COVERAGE,
        "affects": _affects(found),
    }
    is_piece = getattr(request, "htmx", False)
    return render(request, "courses/_class.html" if is_piece else "courses/class.html", page)


def _materials(found: Lesson) -> dict[str, Any]:
    rows = list(found.materials.all())
    video = next((one for one in rows if one.kind == LessonMaterial.Kind.VIDEO), None)
    return {
        "materials": [(one, cues_of(one)) for one in rows],
        "video": video,
    }


def _affects(found: Lesson) -> list[tuple[GroupRecording, Any]]:
    """The group affect of the lesson's meetings that have one to show."""
    meetings = GroupRecording.objects.filter(lesson=found, redact_pending=False)
    charts = [
        (one, affect_chart(one)) for one in meetings.select_related("affect") if one.analysed_at
    ]
    return [(one, chart) for one, chart in charts if chart is not None]


def _named(recordings: QuerySet[Recording], wanted: str) -> QuerySet[Recording]:
    if not wanted:
        return recordings
    return recordings.filter(
        Q(student__name__icontains=wanted)
        | Q(student__email__icontains=wanted)
        | Q(original_name__icontains=wanted)
    )


def _recordings(recordings: QuerySet[Recording], order: str) -> QuerySet[Recording]:
    names = (Lower("student__name"), "student__email") if order == "name" else ()
    return recordings.order_by(*names, "-created_at", "pk").prefetch_related("analyses")
