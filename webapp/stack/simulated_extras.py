"""What else a simulated course has: labels, a classifier's card, summaries, meetings."""

import math
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from webapp.accounts.models import User
from webapp.calibration import selectors
from webapp.calibration.models import Classifier, WindowLabel
from webapp.calibration.windows import Stretch, stretches
from webapp.courses.models import Course, Lesson
from webapp.groups import storage as group_storage
from webapp.groups.models import GroupAffectDocument, GroupPerson, GroupRecording, GroupResult
from webapp.recordings.models import Analysis
from webapp.reports import ready
from webapp.stack.simulated_analysis import MODEL
from webapp.stack.simulated_films import Films, link
from webapp.summaries.models import LessonSummary

_LABELLED_STUDENTS, _LABELLED_WINDOWS, _LABELLED_TWICE = 6, 14, 9
_SHOWN = 5  # students in a class's summary
_MEETING_S = 1200.0


@dataclass(frozen=True)
class Simulated:
    """A simulated course with its finished analyses, lesson by lesson and student by student.

    Attributes:
        short_s: length of the shortest film, which stands for clips and meetings.
    """

    course: Course
    lessons: list[Lesson]
    students: list[User]
    instructor: User
    second_instructor: User
    reports: list[Analysis]
    films: Films
    short_s: int

    def reports_of(self, number: int) -> list[Analysis]:
        """The reports of a lesson by its place."""
        lesson = self.lessons[number]
        return [one for one in self.reports if one.recording.lesson_id == lesson.pk]

    @property
    def short(self) -> Path:
        """The shortest film."""
        return self.films.of(self.short_s)


def add_all(world: Simulated) -> None:
    """Everything below."""
    _label(world)
    _add_classifier(world)
    _summarise_recording(world)
    _summarise_class(world)
    _add_meetings(world)


# -- calibration --


def _label(world: Simulated) -> None:
    """Two instructors label windows of some students, and do not always agree."""
    chance = random.Random(f"labels of {world.course.code}")
    for report in world.reports_of(0)[:_LABELLED_STUDENTS]:
        windows = stretches(ready.read_page(report))[:: len(world.lessons) + 6]
        rows = [(world.instructor, one) for one in windows[:_LABELLED_WINDOWS]]
        rows += [(world.second_instructor, one) for one in windows[:_LABELLED_TWICE]]
        WindowLabel.objects.bulk_create(
            WindowLabel(
                recording=report.recording,
                start_s=stretch.start_s,
                end_s=stretch.end_s,
                value=_seen_as(stretch, chance),
                labelled_by=instructor,
            )
            for instructor, stretch in rows
        )


def _seen_as(stretch: Stretch, chance: random.Random) -> WindowLabel.Value:
    if chance.random() < 0.08:
        return WindowLabel.Value.UNSURE
    engaged = stretch.estimate + chance.gauss(0.0, 0.12) > 0.5
    return WindowLabel.Value.ENGAGED if engaged else WindowLabel.Value.DISTRACTED


def _add_classifier(world: Simulated) -> None:
    """The card of a classifier that was not better than what was in use: it has no file."""
    at = world.lessons[0].starts_at + timedelta(days=3)
    recall = {"value": 0.61, "low": 0.49, "high": 0.72}
    labels = selectors.readiness(world.course)
    classifier = Classifier.objects.create(
        id=_id(world, "classifier"),
        course=world.course,
        state=Classifier.State.FINISHED,
        created_by=world.instructor,
        started_at=at,
        finished_at=at + timedelta(minutes=1),
        name=f"{MODEL}_course",
        embedding_model=MODEL,
        card={
            "name": f"{MODEL}_course",
            "method": "ridge",
            "embedding_model": MODEL,
            "embedding_size": 1024,
            "levels": ["distracted", "engaged"],
            "window_s": 10.0,
            "sampling_fps": 0.5,
            "temperature": 1.0,
            "trained_on": "nothing: it is simulated",
            "people": _LABELLED_STUDENTS,
            "windows": labels.windows,
            "scope": "course",
            "metrics": {
                "balanced_recall": recall,
                "accuracy": {"value": 0.64, "low": 0.53, "high": 0.74},
                "macro_f1": {"value": 0.6, "low": 0.48, "high": 0.7},
            },
            "guessing": {"balanced_recall": 0.5, "accuracy": 0.62, "macro_f1": 0.38},
        },
        counts={
            name: getattr(labels, name) for name in ("engaged", "distracted", "unsure", "disagreed")
        },
        comparison={
            "candidate": recall,
            "current": {"value": 0.58, "low": 0.46, "high": 0.69},
            "difference": {"value": 0.03, "low": -0.07, "high": 0.13},
            "better": False,
            "current_name": MODEL,
        },
        verdict=Classifier.Verdict.NO_SKILL,
    )
    Classifier.objects.filter(pk=classifier.pk).update(created_at=at)
    classifier.fitted_on.set(one.recording for one in world.reports_of(0)[:_LABELLED_STUDENTS])


