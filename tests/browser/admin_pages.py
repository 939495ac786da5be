"""Django's admin pages, found from what is registered there: one of each kind for each model."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone

from webapp.accounts.models import User
from webapp.calibration.models import AnalysisClassifier
from webapp.courses.models import Course
from webapp.groups.models import CourseGroupSettings, FaceTemplate
from webapp.notices.models import Mail
from webapp.privacy.models import AccessLog
from webapp.privacy.services import log_access
from webapp.recordings.models import Analysis
from webapp.uploads.models import Upload

#: Of the course: enough to see in pictures what the others look like.
PICTURED = ("admin:courses_course_changelist", "admin:courses_course_change")
#: Kinds that are made alike for every model: that of one is looked at.
ALIKE = ("_history", "_changelist, nothing found", "_add, in a window")
#: Pages that are no model's.
OF_THE_SITE = ("admin:index", "admin:login", "admin:password_change", "admin:password_change_done")


def pictured(course: Course) -> list[tuple[str, str]]:
    """The names and addresses of the few that are shown in pictures."""
    of_course = [one for one in _of_model(Course, course) if one[0] in PICTURED]
    return [("admin:index", reverse("admin:index")), *of_course]


def every_one(course: Course, reader: User) -> list[tuple[str, str]]:
    """The names and addresses of all, whether or not anybody may open them."""
    _fill(course, reader)
    return list(_all(course))


def _all(course: Course) -> Iterable[tuple[str, str]]:
    for name in OF_THE_SITE:
        yield name, reverse(name)
    yield "admin:app_list", reverse("admin:app_list", args=[course._meta.app_label])
    for model in sorted(admin.site._registry, key=lambda one: one._meta.label_lower):
        for name, address in _of_model(model, course):
            if model is Course or not name.endswith(ALIKE):
                yield name, address


def _of_model(model: type[Model], course: Course) -> Iterable[tuple[str, str]]:
    """The list, the forms, the history and what else the model's admin has, about one row."""
    row = course if model is Course else model._default_manager.order_by("pk").last()
    for entry in admin.site._registry[model].get_urls():
        if entry.name is None:
            continue  # An old address that leads to the form.
        name, needed = f"admin:{entry.name}", entry.pattern.converters
        if needed and row is None:
            raise LookupError(f"There is no {model._meta.label}: make one in admin_pages.py.")
        arguments: dict[str, Any] = dict.fromkeys(needed, row and row.pk)
        address = reverse(name, kwargs=arguments)
        yield name, address
        if name.endswith("_changelist"):
            yield f"{name}, nothing found", f"{address}?q=nothing-is-called-that"
        if name.endswith("_add"):
            yield f"{name}, in a window", f"{address}?_popup=1"


def _fill(course: Course, reader: User) -> None:
    """A row of what the simulated course has none of, about nobody who reads; the same each time.

    And something in the history of the course and in the log.
    """
    readers = reader.email.partition("@")[2]
    analyses = Analysis.objects.filter(recording__lesson__course=course, state="finished")
    made = analyses.exclude(recording__student__email__endswith=readers).order_by("pk").first()
    student = made.recording.student
    Group.objects.get_or_create(name="Helpers")
    AnalysisClassifier.objects.get_or_create(
        analysis=made, defaults={"classifier": course.classifiers.get()}
    )
    CourseGroupSettings.objects.get_or_create(course=course)
    FaceTemplate.objects.get_or_create(
        student=student, course=course, model_name="none", defaults={"encrypted": b""}
    )
    Mail.objects.get_or_create(user=student, kind="weekly", period="2026-W44", state="sent")
    Upload.objects.get_or_create(
        recording=made.recording,
        defaults={
            "sender": student,
            "lesson": made.recording.lesson,
            "name": "uploaded.mp4",
            "size_bytes": 1,
            "expires_at": timezone.now() + dt.timedelta(days=1),
        },
    )
    if not AccessLog.objects.exists():
        log_access(reader, made.recording, AccessLog.Action.REPORT)
    if not LogEntry.objects.filter(user=reader).exists():
        LogEntry.objects.log_actions(reader.pk, [course], CHANGE, "Changed the title.")
