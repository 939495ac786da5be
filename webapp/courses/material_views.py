"""Materials of a lesson: attaching, changing, taking away, and reading them."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST

from webapp import access
from webapp.courses import materials as services
from webapp.courses.materials import CuesForm, MaterialForm, cues_of, cues_text
from webapp.courses.models import Lesson, LessonMaterial
from webapp.recordings.streaming import send_file
from webapp.recordings.upload_words import upload_words
from webapp.recordings.uploads import PrivateUploadHandler
from webapp.reports.templatetags.report_format import clock

# A PDF is shown by the browser's own reader, which counts as an object; nothing else may run.
_PDF_POLICY = "default-src 'none'; object-src 'self'; frame-ancestors 'none'"


# The outer view decides who may send bytes, and where they go, before the body is read; only the
# inner one may look at the form, which is where CSRF protection reads the body.
@csrf_exempt
@require_http_methods(["GET", "POST"])
@login_required
def materials(request: HttpRequest, lesson_id: int) -> HttpResponseBase:
    """The materials of a lesson for its instructors: what is there, and a form to attach more."""
    lesson = get_object_or_404(access.visible_lessons(request.user), pk=lesson_id)
    if not access.can_attach(request.user, lesson.course):
        raise PermissionDenied
    handler = PrivateUploadHandler(request)
    request.upload_handlers = [handler]
    return _materials(request, lesson, handler)


@csrf_protect
def _materials(request: HttpRequest, lesson: Lesson, handler: PrivateUploadHandler) -> HttpResponse:
    if request.method != "POST":
        return _page(request, lesson, MaterialForm())
    form = MaterialForm(request.POST, request.FILES, handler=handler)
    if not form.is_valid():
        return _page(request, lesson, form, status=413 if handler.too_large else 400)
    material = services.attach(lesson, request.user, form)
    messages.success(
        request,
        gettext("“%(title)s” is attached. Students of the course can see it.")
        % {"title": material.title},
    )
    return redirect("courses:materials", lesson.pk)


def _page(
    request: HttpRequest, lesson: Lesson, form: MaterialForm, status: int = 200
) -> HttpResponse:
    rows = [(one, cues_of(one), _changing(one)) for one in lesson.materials.all()]
    said = gettext("{name} is safely stored.")
    page = {
        "lesson": lesson,
        "course": lesson.course,
        "form": form,
        "rows": rows,
        "words": upload_words() | {"said_file_done": said},
        "endpoint": reverse("uploads:uploads"),
        "page_url": reverse("courses:material", args=[uuid.UUID(int=0)]),
        "max_bytes": settings.MAX_UPLOAD_BYTES,
    }
    return render(request, "courses/materials.html", page, status=status)


def _changing(material: LessonMaterial) -> CuesForm:
    """The form with what is there; its fields' names on the page are told apart by the id."""
    initial = {"starts": clock(material.starts_s), "cues": cues_text(material)}
    form = CuesForm(initial=initial, auto_id=f"id_%s_{material.pk.hex[:8]}")
    unused = "cues" if material.kind == LessonMaterial.Kind.VIDEO else "starts"
    del form.fields[unused]
    return form


@require_http_methods(["GET", "HEAD"])
@login_required
def material(request: HttpRequest, material_id: uuid.UUID) -> HttpResponseBase:
    """The file of a material, by HTTP Range; who follows a link is sent to it."""
    found = get_object_or_404(access.visible_materials(request.user), pk=material_id)
    if found.kind == LessonMaterial.Kind.LINK:
        raise Http404
    try:
        response = send_file(request, found.path, f'"{found.pk.hex}"', services.media_type(found))
    except FileNotFoundError:
        raise Http404 from None
    if found.kind == LessonMaterial.Kind.SLIDES:
        response.headers["Content-Security-Policy"] = _PDF_POLICY
    return response


@require_POST
@login_required
def change(request: HttpRequest, material_id: uuid.UUID) -> HttpResponse:
    """Takes a material away, or writes when it is shown."""
    found = get_object_or_404(access.visible_materials(request.user), pk=material_id)
    if not access.can_attach(request.user, found.lesson.course):
        raise PermissionDenied
    if request.POST.get("action") == "remove":
        found.delete()
        messages.success(
            request, gettext("“%(title)s” is removed and erased.") % {"title": found.title}
        )
        return redirect("courses:materials", found.lesson_id)
    form = CuesForm(request.POST)
    if form.is_valid():
        services.change(found, form)
        messages.success(request, gettext("“%(title)s” is changed.") % {"title": found.title})
    else:
        for errors in form.errors.values():
            messages.error(request, f"{errors[0]} {gettext('Nothing was changed.')}")
    return redirect("courses:materials", found.lesson_id)
