"""Long lists in pages: which rows to show, and links to the other pages.

Several lists of one page are turned independently: each has a query parameter of its own, and the
links keep all others.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

Row = TypeVar("Row")


@dataclass(frozen=True)
class Link:
    """One entry of the list of pages; without an address it is the page shown, or a gap."""

    words: str
    url: str
    current: bool


@dataclass(frozen=True)
class Paged(Generic[Row]):
    """One page of a list; goes through its rows where it is iterated.

    Attributes:
        rows: what to show.
        total: rows on all pages together.
        first, last: numbers of the rows shown, counted from 1; zero where there are none.
        links: the pages; empty where there is only one.
    """

    rows: Sequence[Row]
    total: int
    first: int
    last: int
    previous_url: str
    next_url: str
    links: Sequence[Link]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def paged(
    request: HttpRequest, rows: "QuerySet[Any]", size: int, name: str = "page", anchor: str = ""
) -> Paged[Any]:
    """The page that the query parameter `name` asks for; nonsense means the first or last one.

    `anchor` is the id of the list on its page, to which the links lead. Takes two queries.
    """
    paginator = Paginator(rows, size)
    page = paginator.get_page(request.GET.get(name, 1))

    def url(number: int) -> str:
        return address(request, anchor, **{name: str(number) if number > 1 else ""})

    many = paginator.num_pages > 1
    numbers = paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
    return Paged(
        rows=list(page.object_list),
        total=paginator.count,
        first=page.start_index(),
        last=page.end_index(),
        previous_url=url(page.number - 1) if page.has_previous() else "",
        next_url=url(page.number + 1) if page.has_next() else "",
        links=[_link(one, page.number, url) for one in numbers] if many else [],
    )


def _link(number: int | str, current: int, url: Callable[[int], str]) -> Link:
    if not isinstance(number, int):
        return Link(number, "", current=False)
    return Link(str(number), "" if number == current else url(number), number == current)


def address(request: HttpRequest, anchor: str = "", **changes: str) -> str:
    """The page's own address with other query parameters; an empty value takes one away."""
    query = request.GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value:
            query[name] = value
    text = query.urlencode()
    return f"{request.path}{'?' if text else ''}{text}{'#' if anchor else ''}{anchor}"


@dataclass(frozen=True)
class Order:
    """One way to sort a list, as a link; the one in force has `current`."""

    words: str
    url: str
    current: bool


def orders(
    request: HttpRequest, name: str, choices: dict[str, str], pages: str, anchor: str = ""
) -> tuple[str, list[Order]]:
    """The order that the query parameter `name` asks for, and links to all.

    Args:
        choices: words by value; the first is the default.
        pages: the list's parameter of pages, which another order begins anew.
    """
    default = next(iter(choices))
    wanted = request.GET.get(name, default)
    chosen = wanted if wanted in choices else default
    links = [
        Order(
            words,
            address(request, anchor, **{name: "" if value == default else value, pages: ""}),
            value == chosen,
        )
        for value, words in choices.items()
    ]
    return chosen, links
