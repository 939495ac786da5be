"""The steps of a group recording. Heavy: imports the science.

Each writes its files into the group's work folder, and moves them into place in the transaction
that also writes the rows, which the claim on the group's row guards.
"""

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from engagement.faces.people import match_people
from engagement.files import sha256_of
from engagement.group import analyze_people, blur_others, find_people
from engagement.group.people import People, Person
from engagement.pipeline import AnalysisResult, OnProgress
from engagement.video.reader import VideoReader
from webapp.accounts.models import User
from webapp.groups import selectors, storage
from webapp.groups.models import GroupAffectDocument, GroupPerson, GroupRecording
from workers import calibrated, face_templates, group_claims, group_results
from workers.analysis import analyzer_for
from workers.claims import ClaimLostError
from workers.group_people import joined, moved, stripped
from workers.pulse import Pulse

Decision = GroupPerson.Decision


def find(group: GroupRecording, owner: str, pulse: Pulse) -> None:
    """Tells the people apart, and suggests who they may be."""
    people = find_people(group.video_path, fps=settings.SAMPLING_FPS, on_progress=pulse.progress)
    suggested = match_people(
        {person.id: person.descriptor for person in people.people},
        face_templates.kept(group.lesson.course),
    )
    with _work_folder(group) as work:
        faces = work / "faces"
        faces.mkdir()
        for person in people.people:
            bgr = cv2.cvtColor(person.thumbnail, cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(faces / f"{person.id}.jpg"), bgr)
        # Names and faces are the site's to keep and to erase; a worker needs neither.
        stripped(people).save(work / "people")
        with transaction.atomic():
            group_claims.lock(group.pk, owner)
            group.people.all().delete()
            GroupPerson.objects.bulk_create(
                _row(group, people, person, suggested) for person in people.people
            )
            _put(faces, storage.faces_path(group.pk))
            _put(work / "people", storage.people_path(group.pk))
            group_claims.finish(
                group.pk, owner, found_at=timezone.now(), duration_s=people.source.duration_s
            )


def _row(
    group: GroupRecording,
    people: People,
    person: Person,
    suggested: Mapping[int, tuple[str, float]],
) -> GroupPerson:
    tag = person.name_tag
    student, similarity = suggested.get(person.id, (None, None))
    return GroupPerson(
        group=group,
        number=person.id,
        name_tag=tag.text[:200] if tag else "",
        name_tag_share=tag.share if tag else None,
        seen_s=len(person.times) / people.sampling_fps,
        has_thumbnail=True,
        suggested_id=int(student) if student else None,
        similarity=similarity,
    )


def analyse(group: GroupRecording, owner: str, pulse: Pulse) -> None:
    """Analyses the matched students who consent, and gives each a recording of their own.

    A student whose result is there and still fits keeps it; the class is judged anew.
    """
    matched = _matched(group)
    same = [[person.number for person in mine] for mine in matched.values()]
    people = joined(_people(group), same)
    firsts = {mine[0]: student for student, mine in matched.items()}
    new = {
        one: student for one, student in firsts.items() if not group_results.exists(group, student)
    }
    shown = [one.number for one in firsts]
    # One reading of the video for the analysis, and one for each copy of it.
    progress = _shares(pulse, len(new) + 2)
    analyzer = analyzer_for(settings.EXPRESSION_MODEL)
    classifier = calibrated.course_classifier(group.lesson.course, analyzer.expression_model)
    result = analyze_people(
        analyzer,
        group.video_path,
        people,
        shown,
        engagement="auto" if classifier is None else classifier.path,
        on_progress=progress(0),
    )
    with _work_folder(group) as work:
        for turn, (person, student) in enumerate(new.items(), start=1):
            copy = work / f"{person.number}.mp4"
            only = [person.number]
            blur_others(group.video_path, people, only, copy, on_progress=progress(turn))
            made = group_results.make(group, owner, person, student, people, result, copy)
            calibrated.note(made, classifier)
        blurred = work / "blurred.mp4"
        last = progress(len(new) + 1)
        blur_others(group.video_path, people, shown, blurred, on_progress=last)
        _conclude(group, owner, matched, result, blurred)


