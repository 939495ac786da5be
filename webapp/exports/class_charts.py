"""The charts of a lesson, a course and a student, of the figures that their pages draw."""

import datetime as dt
from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _

from webapp.courses.chart_data import day
from webapp.courses.class_curve import LEAST_COVERAGE
from webapp.courses.emotion_words import emotion_word
from webapp.courses.lesson_class import HISTOGRAM_WIDTH, LessonClass, Row
from webapp.courses.overview import LessonRow
from webapp.courses.strips import BIN_S
from webapp.courses.student_page import StudentFigures
from webapp.exports import svg
from webapp.exports.gathering import Called
from webapp.exports.svg import Axis, Band, Bars, Chart, Line, Stack
from webapp.reports.series import EMOTION_ORDER
from webapp.reports.templatetags.report_format import percent, two

#: The heat map shows so many recordings; more would be a page of lines.
MOST_HEAT_ROWS = 250
#: A chart is never torn, so that one of a large class is several.
HEAT_ROWS_A_PAGE = 60
_MEDIAN = "#7d5bc6"


def lesson_charts(whole: LessonClass, rows: Sequence[Row], called: Called) -> list[Chart]:
    """The class's curve, how many it is of, each recording over time, and the distribution."""
    return [*_curve(whole), *_heat_map(rows, whole, called), *_histogram(whole)]


def _curve(whole: LessonClass) -> list[Chart]:
    points = whole.curve.points
    if not whole.curve.shown:
        return []
    x = svg.time_axis(whole.length_s)
    values = [(one.start_s + BIN_S / 2, one) for one in points]
    band = Band([(at, around(one.mean, one.spread)) for at, one in values])
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
            _lines(_("mean of the students"), _("spread between students")),
            _("Not shown where fewer than two students have an estimate."),
        ),
        Chart(
            _("How many students it is of"),
            svg.plot(students, x, _counted(most), [count], 64),
        ),
    ]


