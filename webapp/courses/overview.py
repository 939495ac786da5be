"""A course as its instructors see it: a row a lesson and a row a student, with counts and figures.

Figures come from the columns that each recording's newest finished analysis carries; no document
is read. However large the class, each of the two tables takes two queries beside its rows.

A lesson's figures are over students, so that somebody who sent three recordings counts once, and
a student's are over lessons. They are evidence with an error: each comes with how many it is
over, their spread, and the model that made it.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Lower

from webapp.accounts.models import User
from webapp.courses.class_curve import FEWEST_STUDENTS as FEWEST_STUDENTS
from webapp.courses.models import Course, Enrolment, Lesson
from webapp.recordings.models import Analysis, Recording
from webapp.recordings.newest import newest_finished, with_progress


@dataclass(frozen=True)
class Counts:
    """What there is of a lesson, or of a student.

    `recordings` are so many, of which `analysed` have a report, `failed` have none and will get
    none by themselves, and `waiting` are under way. `missing` counts students of the course
    without a recording of the lesson, or lessons without one of the student.
    """

    recordings: int = 0
    analysed: int = 0
    failed: int = 0
    waiting: int = 0
    missing: int = 0


@dataclass(frozen=True)
class Mean:
    """A mean over `over` students or lessons and their standard deviation, None of a single one."""

    value: float
    spread: float | None
    over: int


@dataclass(frozen=True)
class Emotion:
    """The most frequent dominant emotion: of `share` of `over` students or lessons."""

    name: str
    share: int
    over: int


@dataclass(frozen=True)
class Figures:
    """What the analyses of a lesson, or of a student, say together.

    Estimates of different models are not averaged: `engagement` is by the model named, which made
    most of them, and `left_out` reports are by another. `emotions` counts the students or lessons
    by the emotion that dominates most of their reports, by name; `emotion` is the commonest one.
    """

    over: int
    engagement: Mean | None
    model: str
    kind: str
    left_out: int
    coverage: Mean | None
    emotion: Emotion | None
    emotions: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class LessonRow:
    """A lesson; `figures` is None where too few students have a report."""

    lesson: Lesson
    counts: Counts
    figures: Figures | None


@dataclass(frozen=True)
class StudentRow:
    """A student; `figures` is None where no report is there."""

    student: User
    counts: Counts
    figures: Figures | None


class _Report(NamedTuple):
    """One report in a group: `unit` is the student or the lesson that it counts for.

    A tuple, since a page makes thousands of them.
    """

    group: int
    unit: int
    engagement: float | None
    coverage: float | None
    emotion: str
    model: str
    kind: str


_LESSON, _STUDENT = "recording__lesson_id", "recording__student_id"
_COLUMNS = (
    "mean_engagement",
    "coverage",
    "dominant_emotion",
    "engagement_model",
    "engagement_kind",
)


#: Somebody without a name is listed by their address.
BY_NAME = (Lower("name"), "email", "pk")


def students_of(course: Course) -> QuerySet[User]:
    """The students of the course, by name."""
    taking = Enrolment.objects.filter(course=course, role=Enrolment.Role.STUDENT)
    return User.objects.filter(pk__in=taking.values("user_id")).order_by(*BY_NAME)


def models_of(rows: Iterable[LessonRow | StudentRow]) -> list[tuple[str, str]]:
    """The models that made the rows' engagement, by name, each with its kind."""
    figures = [row.figures for row in rows if row.figures]
    return sorted({(one.model, one.kind) for one in figures if one.engagement})


def lesson_rows(course: Course, lessons: Sequence[Lesson], students: int) -> list[LessonRow]:
    """The rows of some lessons of a course that so many students take."""
    ids = [one.pk for one in lessons]
    recordings = Recording.objects.filter(lesson__in=ids)
    enrolled = Q(student__in=students_of(course).order_by().values("pk"))
    counts = _counts(recordings, "lesson_id", Count("student", distinct=True, filter=enrolled))
    reports = newest_finished(recordings)
    figures = _figures(reports, group=_LESSON, unit=_STUDENT, fewest=FEWEST_STUDENTS)
    return [
        LessonRow(one, _counted(counts.get(one.pk), students), figures.get(one.pk))
        for one in lessons
    ]


