"""A course of simulated students: rows as uploads and workers would have left them, no worker run.

Everything is drawn from one seed, so that the same class comes out on every machine. Its title says
that it is simulated, and so does every document in it (see `simulated_analysis`).
"""

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import ProtectedError

from webapp.accounts.models import User
from webapp.courses.models import Course, Enrolment, Lesson
from webapp.privacy import consent_text
from webapp.privacy.models import Consent
from webapp.recordings import storage
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from webapp.reports import ready
from webapp.stack import (
    demo_data,
    simulated_analysis,
    simulated_extras,
    simulated_films,
    simulated_remarks,
)
from webapp.stack.simulated import TITLE_ENDS
from webapp.stack.simulated_analysis import Meeting, Temper
from webapp.stack.simulated_extras import Simulated
from webapp.stack.simulated_films import Films, link

CODE = "SIM-24"
MAIL = "simulated.example"
_TITLE = "Marine biology"
_SEED = 20_260_907
_FIRST_LESSON = datetime(2026, 9, 7, 10, 0, tzinfo=UTC)
_AT_ONCE = 40
_SHORT_S = 75
_LENGTHS_MIN = (32, 40, 26, 45, 36, 30, 42, 22)
_LESSONS = (
    "The sea as a habitat",
    "Plankton",
    "Coral reefs",
    "Kelp forests",
    "The deep sea",
    "Whales and dolphins",
    "Fisheries",
    "The warming ocean",
)
_NAMES = (
    "Amara Okafor",
    "Bilal Rahman",
    "Carmen Ruiz",
    "Daniel Novak",
    "Elif Yildiz",
    "Farid Haddad",
    "Greta Lindqvist",
    "Hana Sato",
    "Ines Ferreira",
    "Jakub Kowalski",
    "Kavya Nair",
    "Liam O'Connor",
    "Mei Chen",
    "Noah Weber",
    "Olga Petrova",
    "Pablo Herrera",
    "Quynh Tran",
    "Rosa Bianchi",
    "Samuel Mensah",
    "Tariq Aziz",
    "Uma Krishnan",
    "Viktor Horvath",
    "Wanjiru Kamau",
    "Yara Nasser",
    "Zoe Martin",
)
# Who is special, by their place among the students, and in which lesson.
_OFTEN_AWAY, _SECOND_PERSON, _VERY_SHORT = 2, (3, 1), (4, 2)
_STOPPED, _FAILED_ANEW = (7, 2), (6, 0)
_FAILED = {
    (5, 3): (
        "video_undecodable",
        "The file cannot be decoded from 0:04 on. Convert it to MP4 (H.264) and upload it again.",
    ),
    (9, 1): (
        "worker_lost",
        "The analysis was begun 3 times, and each time the worker stopped before its end. Try a "
        "shorter recording, or convert it to MP4 (H.264).",
    ),
    (13, 6): (
        "video_audio_only",
        "The file holds sound and no picture. Record with the camera on.",
    ),
}
_TWO_MODELS = 4  # the lesson of which two models made reports


Logins = dict[str, demo_data.Login]


@dataclass(frozen=True)
class Made:
    """What there is after seeding: `is_new` is False where it had been there before."""

    course: Course
    reports: int
    is_new: bool


@dataclass(frozen=True)
class _Plan:
    """What is drawn before anything is written."""

    meetings: list[Meeting]
    tempers: list[Temper]
    chance: random.Random


def create(logins: Logins, students: int = 24, lessons: int = 8) -> Made:
    """Makes the course; where it is there already, changes nothing.

    Args:
        logins: the demo's people: a student and the instructor take part.
        students, lessons: how many; at least 8 and 1.

    Raises:
        ClipError: the films could not be drawn.
    """
    existing = Course.objects.filter(code=CODE).first()
    if existing is not None:
        reports = Analysis.objects.filter(recording__lesson__course=existing, state="finished")
        return Made(existing, reports.count(), is_new=False)
    plan = _plan(students, lessons)
    films = Films([_SHORT_S, *(int(one.duration_s) for one in plan.meetings)])
    try:
        films.wait()
        with transaction.atomic():
            course = _course(logins)
            meetings = _lessons(course, plan)
            people = _people(course, logins["student"].user, students)
            _consents(course, people, meetings[0])
            reports = _recordings(plan, meetings, people, films)
            world = Simulated(
                course=course,
                lessons=meetings,
                students=people,
                instructor=logins["instructor"].user,
                second_instructor=_second_instructor(course),
                reports=reports,
                films=films,
                short_s=_SHORT_S,
            )
            simulated_extras.add_all(world)
            simulated_remarks.add_all(world)
    except BaseException:
        films.stop()
        raise
    return Made(course, len(reports), is_new=True)