# -- summaries --


def _summarise_recording(world: Simulated) -> None:
    """A summary of the newest report of the student who can log in."""
    student = world.students[0]
    report = [one for one in world.reports if one.recording.student_id == student.pk][-1]
    at_s = min(1196.0, _length_s(report) / 2)
    clips = [
        {
            "file": f"clip-{number}.mp4",
            "poster": f"clip-{number}.jpg",
            "start_s": start_s,
            "end_s": start_s + 8.0,
            "size_bytes": world.short.stat().st_size,
        }
        for number, start_s in enumerate((at_s / 2, at_s), start=1)
    ]
    moments = [
        _dip(at_s / 2) | {"clip": clips[0]},
        _laugh(at_s) | {"clip": clips[1]},
    ]
    person = {
        "track": 1,
        "coverage": report.coverage or 0.0,
        "moments": moments,
        "missing": ["No other emotion was clear for long enough."],
    }
    files = {"contact-sheet.jpg": world.films.figure(0)}
    for number, clip in enumerate(clips):
        files |= {clip["file"]: world.short, clip["poster"]: world.films.figure(number)}
    _add_summary(world, [report], files, "summary", recording=report.recording, people=[person])


def _summarise_class(world: Simulated) -> None:
    reports = world.reports_of(0)
    sources = range(min(_SHOWN, len(reports)))

    def shared(moment: dict[str, Any], at_s: float) -> dict[str, Any]:
        return moment | {
            "people": 1 + 2 * len(reports) // 3,
            "in_view": max(len(reports) - 1, 1),
            "of": len(reports),
            "stills": [
                {"file": _still(number), "source": number, "track": 1, "t": at_s + number}
                for number in sources
            ],
        }

    whole = {
        "people": len(reports),
        "moments": [shared(_dip(700.0), 728.0), shared(_laugh(1190.0), 1195.0)],
        "missing": ["Nothing else was shared by most of the students in view."],
    }
    files = {_still(number): world.films.figure(number) for number in sources}
    files["contact-sheet.jpg"] = world.films.figure(0)
    lesson = world.lessons[0]
    _add_summary(world, reports, files, "class", lesson=lesson, people=[], whole_class=whole)


def _still(number: int) -> str:
    return f"class-{number}.jpg"


def _laugh(start_s: float) -> dict[str, Any]:
    return {
        "kind": "emotion",
        "emotion": "happiness",
        "start_s": start_s,
        "end_s": start_s + 14.0,
        "probability": 0.74,
        "coverage": 0.96,
        "why": "Simulated: happiness was clearly the strongest emotion for 14.0 s.",
    }


def _dip(start_s: float) -> dict[str, Any]:
    return {
        "kind": "dip",
        "start_s": start_s,
        "end_s": start_s + 60.0,
        "engagement": 0.31,
        "mean_engagement": 0.6,
        "spread": 0.12,
        "coverage": 0.91,
        "why": "Simulated: engagement was 0.31, and 0.60 ± 0.12 over the whole recording.",
    }


