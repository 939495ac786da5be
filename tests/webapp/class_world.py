"""A course of any size with recordings in every state, for tests of lists: rows, few documents."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.factories import build_document
from tests.webapp.group_world import analysed, found_group
from tests.webapp.summary_world import finished_class_summary, finished_summary
from webapp.accounts.models import User
from webapp.calibration.models import AnalysisClassifier, Classifier, WindowLabel
from webapp.courses.models import Course, Enrolment, Lesson
from webapp.groups.models import GroupRecording
from webapp.marks.models import Mark
from webapp.privacy import consent_text
from webapp.privacy.models import AccessLog, Consent
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from webapp.reports import ready

_START = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
_EMOTIONS = ("neutral", "happiness", "sadness")
State = Analysis.State


@dataclass(frozen=True)
class ClassWorld:
    """A course, everybody in it by name, and one thing of each kind that has a page."""

    course: Course
    lessons: list[Lesson]
    students: list[User]
    instructor: User
    recording: Recording
    classifier: Classifier
    group: GroupRecording


def make_class(code: str, students: int, lessons: int = 4) -> ClassWorld:
    """A course of that many students, the first of whom has a report with its document.

    In every lesson each has a recording: of three students one's is analysed (twice), the second
    one's failed, and the third one's waits; the first lesson is analysed for all.
    """
    course = Course.objects.create(title=f"Course {code}", code=code)
    people = _people(code, students)
    instructor = User.objects.create_user(f"teacher@{code}.example", name="The teacher")
    roles = [(one, "student") for one in people] + [(instructor, "instructor")]
    Enrolment.objects.bulk_create(
        Enrolment(course=course, user=user, role=role) for user, role in roles
    )
    Consent.objects.bulk_create(
        Consent(user=one, course=course, text_version=consent_text.VERSION) for one in people
    )
    meetings = [
        Lesson.objects.create(
            course=course, title=f"Lesson {n}", starts_at=_START + timedelta(weeks=n)
        )
        for n in range(lessons)
    ]
    recordings = [_recordings(lesson, people) for lesson in meetings]
    reports = _analyses(recordings)
    first = reports[0]
    give_document(first)
    _marked(first.recording, instructor)
    _log(instructor, recordings[0])
    return ClassWorld(
        course=course,
        lessons=meetings,
        students=people,
        instructor=instructor,
        recording=first.recording,
        classifier=_calibration(course, instructor, reports),
        group=_shown_together(meetings[0], instructor, reports),
    )


def give_document(analysis: Analysis) -> None:
    """A document, and the ready form that a worker leaves beside it."""
    document = build_document(duration_s=60.0)
    AnalysisDocument.objects.create(analysis=analysis, document=document)
    ready.store(analysis, ready.make_from_stored(document))


def _marked(recording: Recording, instructor: User) -> None:
    """A note with a tag that the student sees, and a correction that was undone."""
    mark = Mark.objects.create(
        recording=recording, author=instructor, start_s=5.0, text="Here", audience="everyone"
    )
    mark.tags.create(name="question")
    recording.corrections.create(
        kind="exclusion",
        start_s=1.0,
        end_s=2.0,
        text="Not the student",
        made_by=instructor,
        withdrawn_at=_START,
    )


def _people(code: str, number: int) -> list[User]:
    return User.objects.bulk_create(
        User(email=f"student{n}@{code}.example", name=f"Student {n:03d}", password="!")
        for n in range(number)
    )


def _recordings(lesson: Lesson, people: list[User]) -> list[Recording]:
    return Recording.objects.bulk_create(
        Recording(
            lesson=lesson,
            student=one,
            original_name=f"{one.name}.mp4",
            size_bytes=1000,
            sha256="ab" * 32,
            duration_s=60.0,
        )
        for one in people
    )


def _analyses(recordings: list[list[Recording]]) -> list[Analysis]:
    """Returns the finished ones of the first lesson, which is analysed for all."""
    made = []
    for number, of_lesson in enumerate(recordings):
        for rank, recording in enumerate(of_lesson):
            state = (State.FINISHED, State.FAILED, State.QUEUED)[rank % 3 if number else 0]
            made.append(_analysis(recording, state, rank))
            if state == State.FINISHED:
                made.insert(-1, _analysis(recording, state, rank, older=True))
    Analysis.objects.bulk_create(made)
    first = {one.pk for one in recordings[0]}
    newest = {one.recording_id: one for one in made if one.recording_id in first}
    return list(newest.values())


def _analysis(recording: Recording, state: State, rank: int, *, older: bool = False) -> Analysis:
    if state != State.FINISHED:
        return Analysis(recording=recording, state=state)
    return Analysis(
        recording=recording,
        state=state,
        finished_at=_START + timedelta(days=100 - older),
        mean_engagement=0.1 if older else 0.4 + 0.1 * (rank % 3),
        engagement_spread=0.1,
        engaged_share=0.5,
        coverage=0.9,
        dominant_emotion=_EMOTIONS[rank % 3],
        face_share=0.95,
        expression_model="mobilenet_7_fer",
        engagement_model="concentration_index",
        engagement_kind="index",
    )


def _calibration(course: Course, instructor: User, reports: list[Analysis]) -> Classifier:
    # In use, but for another expression model: nothing is due, and everybody is looked at.
    classifier = Classifier.objects.create(
        course=course, state="finished", in_use=True, embedding_model="another"
    )
    AnalysisClassifier.objects.bulk_create(
        AnalysisClassifier(analysis=one, classifier=classifier) for one in reports[1:]
    )
    WindowLabel.objects.bulk_create(
        WindowLabel(
            recording=one.recording,
            start_s=start,
            end_s=start + 10,
            value="engaged",
            labelled_by=instructor,
        )
        for one in reports
        for start in (0.0, 10.0)
    )
    return classifier


def _shown_together(lesson: Lesson, instructor: User, reports: list[Analysis]) -> GroupRecording:
    finished_summary(reports[0].recording, reports[0])
    finished_class_summary(lesson, reports)
    group = found_group(lesson, instructor, people=len(reports))
    return analysed(group, *(one.recording for one in reports))


def _log(instructor: User, recordings: list[Recording]) -> None:
    AccessLog.objects.bulk_create(
        AccessLog(actor=instructor, subject_id=one.student_id, recording_id=one.pk, action="report")
        for one in recordings
    )
