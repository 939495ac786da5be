"""Who may see and do what. Every such decision of the site is made here and nowhere else.

The rules, from enrolment and role:

- An admin (`is_staff`, active) may see every course and every recording.
- An instructor may see the recordings and reports of the courses they teach, label their windows
  and use what is fitted with the labels, and correct reports by hand.
- A student may see their own recordings and reports, upload to the lessons of the courses they
  are a student of, dispute what is said of them, and delete what is theirs.
- Nobody else may know that a thing exists: views answer 404 from these querysets.

Consent is a separate question (`privacy.services.has_consent`): a student without it may upload
nothing, whatever their role.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext

from webapp.accounts.models import User
from webapp.calibration.models import Classifier
from webapp.courses.models import Course, Enrolment, Lesson, LessonMaterial
from webapp.disputes.models import Dispute
from webapp.groups.models import GroupRecording
from webapp.marks.models import Mark
from webapp.recordings.models import Analysis, Recording
from webapp.summaries.models import LessonSummary
from webapp.uploads.models import Upload

Person: TypeAlias = User | AnonymousUser

_STUDENT = Enrolment.Role.STUDENT
_INSTRUCTOR = Enrolment.Role.INSTRUCTOR


def is_admin(user: Person) -> bool:
    """Whether the user governs the whole site."""
    return bool(user.is_active and user.is_staff)


def _has_role(user: Person, course_id: int, role: str) -> bool:
    if not user.is_authenticated:
        return False
    return Enrolment.objects.filter(user=user, course_id=course_id, role=role).exists()


@dataclass(frozen=True)
class Standing:
    """What somebody is to a course, asked once for a page that needs all of it."""

    is_student: bool
    is_instructor: bool
    can_view_all: bool


def standing(user: Person, course: Course) -> Standing:
    """`is_student`, `is_instructor` and `can_view_all_recordings`, in one query."""
    held_roles: set[str] = set()
    if user.is_authenticated:
        held = Enrolment.objects.filter(user=user, course=course).order_by()
        held_roles = set(held.values_list("role", flat=True))
    return Standing(
        is_student=_STUDENT in held_roles,
        is_instructor=_INSTRUCTOR in held_roles,
        can_view_all=is_admin(user) or _INSTRUCTOR in held_roles,
    )


def is_student(user: Person, course: Course) -> bool:
    """Whether the user takes the course."""
    return _has_role(user, course.pk, _STUDENT)


def is_instructor(user: Person, course: Course) -> bool:
    """Whether the user teaches the course."""
    return _has_role(user, course.pk, _INSTRUCTOR)


def teaches(user: Person) -> bool:
    """Whether the user is an instructor of any course."""
    if not user.is_authenticated:
        return False
    return Enrolment.objects.filter(user=user, role=_INSTRUCTOR).exists()


def visible_courses(user: Person) -> QuerySet[Course]:
    """Courses that the user takes, teaches or governs."""
    if not user.is_authenticated:
        return Course.objects.none()
    if is_admin(user):
        return Course.objects.all()
    return Course.objects.filter(enrolments__user=user)


def visible_lessons(user: Person) -> QuerySet[Lesson]:
    """Lessons of the courses that the user may see."""
    return Lesson.objects.filter(course__in=visible_courses(user)).select_related("course")


def visible_materials(user: Person) -> QuerySet[LessonMaterial]:
    """What is attached to the lessons that the user may see: students of a course see it, too."""
    lessons = visible_lessons(user).values("pk")
    return LessonMaterial.objects.filter(lesson__in=lessons).select_related("lesson__course")


def can_attach(user: Person, course: Course, known: Standing | None = None) -> bool:
    """Whether the user may attach materials to the course's lessons, and take them away."""
    return (known or standing(user, course)).can_view_all


def visible_students(user: Person, course: Course, known: Standing | None = None) -> QuerySet[User]:
    """Students of the course whose page across its lessons the user may see.

    Their own for a student, everybody's for who may see all recordings of the course.
    """
    taking = Enrolment.objects.filter(course=course, role=_STUDENT).values("user_id")
    students = User.objects.filter(pk__in=taking)
    if (known or standing(user, course)).can_view_all:
        return students
    return students.filter(pk=user.pk) if user.is_authenticated else students.none()


