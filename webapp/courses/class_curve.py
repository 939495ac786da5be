"""A class along one lesson: the mean over students at each time, and moments that they shared.

Arithmetic on bins alone; nothing is read or written here. All times are seconds of the lesson, in
bins of `strips.BIN_S`. Rows whose estimates another model made are not averaged with the rest, and
no figure is given for fewer students than `FEWEST_STUDENTS`. Method and limits: docs/figures.md.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from webapp.courses.strips import BIN_S, Bins

#: Figures are not shown for fewer students than this: they would be one person's, whose report
#: tells them with their context, and whose reading is logged.
FEWEST_STUDENTS = 2
#: What a student is told of the others is over so many of them at least: a classmate may not read
#: their reports, and could work them out of a figure over a few.
FEWEST_PEERS = 5
#: A bin with less of a face than this says nothing, as a window's level does not.
LEAST_COVERAGE = 0.3

# A moment: so many robust deviations from the lesson's middle, at least so many bins long, with an
# estimate of at least so many students and that share of them, most of whom moved the same way.
_LEAST_Z = 2.5
_LEAST_BINS = 2
_LEAST_STUDENTS = 5
_LEAST_SHARE = 0.5
_LEAST_AGREEING = 2 / 3
# Of a class that hardly moves every ripple would be a moment: smaller deviations than this are
# taken for this, a fifth of a normal spread between windows.
_LEAST_SCALE = 0.02
_MAD_TO_DEVIATION = 1.4826

Direction = Literal["dip", "lift"]


@dataclass(frozen=True)
class Placed:
    """One student's bins along the lesson.

    Attributes:
        student: tells students apart; one with several recordings has several rows.
        shift: bins between the lesson's beginning and the recording's; below zero where the
            recording began before.
        counts: whether the row is in the class's figures: its model is the most common one.
    """

    student: int
    bins: Bins
    shift: int = 0
    counts: bool = True

    @property
    def end(self) -> int:
        """The first bin of the lesson after the recording's last."""
        return max(0, self.shift + len(self.bins))


@dataclass(frozen=True)
class Point:
    """The class in one bin.

    `students` have a usable face; `mean` and its `spread` between them are None for too few.
    `coverage` is the mean share of time with a usable face, of everybody whose recording runs.
    """

    start_s: float
    students: int
    recording: int
    mean: float | None
    spread: float | None
    coverage: float | None


@dataclass(frozen=True)
class Moment:
    """A stretch in which the class was lower (`dip`) or higher (`lift`) than in the rest.

    Attributes:
        mean, spread, students: of the class in the stretch, each student once.
        usual: the lesson's median of the class's mean.
        z: how many robust standard deviations the strongest bin is away.
        agreeing: so many of the students were on the same side of their own median.
    """

    direction: Direction
    start_s: float
    end_s: float
    mean: float
    spread: float
    usual: float
    students: int
    agreeing: int
    z: float


@dataclass(frozen=True)
class ClassCurve:
    """Points in order of time, and what stands out."""

    points: Sequence[Point]
    moments: Sequence[Moment]
    students: int

    @property
    def shown(self) -> bool:
        """Whether there is a mean at any time."""
        return any(one.mean is not None for one in self.points)

    @property
    def usual(self) -> float | None:
        """The median of the class's mean over the lesson."""
        means = [one.mean for one in self.points if one.mean is not None]
        return median(means) if means else None


def class_curve(rows: Sequence[Placed]) -> ClassCurve:
    """The class of these rows."""
    length = max((one.end for one in rows), default=0)
    counted = [one for one in rows if one.counts]
    estimates = _by_student(counted, length)
    points = [_point(number, rows, estimates) for number in range(length)]
    return ClassCurve(points, _moments(points, estimates), len(estimates))


def estimate(bins: Bins, number: int) -> float | None:
    """The estimate of a bin, where enough of a face was seen in it to speak of one."""
    if not 0 <= number < len(bins) or bins.coverage[number] < LEAST_COVERAGE:
        return None
    return bins.engagement[number]


Estimates = Mapping[int, Sequence[float | None]]