def _matched(group: GroupRecording) -> dict[User, list[GroupPerson]]:
    """The students who are to be analysed, with their faces."""
    by_student: dict[User, list[GroupPerson]] = defaultdict(list)
    for person in selectors.people_to_analyse(group):
        if person.student is not None:
            by_student[person.student].append(person)
    return by_student


def _conclude(
    group: GroupRecording,
    owner: str,
    matched: Mapping[User, Sequence[GroupPerson]],
    result: AnalysisResult,
    blurred: Path,
) -> None:
    """Keeps what is of everybody together, and drops what has served."""
    kept = People.load(storage.people_path(group.pk))
    bare = stripped(kept, without_descriptors={person.id for person in kept.people})
    with transaction.atomic():
        group_claims.lock(group.pk, owner)
        for student, mine in matched.items():
            described = [one.descriptor for one in kept.chosen([one.number for one in mine])]
            face_templates.keep(group.lesson.course, student, described)
        _write_affect(group, result, len(matched))
        nobody = group.people.filter(decision=Decision.NOBODY)
        numbers = list(nobody.values_list("number", flat=True))
        nobody.update(has_thumbnail=False, name_tag="", name_tag_share=None)
        storage.erase_pictures(group.pk, numbers)
        bare.save(storage.people_path(group.pk))
        blurred.replace(storage.blurred_path(group.pk))
        group_claims.finish(group.pk, owner, analysed_at=timezone.now())


def _write_affect(group: GroupRecording, result: AnalysisResult, people: int) -> None:
    GroupAffectDocument.objects.filter(group=group).delete()
    if people < selectors.FEWEST_PEOPLE:
        return
    rows = [
        row.model_dump()
        for row in result.analysis.group_affect
        if row.people >= selectors.FEWEST_PEOPLE
    ]
    rule, expression = result.analysis.models.group_affect, result.analysis.models.expression
    GroupAffectDocument.objects.create(
        group=group,
        people=people,
        rows=rows,
        models_used={"name": rule.name, "kind": rule.kind, "expression": expression.name},
    )


def redact(group: GroupRecording, owner: str, pulse: Pulse) -> None:
    """Blurs whoever withdrew in the stored recording, past undoing, and forgets their face."""
    people = _people(group)
    gone = set(group.people.filter(decision=Decision.ERASED).values_list("number", flat=True))
    stay = [person.id for person in people.people if person.id not in gone]
    with _work_folder(group) as work:
        redacted = work / "redacted.mp4"
        blur_others(group.video_path, people, stay, redacted, on_progress=pulse.progress)
        # Writing rounds the frames' times, by which the people's observations are found.
        times = [frame.t for frame in VideoReader(redacted, people.sampling_fps)]
        bare = moved(stripped(people, without_descriptors=gone), times)
        sha256, size = sha256_of(redacted), redacted.stat().st_size
        group_results.sync(redacted)
        with transaction.atomic():
            group_claims.lock(group.pk, owner)
            redacted.replace(group.video_path)
            bare.save(storage.people_path(group.pk))
            group_claims.finish(
                group.pk, owner, redact_pending=False, sha256=sha256, size_bytes=size
            )


def _people(group: GroupRecording) -> People:
    """The people who were found, of the recording as it is stored now: some may be blurred."""
    people = People.load(storage.people_path(group.pk))
    source = people.source.model_copy(update={"sha256": sha256_of(group.video_path)})
    return replace(people, source=source)


def _shares(pulse: Pulse, turns: int) -> Callable[[int], OnProgress]:
    """Progress of one of several equal turns as progress of the whole."""

    def of_turn(turn: int) -> OnProgress:
        return lambda done, total: pulse.progress(
            turn + (done / total if total > 0 else 0.0), turns
        )

    return of_turn


def _put(made: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    made.replace(place)


@contextmanager
def _work_folder(group: GroupRecording) -> Iterator[Path]:
    """An empty folder that is gone afterwards.

    Raises:
        ClaimLostError: the group recording was erased.
    """
    work = storage.work_path(group.pk)
    shutil.rmtree(work, ignore_errors=True)
    try:
        work.mkdir(mode=0o700)
    except FileNotFoundError as error:
        raise ClaimLostError("The group recording is erased.") from error
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
