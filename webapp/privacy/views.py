"""Pages on which a student gives and withdraws consent."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from webapp import access
from webapp.courses.models import Course
from webapp.privacy import consent_text, services
from webapp.privacy.forms import ConsentForm
from webapp.recordings.models import Recording


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
        messages.success(request, "Your consent is recorded. You may withdraw it at any time.")
        return redirect("courses:course", course.pk)
    page = {
        "course": course,
        "form": form,
        "text": consent_text,
        "active": services.active_consent(request.user, course),
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
        messages.success(
            request,
            f"Your consent is withdrawn. Recordings erased with all their results: {erased}.",
        )
        return redirect("courses:home")
    count = Recording.objects.filter(student=request.user, lesson__course=course).count()
    return render(request, "privacy/withdraw.html", {"course": course, "count": count})
