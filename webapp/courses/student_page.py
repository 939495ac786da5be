"""One student across the lessons of a course: their figures, their own median, and the class's.

Read from columns and strips. A lesson's class median is over the other students alone, by the same
model. Who may read each of their reports sees it from `FEWEST_STUDENTS` others on; the student, who
may not, from `FEWEST_PEERS` on and with two decimals, so that nobody's figure can be worked out of
it. Comparison is with the same person and with the class as a whole, never with another student.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils.translation import gettext

from webapp.accounts.models import User
from webapp.courses import strips
from webapp.courses.chart_data import day, emotions_known
from webapp.courses.class_curve import FEWEST_PEERS, FEWEST_STUDENTS
from webapp.courses.emotion_words import emotion_word
from webapp.courses.models import Course, Lesson
from webapp.disputes.models import Dispute
from webapp.recordings.models import Recording
from webapp.recordings.newest import newest_finished
from webapp.reports.series import EMOTION_ORDER
from webapp.reports.templatetags.report_format import percent, two

#: So many lessons, the newest ones, are shown.
MOST_LESSONS = 80


@dataclass(frozen=True)
class Report:
    """One report of the student, by its columns."""

    lesson_id: int
    analysis_id: UUID
    recording_id: UUID
    engagement: float | None
    spread: float | None
    coverage: float | None
    model: str
    kind: str
    disputed: bool


@dataclass(frozen=True)
class LessonPoint:
    """The student in one lesson.

    Attributes:
        engagement: mean of their reports' means; None where there is none by `model`.
        spread: mean of the reports' spreads over windows.
        shares: of each emotion, mean over their reports.
        class_median: of the other students; None for too few, which `others` says.
        other_model: a report is by another model and not in these figures.
        disputed: the student says that something in one of the reports is not right.
    """

    lesson: Lesson
    reports: Sequence[Report]
    engagement: float | None
    spread: float | None
    coverage: float | None
    shares: Mapping[str, float]
    class_median: float | None
    others: int
    other_model: str
    disputed: bool

    @property
    def recording_id(self) -> UUID | None:
        """The recording that a link of the lesson leads to."""
        return self.reports[-1].recording_id if self.reports else None

    @property
    def emotions(self) -> list[tuple[str, str, float]]:
        """Name, word and share of each emotion that was there, in drawing order."""
        return [
            (name, emotion_word(name), self.shares[name])
            for name in EMOTION_ORDER
            if self.shares.get(name)
        ]


@dataclass(frozen=True)
class StudentFigures:
    """A student's lessons in order of time, and what stands over all of them.

    `fewest` others have to be there for their median to be shown to this reader.
    """

    points: Sequence[LessonPoint]
    own_median: float | None
    model: str
    kind: str
    fewest: int

    @property
    def reported(self) -> list[LessonPoint]:
        """Lessons with a report."""
        return [one for one in self.points if one.reports]

    @property
    def has_class_median(self) -> bool:
        """Whether the others' median is shown of any lesson."""
        return any(one.class_median is not None for one in self.points)


def student_figures(course: Course, student: User, *, sees_others: bool) -> StudentFigures:
    """The figures of a student, in four queries.

    `sees_others`: the reader may read the reports of the others, too, as the course's instructors.
    """
    lessons = list(course.lessons.order_by("-starts_at", "-pk")[:MOST_LESSONS])[::-1]
    own = _reports(course, student)
    makers = Counter((one.model, one.kind) for one in own if one.engagement is not None)
    ranked = sorted(makers, key=lambda maker: (-makers[maker], maker))
    model, kind = ranked[0] if ranked else ("", "")
    shares = strips.shares([one.analysis_id for one in own])
    fewest = FEWEST_STUDENTS if sees_others else FEWEST_PEERS
    others = _others(student, lessons, model, kind)
    medians = {
        # All digits of a median may be those of one person.
        lesson: median(values) if sees_others else round(median(values), 2)
        for lesson, values in others.items()
        if len(values) >= fewest
    }
    points = [
        _point(
            lesson,
            [one for one in own if one.lesson_id == lesson.pk],
            (model, kind),
            shares,
            medians.get(lesson.pk),
            len(others.get(lesson.pk, [])),
        )
        for lesson in lessons
    ]
    values = [one.engagement for one in points if one.engagement is not None]
    return StudentFigures(points, median(values) if values else None, model, kind, fewest)


