"""Saved views: one person's search, filters and orders of a page, kept under a name."""

from dataclasses import dataclass

from django.db import transaction
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext

from webapp.accounts.models import User
from webapp.courses.models import Course, SavedView

#: In the place of a query: the page as it is without any view, the default one included.
NONE = "view=none"
_MOST = 50


class ViewRefusedError(Exception):
    """The view cannot be kept; the message says why, for its owner."""


@dataclass(frozen=True)
class ViewChoice:
    """A saved view as a page offers it; the one that the page shows now has `current`."""

    view: SavedView
    url: str
    current: bool


@dataclass(frozen=True)
class Views:
    """What a page shows of views. `query` is its own, ready to be kept."""

    choices: list[ViewChoice]
    query: str
    page: str
    course: Course
    plain_url: str

    @property
    def current(self) -> SavedView | None:
        """The view that the page shows now."""
        return next((one.view for one in self.choices if one.current), None)


def kept_query(query: QueryDict) -> str:
    """The query without empty values, pages of lists and what names a view; always one order."""
    kept = QueryDict(mutable=True)
    for name in sorted(query):
        value = query.get(name, "")
        if value and name != "view" and name != "page" and not name.endswith("_page"):
            kept[name] = value
    return kept.urlencode()


def kept(query: str) -> str:
    """`kept_query` of a query as text."""
    return kept_query(QueryDict(query[:500]))


def views_of(request: HttpRequest, course: Course, page: SavedView.Page) -> Views:
    """The reader's views of a page, in one query."""
    rows = SavedView.objects.filter(user_id=request.user.pk, course=course, page=page)
    query = kept_query(request.GET)
    plain = f"{request.path}?{NONE}"
    choices = [
        ViewChoice(one, f"{request.path}?{one.query or NONE}", one.query == query) for one in rows
    ]
    return Views(choices, query, page, course, plain)


def default_url(request: HttpRequest, views: Views) -> str:
    """Where a page that was opened without a query leads: to its default view, if there is one."""
    if request.GET:
        return ""
    default = next((one for one in views.choices if one.view.is_default), None)
    return default.url if default and default.view.query else ""


def save(
    user: User, course: Course, page: SavedView.Page, name: str, query: str, *, default: bool
) -> SavedView:
    """Keeps a view; one of the same name is replaced.

    Raises:
        ViewRefusedError: it has no name, or there are too many.
    """
    name = " ".join(name.split())[:60]
    if not name:
        raise ViewRefusedError(gettext("A view needs a name. Nothing was saved."))
    with transaction.atomic():
        mine = SavedView.objects.filter(user=user, course=course, page=page)
        if mine.exclude(name=name).count() >= _MOST:
            raise ViewRefusedError(
                gettext("You have %(most)s views of this page. Delete one first.") % {"most": _MOST}
            )
        if default:
            mine.update(is_default=False)
        made, _ = SavedView.objects.update_or_create(
            user=user,
            course=course,
            page=page,
            name=name,
            defaults={"query": kept(query), "is_default": default},
        )
    return made


def make_default(view: SavedView, *, default: bool) -> None:
    """Shows the view where its page is opened without a query, or no longer."""
    with transaction.atomic():
        SavedView.objects.filter(user=view.user, course=view.course, page=view.page).update(
            is_default=False
        )
        if default:
            SavedView.objects.filter(pk=view.pk).update(is_default=True)
