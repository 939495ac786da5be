"""Consent, withdrawal and the audit log: everything that writes them."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping

from django.db import IntegrityError, transaction
from django.utils import timezone

from webapp.accounts.models import User
from webapp.courses.models import Course, Lesson
from webapp.privacy import consent_text
from webapp.privacy.models import AccessLog, Consent
from webapp.recordings.models import Analysis, Recording

# A player asks for a video in many pieces, and lists are turned back and forth; within this time
# that is one viewing.
_ONE_VIEWING = dt.timedelta(minutes=10)


class ConsentMissingError(Exception):
    """The student's consent for the course is not active."""


def active_consent(user: User, course: Course) -> Consent | None:
    """The consent in force, if there is one."""
    return Consent.objects.filter(user=user, course=course, withdrawn_at=None).first()


def has_consent(user: User, course: Course) -> bool:
    """Whether the student's recordings of the course may be kept and analysed."""
    return Consent.objects.filter(user=user, course=course, withdrawn_at=None).exists()


def covers_groups_and_training(user: User, course: Course) -> bool:
    """Whether the consent in force spoke of recordings of a meeting and of training from labels.

    An older consent stays good for what it named: the student's own recordings.
    """
    return Consent.objects.filter(
        user=user,
        course=course,
        withdrawn_at=None,
        text_version__in=consent_text.COVERING_GROUPS_AND_TRAINING,
    ).exists()


def instructors_of(course: Course) -> list[User]:
    """Those who see the reports of the course, by name."""
    teaching = User.objects.filter(
        enrolments__course=course, enrolments__role="instructor", is_active=True
    )
    return list(teaching.order_by("name", "email"))


def newest_models(course: Course) -> tuple[str, str]:
    """The models of expressions and of engagement that made the course's newest recording's report;
    empty where it has none."""
    newest = (
        Analysis.objects.filter(
            recording__in=Recording.objects.filter(lesson__course=course).order_by().values("pk"),
        )
        .exclude(expression_model="")
        .order_by("-finished_at")
        .values_list("expression_model", "engagement_model")
        .first()
    )
    return newest or ("", "")


def require_consent(user: User, course: Course) -> None:
    """Call inside a transaction: consent cannot be withdrawn until it ends.

    Raises:
        ConsentMissingError: consent is not active.
    """
    active = Consent.objects.select_for_update().filter(user=user, course=course, withdrawn_at=None)
    if not list(active):
        raise ConsentMissingError(f"{user} has not given consent in {course}.")


def grant(user: User, course: Course) -> Consent:
    """Records the student's consent to the current text; granting it twice keeps the first.

    Consent to an older text ends with it, and nothing is erased.
    """
    try:
        with transaction.atomic():
            # Not `save`: what follows a withdrawal (erasure) must not follow a renewal.
            Consent.objects.filter(user=user, course=course, withdrawn_at=None).exclude(
                text_version=consent_text.VERSION
            ).update(withdrawn_at=timezone.now())
            return Consent.objects.create(
                user=user, course=course, text_version=consent_text.VERSION
            )
    except IntegrityError:
        return Consent.objects.get(user=user, course=course, withdrawn_at=None)


def withdraw(user: User, course: Course) -> int:
    """Ends consent and erases the student's videos, results and embeddings of the course.

    Running analyses lose their row and stop at their next heartbeat. Returns the number of
    recordings erased.
    """
    with transaction.atomic():
        active = Consent.objects.select_for_update().filter(
            user=user, course=course, withdrawn_at=None
        )
        for consent in list(active):
            consent.withdrawn_at = timezone.now()
            consent.save(update_fields=["withdrawn_at"])
        recordings = list(Recording.objects.filter(student=user, lesson__course=course))
        for recording in recordings:
            log_access(user, recording, AccessLog.Action.WITHDRAW)
            recording.delete()
    return len(recordings)


def withdrawn_lessons(user: User) -> list[int]:
    """Ids of the lessons of courses in which the user withdrew consent and did not give it anew.

    What the user's browser recorded for them and never sent may not stay, either.
    """
    withdrawn = Consent.objects.filter(user=user).exclude(withdrawn_at=None)
    active = Consent.objects.filter(user=user, withdrawn_at=None)
    lessons = Lesson.objects.filter(course__in=withdrawn.order_by().values("course_id"))
    lessons = lessons.exclude(course__in=active.order_by().values("course_id"))
    return list(lessons.order_by().values_list("pk", flat=True))


def log_access(actor: User, recording: Recording, action: AccessLog.Action | str) -> None:
    """Adds a line to the audit log: `actor` did `action` to the student's `recording`.

    The pieces in which a player fetches a video make one line.
    """
    action = AccessLog.Action(action)
    if action == AccessLog.Action.VIDEO:
        recent = AccessLog.objects.filter(
            actor=actor,
            recording_id=recording.pk,
            action=action,
            at__gte=timezone.now() - _ONE_VIEWING,
        )
        if recent.exists():
            return
    AccessLog.objects.create(
        actor=actor, subject_id=recording.student_id, recording_id=recording.pk, action=action
    )


def log_download(user: User) -> None:
    """Adds a line to the audit log: the user downloaded everything that is held about them."""
    AccessLog.objects.create(actor=user, subject=user, action=AccessLog.Action.DOWNLOAD)


def log_accesses(actor: User, recordings: Iterable[Recording], action: AccessLog.Action) -> None:
    """Adds a line for each recording, all at once."""
    AccessLog.objects.bulk_create(
        AccessLog(actor=actor, subject_id=one.student_id, recording_id=one.pk, action=action)
        for one in recordings
    )


def log_course_access(
    actor: User, course: Course, subject_ids: Iterable[int], action: AccessLog.Action
) -> None:
    """Adds a line for each student: `actor` did `action` to all their recordings of the course.

    Looking at the same student's figures again within a while makes one line.
    """
    log_courses_access(actor, {course.pk: set(subject_ids)}, action)


def log_courses_access(
    actor: User, subject_ids: Mapping[int, Collection[int]], action: AccessLog.Action
) -> None:
    """The same for several courses at once: the students by the course's id."""
    lines = {(course, one) for course, subjects in subject_ids.items() for one in subjects}
    if action == AccessLog.Action.FIGURES and lines:
        recent = AccessLog.objects.filter(
            actor=actor,
            course_id__in=list(subject_ids),
            action=action,
            at__gte=timezone.now() - _ONE_VIEWING,
        )
        lines -= set(recent.values_list("course_id", "subject_id"))
    AccessLog.objects.bulk_create(
        AccessLog(actor=actor, subject_id=one, course_id=course, action=action)
        for course, one in sorted(lines)
    )
