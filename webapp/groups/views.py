"""Pages of group recordings: upload, the people, matching, results, retry and delete."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp import access
from webapp.courses.models import Lesson
from webapp.groups import audit, selectors, services, storage
from webapp.groups.forms import MatchForm, SettingsForm
from webapp.groups.models import FaceTemplate, GroupPerson, GroupRecording
from webapp.privacy.models import AccessLog
from webapp.recordings.forms import UploadForm
from webapp.recordings.streaming import send_file
from webapp.recordings.upload_words import upload_words
from webapp.recordings.uploads import PrivateUploadHandler

Action = AccessLog.Action


# As with a student's upload: who may send bytes, and where to, is decided before the body is read.
@csrf_exempt
@require_http_methods(["GET", "POST"])
@login_required
def upload(request: HttpRequest, lesson_id: int) -> HttpResponseBase:
    """An instructor adds a recording of a whole meeting to a lesson."""
    lesson = get_object_or_404(access.visible_lessons(request.user), pk=lesson_id)
    if not access.can_work_on_groups(request.user, lesson.course):
        raise PermissionDenied
    try:
        services.require_somebody(lesson.course)
    except services.GroupRefusedError as refusal:
        messages.error(request, str(refusal))
        return redirect("courses:lesson", lesson.pk)
    handler = PrivateUploadHandler(request)
    request.upload_handlers = [handler]
    return _upload(request, lesson, handler)


@csrf_protect
def _upload(request: HttpRequest, lesson: Lesson, handler: PrivateUploadHandler) -> HttpResponse:
    page = _upload_page(lesson)
    if request.method != "POST":
        return render(request, "groups/upload.html", page)
    form = UploadForm(request.POST, request.FILES, handler=handler)
    if not form.is_valid():
        status = 413 if handler.too_large else 400
        return render(request, "groups/upload.html", {**page, "form": form}, status=status)
    try:
        group = services.accept(form.received, lesson, request.user)
    except services.GroupRefusedError as refusal:
        messages.error(request, str(refusal))
        return redirect("courses:lesson", lesson.pk)
    messages.success(
        request,
        _("“%(name)s” is safely stored. Its people are being looked for.")
        % {"name": group.original_name},
    )
    return redirect("groups:group", group.pk)


def _upload_page(lesson: Lesson) -> dict[str, object]:
    """What the page and its scripts need; a group recording's id takes the place of the zeros."""
    said = _("{name} is safely stored. Its people are being looked for.")
    return {
        "form": UploadForm(),
        "lesson": lesson,
        "words": upload_words() | {"said_file_done": said},
        "endpoint": reverse("uploads:uploads"),
        "page_url": reverse("groups:group", args=[uuid.UUID(int=0)]),
        "max_bytes": settings.MAX_UPLOAD_BYTES,
        **_consent_of(lesson),
    }


@require_GET
@login_required
def group(request: HttpRequest, group_id: uuid.UUID) -> HttpResponse:
    """A group recording: its state, its people, and what was made of them."""
    found = _visible(request, group_id)
    if found.people.exists():
        audit.log_faces(request.user, found, Action.PEOPLE)
    return _page(request, found)


@require_GET
@login_required
def state(request: HttpRequest, group_id: uuid.UUID) -> HttpResponse:
    """The state, as the piece of page that replaces itself; at the end, the page loads anew."""
    found = _visible(request, group_id)
    if not found.is_open:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "groups/_state.html", {"group": found})


@require_GET
@login_required
def face(request: HttpRequest, group_id: uuid.UUID, number: int) -> FileResponse:
    """The small picture of one found person. The page that shows it is what is logged."""
    found = _visible(request, group_id)
    person = get_object_or_404(found.people, number=number, has_thumbnail=True)
    try:
        return FileResponse(person.thumbnail_path.open("rb"), content_type="image/jpeg")
    except FileNotFoundError:
        raise Http404 from None


@require_http_methods(["GET", "HEAD"])
@login_required
def video(request: HttpRequest, group_id: uuid.UUID) -> HttpResponseBase:
    """The copy in which whoever does not consent is blurred; never the original."""
    found = _visible(request, group_id)
    if found.redact_pending or found.analysed_at is None:
        raise Http404("There is no blurred copy now.")
    audit.log_faces(request.user, found, Action.VIDEO)
    etag = f'"{found.pk.hex}-{found.analysed_at.timestamp():.0f}"'
    try:
        return send_file(request, storage.blurred_path(found.pk), etag)
    except FileNotFoundError:
        raise Http404 from None


