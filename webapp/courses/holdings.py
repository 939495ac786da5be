"""Saved views and attached materials among what is held about a person.

Bins of a report are derived from it and go with it: the report itself is what is told.
"""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import User
from webapp.courses.models import LessonMaterial, SavedView
from webapp.privacy.holdings import Holder, Line, register

_AT_ONCE = 500


def _no_lines(user: User) -> Iterator[Line]:
    """The pages themselves show these; here they are only given in the download."""
    return iter(())


def _rows(user: User) -> Iterator[dict[str, Any]]:
    yield from _view_rows(user)
    yield from _material_rows(user)


def _view_rows(user: User) -> Iterator[dict[str, Any]]:
    for one in SavedView.objects.filter(user=user).order_by("pk").iterator(chunk_size=_AT_ONCE):
        yield {
            "what": "saved view",
            "course": one.course_id,
            "page": one.page,
            "name": one.name,
            "query": one.query,
            "shown_first": one.is_default,
        }


def _material_rows(user: User) -> Iterator[dict[str, Any]]:
    added = LessonMaterial.objects.filter(added_by=user).order_by("created_at")
    for one in added.iterator(chunk_size=_AT_ONCE):
        yield {
            "what": "material",
            "lesson": one.lesson_id,
            "kind": one.kind,
            "title": one.title,
            "url": one.url,
            "size_bytes": one.size_bytes,
            "at": one.created_at,
        }


register(
    Holder("course_pages", _("Saved views, and what you attached to lessons"), _no_lines, _rows)
)
