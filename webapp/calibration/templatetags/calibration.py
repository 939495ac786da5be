"""Pieces of calibration on the pages of reports and lessons."""

from typing import Any

from django import template

from webapp import access
from webapp.calibration import selectors
from webapp.calibration.models import Classifier
from webapp.calibration.panel import read_panel
from webapp.courses.models import Lesson
from webapp.recordings.models import Recording

register = template.Library()


@register.inclusion_tag("calibration/_label.html", takes_context=True)
def label_windows(context: template.Context) -> dict[str, Any]:
    """On a report: labelling for the course's instructors, a re-run where that is due.

    Shows nothing to those who may do neither.
    """
    request, recording, report = context["request"], context["recording"], context["report"]
    shown: dict[str, Any] = {"recording": recording, "course": recording.lesson.course}
    standing = context.get("standing") or access.standing(request.user, recording.lesson.course)
    if access.can_calibrate(request.user, recording.lesson.course, standing):
        shown["made_by"] = Classifier.objects.filter(analyses__analysis=report.analysis).first()
        shown["due"] = selectors.due_again(Recording.objects.filter(pk=recording.pk)).get(
            recording.pk
        )
    if report.track and access.can_label(request.user, recording, standing):
        window = request.GET.get("window", "")
        shown["panel"] = read_panel(request.user, recording, report.page, window)
        shown["panel_open"] = bool(window) or "labelling" in request.GET
        shown["main_track"] = next((one for one in report.choices if one.main), None)
    # The panel's forms need it; an inclusion tag gets a context of its own.
    return shown | {"request": request, "csrf_token": context.get("csrf_token")}


@register.inclusion_tag("calibration/_rerun_lesson.html", takes_context=True)
def rerun_lesson(context: template.Context, lesson: Lesson) -> dict[str, Any]:
    """On a lesson: how many reports could be made again by the classifiers in use."""
    if not access.can_calibrate(context["request"].user, lesson.course):
        return {}
    due = len(selectors.due_again(Recording.objects.filter(lesson=lesson)))
    return {"due": due, "lesson": lesson, "csrf_token": context.get("csrf_token")}
