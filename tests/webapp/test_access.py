"""Every URL of the site, walked as everybody. A URL without a declared audience fails."""

import base64
import contextlib
import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from django.http import HttpResponse
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from tests.webapp.conftest import World, client_of
from tests.webapp.course_world import attached
from tests.webapp.group_world import analysed, found_group
from tests.webapp.summary_world import finished_summary
from webapp.calibration.models import Classifier
from webapp.disputes.models import Dispute
from webapp.marks.models import Correction, Mark
from webapp.notices.models import Notice
from webapp.uploads import storage as upload_storage
from webapp.uploads.models import Upload

LOGIN, NO, GONE = "asks to log in", 403, 404
ACTORS = ("stranger", "student", "other_student", "instructor", "other_instructor", "admin")


class Audience(NamedTuple):
    """What each of the ACTORS gets, in order: a status, or LOGIN."""

    method: str
    stranger: int | str
    student: int | str
    other_student: int | str
    instructor: int | str
    other_instructor: int | str
    admin: int | str


# The world's recording is the student's, in the instructor's course. Whoever may not know that
# a thing exists gets 404; whoever may, but may not do this to it, 403.
EVERYBODY_LOGGED_IN = Audience("GET", LOGIN, 200, 200, 200, 200, 200)
COURSE_MEMBERS = Audience("GET", LOGIN, 200, 200, 200, GONE, 200)
REPORT_READERS = Audience("GET", LOGIN, 200, GONE, 200, GONE, 200)
INSTRUCTORS = Audience("GET", LOGIN, NO, NO, 200, GONE, 200)
CLASSIFIERS = MEETINGS = Audience("GET", LOGIN, GONE, GONE, 200, GONE, 200)
STUDENTS_ONLY = Audience("GET", LOGIN, 200, 200, NO, GONE, NO)
ADMINS_ONLY = Audience("GET", LOGIN, LOGIN, LOGIN, LOGIN, LOGIN, 200)

