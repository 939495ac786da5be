"""Saved views and attached materials among what is held about a person.

Bins of a report are derived from it and go with it: the report itself is what is told.
"""

from collections.abc import Iterator
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import User
from webapp.courses.models import LessonMaterial, SavedView
from webapp.privacy.holdings import Holder, Line, register

_AT_ONCE = 500


def _view_lines(user: User) -> Iterator[Line]:
    for one in SavedView.objects.filter(user=user).order_by("pk").iterator(chunk_size=_AT_ONCE):
        words = gettext("Your saved view “%(name)s” of %(page)s")
        yield Line(
            one.course_id,
            words % {"name": one.name, "page": one.get_page_display()},
            url=reverse("courses:course", args=[one.course_id]),
        )


def _view_rows(user: User) -> Iterator[dict[str, Any]]:
    for one in SavedView.objects.filter(user=user).order_by("pk").iterator(chunk_size=_AT_ONCE):
        yield {
            "course": one.course_id,
            "page": one.page,
            "name": one.name,
            "query": one.query,
            "shown_first": one.is_default,
        }


def _material_lines(user: User) -> Iterator[Line]:
    added = LessonMaterial.objects.filter(added_by=user).select_related("lesson")
    for one in added.order_by("created_at").iterator(chunk_size=_AT_ONCE):
        words = gettext("“%(title)s”, which you attached to “%(lesson)s”")
        yield Line(
            one.lesson.course_id,
            words % {"title": one.title, "lesson": one.lesson.title},
            one.created_at,
            reverse("courses:lesson", args=[one.lesson_id]),
        )


def _material_rows(user: User) -> Iterator[dict[str, Any]]:
    added = LessonMaterial.objects.filter(added_by=user).order_by("created_at")
    for one in added.iterator(chunk_size=_AT_ONCE):
        yield {
            "lesson": one.lesson_id,
            "kind": one.kind,
            "title": one.title,
            "url": one.url,
            "size_bytes": one.size_bytes,
            "at": one.created_at,
        }


register(Holder("saved_views", _("Saved views of pages"), _view_lines, _view_rows))
register(
    Holder(
        "materials",
        _("Videos, slides and links that you attached"),
        _material_lines,
        _material_rows,
    )
)
