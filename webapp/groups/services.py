"""Everything that changes group recordings, each in a transaction of its own."""

import functools
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.courses.models import Course, Lesson
from webapp.groups import audit, queue, selectors, storage
from webapp.groups.models import (
    CourseGroupSettings,
    FaceTemplate,
    GroupAffectDocument,
    GroupPerson,
    GroupRecording,
    GroupResult,
)
from webapp.privacy.models import AccessLog
from webapp.recordings.models import Recording
from webapp.recordings.uploads import ReceivedFile

logger = logging.getLogger(__name__)
Decision = GroupPerson.Decision
State, Step = GroupRecording.State, GroupRecording.Step


class GroupRefusedError(Exception):
    """What was asked cannot be done; the message is a sentence for the instructor."""


def _nothing(group: GroupRecording) -> None:
    """What else `accept` does, where nobody says."""


def accept(
    received: ReceivedFile,
    lesson: Lesson,
    instructor: User,
    *,
    also: Callable[[GroupRecording], None] = _nothing,
) -> GroupRecording:
    """Makes a received file a group recording whose people are to be found.

    When this returns, the bytes are synced under their final name and the row is committed. `also`
    is called in the same transaction; what it raises undoes everything.

    Raises:
        GroupRefusedError: no student has given consent that covers it; nothing is kept.
    """
    try:
        storage.adopt(received.part, received.id)
        with transaction.atomic():
            require_somebody(lesson.course)
            group = GroupRecording.objects.create(
                id=received.id,
                lesson=lesson,
                uploaded_by=instructor,
                original_name=received.name,
                size_bytes=received.size_bytes,
                sha256=received.sha256,
            )
            also(group)
            _send_after_commit(group.pk)
    except BaseException:
        received.discard()
        if not _row_exists(received.id):
            storage.erase(received.id)
        raise
    return group


def require_somebody(course: Course) -> None:
    """Refuses where a recording of the meeting could show nothing but blurred faces.

    Raises:
        GroupRefusedError: no student of the course consents to recordings of a meeting.
    """
    if not selectors.consenting_students(course):
        raise GroupRefusedError(
            _(
                "No student of %(course)s has given consent that covers recordings of a whole "
                "meeting, so nothing in one could be analysed. Ask the students to read the "
                "consent page of the course first."
            )
            % {"course": course.title}
        )


def match(group: GroupRecording, actor: User, wanted: Mapping[int, User | Decision]) -> None:
    """Keeps what the instructor said: whose face each numbered person is.

    What was made of a person who turns out to be somebody else is erased.

    Raises:
        GroupRefusedError: the recording is being worked on.
    """
    with transaction.atomic():
        _require_rest(group)
        people = group.people.select_for_update().exclude(decision=Decision.ERASED)
        changed = [
            _decide(person, actor, wanted[person.number])
            for person in people.filter(number__in=wanted)
        ]
        if any(changed):
            _results_no_longer_fit(group.pk)


def _decide(person: GroupPerson, actor: User, wanted: User | Decision) -> bool:
    """Writes one decision; whether it is another one than before."""
    student, decision = (
        (wanted, Decision.STUDENT) if isinstance(wanted, User) else (None, Decision(wanted))
    )
    chosen_id = student.pk if student else None
    if (person.decision, person.student_id) == (decision, chosen_id):
        return False
    for student_id in {person.student_id, chosen_id}:
        if student_id is not None:
            _erase_misfit(person.group_id, student_id, actor)
    person.decision, person.student = decision, student
    decided = decision != Decision.UNMATCHED
    person.matched_by = actor if decided else None
    person.matched_at = timezone.now() if decided else None
    person.save(update_fields=["decision", "student", "matched_by", "matched_at"])
    if student:
        audit.log_group(actor, person.group_id, student.pk, AccessLog.Action.MATCH)
    return True


def _erase_misfit(group_id: uuid.UUID, student_id: int, actor: User) -> None:
    """Erases what was made of a student from faces that are not all theirs."""
    made = Recording.objects.filter(student_id=student_id, group_result__person__group_id=group_id)
    for recording in made:
        audit.log_recording(actor, recording, AccessLog.Action.DELETE)
        erase_superseded(recording)


def erase_superseded(recording: Recording) -> None:
    """Erases a recording made of a person because it no longer fits, not because they want to."""
    GroupResult.objects.filter(recording=recording).update(superseded=True)
    recording.delete()


def analyse(group: GroupRecording) -> None:
    """Queues the analysis of the matched students who consent.

    Raises:
        GroupRefusedError: nobody is matched, or the recording is being worked on.
    """
    with transaction.atomic():
        _require_rest(group)
        if not selectors.people_to_analyse(group):
            raise GroupRefusedError(
                _(
                    "Nobody is matched to a student who consents yet. Say for at least one person "
                    "whose face it is."
                )
            )
        _queue(group.pk, Step.ANALYSE)