def _by_student(rows: Sequence[Placed], length: int) -> Estimates:
    """Each student's estimates along the lesson; the mean where several recordings overlap."""
    found: dict[int, list[list[float]]] = {}
    for row in rows:
        columns = found.setdefault(row.student, [[] for _ in range(length)])
        cells = zip(row.bins.engagement, row.bins.coverage, strict=True)
        for number, (value, coverage) in enumerate(cells, start=row.shift):
            if number >= 0 and value is not None and coverage >= LEAST_COVERAGE:
                columns[number].append(value)
    made = {
        student: [sum(one) / len(one) if one else None for one in columns]
        for student, columns in found.items()
    }
    return {student: row for student, row in made.items() if any(one is not None for one in row)}


def _point(number: int, rows: Sequence[Placed], estimates: Estimates) -> Point:
    values = [row[number] for row in estimates.values()]
    seen = [one for one in values if one is not None]
    running = [
        row.bins.coverage[number - row.shift]
        for row in rows
        if 0 <= number - row.shift < len(row.bins)
    ]
    shown = len(seen) >= FEWEST_STUDENTS
    return Point(
        start_s=number * BIN_S,
        students=len(seen),
        recording=len(running),
        mean=sum(seen) / len(seen) if shown else None,
        spread=deviation(seen) if shown else None,
        coverage=sum(running) / len(running) if len(running) >= FEWEST_STUDENTS else None,
    )


def deviation(values: Sequence[float]) -> float:
    """The standard deviation of values, of which there is at least one."""
    mean = sum(values) / len(values)
    return math.sqrt(sum((one - mean) ** 2 for one in values) / len(values))


def _moments(points: Sequence[Point], estimates: Estimates) -> list[Moment]:
    """Runs of bins in which students leave their own medians together.

    Not the mean itself is judged but the mean of each student's distance from their own median:
    it does not move when somebody who is always high or low comes or goes.
    """
    least = max(_LEAST_STUDENTS, math.ceil(_LEAST_SHARE * len(estimates)))
    moved = _moved(estimates)
    shifts = [
        sum(column) / len(column) if len(column) >= least else None
        for column in _columns(moved, len(points))
    ]
    known = [one for one in shifts if one is not None]
    if len(known) < 2 * _LEAST_BINS:
        return []
    middle = median(known)
    scale = _MAD_TO_DEVIATION * median(abs(one - middle) for one in known)
    z = [None if one is None else (one - middle) / max(scale, _LEAST_SCALE) for one in shifts]
    usual = median(one.mean for one in points if one.mean is not None)
    found = []
    for first, last, sign in _runs(z):
        peak = max((abs(one) for one in z[first:last] if one is not None), default=0.0)
        moment = _moment(estimates, moved, first, last, sign, peak, usual)
        if moment.agreeing >= _LEAST_AGREEING * moment.students:
            found.append(moment)
    return found


def _moved(estimates: Estimates) -> Estimates:
    made = {}
    for student, row in estimates.items():
        own = median(one for one in row if one is not None)
        made[student] = [None if one is None else one - own for one in row]
    return made


def _columns(rows: Estimates, length: int) -> list[list[float]]:
    return [
        [value for row in rows.values() if (value := row[number]) is not None]
        for number in range(length)
    ]


def _runs(z: Sequence[float | None]) -> list[tuple[int, int, int]]:
    """First bin, bin after the last, and direction of each run that is far and long enough."""
    signs = [0 if one is None or abs(one) < _LEAST_Z else int(math.copysign(1, one)) for one in z]
    runs: list[tuple[int, int, int]] = []
    start = 0
    for number in range(1, len(signs) + 1):
        if number < len(signs) and signs[number] == signs[start]:
            continue
        if signs[start] and number - start >= _LEAST_BINS:
            runs.append((start, number, signs[start]))
        start = number
    return runs


def _moment(
    estimates: Estimates,
    moved: Estimates,
    first: int,
    last: int,
    sign: int,
    peak: float,
    usual: float,
) -> Moment:
    means = _means(estimates, first, last)
    shifts = _means(moved, first, last)
    return Moment(
        direction="lift" if sign > 0 else "dip",
        start_s=first * BIN_S,
        end_s=last * BIN_S,
        mean=sum(means) / len(means),
        spread=deviation(means),
        usual=usual,
        students=len(means),
        agreeing=sum(one * sign > 0 for one in shifts),
        z=peak,
    )


def _means(rows: Estimates, first: int, last: int) -> list[float]:
    """Each student's mean in a stretch, of those who have one."""
    found = []
    for row in rows.values():
        values = [one for one in row[first:last] if one is not None]
        if values:
            found.append(sum(values) / len(values))
    return found
