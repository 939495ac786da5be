"""Every page of the site, found from the declared audiences, so that none can be forgotten.

`write` runs with the site's settings: it seeds the simulated course, asks every URL as everybody
who may read it, and writes down which of them answer with a page, as JSON. The admin pages are
found from what is registered there, see `admin_pages`.
"""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db.models import QuerySet
from django.test import Client
from django.test.utils import setup_test_environment
from django.urls import get_resolver, reverse

from tests.browser import admin_pages
from tests.webapp.test_access import AUDIENCES, walk
from webapp.accounts.models import User
from webapp.courses.models import Course, Lesson
from webapp.groups.models import GroupRecording
from webapp.marks.models import Mark
from webapp.notices.tokens import token_for
from webapp.recordings.models import Analysis, Recording
from webapp.stack import simulated_course
from webapp.stack.demo_data import Login

STRANGER = "stranger"
READERS = (STRANGER, "student", "instructor", "admin")
#: Answers with a page although nobody goes to it: the address of a piece, or of a file.
NO_PAGES = {"health"}
#: Pages that are looked at as an admin, too.
NAVIGATION = {"courses:home", "courses:course", "reports:recording"}


@dataclass(frozen=True)
class Found:
    """A page: how it is called, where it is, and as whom it is read."""

    name: str
    path: str
    reader: str


def mail_of(reader: str) -> str:
    """Who reads as a student, instructor or admin here: nobody whom another test knows."""
    return f"{reader}@pages.example"


def seed(password: str) -> Course:
    """The simulated course with readers of its own; the same as often as it is called."""
    logins = {role: _login(role, password) for role in READERS[1:]}
    made = simulated_course.create(logins)
    return made.course


def write(target: Path, password: str, *, whole_admin: bool = False) -> None:
    """Seeds, and writes the pages that were found; of the admin pages a few, or all."""
    setup_test_environment()
    # Many of the addresses are not for everybody who asks here.
    logging.getLogger("django.request").setLevel(logging.ERROR)
    course = seed(password)
    target.write_text(json.dumps([vars(one) for one in find(course, whole_admin=whole_admin)]))


def read(source: Path) -> list[Found]:
    """The pages as `write` has written them."""
    return [Found(**one) for one in json.loads(source.read_text())]


def find(course: Course, *, whole_admin: bool = False) -> list[Found]:
    """Every page that somebody may read, once for each of them.

    An admin reads most pages as the instructor does: they are left out, but for a few.
    """
    addresses = [*_declared(course), *_further(course)]
    if whole_admin:
        addresses += admin_pages.every_one(course, User.objects.get(email=mail_of("admin")))
    else:
        addresses += admin_pages.pictured(course)
    found: list[Found] = []
    for reader in READERS:
        client = Client()
        if reader != STRANGER:
            client.force_login(User.objects.get(email=mail_of(reader)))
        known = {one.path for one in found if reader == "admin" and one.name not in NAVIGATION}
        found += [
            Found(name, path, reader)
            for name, path in addresses
            if path not in known and _is_page(client, name, path)
        ]
    return found


def _login(role: str, password: str) -> Login:
    user, _ = User.objects.get_or_create(
        email=mail_of(role), defaults={"name": f"{role.capitalize()} of the pages"}
    )
    user.is_staff = user.is_superuser = role == "admin"
    user.set_password(password)
    user.save()
    return Login(role, user, password)


def _declared(course: Course) -> Iterable[tuple[str, str]]:
    """The declared URLs that are read, each about the simulated course."""
    values = _values(course)
    for name, entry in sorted(walk(get_resolver()), key=lambda one: one[0]):
        if name in AUDIENCES and AUDIENCES[name].method == "GET":
            needed = entry.pattern.converters
            unknown = set(needed) - set(values)
            if unknown:
                raise LookupError(f"{name} takes {unknown}: say in every_page.py what to give it.")
            yield name, reverse(name, kwargs={key: values[key] for key in needed})


