"""What instructors wrote or decided about a person, and what a person did as an instructor."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Count, Max
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import User
from webapp.calibration.models import WindowLabel
from webapp.groups.models import FaceTemplate, GroupPerson
from webapp.privacy.holdings import HeldFile, Holder, Line, register


def _label_lines(user: User) -> Iterator[Line]:
    """One line a recording: labels are many."""
    labels = WindowLabel.objects.filter(recording__student=user).order_by()
    by_recording = labels.values(
        "recording_id",
        "recording__original_name",
        "recording__lesson__course_id",
        "recording__lesson__title",
        "recording__lesson__starts_at",
    ).annotate(count=Count("pk"), newest=Max("at"))
    for one in by_recording:
        words = ngettext(
            "%(count)d label of an instructor on “%(name)s”",
            "%(count)d labels of instructors on “%(name)s”",
            one["count"],
        ) % {"count": one["count"], "name": one["recording__original_name"]}
        url = reverse("reports:recording", args=[one["recording_id"]])
        course_id, title, starts_at = (
            one[f"recording__lesson__{name}"] for name in ("course_id", "title", "starts_at")
        )
        yield Line(course_id, words, one["newest"], url, title, starts_at)


def _label_rows(user: User) -> Iterator[dict[str, Any]]:
    labels = WindowLabel.objects.filter(recording__student=user).select_related("labelled_by")
    for one in labels.iterator(chunk_size=500):
        yield {
            "recording": one.recording_id,
            "start_s": one.start_s,
            "end_s": one.end_s,
            "label": one.value,
            "by": str(one.labelled_by),
            "at": one.at,
        }


def _given_rows(user: User) -> Iterator[dict[str, Any]]:
    given = WindowLabel.objects.filter(labelled_by=user)
    for one in given.iterator(chunk_size=500):
        yield {
            "recording": one.recording_id,
            "start_s": one.start_s,
            "end_s": one.end_s,
            "label": one.value,
            "at": one.at,
        }


def _nothing(user: User) -> Iterator[Line]:
    return iter(())


def _appearances(user: User) -> Any:
    return GroupPerson.objects.filter(student=user).select_related("group__lesson__course")


def _appearance_lines(user: User) -> Iterator[Line]:
    for one in _appearances(user).iterator(chunk_size=500):
        lesson = one.group.lesson
        words = gettext("Your face in the recording of the meeting “%(lesson)s”") % {
            "lesson": lesson.title
        }
        yield Line(
            lesson.course_id,
            words,
            one.matched_at,
            lesson=lesson.title,
            lesson_at=lesson.starts_at,
            says_lesson=True,
        )


def _appearance_rows(user: User) -> Iterator[dict[str, Any]]:
    for one in _appearances(user).iterator(chunk_size=500):
        yield {
            "course": one.group.lesson.course.title,
            "lesson": one.group.lesson.title,
            "person_number": one.number,
            "name_beside_the_face": one.name_tag,
            "seen_s": one.seen_s,
            "matched_at": one.matched_at,
        }


def _appearance_files(user: User) -> Iterator[HeldFile]:
    for one in _appearances(user).filter(has_thumbnail=True).iterator(chunk_size=500):
        name = f"meetings/{one.group_id}-{one.number}.jpg"
        yield HeldFile(name, one.thumbnail_path, packed=False)


def _template_lines(user: User) -> Iterator[Line]:
    for one in FaceTemplate.objects.filter(student=user).defer("encrypted").iterator():
        words = gettext("A description of your face, encrypted, for suggestions in later meetings")
        yield Line(one.course_id, words, one.updated_at)


def _template_rows(user: User) -> Iterator[dict[str, Any]]:
    templates = FaceTemplate.objects.filter(student=user).select_related("course")
    for one in templates.defer("encrypted").iterator():
        yield {
            "course": one.course.title,
            "model": one.model_name,
            "updated_at": one.updated_at,
            "note": "kept encrypted; the embeddings in this download describe the same face",
        }


register(Holder("labels", _("Labels"), _label_lines, _label_rows))
register(Holder("labels_given", _("Labels that you gave"), _nothing, _given_rows))
register(
    Holder(
        "meetings",
        _("Recordings of whole meetings"),
        _appearance_lines,
        _appearance_rows,
        _appearance_files,
        (_("meetings/: the picture by which an instructor said which face is yours"),),
    )
)
register(Holder("face_templates", _("Face templates"), _template_lines, _template_rows))
