"""What each PDF report says: the page's figures and charts as its template wants them."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.courses import overview
from webapp.courses.export import pseudonym
from webapp.courses.lesson_class import HISTOGRAM_WIDTH, LessonClass, Row
from webapp.courses.models import Course, Lesson
from webapp.courses.overview import LessonRow
from webapp.courses.strips import BIN_S
from webapp.exports import about, gathering, report_charts, svg
from webapp.exports.svg import Axis, Band, Bars, Chart, Line
from webapp.recordings.models import Analysis, Recording
from webapp.reports import ready, selectors
from webapp.reports.templatetags.report_format import two

#: Longer tables are thinned, and say so: the tables' files have every row.
MOST_ROWS = 100
#: The heat map shows so many recordings; more would be a page of lines.
MOST_HEAT_ROWS = 250


@dataclass(frozen=True)
class Paper:
    """A PDF to be: its template, what goes into it, and the file's name without its ending."""

    stem: str
    template: str
    context: dict[str, Any]


def of_recording(recording: Recording, analysis: Analysis) -> Paper:
    """The report of one recording, with the charts of its page.

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
            "charts": [
                *_curve_charts(whole),
                *_heat_map(figures.rows, whole, called),
                *_histogram(whole),
            ],
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
            "charts": _trend(lessons),
            "models": overview.models_of([*lessons, *students]),
            "names": names,
        },
    )


def of_student(course: Course, student: User) -> Paper:
    """One student over the lessons of a course."""
    reports = gathering.reports_of(course, student)
    return Paper(
        # Not named by its student: a downloads folder is seen by others.
        stem=f"course-{course.pk}-student-{pseudonym(course, student.pk)}",
        template="exports/pdf/student.html",
        context={
            **_head(course, student.name or student.email),
            "student": student,
            "row": gathering.student_row(course, student),
            "reports": reports,
            "charts": _student_trend(reports),
            "models": sorted({(one.engagement_model, one.engagement_kind) for one in reports}),
        },
    )


def _head(course: Course, title: str) -> dict[str, Any]:
    """What every paper has on every page."""
    closing = dict(about.closing())
    return {
        "course": course,
        "title": title,
        "evidence": about.EVIDENCE,
        "exported": closing[_("Exported")],
    }


def _curve_charts(whole: LessonClass) -> list[Chart]:
    """The class's curve with its band, and how many students it is of."""
    points = whole.curve.points
    if not whole.curve.shown:
        return []
    x = svg.time_axis(whole.length_s)
    middles = [one.start_s + BIN_S / 2 for one in points]
    values = list(zip(middles, points, strict=True))
    band = Band([(at, _around(one.mean, one.spread)) for at, one in values])
    mean = Line([(at, one.mean) for at, one in values])
    covered = Line([(at, one.coverage) for at, one in values], svg.COVERAGE, dashed=True)
    usual = two(whole.curve.usual)
    title = _("Engagement of the class over the lesson; usually %(usual)s.") % {"usual": usual}
    most = max(one.students for one in points)
    count = Bars([(one.start_s, one.start_s + BIN_S, one.students) for one in points])
    students = _("Students with an estimate at each time; at most %(most)s.") % {"most": most}
    return [
        Chart(
            _("The class over the lesson"),
            svg.plot(title, x, svg.UNIT, [band, mean, covered], height=170),
            [
                ("line", _("mean of the students")),
                ("band", _("spread between students")),
                ("dashed", _("face usable, share of the time")),
            ],
            _("Not shown where fewer than two students have an estimate."),
        ),
        Chart(
            _("How many students it is of"),
            svg.plot(students, x, Axis(0, most, [(0, "0"), (most, str(most))]), [count], 64),
        ),
    ]


