"""However large the class, a page asks the same few questions, and every one by an index."""

import re
from collections.abc import Callable

import pytest
from django.contrib import admin
from django.db import connection
from django.http.response import HttpResponseBase
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.webapp.class_world import ClassWorld, give_document, make_class
from tests.webapp.conftest import client_of
from webapp.accounts.models import User
from webapp.courses.models import Course, Enrolment, Lesson
from webapp.recordings.models import AnalysisDocument, Recording
from webapp.reports.selectors import latest_finished
from workers import reaper

MOST = 20
SMALL, LARGE = 3, 60

Address = Callable[[ClassWorld], str]


def of(name: str, kind: str = "", query: str = "", *more: str) -> Address:
    """The address of a page about the world's course, lesson, recording, group or classifier."""

    def address(world: ClassWorld) -> str:
        subject = {"lesson": world.lessons[0]}.get(kind) or getattr(world, kind or "course")
        return reverse(name, args=[subject.pk, *more] if kind else []) + query

    return address


def other_report(world: ClassWorld) -> Recording:
    """The recording of the first lesson's second student, given a document to compare."""
    found = Recording.objects.get(lesson=world.lessons[0], student=world.students[1])
    if not AnalysisDocument.objects.filter(analysis__recording=found).exists():
        give_document(latest_finished(found))
    return found


def lesson_elsewhere(world: ClassWorld) -> Lesson:
    """A lesson of another course of the same instructor, with as many students."""
    code = f"{world.course.code}-elsewhere"
    found = Lesson.objects.filter(course__code=code).first()
    if found is None:
        other = make_class(code, len(world.students))
        Enrolment.objects.create(course=other.course, user=world.instructor, role="instructor")
        found = other.lessons[0]
    return found


FOR_INSTRUCTORS = {
    "home": of("courses:home"),
    "course": of("courses:course", "course"),
    "course, by recording": of("courses:course", "course", "?students=recording&lessons=title"),
    "course, figures": of("courses:figures", "course", "?names=1"),
    "course, trend": of("courses:trend", "course"),
    "course, found": of(
        "courses:course", "course", "?title=lesson&from=2026-01-01&student=student&having=some"
    ),
    "lesson": of("courses:lesson", "lesson"),
    "lesson, class": of("courses:lesson_class", "lesson"),
    "lesson, found": of("courses:lesson", "lesson", "?q=student"),
    "materials": of("courses:materials", "lesson"),
    "student": lambda world: reverse(
        "courses:student", args=[world.course.pk, world.students[0].pk]
    ),
    "lesson, by student": of("courses:lesson", "lesson", "?order=name"),
    "report": of("reports:recording", "recording"),
    "data": of("reports:data", "recording"),
    "boxes": of("reports:boxes", "recording"),
    "JSON": of("reports:json", "recording"),
    "corrections": of("reports:corrections", "recording"),
    "observations": of("reports:csv", "recording"),
    "windows": of("reports:csv_windows", "recording"),
    "course, workbook": of("exports:course", "course", "?names=1", "xlsx"),
    "course, PDF": of("exports:course", "course", "", "pdf"),
    "lesson, JSON": of("exports:lesson", "lesson", "?names=1", "json"),
    "lesson, PDF": of("exports:lesson", "lesson", "", "pdf"),
    "report, tables": of("exports:recording", "recording", "", "parquet"),
    "report, PDF": of("exports:recording", "recording", "", "pdf"),
    "compare, choosing": of("compare:recordings"),
    "compare, found": of("compare:recordings", "", "?q=student"),
    "compare, beside one": lambda world: reverse("compare:recordings") + f"?a={world.recording.pk}",
    "compare, two recordings": lambda world: (
        reverse("compare:recordings") + f"?a={world.recording.pk}&b={other_report(world).pk}"
    ),
    "compare, lessons": of("compare:lessons"),
    "compare, two lessons": lambda world: (
        reverse("compare:lessons") + f"?a={world.lessons[0].pk}&b={world.lessons[1].pk}"
    ),
    "compare, lessons of two courses": lambda world: (
        reverse("compare:lessons") + f"?a={world.lessons[0].pk}&b={lesson_elsewhere(world).pk}"
    ),
    "calibration": of("calibration:course", "course"),
    "classifier": of("calibration:classifier", "classifier"),
    "summary": of("summaries:recording", "recording"),
    "class summary": of("summaries:lesson", "lesson"),
    "meeting": of("groups:group", "group"),
    "meeting, upload": of("groups:upload", "lesson"),
    "meeting, delete": of("groups:delete", "group"),
    "disputes": of("disputes:course", "course"),
    "notices": of("notices:list"),
    "profile": of("accounts:profile"),
    "meeting, settings": of("groups:settings", "course"),
}
FOR_STUDENTS = {
    "home": of("courses:home"),
    "course": of("courses:course", "course"),
    "lesson": of("courses:lesson", "lesson"),
    "own lessons": lambda world: reverse(
        "courses:student", args=[world.course.pk, world.students[0].pk]
    ),
    "mine": of("recordings:mine"),
    "mine, narrowed": of("recordings:mine", "", "?q=lesson&state=finished&order=lesson"),
    "upload": of("recordings:upload", "lesson"),
    "state": of("recordings:state", "recording"),
    "delete": of("recordings:delete", "recording"),
    "report": of("reports:recording", "recording"),
    "summary": of("summaries:recording", "recording"),
    "consent": of("privacy:consent", "course"),
    "withdraw": of("privacy:withdraw", "course"),
    "profile": of("accounts:profile"),
    "notices": of("notices:list"),
    "own data": of("privacy:own_data"),
    "who looked": of("privacy:looks"),
    "method": of("privacy:method"),
}
CHANGE_LISTS = sorted(
    f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    for model in admin.site._registry
)


