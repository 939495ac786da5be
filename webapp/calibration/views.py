"""Pages on which instructors label windows and fit their course's classifiers."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp import access
from webapp.accounts.models import User
from webapp.calibration import overview, services
from webapp.calibration.models import Classifier, WindowLabel
from webapp.calibration.panel import find_stretch, read_panel
from webapp.courses.models import Course
from webapp.paging import paged
from webapp.privacy.services import ConsentMissingError
from webapp.recordings.models import Recording
from webapp.reports.ready import read_page
from webapp.reports.selectors import latest_finished

_STUDENTS_A_PAGE = 25


@require_http_methods(["GET", "POST"])
@login_required
def labels(request: HttpRequest, recording_id: uuid.UUID) -> HttpResponse:
    """The labelling panel of a report; a POST labels one window and goes on to the next."""
    recording = _recording(request, recording_id)
    if not access.can_label(request.user, recording):
        raise PermissionDenied
    finished = latest_finished(recording)
    if finished is None:
        raise Http404("This recording has no report yet.")
    page = read_page(finished)
    if request.method == "POST":
        stretch = find_stretch(page, request.POST.get("window", ""))
        value = request.POST.get("value", "")
        if stretch is None or value not in WindowLabel.Value.values:
            return HttpResponse("There is no such window or label.", status=400)
        try:
            services.set_label(request.user, recording, stretch, value)
        except ConsentMissingError:
            raise PermissionDenied from None
    if not getattr(request, "htmx", False):
        window = request.GET.get("window", "")
        asked = f"?window={window}" if find_stretch(page, window) else "?labelling=open"
        return redirect(f"{reverse('reports:recording', args=[recording.pk])}{asked}#labelling")
    panel = read_panel(request.user, recording, page, request.GET.get("window", ""))
    return render(request, "calibration/_panel.html", {"panel": panel, "panel_open": True})


@gzip_page
@require_GET
@login_required
def course(request: HttpRequest, course_id: int) -> HttpResponse:
    """What has been labelled in a course, what is missing, and its classifiers."""
    found = _course(request, course_id)
    if getattr(request, "htmx", False):
        page = {"course": found, "overview": overview.read_overview(found, [])}
        return render(request, "calibration/_classifiers.html", page)
    students = paged(
        request, overview.students_to_label(found), _STUDENTS_A_PAGE, anchor="students-title"
    )
    page = {
        "course": found,
        "students": students,
        "overview": overview.read_overview(found, students.rows),
    }
    return render(request, "calibration/course.html", page)


@require_POST
@login_required
def fit(request: HttpRequest, course_id: int) -> HttpResponse:
    """Queues a fit for the course, or for one student of it."""
    found = _course(request, course_id)
    student = None
    if wanted := request.POST.get("student", ""):
        takers = User.objects.filter(enrolments__course=found, enrolments__role="student")
        student = get_object_or_404(takers, pk=wanted if wanted.isdecimal() else 0)
    try:
        services.request_fit(request.user, found, student)
    except services.CannotFitError as error:
        messages.warning(request, str(error))
    return _to_course(found)


@require_GET
@login_required
def classifier(request: HttpRequest, classifier_id: uuid.UUID) -> HttpResponse:
    """A classifier's card: what it is, how good, against what, and what it is not for."""
    found = _classifier(request, classifier_id)
    page = {"classifier": found, "course": found.course, "card": overview.read_card(found)}
    return render(request, "calibration/classifier.html", page)


@require_POST
@login_required
def retry(request: HttpRequest, classifier_id: uuid.UUID) -> HttpResponse:
    """Tries a failed fit again."""
    found = _classifier(request, classifier_id)
    try:
        services.retry_fit(found)
    except services.CannotFitError as error:
        messages.warning(request, str(error))
    return _to_course(found.course)


@require_POST
@login_required
def stop(request: HttpRequest, classifier_id: uuid.UUID) -> HttpResponse:
    """Takes a classifier out of use."""
    found = _classifier(request, classifier_id)
    services.stop_using(found)
    messages.success(request, _("It is out of use. Reports that it made stay as they are."))
    return _to_course(found.course)


@require_POST
@login_required
def rerun(request: HttpRequest, recording_id: uuid.UUID) -> HttpResponse:
    """Analyses one recording again with the classifier in use."""
    recording = _recording(request, recording_id)
    if not access.can_calibrate(request.user, recording.lesson.course):
        raise PermissionDenied
    if not services.rerun(Recording.objects.filter(pk=recording.pk)):
        messages.info(request, _("There is nothing to run again: the report is up to date."))
    return redirect("reports:recording", recording.pk)


@require_POST
@login_required
def rerun_lesson(request: HttpRequest, lesson_id: int) -> HttpResponse:
    """Analyses the lesson's recordings again with the classifiers in use."""
    lesson = get_object_or_404(access.visible_lessons(request.user), pk=lesson_id)
    if not access.can_calibrate(request.user, lesson.course):
        raise PermissionDenied
    queued = services.rerun(access.visible_recordings(request.user).filter(lesson=lesson))
    messages.success(
        request, _("Recordings that are analysed again: %(queued)s.") % {"queued": queued}
    )
    return redirect("courses:lesson", lesson.pk)


def _recording(request: HttpRequest, recording_id: uuid.UUID) -> Recording:
    return get_object_or_404(access.visible_recordings(request.user), pk=recording_id)


def _course(request: HttpRequest, course_id: int) -> Course:
    found = get_object_or_404(access.visible_courses(request.user), pk=course_id)
    if not access.can_calibrate(request.user, found):
        raise PermissionDenied
    return found


def _classifier(request: HttpRequest, classifier_id: uuid.UUID) -> Classifier:
    return get_object_or_404(access.visible_classifiers(request.user), pk=classifier_id)


def _to_course(found: Course) -> HttpResponse:
    return redirect("calibration:course", found.pk)