def retry(group: GroupRecording) -> None:
    """Queues the failed step again; doing it twice is once."""
    with transaction.atomic():
        if GroupRecording.objects.filter(pk=group.pk, state=State.FAILED).exists():
            _queue(group.pk, Step(group.step))


def delete(group: GroupRecording, actor: User) -> None:
    """Erases the recording, its people, the recordings made of them, and every file."""
    with transaction.atomic():
        for recording in Recording.objects.filter(group_result__person__group=group):
            audit.log_recording(actor, recording, AccessLog.Action.DELETE)
            recording.delete()
        students = set(group.people.exclude(student=None).values_list("student_id", flat=True))
        for student_id in students or {actor.pk}:
            audit.log_group(actor, group.pk, student_id, AccessLog.Action.DELETE)
        group.delete()


def keep_templates(course: Course, keep: bool) -> None:
    """Sets whether face templates are kept in the course; turning it off erases them."""
    with transaction.atomic():
        CourseGroupSettings.objects.update_or_create(
            course=course, defaults={"keep_templates": keep}
        )
        if not keep:
            FaceTemplate.objects.filter(course=course).delete()


def forget(student: User, course: Course, *, erase_recordings: bool = False) -> None:
    """Takes a student out of the course's group recordings, as far as the site can by itself.

    Template, match, name tag and thumbnail go at once, and the pages' copies of the videos; a
    worker blurs the face in each stored original, which is used for nothing until then.
    """
    with transaction.atomic():
        here = GroupPerson.objects.filter(group__lesson__course=course)
        mine = here.filter(student=student)
        # Locked first: what a worker writes it writes before this, and is then found below.
        groups = GroupRecording.objects.select_for_update().filter(pk__in=mine.values("group_id"))
        found = {group.pk: list(_numbers(mine.filter(group=group))) for group in groups}
        FaceTemplate.objects.filter(student=student, course=course).delete()
        here.filter(suggested=student).update(suggested=None, similarity=None)
        mine.update(
            decision=Decision.ERASED,
            student=None,
            matched_by=None,
            matched_at=None,
            name_tag="",
            name_tag_share=None,
            suggested=None,
            similarity=None,
            has_thumbnail=False,
        )
        if erase_recordings:
            made = Recording.objects.filter(student=student, lesson__course=course)
            for recording in made.filter(group_result__isnull=False):
                recording.delete()
        for group_id, numbers in found.items():
            GroupRecording.objects.filter(pk=group_id).update(redact_pending=True)
            _results_no_longer_fit(group_id, numbers)
            # A step under way loses its claim, and with it the right to write anything.
            _queue(group_id, Step.REDACT)


def result_was_erased(person_id: int) -> None:
    """A student erased the recording made of them: it is not made again by the next analysis."""
    with transaction.atomic():
        person = GroupPerson.objects.filter(pk=person_id, decision=Decision.STUDENT).first()
        if person is None:
            return
        GroupPerson.objects.filter(group_id=person.group_id, student_id=person.student_id).update(
            decision=Decision.NOBODY, student=None
        )
        _results_no_longer_fit(person.group_id)
        # An analysis under way still counts them in: it begins again, without them.
        if GroupRecording.objects.filter(
            pk=person.group_id, step=Step.ANALYSE, state=State.RUNNING
        ).exists():
            _queue(person.group_id, Step.ANALYSE)


def _results_no_longer_fit(group_id: uuid.UUID, faces_to_erase: Sequence[int] = ()) -> None:
    """What was made of everybody together goes, and the copy of the video with it."""
    GroupAffectDocument.objects.filter(group_id=group_id).delete()
    GroupRecording.objects.filter(pk=group_id).update(analysed_at=None)
    transaction.on_commit(functools.partial(storage.erase_pictures, group_id, list(faces_to_erase)))


def _numbers(people: QuerySet[GroupPerson]) -> QuerySet[GroupPerson, int]:
    return people.values_list("number", flat=True)


def _require_rest(group: GroupRecording) -> None:
    now = GroupRecording.objects.select_for_update().get(pk=group.pk)
    if now.state != State.FINISHED or now.redact_pending:
        raise GroupRefusedError(
            _(
                "This recording is being worked on, or its last step failed. Wait for the end of "
                "it, or try it again."
            )
        )


def _queue(group_id: uuid.UUID, step: GroupRecording.Step) -> None:
    GroupRecording.objects.filter(pk=group_id).update(
        step=step,
        state=State.QUEUED,
        progress=0.0,
        attempts=0,
        owner="",
        sent_at=None,
        error_code="",
        error_text="",
    )
    _send_after_commit(group_id)


def _send_after_commit(group_id: uuid.UUID) -> None:
    transaction.on_commit(functools.partial(queue.send_group, group_id))


def _row_exists(group_id: uuid.UUID) -> bool:
    # A commit whose answer was lost may have succeeded; the sweep decides by the row.
    try:
        return GroupRecording.objects.filter(pk=group_id).exists()
    except Exception:
        logger.exception("Could not check whether group recording %s was committed", group_id)
        return True