AUDIENCES = {
    "health": Audience("GET", 200, 200, 200, 200, 200, 200),
    "set_language": Audience("POST", 302, 302, 302, 302, 302, 302),
    "accounts:login": Audience("GET", 200, 302, 302, 302, 302, 302),
    "accounts:logout": Audience("POST", 302, 302, 302, 302, 302, 302),
    "accounts:profile": EVERYBODY_LOGGED_IN,
    "accounts:password": EVERYBODY_LOGGED_IN,
    "courses:home": EVERYBODY_LOGGED_IN,
    "courses:course": COURSE_MEMBERS,
    "courses:figures": INSTRUCTORS,
    "courses:trend": INSTRUCTORS,
    "courses:lesson": COURSE_MEMBERS,
    # Every student's figures of a lesson: its instructors alone.
    "courses:lesson_class": INSTRUCTORS,
    # The page of the world's student: for them, and for who sees all recordings.
    "courses:student": REPORT_READERS,
    # Without a name nothing is kept; the answer leads back to the page.
    "courses:save_view": Audience("POST", LOGIN, NO, NO, 302, GONE, 302),
    # The view is the instructor's own.
    "courses:change_view": Audience("POST", LOGIN, GONE, GONE, 302, GONE, GONE),
    "courses:materials": INSTRUCTORS,
    "courses:material": COURSE_MEMBERS,
    "courses:change_material": Audience("POST", LOGIN, NO, NO, 302, GONE, 302),
    "recordings:mine": EVERYBODY_LOGGED_IN,
    # The other student has not given consent: 302 leads to the consent page.
    "recordings:upload": STUDENTS_ONLY._replace(other_student=302),
    "recordings:state": REPORT_READERS,
    # Clients of the protocol are told that they are logged out, not led to a page. The other
    # student has not given consent; an upload is its student's alone.
    "uploads:uploads": Audience("POST", 401, 201, NO, NO, GONE, NO),
    "uploads:upload": Audience("HEAD", 401, 200, GONE, GONE, GONE, GONE),
    "recordings:video": REPORT_READERS,
    # The analysis has not failed, so that there is nothing to retry.
    "recordings:retry": Audience("POST", LOGIN, NO, GONE, NO, GONE, NO),
    # It has ended: the answer says so, and leads back to the page.
    "recordings:cancel": REPORT_READERS._replace(
        method="POST", student=302, instructor=302, admin=302
    ),
    "recordings:delete": REPORT_READERS._replace(instructor=NO),
    "reports:recording": REPORT_READERS,
    "reports:data": REPORT_READERS,
    "reports:boxes": REPORT_READERS,
    "reports:json": REPORT_READERS,
    "reports:corrections": REPORT_READERS,
    "reports:csv": REPORT_READERS,
    "reports:csv_windows": REPORT_READERS,
    # Without anything to compare they ask what: each offers what its reader may see.
    "compare:recordings": EVERYBODY_LOGGED_IN,
    "compare:lessons": EVERYBODY_LOGGED_IN,
    # Without a script the panel is part of the report.
    "marks:marks": REPORT_READERS._replace(student=302, instructor=302, admin=302),
    # The world's mark is the instructor's own, and private.
    "marks:mark": Audience("GET", LOGIN, GONE, GONE, 302, GONE, GONE),
    "marks:delete_mark": Audience("POST", LOGIN, GONE, GONE, 302, GONE, GONE),
    # Who teaches the course corrects; the empty form of this test corrects nothing.
    "marks:correct": Audience("POST", LOGIN, NO, GONE, 400, GONE, NO),
    "marks:withdraw": Audience("POST", LOGIN, NO, GONE, 302, GONE, NO),
    "calibration:course": INSTRUCTORS,
    # Nothing has been labelled: the answer leads back to the page, which says what is missing.
    "calibration:fit": INSTRUCTORS._replace(method="POST", instructor=302, admin=302),
    "calibration:classifier": CLASSIFIERS,
    "calibration:retry": CLASSIFIERS._replace(method="POST", instructor=302, admin=302),
    "calibration:stop": CLASSIFIERS._replace(method="POST", instructor=302, admin=302),
    # Only who teaches the course labels; without a script the panel is part of the report.
    "calibration:labels": Audience("GET", LOGIN, NO, GONE, 302, GONE, NO),
    "calibration:rerun": Audience("POST", LOGIN, NO, GONE, 302, GONE, 302),
    "calibration:rerun_lesson": Audience("POST", LOGIN, NO, NO, 302, GONE, 302),
    "summaries:recording": REPORT_READERS,
    "summaries:make": Audience("POST", LOGIN, 302, GONE, 302, GONE, 302),
    # A class's summary shows every student: its instructors alone.
    "summaries:lesson": Audience("GET", LOGIN, NO, NO, 200, GONE, 200),
    "summaries:make_class": Audience("POST", LOGIN, NO, NO, 302, GONE, 302),
    # The file is of the summary of the student's recording.
    "summaries:file": REPORT_READERS,
    # A meeting shows everybody: its instructors alone, and nobody else knows that it is there.
    "groups:upload": INSTRUCTORS,
    "groups:settings": INSTRUCTORS,
    "groups:group": MEETINGS,
    # It is finished, so that the answer tells the page to load itself anew.
    "groups:state": MEETINGS,
    "groups:face": MEETINGS,
    "groups:video": MEETINGS,
    "groups:match": MEETINGS._replace(method="POST", instructor=302, admin=302),
    "groups:retry": MEETINGS._replace(method="POST", instructor=302, admin=302),
    "groups:delete": MEETINGS,
    "disputes:course": INSTRUCTORS,
    # Nothing is said in it: who may say something is told so, and nobody else gets that far.
    "disputes:open": Audience("POST", LOGIN, 400, GONE, NO, GONE, NO),
    "disputes:reply": Audience("POST", LOGIN, 400, GONE, 400, GONE, 400),
    "disputes:close": REPORT_READERS._replace(
        method="POST", student=302, instructor=302, admin=302
    ),
    "notices:list": EVERYBODY_LOGGED_IN,
    "notices:read": Audience("POST", LOGIN, 302, 302, 302, 302, 302),
    # It is the student's notice, and nobody else's.
    "notices:follow": Audience("GET", LOGIN, 302, GONE, GONE, GONE, GONE),
    # From an e-mail, without a log-in; the token of this test is nobody's.
    "notices:unsubscribe": Audience("GET", GONE, GONE, GONE, GONE, GONE, GONE),
    "exports:recording": REPORT_READERS,
    "exports:lesson": INSTRUCTORS,
    "exports:course": INSTRUCTORS,
    # The file is of the student; a classmate may know of the course, and not of its figures.
    "exports:student": Audience("GET", LOGIN, 200, NO, 200, GONE, 200),
    "privacy:own_data": EVERYBODY_LOGGED_IN,
    "privacy:looks": EVERYBODY_LOGGED_IN,
    "privacy:download": EVERYBODY_LOGGED_IN._replace(method="POST"),
    "privacy:method": Audience("GET", 200, 200, 200, 200, 200, 200),
    "privacy:consent": STUDENTS_ONLY,
    "privacy:withdraw": STUDENTS_ONLY,
}
# Django's own admin pages share one rule; these few differ from it.
ADMIN_EXCEPTIONS = {
    "admin:login": Audience("GET", 200, 200, 200, 200, 200, 302),
    "admin:logout": Audience("POST", 302, 302, 302, 302, 302, 302),
}
# Django leaves these without a name.
ADMIN_UNNAMED = {
    "admin:(?P<url>.*)$": "/admin/nonsense/",
    "admin:<path:object_id>/": "/admin/courses/course/1/",
}
# Actions, redirects and forms that admins may not use because the program alone writes the rows.
ADMIN_STATUSES = {200, 302, 403, 404, 405}