def _reports(course: Course, student: User) -> list[Report]:
    """The student's own, oldest recording first."""
    mine = newest_finished(Recording.objects.filter(lesson__course=course, student=student))
    open_disputes = Dispute.objects.filter(recording=OuterRef("recording"), closed_at=None)
    mine = mine.annotate(disputed=Exists(open_disputes))
    own = mine.order_by("recording__created_at").values_list(
        "recording__lesson_id",
        "pk",
        "recording_id",
        "mean_engagement",
        "engagement_spread",
        "coverage",
        "engagement_model",
        "engagement_kind",
        "disputed",
    )
    return [Report(*row) for row in own]


def _others(
    student: User, lessons: Sequence[Lesson], model: str, kind: str
) -> dict[int, list[float]]:
    """By lesson the mean of each other student, by one model; nothing where there is no model."""
    if not model:
        return {}
    found: dict[int, dict[int, list[float]]] = {}
    reports = newest_finished(Recording.objects.filter(lesson__in=[one.pk for one in lessons]))
    same = reports.filter(engagement_model=model, engagement_kind=kind)
    rows = same.exclude(mean_engagement=None).exclude(recording__student=student)
    for lesson, other, engagement in rows.values_list(
        "recording__lesson_id", "recording__student_id", "mean_engagement"
    ):
        found.setdefault(lesson, {}).setdefault(other, []).append(engagement)
    return {
        lesson: [sum(one) / len(one) for one in students.values()]
        for lesson, students in found.items()
    }


def _point(
    lesson: Lesson,
    reports: list[Report],
    maker: tuple[str, str],
    shares: Mapping[Any, Mapping[str, float]],
    class_median: float | None,
    others: int,
) -> LessonPoint:
    same = [one for one in reports if (one.model, one.kind) == maker]
    strange = [one for one in reports if one.engagement is not None and one not in same]
    found = [shares[one.analysis_id] for one in reports if one.analysis_id in shares]
    return LessonPoint(
        lesson=lesson,
        reports=reports,
        engagement=_mean(one.engagement for one in same),
        spread=_mean(one.spread for one in same),
        coverage=_mean(one.coverage for one in reports),
        shares={
            name: sum(one.get(name, 0.0) for one in found) / len(found)
            for name in sorted({name for one in found for name in one})
        },
        class_median=class_median,
        others=others,
        other_model=strange[0].model if strange else "",
        disputed=any(one.disputed for one in reports),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return sum(known) / len(known) if known else None


def student_data(figures: StudentFigures) -> dict[str, Any]:
    """What the page's script draws and says."""
    return {
        "emotions": emotions_known(),
        "own_median": figures.own_median,
        "lessons": [_lesson(one) for one in figures.points],
    }


def _lesson(point: LessonPoint) -> dict[str, Any]:
    return {
        "title": point.lesson.title,
        "date": day(point.lesson.starts_at),
        "url": reverse("reports:recording", args=[point.recording_id])
        if point.recording_id
        else reverse("courses:lesson", args=[point.lesson.pk]),
        "mean": point.engagement,
        "spread": point.spread,
        "coverage": point.coverage,
        "class_median": point.class_median,
        "shares": point.shares,
        "words": _words(point),
    }


def _words(point: LessonPoint) -> str:
    names = {"lesson": point.lesson.title, "date": day(point.lesson.starts_at)}
    if not point.reports:
        return gettext("%(lesson)s, %(date)s: no report") % names
    said = gettext(
        "%(lesson)s, %(date)s: estimate %(mean)s ± %(spread)s, face usable %(coverage)s"
    ) % {
        **names,
        "mean": two(point.engagement),
        "spread": two(point.spread),
        "coverage": percent(point.coverage),
    }
    if point.class_median is not None:
        said += "; " + gettext("median of the others %(median)s") % {
            "median": two(point.class_median)
        }
    if point.shares:
        strongest = max(point.shares, key=lambda name: point.shares[name])
        said += "; " + gettext("most often %(emotion)s, %(share)s of the time") % {
            "emotion": emotion_word(strongest),
            "share": percent(point.shares[strongest]),
        }
    return said