def remove() -> bool:
    """Erases the course and its people; False where there is none.

    People of whom the access log speaks stay as inactive users: its lines are never removed.
    """
    course = Course.objects.filter(code=CODE).first()
    if course is not None:
        with transaction.atomic():
            # One by one: what hangs on a recording (files, summaries) follows its own deletion.
            for recording in Recording.objects.filter(lesson__course=course):
                recording.delete()
            course.delete()
    for user in User.objects.filter(email__endswith=f"@{MAIL}"):
        try:
            with transaction.atomic():
                user.delete()
        except ProtectedError:
            User.objects.filter(pk=user.pk).update(is_active=False)
    simulated_films.erase()
    return course is not None


def _plan(students: int, lessons: int) -> _Plan:
    chance = random.Random(_SEED)
    tempers = [simulated_analysis.temper(chance) for _ in range(students)]
    away = tempers[_OFTEN_AWAY]
    tempers[_OFTEN_AWAY] = replace(away, seen=0.85, leaves=14.0)
    meetings = [
        simulated_analysis.meeting(number, 60.0 * _LENGTHS_MIN[number % len(_LENGTHS_MIN)], chance)
        for number in range(lessons)
    ]
    return _Plan(meetings, tempers, chance)


# -- people and lessons --


def _course(logins: Logins) -> Course:
    course = Course.objects.create(code=CODE, title=f"{_TITLE}{TITLE_ENDS}")
    Enrolment.objects.create(course=course, user=logins["instructor"].user, role="instructor")
    return course


def _lessons(course: Course, plan: _Plan) -> list[Lesson]:
    titles = [_LESSONS[n % len(_LESSONS)] for n in range(len(plan.meetings))]
    return [
        Lesson.objects.create(
            course=course,
            title=f"Lesson {number + 1}: {title}",
            starts_at=_FIRST_LESSON + timedelta(weeks=number),
        )
        for number, title in enumerate(titles)
    ]


def _people(course: Course, first: User, number: int) -> list[User]:
    """The students: the one who can log in, and others without a password."""
    names = [*_NAMES, *(f"Student {n}" for n in range(len(_NAMES) + 1, number + 1))]
    people = [first, *(_somebody(name) for name in names[: number - 1])]
    Enrolment.objects.bulk_create(
        Enrolment(course=course, user=one, role="student") for one in people
    )
    return people


def _second_instructor(course: Course) -> User:
    teacher = _somebody("Imani Instructor")
    Enrolment.objects.create(course=course, user=teacher, role="instructor")
    return teacher


def _somebody(name: str) -> User:
    mail = "".join(one if one.isalnum() else "." for one in name.lower()).replace("..", ".")
    user, made = User.objects.get_or_create(email=f"{mail}@{MAIL}", defaults={"name": name})
    if made:
        user.set_unusable_password()
    user.is_active = True
    user.save()
    return user


def _consents(course: Course, people: Sequence[User], first: Lesson) -> None:
    """All consent but the last student; the one before them has withdrawn."""
    given_at = first.starts_at - timedelta(days=2)
    Consent.objects.bulk_create(
        Consent(user=one, course=course, text_version=consent_text.VERSION) for one in people[:-1]
    )
    given = Consent.objects.filter(course=course)
    given.update(granted_at=given_at)
    given.filter(user=people[-2]).update(withdrawn_at=given_at + timedelta(days=20))


# -- recordings and analyses --


def _recordings(
    plan: _Plan, lessons: Sequence[Lesson], people: Sequence[User], films: Films
) -> list[Analysis]:
    """The recordings of everybody who consents; their finished analyses, in order."""
    reports: list[Analysis] = []
    waiting: list[tuple[Analysis, dict[str, Any]]] = []
    for number, lesson in enumerate(lessons):
        # The last two have no consent, and the one before them has not recorded anything yet.
        for place, student in enumerate(people[:-3]):
            chance = random.Random(f"{_SEED} {number} {place}")
            if number and place and chance.random() < 0.08 and (place, number) not in _SPECIAL:
                continue
            recording = _recording(plan, (place, number), lesson, student, films, chance)
            document = _analyses(plan, (place, number), recording, chance)
            if document is not None:
                waiting.append(document)
                reports.append(document[0])
            if len(waiting) >= _AT_ONCE:
                _write(waiting)
    _write(waiting)
    return reports


_SPECIAL = {_SECOND_PERSON, _VERY_SHORT, _STOPPED, _FAILED_ANEW, *_FAILED}