def walk(
    resolver: URLResolver, namespaces: tuple[str, ...] = ()
) -> Iterator[tuple[str, URLPattern]]:
    """Every URL of the configuration with its full name."""
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            inner = (*namespaces, entry.namespace) if entry.namespace else namespaces
            yield from walk(entry, inner)
        else:
            yield ":".join((*namespaces, entry.name or str(entry.pattern))), entry


def all_urls() -> list[str]:
    return sorted({name for name, _ in walk(get_resolver())})


SITE_URLS = [name for name in all_urls() if not name.startswith("admin:")]
ADMIN_URLS = [name for name in all_urls() if name.startswith("admin:")]


def classifier_of(world: World) -> Classifier:
    """The course's classifier, made when it is first asked for."""
    return Classifier.objects.get_or_create(course=world.course, state="finished")[0]


def notice_of(world: World) -> int:
    """A notice to the student, made when it is first asked for."""
    about = {"user": world.student, "kind": "analysed", "key": "a", "recording": world.recording}
    return Notice.objects.get_or_create(**about)[0].pk


def dispute_of(world: World) -> int:
    """A dispute of the student's report, made when it is first asked for."""
    return Dispute.objects.get_or_create(recording=world.recording, text="Not me")[0].pk


def upload_of(world: World) -> Upload:
    """An upload that the student has begun, with nothing in it yet."""
    begun, new = Upload.objects.get_or_create(
        sender=world.student,
        lesson=world.lesson,
        name="me.mp4",
        size_bytes=5,
        defaults={"expires_at": timezone.now() + dt.timedelta(hours=1)},
    )
    if new:
        upload_storage.create(begun.pk)
    return begun


def lesson_of(world: World) -> str:
    """The Upload-Metadata of a file for the world's lesson."""
    return "lesson " + base64.b64encode(str(world.lesson.pk).encode()).decode()


def mark_of(world: World) -> Mark:
    """A private mark of the instructor on the student's recording."""
    return Mark.objects.get_or_create(
        recording=world.recording, author=world.instructor, start_s=1.0
    )[0]


def correction_of(world: World) -> Correction:
    """A stretch of the student's recording that the instructor left out."""
    return Correction.objects.get_or_create(
        recording=world.recording, kind="exclusion", start_s=1.0, end_s=2.0, text="Not the student"
    )[0]