def comparable_lessons(user: Person) -> QuerySet[Lesson]:
    """Lessons whose whole class the user may see: `can_view_all_recordings` of their courses."""
    if is_admin(user):
        return visible_lessons(user)
    if not user.is_authenticated:
        return Lesson.objects.none()
    taught = Enrolment.objects.filter(user=user, role=_INSTRUCTOR).values("course_id")
    return Lesson.objects.filter(course_id__in=taught).select_related("course")


def visible_recordings(user: Person) -> QuerySet[Recording]:
    """Recordings whose report and video the user may see."""
    everything = Recording.objects.select_related("lesson__course", "student")
    if not user.is_authenticated:
        return everything.none()
    if is_admin(user):
        return everything
    taught = Enrolment.objects.filter(user=user, role=_INSTRUCTOR).values("course_id")
    return everything.filter(Q(student=user) | Q(lesson__course_id__in=taught))


def visible_groups(user: Person) -> QuerySet[GroupRecording]:
    """Recordings of whole meetings, of the courses that the user teaches or governs."""
    everything = GroupRecording.objects.select_related("lesson__course", "uploaded_by", "affect")
    if not user.is_authenticated:
        return everything.none()
    if is_admin(user):
        return everything
    taught = Enrolment.objects.filter(user=user, role=_INSTRUCTOR).values("course_id")
    return everything.filter(lesson__course_id__in=taught)


def can_work_on_groups(user: Person, course: Course) -> bool:
    """Whether the user may upload recordings of a meeting, match its people and erase it."""
    return can_view_all_recordings(user, course)


def own_recordings(user: Person) -> QuerySet[Recording]:
    """The user's own recordings, whatever else they may see."""
    return visible_recordings(user).filter(student_id=user.pk)


def own_uploads(user: Person) -> QuerySet[Upload]:
    """What the user has begun to upload: nobody else's business, whatever their role."""
    if not user.is_authenticated:
        return Upload.objects.none()
    return Upload.objects.filter(sender_id=user.pk).select_related("sender", "lesson__course")


def can_view_report(user: Person, recording: Recording) -> bool:
    """Whether the user may read the report and its downloads."""
    if not user.is_authenticated:
        return False
    if is_admin(user) or recording.student_id == user.pk:
        return True
    return is_instructor(user, recording.lesson.course)


def can_watch_video(user: Person, recording: Recording) -> bool:
    """Whether the user may play the video."""
    return can_view_report(user, recording)


def visible_summaries(user: Person) -> QuerySet[LessonSummary]:
    """Summaries that the user may see: a recording's as its report, a class's as its instructor."""
    everything = LessonSummary.objects.all()
    if not user.is_authenticated:
        return everything.none()
    if is_admin(user):
        return everything
    taught = Enrolment.objects.filter(user=user, role=_INSTRUCTOR).values("course_id")
    return everything.filter(
        Q(recording__in=visible_recordings(user)) | Q(lesson__course_id__in=taught)
    )


def can_view_all_recordings(user: Person, course: Course) -> bool:
    """Whether the user may see every student's recordings of the course."""
    return is_admin(user) or is_instructor(user, course)


def can_export(user: Person, course: Course) -> bool:
    """Whether the user may download the figures of the whole course."""
    return can_view_all_recordings(user, course)


def can_export_student(user: Person, course: Course, student_id: int) -> bool:
    """Whether the user may download one student's figures of the course: the student, too."""
    if can_view_all_recordings(user, course):
        return True
    return user.pk == student_id and is_student(user, course)


def can_upload(user: Person, lesson: Lesson) -> bool:
    """Whether the user may add a recording of themself to the lesson, consent given."""
    return is_student(user, lesson.course)


def can_consent(user: Person, course: Course) -> bool:
    """Whether it is the user's place to give or withdraw consent in the course.

    Somebody who has left the course keeps the right to withdraw: see `can_withdraw`.
    """
    return is_student(user, course)


def can_withdraw(user: Person, course: Course) -> bool:
    """Whether the user has, or has had, something in the course to withdraw."""
    if not user.is_authenticated:
        return False
    return can_consent(user, course) or user.consents.filter(course=course).exists()


def can_retry(user: Person, analysis: Analysis) -> bool:
    """Whether the user may ask for an analysis that failed or was stopped to be run again."""
    ended = analysis.state in (Analysis.State.FAILED, Analysis.State.CANCELLED)
    return ended and can_view_report(user, analysis.recording)


