"""What each PDF report says: the page's figures and charts as its template wants them."""

import gzip
import json
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.courses import overview
from webapp.courses.export import pseudonym
from webapp.courses.lesson_class import LessonClass
from webapp.courses.models import Course, Lesson
from webapp.courses.student_page import student_figures
from webapp.exports import about, class_charts, gathering, report_charts
from webapp.exports.remarks import Remarks
from webapp.marks.panel import left_out_of
from webapp.recordings.models import Analysis, Recording
from webapp.reports import ready, selectors

#: Longer tables are thinned, and say so: the tables' files have every row.
MOST_ROWS = 100


@dataclass(frozen=True)
class Paper:
    """A PDF to be: its template, what goes into it, and the file's name without its ending."""

    stem: str
    template: str
    context: dict[str, Any]


def of_recording(recording: Recording, analysis: Analysis, said: Remarks) -> Paper:
    """The report of one recording, with the charts of its page and what the reader sees said of it.

    Raises:
        AnalysisDocument.DoesNotExist: the report was erased meanwhile.
    """
    report = selectors.read_report(analysis)
    series = json.loads(gzip.decompress(ready.part(analysis, "chart")))
    step = max(1, -(-len(report.rows) // MOST_ROWS))
    charts = report_charts.charts(report, series) if report.track else []
    return Paper(
        stem=f"engagement-{str(recording.pk)[:8]}",
        template="exports/pdf/recording.html",
        context={
            **_head(recording.lesson.course, recording.lesson.title),
            "recording": recording,
            "report": report,
            "charts": charts,
            "rows": report.rows[::step],
            "step": step,
            "said": said,
            **left_out_of(report.corrections, report.page.excluded),
        },
    )


def of_lesson(lesson: Lesson, *, names: bool) -> Paper:
    """A lesson's class: curve, heat map, distribution, and its recordings."""
    figures = gathering.lesson_figures(lesson, names=names)
    called = gathering.caller(lesson.course, names=names)
    whole = figures.whole
    return Paper(
        stem=f"lesson-{lesson.pk}",
        template="exports/pdf/lesson.html",
        context={
            **_head(lesson.course, lesson.title),
            "lesson": lesson,
            "row": figures.row,
            "whole": whole,
            "reports": [(called(one.report.student_id), one) for one in figures.rows],
            "charts": class_charts.lesson_charts(whole, figures.rows, called),
            "absent": _absent(whole, called),
            "moments": sorted(whole.curve.moments, key=lambda one: one.start_s),
            "models": sorted({(one.report.model, one.report.kind) for one in figures.rows}),
            "names": names,
        },
    )


def of_course(course: Course, *, names: bool) -> Paper:
    """A course: its lessons as a trend and a table, and its students."""
    lessons = gathering.lessons_of(course)
    students = gathering.students_of(course, names=names)
    called = gathering.caller(course, names=names)
    return Paper(
        stem=f"course-{course.pk}",
        template="exports/pdf/course.html",
        context={
            **_head(course, course.title),
            "lesson_rows": lessons,
            "student_rows": [(called(one.student.pk), one) for one in students],
            "charts": class_charts.course_charts(lessons),
            "models": overview.models_of([*lessons, *students]),
            "names": names,
        },
    )


def of_student(course: Course, student: User, *, sees_others: bool) -> Paper:
    """One student over the lessons of a course; `sees_others` as for `student_figures`."""
    figures = student_figures(course, student, sees_others=sees_others)
    made = {(one.model, one.kind) for point in figures.points for one in point.reports}
    return Paper(
        # Not named by its student: a downloads folder is seen by others.
        stem=f"course-{course.pk}-student-{pseudonym(course, student.pk)}",
        template="exports/pdf/student.html",
        context={
            **_head(course, student.name or student.email),
            "student": student,
            "row": gathering.student_row(course, student),
            "figures": figures,
            "charts": class_charts.student_charts(figures),
            "models": sorted(made),
        },
    )


def _absent(whole: LessonClass, called: gathering.Called) -> list[tuple[str, list[str]]]:
    """Why students have no report of the lesson, each with who they are."""
    reasons = {
        "no_recording": _("No recording"),
        "no_consent": _("No consent to recordings"),
        "failed": _("The analysis failed or was stopped"),
        "waiting": _("The analysis is under way"),
    }
    found = [
        (words, sorted(called(one.student.pk) for one in whole.absent if one.why == why))
        for why, words in reasons.items()
    ]
    return [(words, people) for words, people in found if people]


def _head(course: Course, title: str) -> dict[str, Any]:
    """What every paper has on every page."""
    closing = dict(about.closing())
    return {
        "course": course,
        "title": title,
        "evidence": about.EVIDENCE,
        "exported": closing[_("Exported")],
    }