def _add_summary(
    world: Simulated,
    reports: Sequence[Analysis],
    files: dict[str, Path],
    name: str,
    *,
    recording: Any = None,
    lesson: Lesson | None = None,
    **parts: Any,
) -> None:
    page = ready.read_page(reports[0]).document
    made_at = max(_ended_at(one) for one in reports) + timedelta(hours=2)
    summary = LessonSummary.objects.create(
        id=_id(world, name),
        recording=recording,
        lesson=lesson,
        state=LessonSummary.State.FINISHED,
        progress=1.0,
        created_by=world.instructor,
        started_at=made_at,
        finished_at=made_at + timedelta(minutes=1),
        document={
            "schema": "engagement.summary/1",
            "sources": [
                page.source.model_dump() | {"file": str(one.recording_id)} for one in reports
            ],
            "expression": page.models.expression.model_dump(),
            "engagement": page.models.engagement.model_dump(),
            "rules": {},
            "contact_sheet": "contact-sheet.jpg",
            "notes": ["Simulated: the moments, their figures and their pictures are made up."],
            **parts,
        },
    )
    LessonSummary.objects.filter(pk=summary.pk).update(created_at=made_at)
    summary.analyses.set(reports)
    for file, source in files.items():
        link(source, summary.folder / file)


def _length_s(report: Analysis) -> float:
    return report.recording.duration_s or 0.0


def _ended_at(report: Analysis) -> datetime:
    return report.finished_at or report.created_at


# -- meetings --


def _add_meetings(world: Simulated) -> None:
    """A meeting that was analysed, and, where there is a second lesson, one that waits."""
    reports = world.reports_of(len(world.lessons) - 1)[1:4]
    last = _add_meeting(world, world.lessons[-1], "analysed", people=len(reports) + 1)
    for number, report in enumerate(reports, start=1):
        person = last.people.get(number=number)
        person.decision, person.student = GroupPerson.Decision.STUDENT, report.recording.student
        person.matched_by, person.matched_at = world.instructor, last.found_at
        person.save()
        GroupResult.objects.create(person=person, recording=report.recording)
    last.people.filter(student=None).update(decision=GroupPerson.Decision.NOBODY)
    GroupAffectDocument.objects.create(
        group=last,
        people=len(reports),
        rows=[_affect(20.0 * step) for step in range(int(_MEETING_S / 20))],
        models_used={"name": "mean_of_faces", "kind": "index", "expression": MODEL},
    )
    link(world.short, group_storage.blurred_path(last.pk))
    GroupRecording.objects.filter(pk=last.pk).update(analysed_at=last.found_at)
    if len(world.lessons) > 1:
        names = [one.name for one in world.students[1:3]]
        _add_meeting(world, world.lessons[-2], "waiting", people=3, name_tags=names)


def _add_meeting(
    world: Simulated, lesson: Lesson, name: str, people: int, name_tags: Sequence[str] = ()
) -> GroupRecording:
    at = lesson.starts_at + timedelta(hours=3)
    group = GroupRecording.objects.create(
        id=_id(world, f"meeting {name}"),
        lesson=lesson,
        uploaded_by=world.instructor,
        original_name="Meeting simulated.mp4",
        size_bytes=world.short.stat().st_size,
        sha256=world.films.sha256(world.short),
        duration_s=_MEETING_S,
        state=GroupRecording.State.FINISHED,
        progress=1.0,
        found_at=at + timedelta(minutes=2),
    )
    GroupRecording.objects.filter(pk=group.pk).update(created_at=at)
    group_storage.groups_dir()
    link(world.short, group.video_path)
    for number in range(1, people + 1):
        tag = name_tags[number - 1] if number <= len(name_tags) else ""
        person = GroupPerson.objects.create(
            group=group,
            number=number,
            seen_s=_MEETING_S * (1 - 0.13 * number),
            has_thumbnail=True,
            name_tag=tag,
            name_tag_share=0.9 if tag else None,
        )
        link(world.films.head(number), person.thumbnail_path)
    return group


def _affect(start_s: float) -> dict[str, Any]:
    positive = round(0.3 + 0.2 * math.sin(start_s / 170), 4)
    negative = round(0.15 + 0.1 * math.cos(start_s / 110), 4)
    return {
        "start_s": start_s,
        "end_s": start_s + 20.0,
        "positive": positive,
        "neutral": round(1 - positive - negative, 4),
        "negative": negative,
        "people": 3,
        "face_share": 1.0,
    }


def _id(world: Simulated, name: str) -> uuid.UUID:
    """The same id every time, so that addresses of pages stay."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{world.course.code}/{name}")