def _length_s(plan: _Plan, where: tuple[int, int]) -> int:
    return _SHORT_S if where == _VERY_SHORT else int(plan.meetings[where[1]].duration_s)


def _recording(
    plan: _Plan,
    where: tuple[int, int],
    lesson: Lesson,
    student: User,
    films: Films,
    chance: random.Random,
) -> Recording:
    film = films.of(_length_s(plan, where))
    began_at = lesson.starts_at + timedelta(seconds=round(chance.uniform(-20, 90)))
    fields = {"started_at": began_at} if "started_at" in _RECORDING_FIELDS else {}
    recording = Recording.objects.create(
        id=uuid.UUID(int=chance.getrandbits(128), version=4),
        lesson=lesson,
        student=student,
        original_name=f"{lesson.title.partition(':')[0]} simulated.mp4",
        size_bytes=film.stat().st_size,
        sha256=films.sha256(film),
        duration_s=None if where in _FAILED else float(_length_s(plan, where)),
        playback=Recording.Playback.ORIGINAL,
        **fields,
    )
    uploaded_at = began_at + timedelta(
        seconds=_length_s(plan, where), minutes=chance.uniform(2, 240)
    )
    Recording.objects.filter(pk=recording.pk).update(created_at=uploaded_at)
    recording.created_at = uploaded_at
    storage.recordings_dir()
    link(film, recording.video_path)
    return recording


_RECORDING_FIELDS = {one.name for one in Recording._meta.get_fields()}


def _analyses(
    plan: _Plan, where: tuple[int, int], recording: Recording, chance: random.Random
) -> tuple[Analysis, dict[str, Any]] | None:
    """The recording's analyses; the finished one with its document, not written yet."""
    begun_at = recording.created_at + timedelta(minutes=1)
    if where in _FAILED:
        code, text = _FAILED[where]
        _ended(recording, chance, begun_at, "failed", error_code=code, error_text=text)
        return None
    if where == _STOPPED:
        _ended(recording, chance, begun_at, "cancelled", progress=0.4)
        return None
    meeting = plan.meetings[where[1]]
    if where == _VERY_SHORT:
        meeting = Meeting(float(_SHORT_S), ())
    document = simulated_analysis.simulated_document(
        plan.tempers[where[0]],
        meeting,
        chance,
        file=recording.original_name,
        sha256=recording.sha256,
        second_person=(540.0, 840.0) if where == _SECOND_PERSON else None,
        by_classifier=where[1] == _TWO_MODELS and where[0] % 2 == 1,
    )
    finished = _ended(recording, chance, begun_at, "finished", **_columns(document))
    if where == _FAILED_ANEW:
        later = begun_at + timedelta(days=1)
        text = "The worker stopped before the analysis ended. Try again."
        _ended(recording, chance, later, "failed", error_code="worker_lost", error_text=text)
    return finished, document


def _ended(
    recording: Recording, chance: random.Random, begun_at: datetime, state: str, **fields: Any
) -> Analysis:
    ended_at = begun_at + timedelta(seconds=round(chance.uniform(60, 240)))
    analysis = Analysis.objects.create(
        id=uuid.UUID(int=chance.getrandbits(128), version=4),
        recording=recording,
        state=state,
        attempts=1,
        sampling_fps=simulated_analysis.SAMPLING_FPS,
        sent_at=begun_at,
        started_at=begun_at,
        finished_at=ended_at,
        **{"progress": 1.0 if state == "finished" else 0.0, **fields},
    )
    Analysis.objects.filter(pk=analysis.pk).update(created_at=begun_at)
    return analysis


def _columns(document: dict[str, Any]) -> dict[str, Any]:
    """What an analysis copies out of its document."""
    summary, models = document["summary"], document["models"]
    names = ("mean_engagement", "engagement_spread", "engaged_share", "coverage")
    return {
        **{name: summary[name] for name in names},
        "dominant_emotion": summary["dominant_emotion"] or "",
        "face_share": document["presence"]["face_share"],
        "expression_model": models["expression"]["name"],
        "engagement_model": models["engagement"]["name"],
        "engagement_kind": models["engagement"]["kind"],
    }


def _write(waiting: list[tuple[Analysis, dict[str, Any]]]) -> None:
    """Documents and what pages read of them, as a worker does at an analysis' end."""
    AnalysisDocument.objects.bulk_create(
        AnalysisDocument(analysis=analysis, document=document) for analysis, document in waiting
    )
    for analysis, document in waiting:
        ready.store(analysis, ready.make_from_stored(document))
    waiting.clear()
