"""The figures of a whole course as CSV rows: one a recording, by its newest finished analysis.

Rows are read as they are sent, so that memory stays flat however many there are. Students are
named by a pseudonym that is the same in every export of the course and that leads back to nobody
without the site's secret key; names and addresses come only where they are asked for.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.utils.crypto import salted_hmac

from webapp.accounts.models import User
from webapp.courses.models import Course, Lesson
from webapp.recordings.models import Analysis, Recording
from webapp.recordings.newest import newest_finished

_ROWS_AT_ONCE = 500
# Within a lesson by the recordings' random ids: another order could lead back to somebody.
_ORDER = ("lesson__starts_at", "lesson_id", "pk")
# What a lesson and a student are called is looked up once, and not read again with every row.
_RECORDING = ("lesson_id", "student_id", "pk", "created_at", "duration_s")

# The columns, once for every file that has some of them.
LESSON_COLUMNS = ("lesson", "lesson_starts_at")
RECORDING_COLUMNS = ("recording", "uploaded_at", "duration_s")
#: What a report says in figures; an analysis calls them the same.
FIGURES = (
    "mean_engagement",
    "engagement_spread",
    "engaged_share",
    "coverage",
    "face_share",
    "dominant_emotion",
    "expression_model",
    "engagement_model",
    "engagement_kind",
)


def pseudonym(course: Course, student_id: int) -> str:
    """What a student is called in the exports of a course."""
    digest = salted_hmac("webapp.courses.export", f"{course.pk}:{student_id}").hexdigest()
    # With a letter first: a spreadsheet would read some of the digests as numbers.
    return f"s{digest[:12]}"


def people_columns(*, names: bool) -> tuple[str, ...]:
    """What tells students apart."""
    return ("student", "name", "email") if names else ("student",)


def figure_columns(*, names: bool) -> list[str]:
    """What the cells of each row are."""
    people = people_columns(names=names)
    return [*LESSON_COLUMNS, *people, *RECORDING_COLUMNS, "state", "analysed_at", *FIGURES]


def figure_rows(
    course: Course, *, names: bool, lesson: Lesson | None = None
) -> Iterator[list[Any]]:
    """A header, then the recordings with a report by lesson, then those without one.

    Of the whole course, or of one lesson of it.
    """
    within: dict[str, Any] = {"lesson": lesson} if lesson else {"lesson__course": course}
    recordings = Recording.objects.filter(**within)
    yield figure_columns(names=names)
    heads = _Heads(course, recordings, [lesson] if lesson else None, names=names)
    for row in _reports(recordings):
        recording, figures = row[: len(_RECORDING)], row[len(_RECORDING) :]
        yield [*heads.of(*recording), "finished", _time(figures[0]), *figures[1:]]
    for *recording, state in _without_report(recordings):
        yield [*heads.of(*recording), state or "", None, *[None] * len(FIGURES)]


class _Heads:
    """The cells that a row begins with."""

    def __init__(
        self,
        course: Course,
        recordings: QuerySet[Recording],
        lessons: Iterable[Lesson] | None,
        *,
        names: bool,
    ) -> None:
        found = course.lessons.order_by() if lessons is None else lessons
        self._lessons = {one.pk: (one.title, _time(one.starts_at)) for one in found}
        recorded = recordings.order_by().values("student_id")
        students = (
            User.objects.filter(pk__in=recorded).order_by().values_list("pk", "name", "email")
        )
        self._students = {
            pk: (pseudonym(course, pk), *((name, email) if names else ()))
            for pk, name, email in students
        }

    def of(
        self,
        lesson_id: int,
        student_id: int,
        pk: uuid.UUID,
        created_at: dt.datetime,
        duration_s: float | None,
    ) -> list[Any]:
        """Of one recording."""
        lesson, student = self._lessons[lesson_id], self._students[student_id]
        return [*lesson, *student, str(pk), _time(created_at), duration_s]


def _reports(recordings: QuerySet[Recording]) -> Iterator[Any]:
    reports = newest_finished(recordings)
    columns = [f"recording__{name}" for name in _RECORDING]
    ordered = reports.order_by(*(f"recording__{name}" for name in _ORDER))
    return ordered.values_list(*columns, "finished_at", *FIGURES).iterator(_ROWS_AT_ONCE)


def _without_report(recordings: QuerySet[Recording]) -> Iterator[Any]:
    analyses = Analysis.objects.filter(recording=OuterRef("pk"))
    finished = Exists(analyses.filter(state=Analysis.State.FINISHED))
    newest = Subquery(analyses.order_by("-created_at").values("state")[:1])
    unfinished = recordings.filter(~finished)
    return unfinished.order_by(*_ORDER).values_list(*_RECORDING, newest).iterator(_ROWS_AT_ONCE)


def _time(at: dt.datetime | None) -> str:
    return at.astimezone(dt.UTC).isoformat(timespec="seconds") if at else ""
