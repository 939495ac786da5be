"""A class along a lesson: figures over students, moments that they share, and who is missing."""

import random
from datetime import timedelta

import pytest

from tests.webapp.course_world import course_of, curve, reported
from webapp.courses import strips
from webapp.courses.class_curve import ClassCurve, Placed, class_curve
from webapp.courses.lesson_class import lesson_class
from webapp.courses.models import Lesson
from webapp.privacy.models import Consent
from webapp.recordings.models import Analysis, Recording

DIP = [(20, 26)]


def class_of(levels: list[float], **options: object) -> ClassCurve:
    return class_curve([Placed(n, curve(level, **options)) for n, level in enumerate(levels)])


# -- the curve --


def test_a_point_is_the_mean_over_students_with_their_spread() -> None:
    flat = strips.Bins([0.2, 0.2], [0.1] * 2, [1.0, 1.0], ["neutral"] * 2)
    high = strips.Bins([0.6, None], [0.1, None], [0.5, 0.0], ["neutral", ""])
    points = class_curve([Placed(1, flat), Placed(2, high)]).points
    assert points[0].mean == pytest.approx(0.4)
    assert points[0].spread == pytest.approx(0.2)
    assert (points[0].students, points[0].coverage) == (2, pytest.approx(0.75))
    # The second is not seen then: that is no estimate of zero, and one student is no class.
    assert (points[1].students, points[1].mean, points[1].spread) == (1, None, None)


def test_a_sliver_of_a_face_is_no_estimate() -> None:
    seen = strips.Bins([0.5], [0.1], [1.0], ["neutral"])
    hardly = strips.Bins([0.1], [0.1], [0.2], ["neutral"])
    (point,) = class_curve([Placed(1, seen), Placed(2, seen), Placed(3, hardly)]).points
    assert (point.students, point.mean) == (2, pytest.approx(0.5))


def test_two_recordings_of_one_student_count_once() -> None:
    low, high = curve(0.3, 4), curve(0.9, 4)
    shown = class_curve([Placed(1, low), Placed(2, high), Placed(2, high), Placed(2, high)])
    assert shown.points[0].students == 2
    assert shown.points[0].mean == pytest.approx(0.6, abs=0.03)


def test_rows_of_another_model_are_in_no_figure() -> None:
    rows = [Placed(n, curve(0.5)) for n in range(3)] + [Placed(9, curve(0.9), counts=False)]
    shown = class_curve(rows)
    assert shown.points[0].students == 3
    assert shown.points[0].mean == pytest.approx(0.5, abs=0.03)


def test_a_recording_that_began_later_lies_later() -> None:
    rows = [Placed(1, curve(0.5, 10)), Placed(2, curve(0.5, 10), shift=4)]
    shown = class_curve(rows)
    assert [one.students for one in shown.points] == [1] * 4 + [2] * 6 + [1] * 4


# -- moments --


def test_a_dip_that_most_share_is_a_moment_with_its_figures() -> None:
    (moment,) = class_of([0.5, 0.55, 0.6, 0.65, 0.7, 0.75], dips=DIP).moments
    assert moment.direction == "dip"
    assert (moment.start_s, moment.end_s) == (600.0, 780.0)
    assert (moment.students, moment.agreeing) == (6, 6)
    assert moment.mean == pytest.approx(0.375, abs=0.02)
    assert moment.usual == pytest.approx(0.625, abs=0.02)
    assert moment.spread > 0.05


def test_a_lift_is_told_from_a_dip() -> None:
    (moment,) = class_of([0.4] * 6, dips=DIP, depth=-0.3).moments
    assert moment.direction == "lift"


@pytest.mark.parametrize(
    ("dipping", "staying"),
    [(4, 0), (2, 4)],
    ids=["four students are too few", "a third of the class is not the class"],
)
def test_what_few_share_is_no_moment(dipping: int, staying: int) -> None:
    rows = [Placed(n, curve(0.6, dips=DIP)) for n in range(dipping)]
    # They ripple each in their own way: by nothing much, but not together.
    rows += [Placed(100 + n, curve(0.6, phase=3 + n % 2)) for n in range(staying)]
    assert class_curve(rows).moments == []