def _heat_map(rows: Sequence[Row], whole: LessonClass, called: gathering.Called) -> list[Chart]:
    """Recordings along the lesson; what was not seen stays empty."""
    shown = rows[:MOST_HEAT_ROWS]
    if not shown:
        return []
    length = len(whole.curve.points)
    # Long lessons are drawn in wider cells: finer ones could not be told apart on paper.
    width = max(1, -(-length // 120))
    drawn = [(called(one.report.student_id), _cells(one, length, width)) for one in shown]
    height = 11 if len(shown) <= 60 else 6
    note = _("Empty: no usable face, which says nothing about engagement.")
    if len(shown) < len(rows):
        more = _("The first %(shown)s of %(all)s recordings; the tables have all of them.")
        note = f"{note} {more % {'shown': len(shown), 'all': len(rows)}}"
    return [
        Chart(
            _("Each recording over the lesson"),
            svg.heat_map(
                _("Engagement of each recording over the lesson's time."),
                svg.time_axis(whole.length_s),
                drawn,
                height,
            ),
            [(f"heat-{n}", words) for n, words in ((0, "0"), (3, "0.5"), (7, "1"))],
            note,
        )
    ]


def _cells(row: Row, length: int, width: int) -> list[float | None]:
    along: list[float | None] = [None] * length
    for number, value in enumerate(row.bins.engagement):
        if 0 <= number + row.shift < length:
            along[number + row.shift] = value
    cells = [along[start : start + width] for start in range(0, length, width)]
    known = [[one for one in cell if one is not None] for cell in cells]
    return [sum(cell) / len(cell) if cell else None for cell in known]


def _histogram(whole: LessonClass) -> list[Chart]:
    bars = whole.distribution.bars
    if not bars:
        return []
    most = whole.distribution.most
    ticks = [(n * HISTOGRAM_WIDTH, f"{n * HISTOGRAM_WIDTH:.1f}") for n in range(len(bars) + 1)]
    layer = Bars([(one.low, one.high, one.students) for one in bars])
    words = {
        "count": whole.distribution.students,
        "mean": two(whole.distribution.mean),
        "spread": two(whole.distribution.spread),
    }
    title = _("Means of %(count)s students: mean %(mean)s, spread %(spread)s.") % words
    y = Axis(0, most, [(0, "0"), (most, str(most))])
    return [
        Chart(
            _("How the students' means lie"),
            svg.plot(title, Axis(0, 1, ticks), y, [layer], 110),
            note=f"{title} {_('A bar counts the students in a stretch; none is named.')}",
        )
    ]


def _trend(rows: Sequence[LessonRow]) -> list[Chart]:
    """Lessons in order of time, side by side at equal distances."""
    means = [one.figures.engagement if one.figures else None for one in rows]
    covered = [one.figures.coverage if one.figures else None for one in rows]
    if not any(means):
        return []
    dates = [one.lesson.starts_at for one in rows]
    band = [(n, _around(m.value, m.spread) if m else None) for n, m in enumerate(means)]
    mean = [(n, m.value if m else None) for n, m in enumerate(means)]
    coverage = [(n, c.value if c else None) for n, c in enumerate(covered)]
    return [
        Chart(
            _("Lessons one after the other"),
            svg.plot(
                _("Mean engagement of each lesson with its spread, and coverage."),
                _lesson_axis(dates),
                svg.UNIT,
                [
                    Band(band),
                    Line(mean, dots=True),
                    Line(coverage, svg.COVERAGE, dashed=True),
                ],
                height=170,
            ),
            [
                ("line", _("mean of the students")),
                ("band", _("spread between students")),
                ("dashed", _("face usable, share of the time")),
            ],
            _("Empty where fewer than two students have a report."),
        )
    ]


def _student_trend(reports: Sequence[Analysis]) -> list[Chart]:
    if not any(one.mean_engagement is not None for one in reports):
        return []
    dates = [one.recording.lesson.starts_at for one in reports]
    band = [
        (n, _around(one.mean_engagement, one.engagement_spread)) for n, one in enumerate(reports)
    ]
    mean = [(n, one.mean_engagement) for n, one in enumerate(reports)]
    coverage = [(n, one.coverage) for n, one in enumerate(reports)]
    return [
        Chart(
            _("Reports one after the other"),
            svg.plot(
                _("Mean engagement of each report with its spread, and coverage."),
                _lesson_axis(dates),
                svg.UNIT,
                [
                    Band(band),
                    Line(mean, dots=True),
                    Line(coverage, svg.COVERAGE, dashed=True),
                ],
                height=170,
            ),
            [
                ("line", _("mean of the report's windows")),
                ("band", _("spread between its windows")),
                ("dashed", _("face usable, share of the time")),
            ],
        )
    ]


def _lesson_axis(dates: Sequence[Any]) -> Axis:
    step = max(1, -(-len(dates) // 8))
    last = max(1, len(dates) - 1)
    ticks = [
        (float(number), date_format(localtime(dates[number]), "j M"))
        for number in range(0, len(dates), step)
    ]
    return Axis(0.0, float(last), ticks)


def _around(value: float | None, spread: float | None) -> tuple[float, float] | None:
    """From one spread below to one above, within 0 and 1."""
    if value is None or spread is None:
        return None
    return max(0.0, value - spread), min(1.0, value + spread)
