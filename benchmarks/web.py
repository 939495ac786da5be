"""How long pages take with a large class: percentiles, queries and bytes on the wire.

    python -m benchmarks.web [--small] [--students N] [--lessons N] [--rounds N]

A database of the benchmark's own (SQLite) with a class of simulated, finished analyses; two of
them have the document of a 45-minute lesson, the others short ones. The site's own web server
runs over it, and the demo instructor (for their own list, the demo student) asks for one page
after the other over the loopback, the pages taking turns; every answer is read to its end,
compressed as a browser would get it. Queries are counted beside, in a process without a server,
for the class and for a course of three students: a page that asks more for the larger one is a
regression, and so are more than twenty queries, or a 304 that is slower than the answer that it
spares. Times are for reading and for ratios, never judged by themselves with --small.
"""

import argparse
import math
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psutil
import requests
from django.test.utils import setup_test_environment

from benchmarks import measuring, site
from benchmarks.measuring import Bound, say

_PASSWORD = "a password for a benchmark"  # noqa: S105  (of a site that lives for a minute)
_TIMEOUT_S = 60.0
#: The class that a page must ask no more for than for three students.
_FEW_STUDENTS, _FEW_LESSONS = 3, 2
MOST_QUERIES = 20
_MOST_MS = 200.0
_LINES_AT_ONCE = 150
#: Two answers of the same page may be so much apart by chance.
_MOST_RATIO_OF_304 = 1.5


@dataclass(frozen=True)
class Page:
    """A page that is asked for; `etag` is what the browser has of it, and gets a 304 for."""

    name: str
    path: str
    as_student: bool = False
    etag: str = ""


@dataclass(frozen=True)
class Measured:
    """What one page took.

    Attributes:
        least_ms, p50_ms, p95_ms, most_ms: from the request to the last byte.
        sent_bytes: body on the wire, as compressed as it came.
        queries: of the class; `queries_of_few` of a course with three students.
    """

    page: str
    rounds: int
    least_ms: float
    p50_ms: float
    p95_ms: float
    most_ms: float
    sent_bytes: int
    queries: int
    queries_of_few: int