def test_half_a_minute_is_no_moment() -> None:
    assert class_of([0.6] * 8, dips=[(20, 21)]).moments == []


def test_a_student_who_leaves_makes_no_moment() -> None:
    """The class's mean falls when somebody high is gone, though nobody moved."""
    rows = [Placed(n, curve(0.4)) for n in range(5)]
    rows += [Placed(100 + n, curve(0.95, 20)) for n in range(5)]
    shown = class_curve(rows)
    assert shown.points[30].mean < shown.points[10].mean - 0.2
    assert shown.moments == []


def wandering(chance: random.Random, bins: int = 90) -> strips.Bins:
    """Somebody whose curve hangs together in time and has nothing to do with anybody else's."""
    level, at, values = chance.gauss(0.6, 0.1), 0.0, []
    for _ in range(bins):
        at = 0.7 * at + chance.gauss(0, 0.07)
        values.append(min(1.0, max(0.0, level + at)))
    return strips.Bins(values, [0.1] * bins, [1.0] * bins, ["neutral"] * bins)


def test_classes_with_nothing_in_common_seldom_have_a_moment() -> None:
    """The rate that the page and docs/figures.md name."""
    chance = random.Random(3)
    found = sum(
        len(class_curve([Placed(n, wandering(chance)) for n in range(12)]).moments)
        for _ in range(60)
    )
    assert found <= 18


# -- from the database --


def test_a_recording_is_laid_where_it_began(db: None, sent: list) -> None:
    _, (lesson,), people = course_of("aligned", 3)
    shifts = (timedelta(minutes=2), timedelta(hours=-5), None)
    for one, after in zip(people, shifts, strict=True):
        recording = reported(lesson, one, curve(0.5, 10))
        if after is not None:
            Recording.objects.filter(pk=recording.pk).update(started_at=lesson.starts_at + after)
    rows = lesson_class(lesson).rows
    # Five hours before the lesson is not in it: such a clock says nothing.
    assert [(one.shift, one.aligned) for one in rows] == [(4, True), (0, False), (0, False)]


def test_everybody_without_a_report_is_named_with_what_is_known(db: None, sent: list) -> None:
    _, (lesson,), people = course_of("missing", 6)
    for one in people[:2]:
        reported(lesson, one, curve(0.5))
    for one, state in ((people[2], "failed"), (people[3], "queued")):
        recording = Recording.objects.create(
            lesson=lesson, student=one, original_name="a.mp4", size_bytes=1, sha256="ab" * 32
        )
        Analysis.objects.create(recording=recording, state=state)
    Consent.objects.filter(user=people[4]).update(withdrawn_at=lesson.starts_at)
    shown = lesson_class(lesson)
    assert shown.failed == [people[2]]
    assert shown.waiting == [people[3]]
    assert shown.no_consent == [people[4]]
    assert shown.no_recording == [people[5]]


def distribution(lesson: Lesson) -> dict[float, int]:
    bars = lesson_class(lesson).distribution.bars
    return {round(one.low, 1): one.students for one in bars if one.students}


def test_the_distribution_counts_students_and_is_silent_about_one(db: None, sent: list) -> None:
    _, (lesson,), people = course_of("bars", 3)
    reported(lesson, people[0], curve(0.5), mean_engagement=0.3)
    assert distribution(lesson) == {}
    reported(lesson, people[1], curve(0.5), mean_engagement=1.0)
    reported(lesson, people[2], curve(0.5), mean_engagement=0.25)
    assert distribution(lesson) == {0.3: 1, 0.9: 1, 0.2: 1}


def test_rows_stand_by_name_whatever_a_model_says(db: None, sent: list) -> None:
    _, (lesson,), people = course_of("order", 4)
    for one, level in zip(reversed(people), (0.9, 0.1, 0.7, 0.3), strict=True):
        reported(lesson, one, curve(level))
    assert [one.words for one in lesson_class(lesson).rows] == [one.name for one in people]