def address(name: str, world: World) -> str:
    """The URL for the world's own course, lesson or recording."""
    if name in ADMIN_UNNAMED:
        return ADMIN_UNNAMED[name]
    if name == "summaries:file":
        summary = finished_summary(world.recording, world.analysis)
        return reverse(name, args=[summary.pk, "contact-sheet.jpg"])
    group = (
        analysed(found_group(world.lesson, world.instructor), world.recording)
        if name.startswith("groups:")
        else None
    )
    for kwargs in (
        {},
        {"course_id": world.course.pk},
        {"course_id": world.course.pk, "user_id": world.student.pk},
        {"course_id": world.course.pk, "page": "course"},
        {"lesson_id": world.lesson.pk},
        {"recording_id": world.recording.pk},
        {"classifier_id": classifier_of(world).pk},
        {"view_id": world.instructor.saved_views.get_or_create(course=world.course)[0].pk},
        {"material_id": attached(world.lesson).pk},
        {"mark_id": mark_of(world).pk},
        {"correction_id": correction_of(world).pk},
        {"dispute_id": dispute_of(world)},
        {"notice_id": notice_of(world)},
        {"token": "nobodys"},
        {"group_id": group and group.pk},
        {"group_id": group and group.pk, "number": 1},
        {"object_id": "1"},
        {"app_label": "courses"},
        {"content_type_id": "1", "object_id": "1"},
        {"id": "1"},
        {"upload_id": upload_of(world).pk},
        {"recording_id": world.recording.pk, "ending": "xlsx"},
        {"lesson_id": world.lesson.pk, "ending": "csv"},
        {"course_id": world.course.pk, "ending": "json"},
        {"course_id": world.course.pk, "student_id": world.student.pk, "ending": "pdf"},
    ):
        with contextlib.suppress(NoReverseMatch):
            return reverse(name, kwargs=kwargs)
    raise AssertionError(f"{name} takes arguments that this test does not know: add them.")


def ask(world: World, actor: str, method: str, path: str) -> HttpResponse:
    client = client_of(None if actor == "stranger" else getattr(world, actor))
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": lesson_of(world)}
    return client.generic(method, path, headers=headers if "/uploads/" in path else {})


def outcome(response: HttpResponse) -> int | str:
    location = response.headers.get("Location", "")
    if response.status_code == 302 and "login" in location and "next=" in location:
        return LOGIN
    return response.status_code


def test_every_url_has_a_declared_audience() -> None:
    assert set(SITE_URLS) == set(AUDIENCES), (
        "Declare who may use the new URL in AUDIENCES, and take out what is gone."
    )


@pytest.mark.parametrize("name", SITE_URLS)
@pytest.mark.parametrize("actor", ACTORS)
def test_everybody_gets_what_is_declared_and_no_more(name: str, actor: str, world: World) -> None:
    audience = AUDIENCES[name]
    response = ask(world, actor, audience.method, address(name, world))
    assert outcome(response) == getattr(audience, actor), name


@pytest.mark.parametrize("name", ADMIN_URLS)
def test_admin_pages_are_for_admins(name: str, world: World) -> None:
    audience = ADMIN_EXCEPTIONS.get(name, ADMINS_ONLY)
    path = address(name, world)
    for actor in ACTORS:
        got = outcome(ask(world, actor, audience.method, path))
        if name in ADMIN_EXCEPTIONS:
            assert got == getattr(audience, actor), (name, actor)
        elif actor == "admin":
            assert got in ADMIN_STATUSES, (name, got)
        else:
            assert got == LOGIN, (name, actor, got)


@pytest.mark.parametrize("actor", ["student", "instructor", "admin"])
def test_an_inactive_user_is_a_stranger(actor: str, world: World) -> None:
    user = getattr(world, actor)
    client = client_of(user)
    user.is_active = False
    user.save()
    path = address("reports:recording", world)
    assert outcome(client.get(path)) == LOGIN


def test_an_instructor_who_left_the_course_sees_its_reports_no_more(world: World) -> None:
    world.instructor.enrolments.all().delete()
    response = client_of(world.instructor).get(address("reports:json", world))
    assert response.status_code == GONE


def test_a_student_who_left_the_course_still_reads_and_deletes_their_own(world: World) -> None:
    world.student.enrolments.all().delete()
    client = client_of(world.student)
    assert client.get(address("reports:recording", world)).status_code == 200
    assert client.post(address("privacy:withdraw", world)).status_code == 302
    assert not type(world.recording).objects.exists()


def test_an_instructor_of_one_course_who_studies_another_sees_no_report_there(
    world: World,
) -> None:
    world.other_instructor.enrolments.create(course=world.course, role="student")
    client = client_of(world.other_instructor)
    assert client.get(address("courses:course", world)).status_code == 200
    assert client.get(address("reports:recording", world)).status_code == GONE