@require_POST
@login_required
def match(request: HttpRequest, group_id: uuid.UUID) -> HttpResponse:
    """Keeps whose face each person is, and starts the analysis where that is asked for."""
    found = _visible(request, group_id)
    people = list(found.people.exclude(decision=GroupPerson.Decision.ERASED))
    form = MatchForm(found.lesson.course, people, request.POST)
    if not form.is_valid():
        messages.error(
            request,
            _(
                "Somebody whom you chose cannot be matched any more: they left, or their consent "
                "does not cover recordings of a meeting. Nothing was changed."
            ),
        )
        return redirect("groups:group", found.pk)
    try:
        services.match(found, request.user, form.wanted)
        if "analyse" in request.POST:
            services.analyse(found)
            messages.success(request, _("The matched students are being analysed."))
        else:
            messages.success(request, _("Your choices are kept."))
    except services.GroupRefusedError as refusal:
        messages.error(request, str(refusal))
    return redirect("groups:group", found.pk)


@require_POST
@login_required
def retry(request: HttpRequest, group_id: uuid.UUID) -> HttpResponse:
    """Tries the failed step again."""
    found = _visible(request, group_id)
    services.retry(found)
    return redirect("groups:group", found.pk)


@require_http_methods(["GET", "POST"])
@login_required
def delete(request: HttpRequest, group_id: uuid.UUID) -> HttpResponse:
    """Asks, then erases a group recording and everything made from it."""
    found = _visible(request, group_id)
    if request.method != "POST":
        results = sum(one.recording is not None for one in selectors.found_people(found))
        return render(request, "groups/delete.html", {"group": found, "results": results})
    services.delete(found, request.user)
    messages.success(
        request,
        _("“%(name)s” and everything made of it are erased.") % {"name": found.original_name},
    )
    return redirect("courses:lesson", found.lesson_id)


@require_http_methods(["GET", "POST"])
@login_required
def course_settings(request: HttpRequest, course_id: int) -> HttpResponse:
    """Whether the course keeps face templates."""
    course = get_object_or_404(access.visible_courses(request.user), pk=course_id)
    if not access.can_work_on_groups(request.user, course):
        raise PermissionDenied
    kept = selectors.keeps_templates(course)
    form = SettingsForm(request.POST or None, initial={"keep_templates": kept})
    if request.method == "POST":
        # An unticked box is an empty form; both are an answer.
        keep = "keep_templates" in request.POST
        services.keep_templates(course, keep)
        messages.success(
            request,
            _("Face templates are kept from the next analysis on.")
            if keep
            else _("No face templates are kept; those that were are erased."),
        )
        return redirect("groups:settings", course.pk)
    templates = FaceTemplate.objects.filter(course=course).count()
    page = {"course": course, "form": form, "templates": templates}
    return render(request, "groups/settings.html", page)


def _page(request: HttpRequest, found: GroupRecording) -> HttpResponse:
    people = selectors.found_people(found)
    page = {
        "group": found,
        "lesson": found.lesson,
        "course": found.lesson.course,
        "people": people,
        "merged": any(one.shares_student for one in people),
        "undecided": sum(one.person.decision == "unmatched" for one in people),
        "results": sum(one.recording is not None for one in people),
        "can_match": found.state == GroupRecording.State.FINISHED and not found.redact_pending,
        "chart": None if found.redact_pending else selectors.affect_chart(found),
        "has_video": found.analysed_at is not None and not found.redact_pending,
        "keeps_templates": selectors.keeps_templates(found.lesson.course),
        **_consent_of(found.lesson),
    }
    return render(request, "groups/group.html", page)


def _consent_of(lesson: Lesson) -> dict[str, object]:
    consenting = list(selectors.consenting_students(lesson.course))
    others = selectors.enrolled_students(lesson.course).exclude(pk__in=[s.pk for s in consenting])
    return {"consenting": consenting, "not_consenting": list(others)}


def _visible(request: HttpRequest, group_id: uuid.UUID) -> GroupRecording:
    """The group recording, or 404 for whoever may not know that it exists."""
    return get_object_or_404(access.visible_groups(request.user), pk=group_id)
