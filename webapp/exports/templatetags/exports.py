"""The menu of downloads that a page offers."""

from dataclasses import dataclass
from typing import Any

from django import template
from django.urls import reverse
from django.utils.translation import gettext as _

from webapp.exports import pdf

register = template.Library()


@dataclass(frozen=True)
class Link:
    """One file."""

    words: str
    url: str


@dataclass(frozen=True)
class Group:
    """Files under a heading; no heading where there is one group only."""

    heading: str
    links: list[Link]


@register.inclusion_tag("exports/_menu.html")
def export_menu(
    kind: str, subject: Any, student: Any = None, corrected: Any = None
) -> dict[str, Any]:
    """A disclosure "Export" with every format, and printing.

    Args:
        kind: `recording`, `lesson`, `course`, or `student` (of the course that is the subject).
        subject: the recording, lesson or course.
        student: the student, where the kind is `student`.
        corrected: corrections by hand of the recording's report; they come as a file of their own.
    """
    if kind == "recording":
        groups = _recording(subject, corrected=bool(corrected))
    elif kind == "student":
        groups = _student(subject, student)
    else:
        groups = _lesson(subject) if kind == "lesson" else _course(subject)
    return {"groups": groups, "pdf_available": pdf.available()}


def _files(name: str, arguments: dict[str, Any], query: str = "") -> list[Link]:
    words = {
        "pdf": _("PDF report"),
        "xlsx": _("Workbook (XLSX)"),
        "csv": _("CSV, every table (ZIP)"),
        "json": _("Tables as JSON"),
        "parquet": _("Parquet, every table (ZIP)"),
    }
    return [
        Link(text, reverse(name, kwargs={**arguments, "ending": ending}) + query)
        for ending, text in words.items()
        if ending != "pdf" or pdf.available()
    ]


def _recording(recording: Any, *, corrected: bool) -> list[Group]:
    links = [
        *_files("exports:recording", {"recording_id": recording.pk}),
        Link(_("Observations, CSV"), reverse("reports:csv", args=[recording.pk])),
        Link(_("Windows, CSV"), reverse("reports:csv_windows", args=[recording.pk])),
        Link(_("Analysis document, JSON"), reverse("reports:json", args=[recording.pk])),
    ]
    if corrected:
        url = reverse("reports:corrections", args=[recording.pk])
        links.append(Link(_("Corrections, JSON"), url))
    return [Group("", links)]


def _lesson(lesson: Any) -> list[Group]:
    return _with_and_without("exports:lesson", {"lesson_id": lesson.pk})


def _course(course: Any) -> list[Group]:
    figures = reverse("courses:figures", args=[course.pk])
    without, with_names = _with_and_without("exports:course", {"course_id": course.pk})
    without.links.append(Link(_("Figures, CSV"), figures))
    with_names.links.append(Link(_("With names, CSV"), f"{figures}?names=1"))
    return [without, with_names]


def _student(course: Any, student: Any) -> list[Group]:
    arguments = {"course_id": course.pk, "student_id": student.pk}
    return [Group("", _files("exports:student", arguments))]


def _with_and_without(name: str, arguments: dict[str, Any]) -> list[Group]:
    return [
        Group(_("Students by pseudonym"), _files(name, arguments)),
        Group(_("Students by name"), _files(name, arguments, "?names=1")),
    ]