class Browser:
    """Somebody who is logged in. Answers are counted as they come, and not unpacked."""

    def __init__(self, url: str, email: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Accept-Encoding"] = "gzip"
        self._log_in(email)

    def _log_in(self, email: str) -> None:
        page = f"{self._url}/accounts/login/"
        self._session.get(page, timeout=_TIMEOUT_S).raise_for_status()
        fields = {
            "username": email,
            "password": _PASSWORD,
            "csrfmiddlewaretoken": self._session.cookies["csrftoken"],
        }
        answer = self._session.post(page, fields, headers={"Referer": page}, timeout=_TIMEOUT_S)
        if answer.url == page:
            raise SystemExit(f"{email} could not log in.")

    def get(self, page: Page) -> tuple[float, int, str]:
        """Seconds until the last byte, bytes of the body on the wire, and the answer's ETag."""
        headers = {"If-None-Match": page.etag} if page.etag else {}
        started = time.perf_counter()
        with self._session.get(
            self._url + page.path, headers=headers, stream=True, timeout=_TIMEOUT_S
        ) as answer:
            sent = len(answer.raw.read(decode_content=False))
            seconds = time.perf_counter() - started
        expected = 304 if page.etag else 200
        if answer.status_code != expected:
            raise SystemExit(f"{page.path} answered {answer.status_code}, not {expected}.")
        return seconds, sent, answer.headers.get("ETag", "")


def main(given: Sequence[str] | None = None) -> int:
    """Measure, print a table and a line of JSON; the exit code."""
    options = _arguments(given)
    with measuring.workplace("web") as folder:
        site.set_up(folder)
        setup_test_environment()
        say(f"Making a class of {options.students} students x {options.lessons} lessons ...")
        made_s, few, many = _make(options)
        say(f"made in {made_s:.0f} s; asking for pages ...")
        with site.server(folder) as (url, process):
            before_mb = process.memory_info().rss / 1e6
            measured, after_mb = _measure(url, few, many, options.rounds, process)
        database_mb = (folder / "engagement.sqlite3").stat().st_size / 1e6
    told = {
        "benchmark": "web",
        "environment": measuring.environment(),
        "students": options.students,
        "lessons": options.lessons,
        "database_mb": round(database_mb),
        "server_mb": [round(before_mb), round(after_mb)],
        "results": [asdict(one) for one in measured],
    }
    return _report(measured, told, options)


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web", description=__doc__)
    parser.add_argument("--small", action="store_true", help="quick: 20 students x 4 lessons")
    parser.add_argument("--students", type=int, help="in the class (200)")
    parser.add_argument("--lessons", type=int, help="of the course (40)")
    parser.add_argument("--rounds", type=int, help="times that each page is asked for (60)")
    options = parser.parse_args(given)
    options.students = options.students or (20 if options.small else 200)
    options.lessons = options.lessons or (4 if options.small else 40)
    options.rounds = options.rounds or (12 if options.small else 60)
    return options


def _make(options: argparse.Namespace) -> tuple[float, Any, Any]:
    """The two classes: a few students, and the many."""
    from benchmarks.classroom import make_classroom
    from webapp.courses.models import Course
    from webapp.stack import demo_data

    demo = demo_data.create(_PASSWORD)
    instructor, student = (demo.logins[role].user for role in ("instructor", "student"))
    started = time.perf_counter()
    small = Course.objects.create(title="A course of three", code="SMALL-1")
    few = make_classroom(small, instructor, student, _FEW_STUDENTS, _FEW_LESSONS)
    many = make_classroom(
        demo.lesson.course, instructor, student, options.students, options.lessons
    )
    return time.perf_counter() - started, few, many


def _pages(classroom: Any) -> list[Page]:
    from django.urls import reverse

    def path(name: str, subject: Any = None) -> str:
        return reverse(name, args=[subject.pk] if subject is not None else [])

    course, lesson, recording = classroom.course, classroom.lesson, classroom.long
    of_student = reverse("courses:student", args=[course.pk, classroom.student.pk])
    compared, beside = path("compare:recordings"), path("compare:lessons")
    return [
        Page("the list of courses", path("courses:home")),
        Page("course (dashboard)", path("courses:course", course)),
        Page("course, last page", path("courses:course", course) + "?students_page=99"),
        Page("course, the trend", path("courses:trend", course)),
        Page("lesson", path("courses:lesson", lesson)),
        Page("lesson, the class", path("courses:lesson_class", lesson)),
        Page("a student, by the instructor", of_student),
        Page("a student's own lessons", of_student, as_student=True),
        Page("a student's own list", path("recordings:mine"), as_student=True),
        Page("report, 45 min", path("reports:recording", recording)),
        Page("its chart's data", path("reports:data", recording)),
        Page("its faces' boxes", path("reports:boxes", recording)),
        Page("what to compare a recording with", f"{compared}?a={recording.pk}"),
        Page("the same, by a name", f"{compared}?a={recording.pk}&q=student+0001"),
        Page(
            "two recordings compared", f"{compared}?a={classroom.long_earlier.pk}&b={recording.pk}"
        ),
        Page("two lessons compared", f"{beside}?a={classroom.earlier.pk}&b={lesson.pk}"),
        Page("course export, whole", path("courses:figures", course)),
    ]


def _measure(
    url: str, few: Any, many: Any, rounds: int, server: psutil.Process
) -> tuple[list[Measured], float]:
    """Every page in turn; also the server's memory in the end, in 10^6 bytes."""
    teacher = Browser(url, "instructor@demo.example")
    learner = Browser(url, "student@demo.example")
    pages = _pages(many)
    # The first answers of all warm the server up, and tell the validators.
    etags = {page.name: _of(page, teacher, learner)[2] for page in pages}
    pages += [
        Page(f"{page.name}, again (304)", page.path, etag=etags[page.name])
        for page in pages
        if page.name.startswith("its ")
    ]
    taken: dict[str, list[tuple[float, int, str]]] = {page.name: [] for page in pages}
    for _ in range(rounds):
        for page in pages:
            taken[page.name].append(_of(page, teacher, learner))
    counts, counts_of_few = _queries(pages, many), _queries(_as_pages_of(pages, few), few)
    measured = [
        _measured(page.name, taken[page.name], counts[page.name], counts_of_few[page.name])
        for page in pages
    ]
    return measured, server.memory_info().rss / 1e6


def _of(page: Page, teacher: Browser, learner: Browser) -> tuple[float, int, str]:
    return (learner if page.as_student else teacher).get(page)


def _as_pages_of(pages: Sequence[Page], classroom: Any) -> list[Page]:
    """The same pages about another class; what a browser has of them is not known yet."""
    own = {page.name: page for page in _pages(classroom)}
    return [
        Page(page.name, found.path, found.as_student, etag="?" if page.etag else "")
        for page in pages
        for found in [own[page.name.removesuffix(", again (304)")]]
    ]


def _queries(pages: Sequence[Page], classroom: Any) -> dict[str, int]:
    """Queries of each page, its body read to the end."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from webapp.accounts.models import User

    instructor = User.objects.get(email="instructor@demo.example")
    counts = {}
    for page in pages:
        client = Client()
        client.force_login(classroom.student if page.as_student else instructor)
        headers = {}
        if page.etag:
            headers = {"If-None-Match": client.get(page.path).headers["ETag"]}
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(page.path, headers=headers)
            if answer.streaming:
                for _ in answer.streaming_content:  # type: ignore[attr-defined]
                    pass
        if answer.status_code != (304 if page.etag else 200):
            raise SystemExit(f"{page.path} answered {answer.status_code}.")
        counts[page.name] = len(captured)
    return counts


def _measured(
    name: str, taken: Sequence[tuple[float, int, str]], queries: int, queries_of_few: int
) -> Measured:
    times = sorted(1000 * seconds for seconds, _, _ in taken)
    # The smallest time that at least 95% of the answers do not exceed.
    p95 = times[math.ceil(0.95 * len(times)) - 1]
    return Measured(
        page=name,
        rounds=len(times),
        least_ms=round(times[0], 2),
        p50_ms=round(statistics.median(times), 2),
        p95_ms=round(p95, 2),
        most_ms=round(times[-1], 2),
        sent_bytes=max(sent for _, sent, _ in taken),
        queries=queries,
        queries_of_few=queries_of_few,
    )


def bounds_of(measured: Sequence[Measured], students: int, *, times: bool) -> list[Bound]:
    """What must hold: queries and ratios always, times only where they mean something."""
    by_name = {one.page: one for one in measured}
    bounds = []
    for one in measured:
        bounds.append(Bound(f"Queries of {one.page}", one.queries, most=MOST_QUERIES))
        more = one.queries - one.queries_of_few
        # An export is written into the log for every student, so many at once.
        most = students // _LINES_AT_ONCE if "export" in one.page else 0
        bounds.append(Bound(f"More queries than for three students, {one.page}", more, most=most))
        if times and "export" not in one.page:
            bounds.append(Bound(f"95% of the answers in ms, {one.page}", one.p95_ms, most=_MOST_MS))
        fresh = by_name.get(one.page.removesuffix(", again (304)"))
        if fresh is not None and fresh is not one:
            # The fastest of each: what else the machine does can only add to a time.
            ratio = one.least_ms / fresh.least_ms
            bounds.append(
                Bound(f"Time to the fresh answer, {one.page}", ratio, most=_MOST_RATIO_OF_304)
            )
            bounds.append(Bound(f"Bytes on the wire, {one.page}", one.sent_bytes, most=0))
    return bounds


def _report(measured: Sequence[Measured], told: dict[str, Any], options: argparse.Namespace) -> int:
    before, after = told["server_mb"]
    table = measuring.table(
        f"{options.students} students x {options.lessons} lessons, {told['database_mb']} MB of "
        f"SQLite; the server at {before} MB before and {after} MB after",
        ["page", "p50", "p95", "most", "on the wire", "queries", "of three students"],
    )
    for one in measured:
        table.add_row(
            one.page,
            f"{one.p50_ms:.1f} ms",
            f"{one.p95_ms:.1f} ms",
            f"{one.most_ms:.1f} ms",
            f"{one.sent_bytes / 1000:.1f} kB",
            str(one.queries),
            str(one.queries_of_few),
        )
    return measuring.finish(
        table, told, bounds_of(measured, options.students, times=not options.small)
    )


if __name__ == "__main__":
    sys.exit(main())
