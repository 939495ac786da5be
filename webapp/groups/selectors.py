"""What the pages of group recordings show."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from webapp.accounts.models import User
from webapp.courses.models import Course, Enrolment
from webapp.groups.models import CourseGroupSettings, GroupPerson, GroupRecording
from webapp.privacy import consent_text
from webapp.recordings.models import Recording

Decision = GroupPerson.Decision
#: Group affect is not shown for fewer people than this: it would be a single person's.
FEWEST_PEOPLE = 2

_FROM_THE_BOTTOM = ("negative", "neutral", "positive")


def enrolled_students(course: Course) -> QuerySet[User]:
    """The students of the course, by name."""
    taking = Enrolment.objects.filter(course=course, role=Enrolment.Role.STUDENT)
    return User.objects.filter(pk__in=taking.values("user_id"), is_active=True).order_by("name")


def consenting_students(course: Course) -> QuerySet[User]:
    """Those whose consent in force covers recordings of a meeting.

    The same question as `privacy.services.covers_groups_and_training`, of a whole class.
    """
    return enrolled_students(course).filter(
        consents__course=course,
        consents__withdrawn_at=None,
        consents__text_version__in=consent_text.COVERING_GROUPS_AND_TRAINING,
    )


def people_to_analyse(group: GroupRecording) -> list[GroupPerson]:
    """Everybody matched to a student who consents, in order of their numbers."""
    consenting = consenting_students(group.lesson.course).values("pk")
    matched = group.people.filter(decision=Decision.STUDENT, student_id__in=consenting)
    return list(matched.select_related("student").order_by("number"))


def keeps_templates(course: Course) -> bool:
    """Whether the course keeps face templates."""
    return CourseGroupSettings.objects.filter(course=course, keep_templates=True).exists()


@dataclass(frozen=True)
class FoundPerson:
    """A found person as the page lists them. `chosen` is the value of their form field."""

    person: GroupPerson
    chosen: str
    field: str
    recording: Recording | None
    shares_student: bool


def found_people(group: GroupRecording) -> list[FoundPerson]:
    """The people of a group recording with what was decided and made of each."""
    rows = list(
        group.people.select_related("student", "suggested", "result__recording").order_by("number")
    )
    times = Counter(row.student_id for row in rows if row.student_id)
    results = {row.student_id: row.result.recording for row in rows if hasattr(row, "result")}
    return [
        FoundPerson(
            person=row,
            chosen=_choice(row),
            field=f"person-{row.number}",
            recording=results.get(row.student_id) if row.student_id else None,
            shares_student=row.student_id is not None and times[row.student_id] > 1,
        )
        for row in rows
    ]


def _choice(person: GroupPerson) -> str:
    if person.decision == Decision.STUDENT and person.student_id:
        return str(person.student_id)
    return Decision.NOBODY.value if person.decision == Decision.NOBODY else ""


@dataclass(frozen=True)
class AffectChart:
    """Group affect as three areas of an SVG that is 1000 wide and 100 high."""

    rows: Sequence[dict[str, Any]]
    people: int
    end_s: float
    areas: list[tuple[str, str]]
    models: dict[str, Any]


def affect_chart(group: GroupRecording) -> AffectChart | None:
    """The class-level chart, or None where too few people were analysed."""
    document = getattr(group, "affect", None)
    if document is None or document.people < FEWEST_PEOPLE:
        return None
    rows = [row for row in document.rows if row["people"] >= FEWEST_PEOPLE]
    end_s = max((row["end_s"] for row in rows), default=0.0)
    if not rows or end_s <= 0:
        return None
    areas = [(name, _area(rows, name, end_s)) for name in _FROM_THE_BOTTOM]
    return AffectChart(rows, document.people, end_s, areas, document.models_used)


def _area(rows: Sequence[dict[str, Any]], name: str, end_s: float) -> str:
    """The path of one share's boxes, one a window, each until the next window begins."""
    boxes = []
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        until = row["end_s"] if following is None else min(row["end_s"], following["start_s"])
        left, right = (1000 * t / end_s for t in (row["start_s"], until))
        below = sum(row[one] for one in _FROM_THE_BOTTOM[: _FROM_THE_BOTTOM.index(name)])
        low, high = (100 - 100 * min(1.0, share) for share in (below, below + row[name]))
        boxes.append(f"M{left:.1f} {low:.1f}V{high:.1f}H{right:.1f}V{low:.1f}Z")
    return "".join(boxes)
