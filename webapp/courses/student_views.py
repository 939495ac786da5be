"""One student across the lessons of a course: for its instructors, and for the student."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET

from webapp import access
from webapp.courses.class_curve import FEWEST_STUDENTS
from webapp.courses.student_page import student_data, student_figures
from webapp.paging import paged
from webapp.privacy import services as privacy
from webapp.privacy.models import AccessLog
from webapp.recordings.models import Recording

RECORDINGS_A_PAGE = 25


@gzip_page
@require_GET
@login_required
def student(request: HttpRequest, course_id: int, user_id: int) -> HttpResponse:
    """The student's figures and recordings of the course; that they were seen is written down."""
    course = get_object_or_404(access.visible_courses(request.user), pk=course_id)
    standing = access.standing(request.user, course)
    found = get_object_or_404(access.visible_students(request.user, course, standing), pk=user_id)
    figures = student_figures(course, found, sees_others=standing.can_view_all)
    privacy.log_course_access(request.user, course, [found.pk], AccessLog.Action.FIGURES)
    recordings = Recording.objects.filter(student=found, lesson__course=course)
    page = {
        "course": course,
        "student": found,
        "is_own": found.pk == request.user.pk,
        "can_view_all": standing.can_view_all,
        "figures": figures,
        "data": student_data(figures),
        "fewest_for_instructors": FEWEST_STUDENTS,
        "recordings": paged(
            request,
            recordings.select_related("lesson__course", "student")
            .order_by("-lesson__starts_at", "-created_at", "pk")
            .prefetch_related("analyses"),
            RECORDINGS_A_PAGE,
            anchor="recordings",
        ),
    }
    return render(request, "courses/student.html", page)