def body_of(response: HttpResponseBase) -> bytes:
    if response.streaming:
        return b"".join(response.streaming_content)
    return response.content


def queries(client: Client, path: str) -> list[str]:
    """What is asked for one page, its whole body read."""
    with CaptureQueriesContext(
        connection,
    ) as captured:
        response = client.get(path)
        body_of(response)
    assert response.status_code == 200, path
    return [one["sql"] for one in captured.captured_queries]


def asked_twice(user: User, path: str) -> list[list[str]]:
    """For the first reading, which may write things down, and for the next."""
    client = client_of(user)
    return [queries(client, path) for _ in range(2)]


def grow(user: User, world: ClassWorld, times: int) -> None:
    """What grows with the years and not with the class: courses, and one's own recordings."""
    courses = Course.objects.bulk_create(
        Course(title=f"Other {n}", code=f"{world.course.code}-{n}") for n in range(times)
    )
    Enrolment.objects.bulk_create(
        Enrolment(course=one, user=user, role="student") for one in courses
    )
    Recording.objects.bulk_create(
        Recording(
            lesson=world.lessons[0],
            student=world.students[0],
            original_name="a.mp4",
            size_bytes=1,
            sha256="ab" * 32,
        )
        for _ in range(times)
    )


def compare(who: Callable[[ClassWorld], User], address: Address) -> None:
    asked = []
    for code, size in (("small", SMALL), ("large", LARGE)):
        world = make_class(code, size)
        grow(who(world), world, size)
        asked.append(asked_twice(who(world), address(world)))
    for small, large in zip(*asked, strict=True):
        assert len(small) == len(large), f"it asks more for a larger class: {large}"
        assert len(large) <= MOST, large


@pytest.mark.django_db
@pytest.mark.parametrize("page", FOR_INSTRUCTORS)
def test_instructors_pages_ask_no_more_for_a_larger_class(page: str, sent: list) -> None:
    compare(lambda world: world.instructor, FOR_INSTRUCTORS[page])


@pytest.mark.django_db
@pytest.mark.parametrize("page", FOR_STUDENTS)
def test_students_pages_ask_no_more_for_a_larger_class(page: str, sent: list) -> None:
    compare(lambda world: world.students[0], FOR_STUDENTS[page])


@pytest.mark.django_db
@pytest.mark.parametrize("name", CHANGE_LISTS)
def test_admin_lists_ask_no_more_for_a_larger_class(name: str, sent: list) -> None:
    someone = User.objects.create_superuser("admin@example.org", name="Admin")
    compare(lambda world: someone, lambda world: reverse(name))


# -- by an index --

sqlite_only = pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's plans")
_TABLE = re.compile(r'"(recordings_(?:analysis|recording|analysisdocument))"(?: (?:AS )?(\w+))?')
_ALIAS = re.compile(r"^(?:T\d+|[U-Z]\d+)$")


def whole_scans(sql: str) -> list[str]:
    """The lines of SQLite's plan that go through all recordings or analyses.

    To seek everything that is finished is to go through all, with an index or without.
    """
    names = {table for table, _ in _TABLE.findall(sql)}
    names |= {alias for _, alias in _TABLE.findall(sql) if _ALIAS.match(alias)}
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        plan = [row[3] for row in cursor.fetchall()]
    finished = [line for line in plan if "'finished'" in sql and line.endswith("reaper (state=?)")]
    scans = [line for line in plan if (m := re.match(r"SCAN (\w+)", line)) and m[1] in names]
    return scans + finished


@sqlite_only
def test_a_scan_is_recognised(db: None) -> None:
    sql = 'SELECT "id" FROM "recordings_analysis" WHERE "error_text" = \'x\''
    assert whole_scans(sql) == ["SCAN recordings_analysis"]
    sql = 'SELECT U0."id" FROM "recordings_recording" U0 WHERE U0."size_bytes" = 1'
    assert whole_scans(sql) == ["SCAN U0"]
    sql = 'SELECT "id" FROM "recordings_analysis" WHERE "state" = \'finished\''
    assert len(whole_scans(sql)) == 1


@sqlite_only
def test_no_list_goes_through_all_recordings(sent: list, db: None) -> None:
    world = make_class("plans", SMALL)
    asked = []
    for user, pages in (
        (world.instructor, FOR_INSTRUCTORS),
        (world.students[0], FOR_STUDENTS),
    ):
        client = client_of(user)
        for page, address in pages.items():
            asked += [(page, sql) for sql in queries(client, address(world))]
    with CaptureQueriesContext(connection) as captured:
        reaper.free_abandoned()
        reaper.send_unsent()
        reaper.send_unsent_renditions()
    asked += [("reaper", one["sql"]) for one in captured.captured_queries]
    reading = [
        (page, sql) for page, sql in asked if "recordings_" in sql and sql.startswith("SELECT")
    ]
    assert len(reading) > 50
    scans = {(page, sql[:3000], line) for page, sql in reading for line in whole_scans(sql)}
    assert not scans