def _values(course: Course) -> dict[str, Any]:
    """What the URLs' arguments are filled with."""
    own = _own(course).first()
    lesson = course.lessons.order_by("starts_at").first()
    group = GroupRecording.objects.get(lesson__course=course, affect__isnull=False)
    return {
        "course_id": course.pk,
        "lesson_id": lesson.pk,
        "recording_id": own.pk,
        "classifier_id": course.classifiers.get().pk,
        "group_id": group.pk,
        "number": 1,
        "student_id": own.student_id,
        "user_id": own.student_id,
        "summary_id": own.summaries.get().pk,
        "mark_id": Mark.objects.filter(recording__lesson__course=course).first().pk,
        "material_id": lesson.materials.first().pk,
        "notice_id": own.student.notices.first().pk,
        "token": token_for(own.student_id, ["weekly"]),
        # Of an export; what comes is no page, so one that is quickly made.
        "ending": "json",
        "name": "contact-sheet.jpg",
    }


def _own(course: Course) -> QuerySet[Recording]:
    """The reading student's recordings, the one with a summary first."""
    own = Recording.objects.filter(student__email=mail_of("student"), lesson__course=course)
    return own.order_by("summaries", "-created_at")


def _further(course: Course) -> Iterable[tuple[str, str]]:
    """Pages that look different about something else: nothing there, failed, stopped, waiting."""
    of_course = Analysis.objects.filter(recording__lesson__course=course)
    alone = of_course.filter(recording__in=_with_one_analysis(course))
    for state in ("failed", "cancelled"):
        recording = alone.filter(state=state).first().recording_id
        yield f"reports:recording, {state}", reverse("reports:recording", args=[recording])
        yield f"summaries:recording, {state}", reverse("summaries:recording", args=[recording])
    anew = of_course.filter(state="failed").exclude(pk__in=alone).first().recording_id
    yield "reports:recording, failed anew", reverse("reports:recording", args=[anew])
    two = of_course.filter(document__document__warnings__1__code="several_people").first()
    yield "reports:recording, two people", reverse("reports:recording", args=[two.recording_id])
    remarks = _own(course).filter(disputes__isnull=False, marks__isnull=False).first()
    yield "reports:recording, remarks", reverse("reports:recording", args=[remarks.pk])
    empty = _empty_lesson(course)
    yield "compare:recordings, two", _compared("compare:recordings", _own(course)[:2])
    lessons = course.lessons.order_by("starts_at")[:2]
    yield "compare:lessons, two", _compared("compare:lessons", lessons)
    others = course.enrolments.filter(role="student").exclude(user__recordings__isnull=False)
    arguments = [course.pk, others.first().user_id]
    yield "courses:student, nothing yet", reverse("courses:student", args=arguments)
    yield "courses:lesson, empty", reverse("courses:lesson", args=[empty.pk])
    yield "summaries:lesson, empty", reverse("summaries:lesson", args=[empty.pk])
    yield "courses:course, empty", reverse("courses:course", args=[empty.course_id])
    yield "calibration:course, empty", reverse("calibration:course", args=[empty.course_id])
    yield "privacy:consent, not given", reverse("privacy:consent", args=[empty.course_id])
    waiting = GroupRecording.objects.get(lesson__course=course, affect__isnull=True)
    yield "groups:group, waiting", reverse("groups:group", args=[waiting.pk])
    yield "no such page", "/nothing-is-here/"


def _compared(name: str, two: Iterable[Recording | Lesson]) -> str:
    a, b = (one.pk for one in two)
    return f"{reverse(name)}?a={a}&b={b}"


def _with_one_analysis(course: Course) -> list[Any]:
    recordings = Recording.objects.filter(lesson__course=course).prefetch_related("analyses")
    return [one.pk for one in recordings if len(one.analyses.all()) == 1]


def _empty_lesson(course: Course) -> Lesson:
    """A lesson without a recording, in a course where the same people are."""
    empty, _ = Course.objects.get_or_create(code="EMPTY-1", defaults={"title": "An empty course"})
    for role in ("student", "instructor"):
        user = User.objects.get(email=mail_of(role))
        empty.enrolments.get_or_create(user=user, defaults={"role": role})
    first = course.lessons.order_by("starts_at").first()
    lesson, _ = empty.lessons.get_or_create(
        title="Nothing yet", defaults={"starts_at": first.starts_at}
    )
    return lesson


def _is_page(client: Client, name: str, path: str) -> bool:
    """Whether the answer is a whole page, whatever its status: pages of errors are read, too."""
    answer = client.get(path)
    if name in NO_PAGES or answer.streaming:
        return False
    if answer.status_code != 200 and name != "no such page":
        return False
    return answer.content.lstrip()[:9].lower() == b"<!doctype"