def can_cancel(user: Person, analysis: Analysis) -> bool:
    """Whether the user may stop an analysis that waits or runs: whoever could start it again."""
    return analysis.is_open and can_view_report(user, analysis.recording)


def can_label(user: Person, recording: Recording, known: Standing | None = None) -> bool:
    """Whether the user may say what they see in the recording's windows: its course's teachers.

    `known` is their standing in the course, where it has been asked for already.
    """
    if recording.student_id == user.pk:
        return False
    return (known or standing(user, recording.lesson.course)).is_instructor


def can_correct(user: Person, recording: Recording, known: Standing | None = None) -> bool:
    """Whether the user may correct the report by hand: the course's teachers, not its student."""
    if recording.student_id == user.pk:
        return False
    return (known or standing(user, recording.lesson.course)).is_instructor


def visible_marks(user: Person) -> QuerySet[Mark]:
    """Marks that the user wrote, and those that others show them, of reports that they may read.

    A private mark is its author's alone: an admin does not see it either.
    """
    everything = Mark.objects.select_related("author")
    if not user.is_authenticated:
        return everything.none()
    shown = Mark.Audience
    if is_admin(user):
        return everything.filter(Q(author=user) | ~Q(audience=shown.PRIVATE))
    taught = Enrolment.objects.filter(user=user, role=_INSTRUCTOR).values("course_id")
    teaches = Q(recording__lesson__course_id__in=taught)
    shared = (Q(recording__student=user) & Q(audience=shown.EVERYONE)) | (
        teaches & ~Q(audience=shown.PRIVATE)
    )
    readable = Q(recording__student=user) | teaches
    return everything.filter(readable & (Q(author=user) | shared))


def can_mark(user: Person, recording: Recording) -> bool:
    """Whether the user may write marks and notes: whoever may read the report."""
    return can_view_report(user, recording)


def own_marks(user: Person) -> QuerySet[Mark]:
    """Marks that the user may change and delete: those that they wrote and may still see."""
    return visible_marks(user).filter(author_id=user.pk)


def can_calibrate(user: Person, course: Course, known: Standing | None = None) -> bool:
    """Whether the user may fit the course's classifiers, use them and run analyses with them."""
    return (known or standing(user, course)).can_view_all


def visible_classifiers(user: Person) -> QuerySet[Classifier]:
    """Classifiers of the courses that the user teaches or governs."""
    everything = Classifier.objects.select_related("course", "student", "created_by")
    if not user.is_authenticated:
        return everything.none()
    if is_admin(user):
        return everything
    taught = Enrolment.objects.filter(user=user, role=_INSTRUCTOR).values("course_id")
    return everything.filter(course_id__in=taught)


def can_dispute(user: Person, recording: Recording) -> bool:
    """Whether the user may say that the report is not right: its student alone."""
    return user.is_authenticated and recording.student_id == user.pk


def can_answer(user: Person, recording: Recording, known: Standing | None = None) -> bool:
    """Whether the user may answer what the student disputes: the course's instructors and admins.

    Nobody answers themself.
    """
    if recording.student_id == user.pk:
        return False
    return (known or standing(user, recording.lesson.course)).can_view_all


def visible_disputes(user: Person) -> QuerySet[Dispute]:
    """Disputes of the reports that the user may read."""
    return Dispute.objects.filter(recording__in=visible_recordings(user).order_by().values("pk"))


def can_delete(user: Person, recording: Recording) -> bool:
    """Whether the user may erase the recording: its student, and an admin."""
    return user.is_authenticated and (is_admin(user) or recording.student_id == user.pk)


def role_name(user: Person) -> str:
    """The user's farthest-reaching role in a word, for the head of the page."""
    if is_admin(user):
        return gettext("Admin")
    if not user.is_authenticated:
        return ""
    held = set(Enrolment.objects.filter(user=user).order_by().values_list("role", flat=True))
    return next((str(role.label) for role in (_INSTRUCTOR, _STUDENT) if role in held), "")


def roles(request: HttpRequest) -> dict[str, Any]:
    """Context for every template: what the navigation shows.

    It decides what is offered, never what is allowed.
    """
    user = getattr(request, "user", AnonymousUser())
    # Called by the template that shows it, so that pieces of pages ask nothing.
    return {"is_site_admin": is_admin(user), "nav_role": lambda: role_name(user)}
