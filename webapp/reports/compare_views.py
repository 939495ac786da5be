"""The pages that compare two recordings, or two lessons, and choose what to compare."""

import uuid

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from webapp import access
from webapp.courses.models import Lesson
from webapp.privacy.models import AccessLog
from webapp.privacy.services import log_access, log_courses_access
from webapp.recordings.models import AnalysisDocument, Recording
from webapp.reports import compare
from webapp.reports.words import script_texts


@gzip_page
@login_required
@require_safe
def recordings(request: HttpRequest) -> HttpResponse:
    """Two recordings `a` and `b` side by side; what is missing of them is asked for."""
    a, b = (_recording(request, request.GET.get(name, "")) for name in ("a", "b"))
    words = request.GET.get("q", "").strip()
    context = {"a": a, "b": b, "words": words}
    if a is None or b is None or a == b:
        context["choices"] = compare.choices(request.user, words, a or b)
        context["other_kind"] = access.comparable_lessons(request.user).exists()
        return render(request, "reports/compare_choose.html", context)
    for one in (a, b):
        log_access(request.user, one, AccessLog.Action.REPORT)
    try:
        sides = [compare.read_side(one, letter) for one, letter in ((a, "A"), (b, "B"))]
    except AnalysisDocument.DoesNotExist:
        raise Http404("The report was erased meanwhile.") from None
    left, right = sides
    if left is not None and right is not None:
        context |= {
            "left": left,
            "right": right,
            "sides": [left, right],
            "same_model": compare.same_model(left, right),
            "figures": compare.figures(left, right),
            "stretches": compare.stretches(left, right),
            "texts": script_texts(left.report.emotions, is_index=left.report.is_index),
        }
    return render(request, "reports/compare_recordings.html", context)


@gzip_page
@login_required
@require_safe
def lessons(request: HttpRequest) -> HttpResponse:
    """Two lessons `a` and `b` side by side; what is missing of them is asked for."""
    a, b = _lessons(request, [request.GET.get(name, "") for name in ("a", "b")])
    words = request.GET.get("q", "").strip()
    context = {"a": a, "b": b, "words": words, "of_lessons": True}
    if a is None or b is None or a == b:
        context["choices"] = compare.lesson_choices(request.user, words, a or b)
        return render(request, "reports/compare_choose.html", context)
    left, right = compare.read_lesson(a, "A"), compare.read_lesson(b, "B")
    seen: dict[int, set[int]] = {}
    for side in (left, right):
        students = seen.setdefault(side.lesson.course_id, set())
        students.update(row.report.student_id for row in side.found.rows)
    log_courses_access(request.user, seen, AccessLog.Action.FIGURES)
    context |= {
        "left": left,
        "right": right,
        "sides": [left, right],
        "same_model": left.found.model == right.found.model,
        "figures": compare.lesson_figures(left, right),
        "curves": compare.curves([left, right]),
        "texts": script_texts([], is_index=left.found.kind == "index"),
    }
    return render(request, "reports/compare_lessons.html", context)


def _recording(request: HttpRequest, text: str) -> Recording | None:
    """None where nothing is asked for; what a reader may not see does not exist for them."""
    if not text:
        return None
    try:
        wanted = uuid.UUID(text)
    except ValueError:
        raise Http404("There is no such recording.") from None
    return get_object_or_404(access.visible_recordings(request.user), pk=wanted)


def _lessons(request: HttpRequest, texts: list[str]) -> list[Lesson | None]:
    """None where nothing is asked for; 404 and 403 as a lesson's own page answers."""
    if any(text and not (text.isdecimal() and len(text) <= 18) for text in texts):
        raise Http404("There is no such lesson.")
    wanted = [int(text) if text else None for text in texts]
    found = {
        one.pk: one
        for one in access.visible_lessons(request.user).filter(pk__in=filter(None, wanted))
    }
    if any(pk is not None and pk not in found for pk in wanted):
        raise Http404("There is no such lesson.")
    if found and access.comparable_lessons(request.user).filter(pk__in=found).count() < len(found):
        raise PermissionDenied
    return [None if pk is None else found[pk] for pk in wanted]