def student_rows(course: Course, students: Sequence[User], lessons: int) -> list[StudentRow]:
    """The rows of some students of a course of so many lessons."""
    ids = [one.pk for one in students]
    recordings = Recording.objects.filter(student__in=ids, lesson__course=course)
    counts = _counts(recordings, "student_id", Count("lesson", distinct=True))
    reports = newest_finished(recordings)
    figures = _figures(reports, group=_STUDENT, unit=_LESSON, fewest=1)
    return [
        StudentRow(one, _counted(counts.get(one.pk), lessons), figures.get(one.pk))
        for one in students
    ]


def _counts(
    recordings: QuerySet[Recording], group: str, present: Count
) -> dict[int, dict[str, int]]:
    """Counts by lesson or student; `present` counts what is not missing."""
    counted = (
        with_progress(recordings)
        .order_by()
        .values(key=F(group))
        .annotate(
            recordings=Count("pk"),
            analysed=Count("pk", filter=Q(has_report=True)),
            failed=Count("pk", filter=Q(has_failed=True)),
            waiting=Count("pk", filter=Q(is_open=True)),
            present=present,
        )
    )
    return {row["key"]: row for row in counted}


def _counted(row: dict[str, int] | None, of: int) -> Counts:
    if row is None:
        return Counts(missing=of)
    return Counts(
        recordings=row["recordings"],
        analysed=row["analysed"],
        failed=row["failed"],
        waiting=row["waiting"],
        missing=max(0, of - row["present"]),
    )


def _figures(
    reports: QuerySet[Analysis], *, group: str, unit: str, fewest: int
) -> dict[int, Figures]:
    """Figures by group, each over at least so many units."""
    found: dict[int, list[_Report]] = {}
    for row in reports.values_list(group, unit, *_COLUMNS):
        found.setdefault(row[0], []).append(_Report._make(row))
    figures = {key: _figures_of(rows, fewest) for key, rows in found.items()}
    return {key: one for key, one in figures.items() if one.over >= fewest}


def _figures_of(reports: Sequence[_Report], fewest: int) -> Figures:
    judged = [one for one in reports if one.engagement is not None]
    makers = Counter((one.model, one.kind) for one in judged)
    # Of two models with as many reports the one whose name comes first: the same every time.
    ranked = sorted(makers, key=lambda maker: (-makers[maker], maker))
    model, kind = ranked[0] if ranked else ("", "")
    same = [one for one in judged if (one.model, one.kind) == (model, kind)]
    spoken = _spoken(reports, fewest)
    return Figures(
        over=len({one.unit for one in reports}),
        engagement=_mean(((one.unit, one.engagement) for one in same), fewest),
        model=model,
        kind=kind,
        left_out=len(judged) - len(same),
        coverage=_mean(((one.unit, one.coverage) for one in reports), fewest),
        emotion=_emotion(spoken),
        emotions=tuple(sorted(spoken.items())),
    )


def _mean(values: Iterable[tuple[int, float | None]], fewest: int) -> Mean | None:
    """Mean of the units' means: a unit with several reports counts once."""
    by_unit: dict[int, list[float]] = {}
    for unit, value in values:
        if value is not None:
            by_unit.setdefault(unit, []).append(value)
    means = [sum(of_one) / len(of_one) for of_one in by_unit.values()]
    if len(means) < fewest:
        return None
    mean = sum(means) / len(means)
    variance = sum((one - mean) ** 2 for one in means) / len(means)
    return Mean(mean, math.sqrt(variance) if len(means) > 1 else None, len(means))


def _spoken(reports: Sequence[_Report], fewest: int) -> Counter[str]:
    """Each unit speaks with the emotion that dominates most of its reports; empty for too few."""
    by_unit: dict[int, list[str]] = {}
    for one in reports:
        if one.emotion:
            by_unit.setdefault(one.unit, []).append(one.emotion)
    if len(by_unit) < fewest:
        return Counter()
    return Counter(_commonest(of_one) for of_one in by_unit.values())


def _emotion(spoken: Counter[str]) -> Emotion | None:
    if not spoken:
        return None
    name = _commonest(spoken)
    return Emotion(name, spoken[name], spoken.total())


def _commonest(names: Sequence[str] | Counter[str]) -> str:
    if len(names) == 1:
        return next(iter(names))
    counter = Counter(names)
    return min(counter, key=lambda name: (-counter[name], name))
