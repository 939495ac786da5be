"""Pages of lesson summaries: of one recording for its report's readers, of a class for teachers."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from webapp import access
from webapp.courses.models import Lesson
from webapp.privacy import services as privacy
from webapp.recordings.models import Recording
from webapp.recordings.streaming import send_file
from webapp.reports.selectors import latest_finished
from webapp.summaries import selectors, services
from webapp.summaries.models import LessonSummary

_MEDIA_TYPES = {".jpg": "image/jpeg", ".mp4": "video/mp4"}


@login_required
@require_safe
def recording(request: HttpRequest, recording_id: uuid.UUID) -> HttpResponse:
    """A recording's summary, or the state of the one under way."""
    found = _recording(request, recording_id)
    report = latest_finished(found)
    finished = selectors.latest_summary_finished(found)
    people = selectors.people(finished) if finished else []
    page = {
        "recording": found,
        "report": report,
        "people": people,
        "left_out": sum(one.left_out for one in people),
        "is_newest": bool(finished and report and report in finished.analyses.all()),
    }
    return _page(request, found, finished, "summaries/recording.html", page)


@login_required
@require_safe
def lesson(request: HttpRequest, lesson_id: int) -> HttpResponse:
    """What the students' recordings of a lesson have in common."""
    found = _taught_lesson(request, lesson_id)
    analyses = selectors.class_analyses(found)
    finished = selectors.latest_summary_finished(found)
    shared = selectors.shared(finished) if finished else []
    page = {
        "lesson": found,
        "course": found.course,
        "reports": len(analyses),
        "students": selectors.student_count(found),
        "shared": shared,
        "left_out": sum(one.left_out for one in shared),
        "is_newest": bool(finished and set(finished.analyses.all()) == set(analyses)),
    }
    return _page(request, found, finished, "summaries/lesson.html", page)


@login_required
@require_POST
def make(request: HttpRequest, recording_id: uuid.UUID) -> HttpResponse:
    """Asks for a summary of the recording."""
    found = _recording(request, recording_id)
    try:
        services.make_for_recording(found, request.user)
    except privacy.ConsentMissingError:
        raise PermissionDenied from None
    except services.NothingToSummariseError:
        messages.error(request, _("There is no report yet that a summary could be made from."))
    return redirect("summaries:recording", found.pk)


@login_required
@require_POST
def make_class(request: HttpRequest, lesson_id: int) -> HttpResponse:
    """Asks for a summary of the class."""
    found = _taught_lesson(request, lesson_id)
    try:
        services.make_for_class(found, request.user)
    except services.NothingToSummariseError:
        messages.error(request, _("There is no report yet that a summary could be made from."))
    return redirect("summaries:lesson", found.pk)


@login_required
@require_safe
def file(request: HttpRequest, summary_id: uuid.UUID, name: str) -> HttpResponseBase:
    """One clip or picture of a finished summary."""
    found = get_object_or_404(
        access.visible_summaries(request.user).filter(state=LessonSummary.State.FINISHED),
        pk=summary_id,
    )
    path = found.folder / name
    if name not in selectors.files_of(found) or path.suffix not in _MEDIA_TYPES:
        raise Http404
    services.log_reading(request.user, found)
    etag = f'"{found.pk.hex}-{name}"'
    try:
        return send_file(request, path, etag, _MEDIA_TYPES[path.suffix])
    except FileNotFoundError:
        raise Http404 from None


def _page(
    request: HttpRequest,
    subject: Recording | Lesson,
    finished: LessonSummary | None,
    template: str,
    page: dict,
) -> HttpResponse:
    """The page, or the piece of it that says how far a summary is."""
    newest = selectors.latest(subject)
    page |= {"newest": newest, "summary": finished}
    if getattr(request, "htmx", False):
        if newest is None or newest == finished:
            # The page was polling for this moment: let the browser load the whole summary.
            return HttpResponse(headers={"HX-Refresh": "true"})
        return render(request, "summaries/_state.html", page)
    if finished is not None:
        services.log_reading(request.user, finished)
        page["document"] = finished.read()
    return render(request, template, page)


def _recording(request: HttpRequest, recording_id: uuid.UUID) -> Recording:
    """The recording, or 404 for whoever may not know that it exists."""
    return get_object_or_404(access.visible_recordings(request.user), pk=recording_id)


def _taught_lesson(request: HttpRequest, lesson_id: int) -> Lesson:
    """The lesson, for who may see every recording of its course; 403 for its students."""
    found = get_object_or_404(access.visible_lessons(request.user), pk=lesson_id)
    if not access.can_view_all_recordings(request.user, found.course):
        raise PermissionDenied
    return found
