"""Pages of courses and lessons."""

from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from webapp import access
from webapp.privacy import services as privacy
from webapp.recordings.models import Recording


@require_GET
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The reader's courses."""
    courses = access.visible_courses(request.user).annotate(
        lesson_count=Count("lessons", distinct=True)
    )
    return render(request, "courses/home.html", {"courses": courses})


@require_GET
@login_required
def course(request: HttpRequest, course_id: int) -> HttpResponse:
    """A course with its lessons."""
    found = get_object_or_404(access.visible_courses(request.user), pk=course_id)
    is_student = access.is_student(request.user, found)
    page = {
        "course": found,
        "lessons": found.lessons.all(),
        "is_student": is_student,
        "consent": privacy.active_consent(request.user, found) if is_student else None,
        "can_view_all": access.can_view_all_recordings(request.user, found),
    }
    return render(request, "courses/course.html", page)


@require_GET
@login_required
def lesson(request: HttpRequest, lesson_id: int) -> HttpResponse:
    """A lesson: its instructor sees every recording, a student their own."""
    found = get_object_or_404(access.visible_lessons(request.user), pk=lesson_id)
    recordings: list[Recording] = list(
        access.visible_recordings(request.user).filter(lesson=found).prefetch_related("analyses")
    )
    is_student = access.is_student(request.user, found.course)
    page = {
        "lesson": found,
        "course": found.course,
        "recordings": recordings,
        "can_view_all": access.can_view_all_recordings(request.user, found.course),
        "can_upload": access.can_upload(request.user, found),
        "consent": privacy.active_consent(request.user, found.course) if is_student else None,
    }
    return render(request, "courses/lesson.html", page)
