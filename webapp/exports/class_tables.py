"""The tables of a lesson, a course and a student: what their pages show, as files."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webapp.accounts.models import User
from webapp.courses import overview
from webapp.courses.export import (
    FIGURES,
    LESSON_COLUMNS,
    RECORDING_COLUMNS,
    figure_columns,
    figure_rows,
    people_columns,
    pseudonym,
)
from webapp.courses.lesson_class import LessonClass, Row
from webapp.courses.models import Course, Lesson
from webapp.courses.overview import Counts, Figures, LessonRow, StudentRow
from webapp.courses.strips import BIN_S
from webapp.courses.student_page import StudentFigures, student_figures
from webapp.exports import about, gathering
from webapp.exports.tables import Column, ColumnType, Export, Table
from webapp.recordings.models import Analysis

_SHARE = gettext_lazy("share, 0 to 1")
_OVER = gettext_lazy("Over how many students (of a lesson) or lessons (of a student).")
_TEXTS: dict[str, tuple[ColumnType, str | Promise, str | Promise]] = {
    "lesson": ("text", "", gettext_lazy("Title of the lesson.")),
    "lesson_starts_at": ("time", "UTC", gettext_lazy("When the lesson began.")),
    "student": ("text", "", gettext_lazy("Pseudonym, the same in every export of the course.")),
    "name": ("text", "", gettext_lazy("Name of the student.")),
    "email": ("text", "", gettext_lazy("Address of the student.")),
    "recording": ("text", "", gettext_lazy("Id of the recording.")),
    "uploaded_at": ("time", "UTC", gettext_lazy("When the recording was uploaded.")),
    "duration_s": ("number", "s", gettext_lazy("Length of the recording.")),
    "state": ("text", "", gettext_lazy("State of the newest analysis; finished: has a report.")),
    "analysed_at": ("time", "UTC", gettext_lazy("When the analysis was finished.")),
    "mean_engagement": ("number", "0 to 1", gettext_lazy("Mean of the windows' estimates.")),
    "engagement_spread": ("number", "0 to 1", gettext_lazy("Standard deviation of engagement.")),
    "engaged_share": ("number", _SHARE, gettext_lazy("Share of windows in an engaged level.")),
    "coverage": ("number", _SHARE, gettext_lazy("Share of the time with a usable face.")),
    "coverage_spread": ("number", _SHARE, gettext_lazy("Standard deviation of coverage.")),
    "face_share": ("number", _SHARE, gettext_lazy("Share of the time with any face in view.")),
    "dominant_emotion": ("text", "", gettext_lazy("Strongest in most observations.")),
    "expression_model": ("text", "", gettext_lazy("What turned faces into emotions.")),
    "engagement_model": ("text", "", gettext_lazy("What made the engagement estimates.")),
    "engagement_kind": ("text", "", gettext_lazy("trained: a classifier; index: a rule.")),
    "recordings": ("integer", "", gettext_lazy("Number of recordings.")),
    "analysed": ("integer", "", gettext_lazy("Recordings with a report.")),
    "waiting": ("integer", "", gettext_lazy("Recordings whose analysis is under way.")),
    "failed": ("integer", "", gettext_lazy("Recordings whose analysis failed.")),
    "missing": ("integer", "", gettext_lazy("Students, or lessons, without a recording.")),
    "engagement": ("number", "0 to 1", gettext_lazy("Mean engagement; each counts once.")),
    "engagement_over": ("integer", "", _OVER),
    "left_out": ("integer", "", gettext_lazy("Reports by another model, left out of the mean.")),
    "coverage_over": ("integer", "", _OVER),
    "emotion": ("text", "", gettext_lazy("The emotion that dominates most often.")),
    "emotion_in": ("integer", "", gettext_lazy("In how many of them it dominates.")),
    "emotion_over": ("integer", "", _OVER),
    "start_s": ("number", "s", gettext_lazy("Begin, from the lesson's beginning.")),
    "end_s": ("number", "s", gettext_lazy("End, from the lesson's beginning.")),
    "spread": ("number", "0 to 1", gettext_lazy("Standard deviation over the students.")),
    "window_spread": ("number", "0 to 1", gettext_lazy("Mean spread of the windows inside it.")),
    "others_median": ("number", "0 to 1", gettext_lazy("Median of the others; empty for too few.")),
    "others": ("integer", "", gettext_lazy("How many others have a report by that model.")),
    "other_model": ("text", "", gettext_lazy("What made a report that is left out here.")),
    "aligned": ("text", "", gettext_lazy("yes: its place in the lesson's time is known.")),
    "students": ("integer", "", gettext_lazy("Students with an estimate in this stretch.")),
}
_COUNTS = ("recordings", "analysed", "waiting", "failed", "missing")
_FIGURES = (
    "engagement",
    "engagement_spread",
    "engagement_over",
    "engagement_model",
    "engagement_kind",
    "left_out",
    "coverage",
    "coverage_spread",
    "coverage_over",
    "emotion",
    "emotion_in",
    "emotion_over",
)


def course_export(course: Course, *, names: bool) -> Export:
    """Lessons, students and recordings of a course."""
    lessons = gathering.lessons_of(course)
    return Export(
        stem=f"course-{course.pk}",
        title=_("Figures of a course"),
        about=[
            *about.of_course(course),
            *about.of_naming(names=names),
            *about.of_models(overview.models_of(lessons)),
            *about.closing(),
        ],
        tables=[
            lessons_table(lambda: lessons),
            _students(course, names=names),
            _recordings(course, None, names=names),
        ],
    )


def lesson_export(lesson: Lesson, *, names: bool) -> Export:
    """Recordings of a lesson, how each went on, and the class curve."""
    figures = gathering.lesson_figures(lesson, names=names)
    reports = [one.report for one in figures.rows]
    return Export(
        stem=f"lesson-{lesson.pk}",
        title=_("Figures of a lesson"),
        about=[
            *about.of_lesson(lesson),
            *about.of_naming(names=names),
            *about.of_models(sorted({(one.model, one.kind) for one in reports})),
            *_unready(figures.whole),
            *about.closing(),
        ],
        tables=[
            lessons_table(lambda: [figures.row], name="lesson"),
            _recordings(lesson.course, lesson, names=names),
            curve_table(figures.whole),
            _over_time(lesson, figures.rows, names=names),
        ],
    )


def _unready(whole: LessonClass) -> about.Facts:
    """Reports of before that a worker is preparing: they have no rows over time yet."""
    if not whole.unready:
        return []
    words = _(
        "%(n)s of %(all)s reports have no rows over time yet: they are being prepared. "
        "Download this again in a few minutes."
    )
    return [(_("Not complete"), words % {"n": whole.unready, "all": len(whole.rows)})]


def student_export(course: Course, student: User, *, names: bool, sees_others: bool) -> Export:
    """One student's lessons and recordings of a course; `sees_others` as for `student_figures`."""
    row = gathering.student_row(course, student)
    figures = student_figures(course, student, sees_others=sees_others)
    models = [(row.figures.model, row.figures.kind)] if row.figures else []
    called = gathering.caller(course, names=names)(student.pk)
    return Export(
        stem=f"course-{course.pk}-student-{pseudonym(course, student.pk)}",
        title=_("Figures of a student in a course"),
        about=[
            *about.of_course(course),
            (_("Student"), called),
            *about.of_models(models),
            about.of_others(figures.fewest),
            *about.closing(),
        ],
        tables=[
            _table(
                "summary",
                _("The student over the course's lessons"),
                ("student", *_COUNTS, *_FIGURES),
                lambda: [[called, *_counts(row.counts), *_figures(row.figures)]],
            ),
            _table(
                "lessons",
                _("The student in each lesson, and the median of the others"),
                _LESSON,
                lambda: _lesson_points(figures),
            ),
            _table(
                "reports",
                _("The newest report of each recording"),
                _REPORT,
                lambda: _report_rows(gathering.reports_of(course, student)),
            ),
        ],
    )


