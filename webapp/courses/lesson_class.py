"""A lesson's class as its instructors see it: who is there, who is missing, and the class's curve.

Read from columns and strips; no document is read, and the number of queries does not grow with the
class. Students stand in order of their names, never of what a model says of them.
"""

import datetime as dt
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from webapp.accounts.models import User
from webapp.courses import strips
from webapp.courses.class_curve import (
    FEWEST_STUDENTS,
    ClassCurve,
    Placed,
    class_curve,
    deviation,
)
from webapp.courses.models import Lesson
from webapp.courses.overview import students_of
from webapp.courses.strips import BIN_S, EMPTY, Bins
from webapp.disputes.models import Dispute
from webapp.privacy.models import Consent
from webapp.recordings.models import Recording
from webapp.recordings.newest import newest_finished, with_progress

#: A recording is laid along the lesson where it began at most so long before or after the lesson.
_EARLIEST_S, _LATEST_S = -30 * 60.0, 6 * 3600.0
#: Means of students are counted in stretches of this width.
HISTOGRAM_WIDTH = 0.1


class _Report(NamedTuple):
    """A finished analysis with what a row of the heat map says beside it."""

    analysis_id: UUID
    recording_id: UUID
    student_id: int
    name: str
    email: str
    created_at: dt.datetime
    engagement: float | None
    spread: float | None
    coverage: float | None
    emotion: str
    model: str
    kind: str
    analysed_at: dt.datetime | None
    started_at: dt.datetime | None
    disputed: bool


_COLUMNS = (
    "pk",
    "recording_id",
    "recording__student_id",
    "recording__student__name",
    "recording__student__email",
    "recording__created_at",
    "mean_engagement",
    "engagement_spread",
    "coverage",
    "dominant_emotion",
    "engagement_model",
    "engagement_kind",
    "finished_at",
    "recording__started_at",
    "disputed",
)


@dataclass(frozen=True)
class Row:
    """One recording of the lesson along it.

    Attributes:
        words: the student's name, with the recording's number where they sent several, and their
            address where another one has the same name.
        several: whether they sent several.
        shift: bins between the lesson's beginning and the recording's.
        aligned: whether that is known; otherwise the recording's beginning is taken for the
            lesson's.
        counts: whether it is in the class's figures (its model made most reports).
        ready: whether its bins are there.
        disputed: whether its student says that something in it is not right.
    """

    report: _Report
    words: str
    several: bool
    bins: Bins
    shift: int
    aligned: bool
    counts: bool
    ready: bool
    disputed: bool


@dataclass(frozen=True)
class Bar:
    """So many students have their mean engagement in a stretch of `HISTOGRAM_WIDTH`."""

    low: float
    high: float
    students: int


@dataclass(frozen=True)
class Distribution:
    """Students' means of the lesson; `bars` is empty for fewer than `FEWEST_STUDENTS`."""

    bars: Sequence[Bar]
    students: int
    mean: float | None = None
    spread: float | None = None
    coverage: float | None = None

    @property
    def most(self) -> int:
        """The longest bar."""
        return max((one.students for one in self.bars), default=0)


@dataclass(frozen=True)
class Absentee:
    """A student without a report of the lesson, and why."""

    student: User
    #: "no_recording", "no_consent", "failed" or "waiting".
    why: str


@dataclass(frozen=True)
class LessonClass:
    """The class of one lesson.

    `model` and its `kind` made the estimates that the class's figures are of; `left_out` rows are
    by another. `students` are all of the course.
    """

    rows: Sequence[Row]
    curve: ClassCurve
    distribution: Distribution
    absent: Sequence[Absentee]
    students: int
    model: str
    kind: str
    left_out: int

    @cached_property
    def unaligned(self) -> int:
        """Rows whose place along the lesson is not known."""
        return sum(not one.aligned for one in self.rows)

    @cached_property
    def unready(self) -> int:
        """Rows whose bins are not there yet."""
        return sum(not one.ready for one in self.rows)

    @cached_property
    def analysed_at(self) -> dt.datetime | None:
        """When the newest of the reports was made."""
        times = [one.report.analysed_at for one in self.rows if one.report.analysed_at]
        return max(times, default=None)

    @property
    def no_recording(self) -> list[User]:
        """Students who consent and sent nothing, by name."""
        return self._absent_because("no_recording")

    @property
    def no_consent(self) -> list[User]:
        """Students without consent in force, by name."""
        return self._absent_because("no_consent")

    @property
    def failed(self) -> list[User]:
        """Students whose analysis failed or was stopped, by name."""
        return self._absent_because("failed")

    @property
    def waiting(self) -> list[User]:
        """Students whose analysis is under way, by name."""
        return self._absent_because("waiting")

    def _absent_because(self, why: str) -> list[User]:
        return [one.student for one in self.absent if one.why == why]

    @property
    def length_s(self) -> float:
        """How far the longest row goes."""
        return len(self.curve.points) * BIN_S


