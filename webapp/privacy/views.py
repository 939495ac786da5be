"""A student's rights: consent and its withdrawal, what is held about them, and who looked at it."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp import access
from webapp.courses.models import Course
from webapp.paging import orders, paged
from webapp.privacy import consent_text, model_words, services
from webapp.privacy import own_data as held
from webapp.privacy.archive import archive_of
from webapp.privacy.forms import ConsentForm
from webapp.privacy.models import AccessLog
from webapp.recordings.models import Recording

LOOKS_A_PAGE = 50


@require_http_methods(["GET", "POST"])
@login_required
def consent(request: HttpRequest, course_id: int) -> HttpResponse:
    """Says what is measured, by what, and who sees it, and records the student's agreement."""
    course = get_object_or_404(access.visible_courses(request.user), pk=course_id)
    if not access.can_consent(request.user, course):
        raise PermissionDenied
    form = ConsentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        services.grant(request.user, course)
        messages.success(
            request, gettext("Your consent is recorded. You may withdraw it at any time.")
        )
        return redirect("courses:course", course.pk)
    page = {
        "course": course,
        "form": form,
        "text": consent_text,
        "active": services.active_consent(request.user, course),
        "model": model_words.model_in_words(settings.EXPRESSION_MODEL),
        "used": services.newest_models(course),
        "instructors": services.instructors_of(course),
    }
    status = 400 if request.method == "POST" else 200
    return render(request, "privacy/consent.html", page, status=status)


@require_http_methods(["GET", "POST"])
@login_required
def withdraw(request: HttpRequest, course_id: int) -> HttpResponse:
    """Asks, then ends consent and erases the student's recordings of the course."""
    course = get_object_or_404(Course, pk=course_id)
    if not access.can_withdraw(request.user, course):
        # Somebody who may see the course may know that it exists.
        visible = access.visible_courses(request.user)
        get_object_or_404(visible, pk=course_id)
        raise PermissionDenied
    if request.method == "POST":
        erased = services.withdraw(request.user, course)
        words = ngettext(
            "Your consent is withdrawn. %(count)d recording is erased with all its results.",
            "Your consent is withdrawn. %(count)d recordings are erased with all their results.",
            erased,
        )
        if not erased:
            words = gettext("Your consent is withdrawn. There was no recording to erase.")
        messages.success(request, words % {"count": erased})
        # Which deletes what the browser keeps, too.
        return redirect("recordings:mine")
    count = Recording.objects.filter(student=request.user, lesson__course=course).count()
    return render(request, "privacy/withdraw.html", {"course": course, "count": count})


@require_GET
@login_required
def own_data(request: HttpRequest) -> HttpResponse:
    """Everything that is held about the reader, by course."""
    return render(request, "privacy/own_data.html", {"parts": held.parts_of(request.user)})


@require_GET
@login_required
def looks(request: HttpRequest) -> HttpResponse:
    """Who looked at what concerns the reader, the newest first."""
    entries = AccessLog.objects.filter(subject=request.user).select_related("actor")
    choices = {"all": gettext("Everybody"), "others": gettext("Only others")}
    whom, links = orders(request, "who", choices, "page")
    if whom == "others":
        entries = entries.exclude(actor=request.user)
    page = paged(request, entries, LOOKS_A_PAGE)
    shown = {"looks": page, "lines": held.looks(page.rows, request.user), "choices": links}
    return render(request, "privacy/looks.html", shown)


@require_POST
@login_required
def download(request: HttpRequest) -> StreamingHttpResponse:
    """Everything that is held about the reader, as a ZIP that is made while it is sent."""
    services.log_download(request.user)
    response = StreamingHttpResponse(archive_of(request.user), content_type="application/zip")
    name = f"my-data-{timezone.localdate():%Y-%m-%d}.zip"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    # A proxy that waits for the end would have to keep it all.
    response.headers["X-Accel-Buffering"] = "no"
    return response


@require_GET
def method(request: HttpRequest) -> HttpResponse:
    """How the figures come about, in plain words, for everybody who wants to know."""
    return render(request, "privacy/method.html")