def lessons_table(make: Callable[[], Sequence[LessonRow]], name: str = "lessons") -> Table:
    """A row a lesson, as on the course's page."""
    return _table(
        name,
        _("Lessons, each over its students"),
        (*LESSON_COLUMNS, *_COUNTS, *_FIGURES),
        lambda: (_lesson(row) for row in make()),
    )


def curve_table(whole: LessonClass) -> Table:
    """A row a stretch of the lesson."""

    def rows() -> Iterator[list[Any]]:
        for one in whole.curve.points:
            end_s = one.start_s + BIN_S
            yield [one.start_s, end_s, one.mean, one.spread, one.students, one.coverage]

    names = ("start_s", "end_s", "engagement", "spread", "students", "coverage")
    return _table("class_curve", _("The class over the lesson's time"), names, rows)


def _over_time(lesson: Lesson, reports: Sequence[Row], *, names: bool) -> Table:
    called = gathering.caller(lesson.course, names=names)

    def rows() -> Iterator[list[Any]]:
        for one in reports:
            head = [called(one.report.student_id), str(one.report.recording_id)]
            bins = one.bins
            for number in range(len(bins)):
                start_s = (number + one.shift) * BIN_S
                yield [
                    *head,
                    start_s,
                    start_s + BIN_S,
                    bins.engagement[number],
                    bins.spread[number],
                    bins.coverage[number],
                    bins.emotion[number] or None,
                    "yes" if one.aligned else "no",
                ]

    columns = (
        "student",
        "recording",
        "start_s",
        "end_s",
        "engagement",
        "window_spread",
        "coverage",
        "emotion",
        "aligned",
    )
    return _table("over_time", _("How each recording went on"), columns, rows)


