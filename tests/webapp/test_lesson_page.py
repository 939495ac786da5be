"""A lesson's page: the class for its instructors, materials for everybody in the course."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from tests.webapp.conftest import World, client_of
from tests.webapp.course_world import PDF, attached, course_of, curve, reported
from webapp.accounts.models import User
from webapp.courses import storage
from webapp.courses.materials import Cue, cue_at, is_safe_link, parse_cues
from webapp.courses.models import Lesson, LessonMaterial
from webapp.privacy import holdings
from webapp.privacy.models import AccessLog
from webapp.recordings.models import Recording
from workers import materials

MP4 = b"\x00\x00\x00\x18ftypisom" + bytes(400)


def class_page(lesson: Lesson, user: User, query: str = "") -> str:
    response = client_of(user).get(reverse("courses:lesson_class", args=[lesson.pk]) + query)
    assert response.status_code == 200
    return response.content.decode()


def teacher_of(lesson: Lesson) -> User:
    return User.objects.get(enrolments__course=lesson.course, enrolments__role="instructor")


@pytest.fixture
def dipped(db: None, sent: list) -> Lesson:
    """Six students who dip together at 10:00, and one who sent nothing."""
    _, (lesson,), people = course_of("dip", 7)
    for number, one in enumerate(people[:6]):
        reported(lesson, one, curve(0.5 + 0.05 * number, dips=[(20, 26)]))
    return lesson


# -- the class --


def test_a_moment_leads_into_every_students_report_at_its_own_time(dipped: Lesson) -> None:
    text = class_page(dipped, teacher_of(dipped))
    assert "Dip from 10:00 to 13:00" in text
    assert "Class mean 0.37 ± 0.09 of 6 students" in text
    assert "6 of the 6 were on this side" in text
    links = re.findall(r'href="(/recordings/[^"]+/report/\?t=(\d+))"', text)
    assert len(links) == 6
    assert {t for _, t in links} == {"600"}


def test_recordings_of_one_student_are_told_apart_in_the_maps_table(dipped: Lesson) -> None:
    student, namesake = (User.objects.get(name=f"Student 0{n}") for n in (1, 2))
    User.objects.filter(pk=namesake.pk).update(name=student.name.upper())
    again = reported(dipped, student, curve(0.6))
    Recording.objects.filter(pk=again.pk).update(
        started_at=datetime(2026, 9, 1, 9, 4, tzinfo=UTC), created_at=timezone.now()
    )
    first = Recording.objects.filter(student=student).exclude(pk=again.pk)
    first.update(created_at=datetime(2026, 9, 1, 11, 30, tzinfo=UTC))
    text = class_page(dipped, teacher_of(dipped))
    table = text[text.index("data-map-table") :]
    table = table[: table.index("</table>")]
    heads = [
        " ".join(re.sub(r"<[^>]+>", "", one).split())
        for one in re.findall(r'<th scope="row">(.*?)</th>', table)
    ]
    assert f"Student 01 (1/2), {student.email} uploaded 1 Sep 2026, 11:30" in heads
    assert f"Student 01 (2/2), {student.email} recorded from 1 Sep 2026, 09:04" in heads
    assert f"STUDENT 01, {namesake.email}" in heads
    assert len(set(heads)) == len(heads) == 7
    # Who sent one, and has a name of their own, is called by it alone.
    assert "Student 03" in heads


def test_a_report_that_began_later_is_opened_at_its_own_second(dipped: Lesson) -> None:
    Recording.objects.update(started_at=dipped.starts_at)
    late = reported(dipped, User.objects.get(name="Student 06"), curve(0.6, dips=[(16, 22)]))
    Recording.objects.filter(pk=late.pk).update(started_at=dipped.starts_at + timedelta(minutes=2))
    text = class_page(dipped, teacher_of(dipped))
    assert "7 of the 7 were on this side" in text
    assert f"/recordings/{late.pk}/report/?t=480" in text


def test_figures_stand_with_coverage_spread_model_and_date(dipped: Lesson) -> None:
    text = class_page(dipped, teacher_of(dipped))
    for words in ("± ", "Face usable", "<code>concentration_index</code>", "Newest report"):
        assert words in text
    assert "Student 06" in text.split("Who is missing")[1]


def test_seeing_the_class_is_written_down(dipped: Lesson) -> None:
    teacher = teacher_of(dipped)
    class_page(dipped, teacher)
    seen = AccessLog.objects.filter(actor=teacher, action="figures")
    assert {one.subject.name for one in seen} == {f"Student 0{n}" for n in range(6)}


def test_a_search_keeps_the_class_and_narrows_the_rows(dipped: Lesson) -> None:
    text = class_page(dipped, teacher_of(dipped), "?q=Student 03")
    data = text.split('id="class-data"')[1]
    assert data.count('"name": "Student 0') == 1
    assert "of 6 students" in text


def test_a_lesson_without_reports_says_so(db: None, sent: list) -> None:
    _, (lesson,), _ = course_of("empty", 2)
    text = class_page(lesson, teacher_of(lesson))
    assert "No reports of this lesson yet" in text
    assert "Student 01" in text


def test_estimates_of_another_model_are_marked_and_left_out(dipped: Lesson) -> None:
    student = User.objects.get(name="Student 06")
    reported(dipped, student, curve(0.9), engagement_model="other", engagement_kind="trained")
    text = class_page(dipped, teacher_of(dipped))
    assert "1 report was made by another model" in text
    assert "≠ other" in text
    assert "of 6 students" in text


# -- materials --


def attach(world: World, **fields: object) -> object:
    url = reverse("courses:materials", args=[world.lesson.pk])
    return client_of(world.instructor).post(url, fields)


def test_slides_are_attached_and_lead_from_a_moment_to_their_page(dipped: Lesson) -> None:
    attached(dipped, cues=[[1, 0.0], [4, 570.0], [5, 700.0]])
    text = class_page(dipped, teacher_of(dipped))
    assert re.search(r'href="/materials/[^"]+/#page=4"', text)
    assert "#page=5" not in text


def test_a_pdf_is_kept_privately_and_read_by_the_course(world: World) -> None:
    file = SimpleUploadedFile("slides.pdf", PDF)
    assert attach(world, video=file, cues="2 0:30\n1 0:00").status_code == 302
    material = LessonMaterial.objects.get()
    assert (material.kind, material.title) == ("slides", "slides.pdf")
    assert material.cues == [[1, 0.0], [2, 30.0]]
    assert material.path.read_bytes() == PDF
    answer = client_of(world.student).get(reverse("courses:material", args=[material.pk]))
    assert b"".join(answer.streaming_content) == PDF
    assert answer.headers["Content-Type"] == "application/pdf"
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    outsider = client_of(world.other_instructor)
    assert outsider.get(reverse("courses:material", args=[material.pk])).status_code == 404


def test_a_video_is_played_on_the_lessons_page_by_range(world: World) -> None:
    assert attach(world, video=SimpleUploadedFile("a.mp4", MP4), starts="1:30").status_code == 302
    material = LessonMaterial.objects.get()
    page = client_of(world.student).get(reverse("courses:lesson", args=[world.lesson.pk]))
    assert 'data-starts="90"' in page.content.decode()
    url = reverse("courses:material", args=[material.pk])
    piece = client_of(world.student).get(url, headers={"Range": "bytes=4-7"})
    assert (piece.status_code, b"".join(piece.streaming_content)) == (206, b"ftyp")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"url": "http://slides.example/a"}, "Only links that begin with https://"),
        ({"url": "javascript:alert(1)"}, "Only links that begin with https://"),
        ({"url": "https://user:word@slides.example/"}, "Only links that begin with https://"),
        ({}, "Choose a file or give a link"),
        ({"url": "https://a.example/", "cues": "four 1:00"}, "is not a slide and a time"),
        ({"url": "https://a.example/", "starts": "soon"}, "is not a time"),
    ],
)
def test_what_cannot_be_attached_is_refused_with_the_reason(
    world: World, fields: dict, words: str
) -> None:
    answer = attach(world, **fields)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not LessonMaterial.objects.exists()


def test_a_file_that_only_calls_itself_a_pdf_is_not_kept(world: World) -> None:
    answer = attach(world, video=SimpleUploadedFile("slides.pdf", b"<html><script>"))
    assert answer.status_code == 400
    assert "neither an MP4 or WebM video nor a PDF" in answer.content.decode()
    assert not list(storage.materials_dir().iterdir())


def test_a_link_is_followed_without_a_referrer_and_never_embedded(world: World) -> None:
    assert attach(world, url="https://slides.example/deck", title="Deck").status_code == 302
    text = client_of(world.student).get(reverse("courses:lesson", args=[world.lesson.pk]))
    page = text.content.decode()
    link = re.search(r'<a [^>]*href="https://slides.example/deck"[^>]*>', page)
    assert link
    assert "noreferrer" in link[0]
    assert "<iframe" not in page


def test_what_is_taken_away_is_erased(world: World) -> None:
    material = attached(world.lesson)
    path: Path = material.path
    url = reverse("courses:change_material", args=[material.pk])
    assert client_of(world.student).post(url, {"action": "remove"}).status_code == 403
    assert path.exists()
    client_of(world.instructor).post(url, {"action": "remove"})
    assert not LessonMaterial.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_materials_file_goes_with_its_lesson(sent: list) -> None:
    _, (lesson,), _ = course_of("erased", 1)
    path = attached(lesson).path
    lesson.delete()
    assert not path.exists()


def test_a_file_that_a_crash_left_without_a_row_is_swept(world: World) -> None:
    kept, lost = attached(world.lesson), attached(world.lesson)
    LessonMaterial.objects.filter(pk=lost.pk)._raw_delete(using="default")
    assert materials.sweep_files(3600.0) == 0
    assert materials.sweep_files(-1.0) == 1
    assert kept.path.exists()
    assert not lost.path.exists()


def test_what_an_instructor_keeps_here_is_among_what_is_held_about_them(world: World) -> None:
    attached(world.lesson, added_by=world.instructor)
    held = {one.key: one for one in holdings.holders()}
    (row,) = held["course_pages"].rows(world.instructor)
    assert row["title"] == "The slides"
    assert not list(held["course_pages"].rows(world.student))


def test_cues_are_read_in_order_of_time_and_found_by_it() -> None:
    cues = parse_cues("2 1:00\n\n1 0:05\n3 1:02:00")
    assert cues == [Cue(1, 5.0), Cue(2, 60.0), Cue(3, 3720.0)]
    assert cue_at(cues, 4.0) is None
    assert cue_at(cues, 61.0) == Cue(2, 60.0)


@pytest.mark.parametrize("url", ["https://", "https://a b.example", "//a.example", "https://[::1"])
def test_half_an_address_is_no_link(url: str) -> None:
    assert not is_safe_link(url)