def _heat_map(rows: Sequence[Row], whole: LessonClass, called: Called) -> list[Chart]:
    """Recordings along the lesson; what was not seen stays empty."""
    ready = [one for one in rows if one.ready]
    shown = ready[:MOST_HEAT_ROWS]
    length = len(whole.curve.points)
    if not shown or not length:
        return []
    # Long lessons are drawn in wider cells: finer ones could not be told apart on paper.
    width = max(1, -(-length // 120))
    drawn = [(called(one.report.student_id), _cells(one, length, width)) for one in shown]
    note = _(
        "A cell is as high as the share of its time with a usable face. Empty: too little face to "
        "say, which says nothing about engagement."
    )
    if len(shown) < len(ready):
        more = _("The first %(shown)s of %(all)s recordings; the tables have all of them.")
        note = f"{note} {more % {'shown': len(shown), 'all': len(ready)}}"
    x = svg.time_axis(length * BIN_S)
    title = _("Engagement of each recording over the lesson's time.")
    charts = []
    for start in range(0, len(drawn), HEAT_ROWS_A_PAGE):
        page = drawn[start : start + HEAT_ROWS_A_PAGE]
        heading = _("Each recording over the lesson")
        if len(drawn) > HEAT_ROWS_A_PAGE:
            heading = f"{heading} ({start + 1}–{start + len(page)})"  # noqa: RUF001
        legend = [(f"heat-{n}", words) for n, words in ((0, "0"), (3, "0.5"), (7, "1"))]
        charts.append(Chart(heading, svg.heat_map(title, x, page), legend, note))
    return charts


def _cells(row: Row, length: int, width: int) -> list[tuple[float, float] | None]:
    """(engagement, coverage) of each cell; None with too little of a face."""
    along: list[tuple[float, float] | None] = [None] * length
    for number, value in enumerate(row.bins.engagement):
        coverage = row.bins.coverage[number]
        if value is not None and coverage >= LEAST_COVERAGE and 0 <= number + row.shift < length:
            along[number + row.shift] = value, coverage
    cells = []
    for start in range(0, length, width):
        known = [one for one in along[start : start + width] if one is not None]
        means = [sum(column) / len(known) for column in zip(*known, strict=True)]
        cells.append((means[0], means[1]) if means else None)
    return cells


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
        "coverage": percent(whole.distribution.coverage),
    }
    title = _(
        "Means of %(count)s students: mean %(mean)s, spread %(spread)s, face usable %(coverage)s."
    )
    note = _("A bar counts the students in a stretch; none is named.")
    return [
        Chart(
            _("How the students' means lie"),
            svg.plot(title % words, Axis(0, 1, ticks), _counted(most), [layer], 110),
            note=f"{title % words} {note}",
        )
    ]


def course_charts(rows: Sequence[LessonRow]) -> list[Chart]:
    """Lessons in order of time, side by side at equal distances."""
    means = [one.figures.engagement if one.figures else None for one in rows]
    if not any(means):
        return []
    covered = [one.figures.coverage if one.figures else None for one in rows]
    x = _lesson_axis([one.lesson.starts_at for one in rows])
    layers = [
        Band([(n, around(m.value, m.spread) if m else None) for n, m in enumerate(means)]),
        Line([(n, m.value if m else None) for n, m in enumerate(means)], dots=True),
        Line([(n, c.value if c else None) for n, c in enumerate(covered)], svg.COVERAGE, True),
    ]
    title = _("Mean engagement of each lesson with its spread, and coverage.")
    counts = [dict(one.figures.emotions) if one.figures else {} for one in rows]
    return [
        Chart(
            _("Lessons one after the other"),
            svg.plot(title, x, svg.UNIT, layers, height=170),
            _lines(_("mean of the students"), _("spread between students")),
            _("Empty where fewer than two students have a report."),
        ),
        *_shares(
            _("The emotion that dominates most of a student's reports"),
            _("Share of the lesson's students, by the emotion that dominates their reports."),
            x,
            counts,
        ),
    ]


def student_charts(figures: StudentFigures) -> list[Chart]:
    """A student's lessons with the class's median, and their emotions."""
    points = figures.points
    if not figures.reported:
        return []
    x = _lesson_axis([one.lesson.starts_at for one in points])
    layers = [
        Band([(n, around(one.engagement, one.spread)) for n, one in enumerate(points)]),
        Line([(n, one.class_median) for n, one in enumerate(points)], _MEDIAN, dots=True),
        Line([(n, one.engagement) for n, one in enumerate(points)], dots=True),
        Line([(n, one.coverage) for n, one in enumerate(points)], svg.COVERAGE, True),
    ]
    title = _("Engagement in each lesson with its spread; own median %(median)s.") % {
        "median": two(figures.own_median)
    }
    return [
        Chart(
            _("Engagement across lessons"),
            svg.plot(title, x, svg.UNIT, layers, height=170),
            [
                *_lines(_("estimate of the lesson"), _("spread between its windows")),
                ("median", _("median of the others")),
            ],
            _("The others' median is shown from %(fewest)s others with a report on.")
            % {"fewest": figures.fewest},
        ),
        *_shares(
            _("Emotions"),
            _("Share of each lesson's observations in which an emotion is the strongest."),
            x,
            [one.shares for one in points],
        ),
    ]


def around(value: float | None, spread: float | None) -> tuple[float, float] | None:
    """From one spread below to one above, within 0 and 1."""
    if value is None or spread is None:
        return None
    return max(0.0, value - spread), min(1.0, value + spread)


def _shares(
    heading: str, title: str, x: Axis, lessons: Sequence[Mapping[str, float]]
) -> list[Chart]:
    """A bar a lesson, divided by emotion; none where there is nothing to divide."""
    names = [name for name in EMOTION_ORDER if any(one.get(name) for one in lessons)]
    runs = []
    for number, one in enumerate(lessons):
        whole = sum(one.values())
        if whole:
            shares = [one.get(name, 0.0) / whole for name in names]
            runs.append([(number - 0.3, shares), (number + 0.3, shares)])
    if not runs:
        return []
    stack = Stack(runs, [svg.EMOTIONS[name] for name in names])
    return [
        Chart(
            heading,
            svg.plot(title, x, svg.UNIT, [stack], height=110),
            [(name, emotion_word(name)) for name in names],
            title,
        )
    ]


def _lines(mean: str, band: str) -> list[tuple[str, str]]:
    return [("line", mean), ("band", band), ("dashed", _("face usable, share of the time"))]


def _counted(most: int) -> Axis:
    return Axis(0, most, [(0, "0"), (most, str(most))])


def _lesson_axis(dates: Sequence[dt.datetime]) -> Axis:
    step = max(1, -(-len(dates) // 9))
    ticks = [(float(number), day(dates[number])) for number in range(0, len(dates), step)]
    return Axis(-0.5, max(1, len(dates)) - 0.5, ticks)
