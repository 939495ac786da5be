"""Pages of recordings: upload, "my recordings", live state, video, retry, stop and delete."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp import access
from webapp.courses.models import Lesson
from webapp.paging import orders, paged
from webapp.privacy import services as privacy
from webapp.privacy.models import AccessLog
from webapp.recordings import own_list, services
from webapp.recordings.forms import UploadForm
from webapp.recordings.models import Recording
from webapp.recordings.streaming import send_file
from webapp.recordings.upload_words import upload_words
from webapp.recordings.uploads import PrivateUploadHandler

_A_PAGE = 25


@gzip_page
@require_GET
@login_required
def mine(request: HttpRequest) -> HttpResponse:
    """The student's own recordings with their live state: searched, narrowed and in an order."""
    own = access.own_recordings(request.user)
    wish = own_list.Wish.of(request)
    order, links = orders(request, "order", own_list.ORDERS, pages="page")
    found = own_list.ordered(own_list.narrowed(own, wish), order).prefetch_related("analyses")
    page = own_list.choices(own, wish) | {
        "recordings": paged(request, found, _A_PAGE),
        "orders": links,
        "words": upload_words(),
        "order": order if order != next(iter(own_list.ORDERS)) else "",
    }
    return render(request, "recordings/mine.html", page)


# The outer view decides who may send bytes, and where they go, before the body is read; only the
# inner one may look at the form, which is where CSRF protection reads the body.
@csrf_exempt
@require_http_methods(["GET", "POST"])
@login_required
def upload(request: HttpRequest, lesson_id: int) -> HttpResponseBase:
    """A student adds a recording of themself to a lesson."""
    lesson = get_object_or_404(access.visible_lessons(request.user), pk=lesson_id)
    if not access.can_upload(request.user, lesson):
        raise PermissionDenied
    if not privacy.has_consent(request.user, lesson.course):
        messages.info(request, _("Before you upload, read what is measured and decide."))
        return redirect("privacy:consent", lesson.course_id)
    handler = PrivateUploadHandler(request)
    request.upload_handlers = [handler]
    return _upload(request, lesson, handler)


@csrf_protect
def _upload(request: HttpRequest, lesson: Lesson, handler: PrivateUploadHandler) -> HttpResponse:
    if request.method != "POST":
        return render(request, "recordings/upload.html", _upload_page(UploadForm(), lesson))
    form = UploadForm(request.POST, request.FILES, handler=handler)
    if not form.is_valid():
        status = 413 if handler.too_large else 400
        page = _upload_page(form, lesson)
        return render(request, "recordings/upload.html", page, status=status)
    try:
        recording = services.accept(form.received, lesson, request.user)
    except privacy.ConsentMissingError:
        messages.error(request, _("Your consent was withdrawn, so nothing was kept."))
        return redirect("privacy:consent", lesson.course_id)
    text = _("“%(name)s” is safely stored. Its analysis is on its way.")
    messages.success(request, text % {"name": recording.original_name})
    return redirect("recordings:mine")


def _upload_page(form: UploadForm, lesson: Lesson) -> dict[str, Any]:
    """What the page and its scripts need; a recording's id takes the place of the zeros."""
    return {
        "form": form,
        "lesson": lesson,
        "words": upload_words(),
        "endpoint": reverse("uploads:uploads"),
        "state_url": reverse("recordings:state", args=[uuid.UUID(int=0)]),
        "max_bytes": settings.MAX_UPLOAD_BYTES,
    }


@require_GET
@login_required
def state(request: HttpRequest, recording_id: uuid.UUID) -> HttpResponse:
    """The state of a recording's newest analysis, as the piece of page that replaces itself."""
    recording = _visible(request, recording_id)
    return render(request, "recordings/_state.html", {"recording": recording})


@require_http_methods(["GET", "HEAD"])
@login_required
def video(request: HttpRequest, recording_id: uuid.UUID) -> HttpResponseBase:
    """The video for a player, by HTTP Range."""
    recording = _visible(request, recording_id)
    if not access.can_watch_video(request.user, recording):
        raise PermissionDenied
    privacy.log_access(request.user, recording, AccessLog.Action.VIDEO)
    etag = f'"{recording.sha256[:32]}-{recording.playback == Recording.Playback.RENDITION:d}"'
    try:
        return send_file(request, recording.playable_path, etag)
    except FileNotFoundError:
        raise Http404 from None


@require_POST
@login_required
def retry(request: HttpRequest, recording_id: uuid.UUID) -> HttpResponse:
    """Runs an analysis again that failed or was stopped."""
    recording = _visible(request, recording_id)
    analysis = recording.latest_analysis
    if analysis is None or not access.can_retry(request.user, analysis):
        raise PermissionDenied
    try:
        services.retry(analysis)
    except privacy.ConsentMissingError:
        raise PermissionDenied from None
    return _new_state(request, recording)


@require_POST
@login_required
def cancel(request: HttpRequest, recording_id: uuid.UUID) -> HttpResponse:
    """Stops an analysis that waits or runs; one that has just ended stays as it ended."""
    recording = _visible(request, recording_id)
    analysis = recording.latest_analysis
    if analysis is None:
        raise Http404
    stopped = access.can_cancel(request.user, analysis) and services.cancel(analysis)
    if not request.htmx:  # type: ignore[attr-defined]
        if stopped:
            text = _("The analysis of “%(name)s” is stopped. The recording is kept.")
            messages.success(request, text % {"name": recording.original_name})
        else:
            messages.info(request, _("The analysis had ended before it could be stopped."))
    return _new_state(request, recording)


@require_http_methods(["GET", "POST"])
@login_required
def delete(request: HttpRequest, recording_id: uuid.UUID) -> HttpResponse:
    """Asks, then erases a recording and everything made from it."""
    recording = _visible(request, recording_id)
    if not access.can_delete(request.user, recording):
        raise PermissionDenied
    if request.method != "POST":
        return render(request, "recordings/delete.html", {"recording": recording})
    target = _back(request, recording)
    services.delete(recording, request.user)
    text = _("“%(name)s” and its results are erased.")
    messages.success(request, text % {"name": recording.original_name})
    return redirect(target)


def _visible(request: HttpRequest, recording_id: uuid.UUID) -> Recording:
    """The recording, or 404 for whoever may not know that it exists."""
    recordings = access.visible_recordings(request.user).prefetch_related("analyses")
    return get_object_or_404(recordings, pk=recording_id)


def _new_state(request: HttpRequest, recording: Recording) -> HttpResponse:
    """The piece of page with the state that a button has changed, or the page that it was on."""
    if request.htmx:  # type: ignore[attr-defined]
        now = _visible(request, recording.pk)
        return render(request, "recordings/_state.html", {"recording": now})
    if request.POST.get("back") == "report":
        return redirect("reports:recording", recording.pk)
    return redirect(_back(request, recording))


def _back(request: HttpRequest, recording: Recording) -> str:
    """Where the reader came from: their own list, or the lesson."""
    if recording.student_id == request.user.pk:
        return redirect("recordings:mine").url
    return redirect("courses:lesson", recording.lesson_id).url
