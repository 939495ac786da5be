"""What the pages of summaries show. Nothing heavy is imported here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from engagement.summaries.schema import ClassMoment, Moment
from webapp.courses.models import Enrolment, Lesson
from webapp.privacy.models import Consent
from webapp.recordings.models import Analysis, Recording
from webapp.recordings.newest import newest_finished
from webapp.summaries.models import LessonSummary


@dataclass(frozen=True)
class Person:
    """One track of a recording's summary."""

    track: int
    label: str
    coverage: float
    moments: Sequence[Moment]
    missing: Sequence[str]


@dataclass(frozen=True)
class Face:
    """One student's still of a class's moment, and the recording that it leads to."""

    name: str
    file: str
    recording: Recording
    track: int
    t: float


@dataclass(frozen=True)
class Shared:
    """A class's moment with the faces that show it."""

    moment: ClassMoment
    faces: Sequence[Face]


def latest(subject: Recording | Lesson) -> LessonSummary | None:
    """The newest summary of a recording or a class, whatever its state."""
    return subject.summaries.order_by("-created_at").first()


def latest_summary_finished(subject: Recording | Lesson) -> LessonSummary | None:
    """The newest one that can be shown."""
    finished = subject.summaries.filter(state=LessonSummary.State.FINISHED)
    return finished.order_by("-finished_at").first()


def class_analyses(lesson: Lesson) -> list[Analysis]:
    """The newest finished analysis of each student who consents, by name."""
    consenting = Consent.objects.filter(course=lesson.course_id, withdrawn_at=None)
    analyses = (
        newest_finished(
            Recording.objects.filter(lesson=lesson, student__in=consenting.values("user"))
        )
        .select_related("recording__student")
        .order_by("recording__student__name", "recording__student_id", "-recording__created_at")
    )
    found: dict[int, Analysis] = {}
    for analysis in analyses:
        found.setdefault(analysis.recording.student_id, analysis)
    return list(found.values())


def student_count(lesson: Lesson) -> int:
    """Students of the lesson's course, with and without a recording."""
    return Enrolment.objects.filter(course=lesson.course_id, role=Enrolment.Role.STUDENT).count()


def people(summary: LessonSummary) -> list[Person]:
    """A finished recording's summary, a person at a time."""
    found = summary.read().people
    return [
        Person(
            track=one.track,
            label=_("Person %(number)d") % {"number": number} if len(found) > 1 else "",
            coverage=one.coverage,
            moments=one.moments,
            missing=one.missing,
        )
        for number, one in enumerate(found, start=1)
    ]


def members(summary: LessonSummary) -> QuerySet[Recording]:
    """The recordings that a summary shows."""
    return Recording.objects.filter(pk__in=summary.analyses.values("recording_id")).select_related(
        "student"
    )


def shared(summary: LessonSummary) -> list[Shared]:
    """A finished class's moments, each with the students whom it shows."""
    document = summary.read()
    if document.whole_class is None:
        return []
    # The worker names a class's sources by their recordings.
    known = {str(one.pk): one for one in members(summary)}
    found = []
    for moment in document.whole_class.moments:
        faces = []
        for still in moment.stills:
            recording = known.get(document.sources[still.source].file)
            if recording is not None:
                name = recording.student.name or recording.student.email
                faces.append(Face(name, still.file, recording, still.track, still.t))
        found.append(Shared(moment, faces))
    return found


def files_of(summary: LessonSummary) -> frozenset[str]:
    """Names of the files that a finished summary speaks of: no others are served."""
    document: dict[str, Any] = summary.document or {}
    names = [name for key, part in document.items() if key != "sources" for name in _names(part)]
    return frozenset([*names, document.get("contact_sheet") or ""])


def _names(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part[key] for key in ("file", "poster") if part.get(key)]
        return own + [name for value in part.values() for name in _names(value)]
    if isinstance(part, list):
        return [name for value in part for name in _names(value)]
    return []
