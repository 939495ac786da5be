"""Exports of a recording's report, a lesson, a course and a student.

Whoever may see the page may have its file. Files about a class call its students by pseudonyms
unless `?names=1` asks for names; either is written to the access log before anything is read.
"""

import uuid

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from webapp import access
from webapp.accounts.models import User
from webapp.courses.models import Course
from webapp.exports import (
    class_tables,
    documents,
    files,
    gathering,
    pdf,
    remarks,
    report_tables,
)
from webapp.exports.documents import Paper
from webapp.privacy.models import AccessLog
from webapp.privacy.services import log_access, log_course_access
from webapp.recordings.models import AnalysisDocument, Recording
from webapp.reports import selectors

Action = AccessLog.Action


@login_required
@require_safe
def recording(request: HttpRequest, recording_id: uuid.UUID, ending: str) -> HttpResponseBase:
    """The report of one recording."""
    found = get_object_or_404(access.visible_recordings(request.user), pk=recording_id)
    finished = selectors.latest_finished(found)
    if finished is None:
        raise Http404(_("This recording has no report yet."))
    log_access(request.user, found, Action.PDF if ending == "pdf" else Action.TABLES)
    try:
        said = remarks.remarks_of(request.user, found, finished)
        if ending == "pdf":
            return _paper(request, documents.of_recording(found, finished, said))
        called = gathering.caller(found.lesson.course, names=_names(request))
        export = report_tables.report_export(found, finished, called, said)
        return files.answer(request, export, ending, request.GET.get("table", ""))
    except AnalysisDocument.DoesNotExist:
        raise Http404(_("The report was erased meanwhile.")) from None


@login_required
@require_safe
def lesson(request: HttpRequest, lesson_id: int, ending: str) -> HttpResponseBase:
    """A lesson of the whole class, for its instructors."""
    found = get_object_or_404(access.visible_lessons(request.user), pk=lesson_id)
    names = _class_access(request, found.course, ending, lesson_id=found.pk)
    if ending == "pdf":
        return _paper(request, documents.of_lesson(found, names=names))
    export = class_tables.lesson_export(found, names=names)
    return files.answer(request, export, ending, request.GET.get("table", ""))


@login_required
@require_safe
def course(request: HttpRequest, course_id: int, ending: str) -> HttpResponseBase:
    """A whole course, for its instructors."""
    found = get_object_or_404(access.visible_courses(request.user), pk=course_id)
    names = _class_access(request, found, ending)
    if ending == "pdf":
        return _paper(request, documents.of_course(found, names=names))
    export = class_tables.course_export(found, names=names)
    return files.answer(request, export, ending, request.GET.get("table", ""))


@login_required
@require_safe
def student(request: HttpRequest, course_id: int, student_id: int, ending: str) -> HttpResponseBase:
    """One student in a course, for the student and its instructors."""
    found = get_object_or_404(access.visible_courses(request.user), pk=course_id)
    if not access.can_export_student(request.user, found, student_id):
        raise PermissionDenied
    who = get_object_or_404(User.objects.filter(enrolments__course=found), pk=student_id)
    action = Action.PDF if ending == "pdf" else Action.EXPORT
    log_course_access(request.user, found, [who.pk], action)
    # As on the page: of the others a student is told less than who may read their reports.
    sees_others = access.can_view_all_recordings(request.user, found)
    if ending == "pdf":
        return _paper(request, documents.of_student(found, who, sees_others=sees_others))
    export = class_tables.student_export(found, who, names=_names(request), sees_others=sees_others)
    return files.answer(request, export, ending, request.GET.get("table", ""))


def _class_access(
    request: HttpRequest, found: Course, ending: str, lesson_id: int | None = None
) -> bool:
    """Whether the file is to have names; refused, or written to the log of everybody in it."""
    if not access.can_export(request.user, found):
        raise PermissionDenied
    names = _names(request)
    recorded = Recording.objects.filter(lesson__course=found).order_by()
    if lesson_id is not None:
        recorded = recorded.filter(lesson_id=lesson_id)
    action = Action.PDF if ending == "pdf" else Action.EXPORT
    log_course_access(
        request.user,
        found,
        recorded.values_list("student_id", flat=True).distinct(),
        Action.EXPORT_NAMES if names else action,
    )
    return names


def _names(request: HttpRequest) -> bool:
    return request.GET.get("names") == "1"


def _paper(request: HttpRequest, paper: Paper) -> HttpResponse:
    """The PDF, or a page that says what is missing on this machine."""
    if not pdf.available():
        return render(request, "exports/no_pdf.html", status=503)
    response = HttpResponse(pdf.render(paper), content_type="application/pdf")
    response.headers["Content-Disposition"] = f'attachment; filename="{paper.stem}.pdf"'
    return response