def lesson_class(lesson: Lesson) -> LessonClass:
    """The class of a lesson, in five queries; two more while bins of before are made."""
    recordings = Recording.objects.filter(lesson=lesson)
    reports = _reports(recordings)
    makers = Counter((one.model, one.kind) for one in reports if one.engagement is not None)
    ranked = sorted(makers, key=lambda maker: (-makers[maker], maker))
    model, kind = ranked[0] if ranked else ("", "")
    rows = _rows(lesson, reports, model, kind)
    students = list(students_of(lesson.course))
    return LessonClass(
        rows=rows,
        curve=class_curve(placed(rows)),
        distribution=_distribution(rows),
        absent=_absent(lesson, recordings, students, {one.student_id for one in reports}),
        students=len(students),
        model=model,
        kind=kind,
        left_out=sum(not one.counts and one.report.engagement is not None for one in rows),
    )


def placed(rows: Sequence[Row]) -> list[Placed]:
    """The rows as the class's curve takes them."""
    return [Placed(one.report.student_id, one.bins, one.shift, one.counts) for one in rows]


def _reports(recordings: QuerySet[Recording]) -> list[_Report]:
    open_disputes = Dispute.objects.filter(recording=OuterRef("recording"), closed_at=None)
    reports = newest_finished(recordings).annotate(disputed=Exists(open_disputes))
    rows = reports.values_list(*_COLUMNS)
    found = [_Report._make(row) for row in rows]
    return sorted(
        found, key=lambda one: (one.name.lower(), one.email, one.student_id, one.created_at)
    )


def _rows(lesson: Lesson, reports: Sequence[_Report], model: str, kind: str) -> list[Row]:
    bins = strips.read([one.analysis_id for one in reports])
    of_student = Counter(one.student_id for one in reports)
    named = Counter(name.casefold() for _, name in {(one.student_id, one.name) for one in reports})
    met: Counter[int] = Counter()
    rows = []
    for one in reports:
        met[one.student_id] += 1
        words = one.name or one.email
        several = of_student[one.student_id] > 1
        if several:
            words = f"{words} ({met[one.student_id]}/{of_student[one.student_id]})"
        if one.name and named[one.name.casefold()] > 1:
            words = f"{words}, {one.email}"
        shift = shift_of(lesson.starts_at, one.started_at)
        rows.append(
            Row(
                report=one,
                words=words,
                several=several,
                bins=bins.get(one.analysis_id, EMPTY),
                shift=shift or 0,
                aligned=shift is not None,
                counts=(one.model, one.kind) == (model, kind),
                ready=one.analysis_id in bins,
                disputed=one.disputed,
            )
        )
    return rows


def shift_of(starts_at: dt.datetime, started_at: dt.datetime | None) -> int | None:
    """Bins between the lesson's beginning and a recording's; None where that is not known.

    A recording that began far from its lesson was not made in it, or its clock is wrong.
    """
    if started_at is None:
        return None
    after_s = (started_at - starts_at).total_seconds()
    return round(after_s / BIN_S) if _EARLIEST_S <= after_s <= _LATEST_S else None


def _distribution(rows: Sequence[Row]) -> Distribution:
    by_student: dict[int, list[float]] = {}
    coverages: dict[int, list[float]] = {}
    for row in rows:
        if row.counts and row.report.engagement is not None:
            by_student.setdefault(row.report.student_id, []).append(row.report.engagement)
            coverages.setdefault(row.report.student_id, []).append(row.report.coverage or 0.0)
    means = [sum(one) / len(one) for one in by_student.values()]
    if len(means) < FEWEST_STUDENTS:
        return Distribution([], len(means))
    count = round(1 / HISTOGRAM_WIDTH)
    # The last stretch has its upper end, too.
    places = Counter(min(count - 1, math.floor(one / HISTOGRAM_WIDTH + 1e-9)) for one in means)
    bars = [Bar(n * HISTOGRAM_WIDTH, (n + 1) * HISTOGRAM_WIDTH, places[n]) for n in range(count)]
    covered = [sum(one) / len(one) for one in coverages.values()]
    return Distribution(
        bars, len(means), sum(means) / len(means), deviation(means), sum(covered) / len(covered)
    )


def _absent(
    lesson: Lesson,
    recordings: QuerySet[Recording],
    students: Sequence[User],
    analysed: set[int],
) -> list[Absentee]:
    """Everybody without a report, by name. Consent is only asked of who has no recording."""
    states = with_progress(recordings).order_by()
    progress: dict[int, set[str]] = {}
    for student, is_open in states.values_list("student_id", "is_open"):
        progress.setdefault(student, set()).add("waiting" if is_open else "failed")
    consenting = set(
        Consent.objects.filter(course=lesson.course_id, withdrawn_at=None).values_list(
            "user_id", flat=True
        )
    )
    absent = []
    for one in students:
        if one.pk in analysed:
            continue
        states_of = progress.get(one.pk)
        if states_of:
            why = "waiting" if "waiting" in states_of else "failed"
        else:
            why = "no_recording" if one.pk in consenting else "no_consent"
        absent.append(Absentee(one, why))
    return absent