_LESSON = (
    *LESSON_COLUMNS,
    "engagement",
    "engagement_spread",
    "coverage",
    "others_median",
    "others",
    "engagement_model",
    "other_model",
)


def _lesson_points(figures: StudentFigures) -> Iterator[list[Any]]:
    for one in figures.points:
        yield [
            one.lesson.title,
            one.lesson.starts_at,
            one.engagement,
            one.spread,
            one.coverage,
            one.class_median,
            one.others,
            figures.model or None,
            one.other_model or None,
        ]


_REPORT = (*LESSON_COLUMNS, *RECORDING_COLUMNS, "analysed_at", *FIGURES)


def _report_rows(reports: Sequence[Analysis]) -> Iterator[list[Any]]:
    for one in reports:
        recording = one.recording
        yield [
            recording.lesson.title,
            recording.lesson.starts_at,
            str(recording.pk),
            recording.created_at,
            recording.duration_s,
            one.finished_at,
            *(getattr(one, name) for name in FIGURES),
        ]


def _students(course: Course, *, names: bool) -> Table:
    people = people_columns(names=names)

    def row(one: StudentRow) -> list[Any]:
        who = one.student
        named = (who.name, who.email) if names else ()
        return [pseudonym(course, who.pk), *named, *_counts(one.counts), *_figures(one.figures)]

    return _table(
        "students",
        _("Students, each over the course's lessons"),
        (*people, *_COUNTS, *_FIGURES),
        lambda: (row(one) for one in gathering.students_of(course, names=names)),
    )


def _recordings(course: Course, lesson: Lesson | None, *, names: bool) -> Table:
    """A row a recording, the same as in the course's own CSV."""
    header = figure_columns(names=names)
    times = [number for number, name in enumerate(header) if _TEXTS[name][0] == "time"]

    def rows() -> Iterator[list[Any]]:
        for row in islice(figure_rows(course, names=names, lesson=lesson), 1, None):
            for number in times:
                row[number] = dt.datetime.fromisoformat(row[number]) if row[number] else None
            yield row

    return _table("recordings", _("Recordings by their newest report"), header, rows)


def _table(
    name: str, title: str, columns: Sequence[str], make: Callable[[], Iterable[Sequence[Any]]]
) -> Table:
    made = [Column(one, *_described(one)) for one in columns]
    return Table(name, title, made, make)


def _described(name: str) -> tuple[ColumnType, str, str]:
    kind, unit, words = _TEXTS[name]
    return kind, str(words), str(unit)


def _lesson(row: LessonRow) -> list[Any]:
    return [row.lesson.title, row.lesson.starts_at, *_counts(row.counts), *_figures(row.figures)]


def _counts(counts: Counts) -> list[int]:
    return [getattr(counts, name) for name in _COUNTS]


def _figures(figures: Figures | None) -> list[Any]:
    if figures is None:
        return [None] * len(_FIGURES)
    engagement, coverage, emotion = figures.engagement, figures.coverage, figures.emotion
    return [
        engagement and engagement.value,
        engagement and engagement.spread,
        engagement and engagement.over,
        figures.model or None,
        figures.kind or None,
        figures.left_out,
        coverage and coverage.value,
        coverage and coverage.spread,
        coverage and coverage.over,
        emotion and emotion.name,
        emotion and emotion.share,
        emotion and emotion.over,
    ]
