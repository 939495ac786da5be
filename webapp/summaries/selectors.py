"""What the pages of summaries show. Nothing heavy is imported here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from engagement.summaries.schema import ClassMoment, Moment
from webapp.courses.models import Enrolment, Lesson
from webapp.marks.models import Correction
from webapp.privacy.models import Consent
from webapp.recordings.models import Analysis, Recording
from webapp.recordings.newest import newest_finished
from webapp.summaries.models import LessonSummary

#: Stretches of a recording in seconds.
Stretches = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Person:
    """One track of a recording's summary.

    `left_out` counts the moments that touch a stretch which an instructor left out of the figures
    since: they are not among `moments`.
    """

    track: int
    label: str
    coverage: float
    moments: Sequence[Moment]
    missing: Sequence[str]
    left_out: int


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
    """A class's moment with the faces that show it.

    `left_out` pictures are of stretches that were left out of a report's figures since.
    """

    moment: ClassMoment
    faces: Sequence[Face]
    left_out: int


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


def left_out(summary: LessonSummary) -> dict[UUID, Stretches]:
    """By recording the stretches that its figures leave out today, in one query."""
    rows = Correction.objects.filter(
        recording__in=summary.analyses.order_by().values("recording_id"),
        kind=Correction.Kind.EXCLUSION,
        withdrawn_at=None,
    )
    found: dict[UUID, list[tuple[float, float]]] = {}
    for recording, start_s, end_s in rows.values_list("recording_id", "start_s", "end_s"):
        found.setdefault(recording, []).append((start_s or 0.0, end_s or 0.0))
    return dict(found)


def people(summary: LessonSummary, excluded: Stretches | None = None) -> list[Person]:
    """A finished recording's summary, a person at a time.

    `excluded`: what its figures leave out, where that is known already.
    """
    found = summary.read().people
    if excluded is None:
        recording_id = summary.recording_id
        excluded = left_out(summary).get(recording_id, ()) if found and recording_id else ()
    made = []
    for number, one in enumerate(found, start=1):
        moments = [each for each in one.moments if not _touches(each, excluded)]
        made.append(
            Person(
                track=one.track,
                label=_("Person %(number)d") % {"number": number} if len(found) > 1 else "",
                coverage=one.coverage,
                moments=moments,
                missing=one.missing,
                left_out=len(one.moments) - len(moments),
            )
        )
    return made


def _touches(moment: Moment, excluded: Stretches) -> bool:
    """Whether the moment, or the clip of it, is of time that is left out."""
    parts = [(moment.start_s, moment.end_s)]
    if moment.clip:
        parts.append((moment.clip.start_s, moment.clip.end_s))
    return any(
        first_s < end_s and last_s > start_s
        for first_s, last_s in parts
        for start_s, end_s in excluded
    )


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
    excluded = left_out(summary)
    found = []
    for moment in document.whole_class.moments:
        faces = []
        for still in moment.stills:
            recording = known.get(document.sources[still.source].file)
            if recording is not None:
                name = recording.student.name or recording.student.email
                faces.append(Face(name, still.file, recording, still.track, still.t))
        shown = [one for one in faces if not _is_left_out(one, excluded)]
        found.append(Shared(moment, shown, len(faces) - len(shown)))
    return found


def _is_left_out(face: Face, excluded: Mapping[UUID, Stretches]) -> bool:
    stretches = excluded.get(face.recording.pk, ())
    return any(start_s <= face.t <= end_s for start_s, end_s in stretches)


def files_of(summary: LessonSummary) -> frozenset[str]:
    """Names of the files that a finished summary shows today: no others are served.

    The contact sheet, one picture of everything, is not where something of it was left out since.
    """
    found, moments = people(summary), shared(summary)
    clips = [moment.clip for one in found for moment in one.moments if moment.clip]
    names: list[str | None] = [name for clip in clips for name in (clip.file, clip.poster)]
    names += [face.file for shown in moments for face in shown.faces]
    counts = [one.left_out for one in found] + [one.left_out for one in moments]
    if not any(counts):
        names.append(summary.read().contact_sheet)
    return frozenset(name for name in names if name)
