"""PDF reports: opened by a reader of their own, with the page's numbers, for eyes and ears."""

import io
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from pypdf import PdfReader

from engagement.report.schema import Analysis as Document
from tests.factories import build_document
from tests.webapp.class_world import ClassWorld, make_class
from tests.webapp.conftest import client_of
from tests.webapp.report_world import ReportWorld, build_world
from tests.webapp.test_exports import address, download, page_rows
from webapp.exports import documents, pdf, svg
from webapp.exports.documents import Paper
from webapp.exports.remarks import remarks_of
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from webapp.reports import ready
from webapp.reports.templatetags.report_format import two

pytestmark = pytest.mark.skipif(not pdf.available(), reason="needs WeasyPrint and Pango")


@pytest.fixture
def world(db: None) -> ReportWorld:
    return build_world()


@pytest.fixture
def whole(db: None, sent: list) -> ClassWorld:
    """A course of six students and four lessons."""
    return make_class("pdf", 6)


def read(data: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(data), strict=True)


def words(reader: PdfReader) -> str:
    """The text of all pages, every blank a single one."""
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def structure(reader: PdfReader) -> list[dict]:
    """Every element of the tree that a screen reader walks, in order."""
    found: list[dict] = []
    waiting = [reader.trailer["/Root"]["/StructTreeRoot"]]
    while waiting:
        element = waiting.pop()
        if not isinstance(element, dict):
            continue
        found.append(element)
        kids = element.get("/K", [])
        kids = kids if isinstance(kids, list) else [kids]
        waiting.extend(kid.get_object() for kid in reversed(kids))
    return found


def report(world: ReportWorld, client: Client | None = None, **options: object) -> PdfReader:
    recording = world.analysed(**options)
    client = client or client_of(world.instructor)
    return read(download(client, address("recording", "pdf", recording_id=recording.pk)))


def test_the_report_has_the_pages_numbers(world: ReportWorld) -> None:
    client = client_of(world.instructor)
    text = words(report(world, client))
    recording = Recording.objects.get()
    shown = client.get(reverse("reports:recording", args=[recording.pk])).content.decode()
    tiles = re.findall(r'tile__value">([^<]+)', shown)
    assert len(tiles) >= 4
    for value in tiles:
        assert value.strip() in text, value
    document = Document.model_validate(recording.analyses.get().document.document)
    for window in document.tracks[0].windows:
        row = f"{two(window.engagement)} {two(window.spread)} {window.level or 'too little face'}"
        assert row in text
    for told in (
        "Student",
        "The night sky",
        "Astronomy (AST-101)",
        "concentration_index",
        "mobilenet_7_fer",
        "evidence with an error, never a verdict",
        "Face usable in",
        "Stretches in which no face at all was seen: 0:08",
    ):
        assert told in text, told


def test_what_was_said_of_the_report_is_on_its_paper(world: ReportWorld) -> None:
    recording = world.analysed()
    recording.marks.create(author=world.instructor, start_s=3.0, text="Ask about this one")
    recording.marks.create(
        author=world.instructor, start_s=4.0, text="A good question", audience="everyone"
    )
    recording.corrections.create(
        kind="exclusion", start_s=1.0, end_s=6.0, text="Shared a screen", made_by=world.instructor
    )
    recording.disputes.create(text="I was reading.")
    path = address("recording", "pdf", recording_id=recording.pk)
    theirs = words(read(download(client_of(world.student), path)))
    for told in ("These figures leave out 0:05", "Shared a screen", "I was reading."):
        assert told in theirs
    assert "A good question" in theirs
    assert "Ask about this one" not in theirs
    assert "Ask about this one" in words(read(download(client_of(world.instructor), path)))


@pytest.mark.parametrize("duration_s", [60.0, 1200.0])
def test_nothing_is_drawn_across_a_stretch_that_was_left_out(
    world: ReportWorld, duration_s: float
) -> None:
    recording = world.analysed(duration_s=duration_s)
    analysis = recording.analyses.get()

    def areas() -> dict[str, int]:
        said = remarks_of(world.instructor, recording, analysis)
        charts = documents.of_recording(recording, analysis, said).context["charts"]
        picture = {str(one.heading): str(one.picture) for one in charts}
        left_out = picture["Presence"].count(svg.LEFT_OUT)
        return {"emotions": picture["Emotions"].count(svg.EMOTIONS["neutral"]), "out": left_out}

    whole = areas()
    recording.corrections.create(
        kind="exclusion",
        start_s=0.4 * duration_s,
        end_s=0.6 * duration_s,
        text="Shared a screen",
        made_by=world.instructor,
    )
    assert areas() == {"emotions": whole["emotions"] + 1, "out": 1}


def test_every_page_says_course_date_and_number(world: ReportWorld) -> None:
    reader = report(world, duration_s=900.0, window_s=10.0, stride_s=5.0)
    assert len(reader.pages) > 2
    year = str(datetime.now(tz=UTC).year)
    for number, page in enumerate(reader.pages, start=1):
        text = page.extract_text()
        assert "Astronomy (AST-101)" in text
        assert year in text
        assert f"{number} / {len(reader.pages)}" in text
        assert {round(float(side)) for side in page.mediabox[2:]} == {595, 842}


def test_a_screen_reader_finds_title_language_headings_charts_and_tables(
    world: ReportWorld,
) -> None:
    reader = report(world, people=2)
    root = reader.trailer["/Root"]
    assert root["/Lang"].lower().startswith("en")
    assert root["/MarkInfo"]["/Marked"]
    assert "The night sky" in reader.metadata.title
    assert "pdfuaid" in root["/Metadata"].get_data().decode()
    elements = structure(reader)
    kinds = [one.get("/S") for one in elements]
    assert kinds.count("/H1") == 1
    assert kinds.count("/H2") >= 4
    figures = [one for one in elements if one.get("/S") == "/Figure"]
    assert len(figures) == 7
    assert all(len(one.get("/Alt", "")) > 20 for one in figures)
    assert any("mean" in one["/Alt"] for one in figures)
    assert "/Table" in kinds
    assert "/TH" in kinds


def test_charts_are_drawn_and_not_pictures(world: ReportWorld) -> None:
    reader = report(world)
    assert sum(len(page.images) for page in reader.pages) == 0
    drawn = sum(page.get_contents().get_data().count(b" l\n") for page in reader.pages)
    # The curve, its band and the emotions: each has a corner a value.
    assert drawn > 500


def test_a_recording_without_a_face_says_so(world: ReportWorld) -> None:
    text = words(report(world, people=0))
    assert "No face was found in this recording" in text
    assert "a result and not an error" in text


def test_a_long_recording_stays_a_short_report(world: ReportWorld) -> None:
    reader = report(world, duration_s=3600.0, fps=1.0, window_s=10.0, stride_s=5.0)
    assert len(reader.pages) <= 7
    assert re.search(r"One window in \d+, to keep this report short", words(reader))


def test_the_course_has_the_pages_numbers_and_no_names(whole: ClassWorld) -> None:
    client = client_of(whole.instructor)
    text = words(read(download(client, address("course", "pdf", course_id=whole.course.pk))))
    shown = page_rows(client, reverse("courses:course", args=[whole.course.pk]))
    for lesson in whole.lessons:
        assert lesson.title in text
    values = {
        found[1]
        for cells in shown
        for cell in cells
        if (found := re.match(r"(\d\.\d\d) ± \d\.\d\d", cell))
    }
    assert values
    assert all(value in text for value in values)
    assert not any(one.name in text for one in whole.students)
    path = address("course", "pdf", query="?names=1", course_id=whole.course.pk)
    named = words(read(download(client, path)))
    assert all(one.name in named for one in whole.students)


def test_the_lesson_and_the_student_have_their_reports(whole: ClassWorld) -> None:
    client = client_of(whole.instructor)
    client.get(reverse("reports:recording", args=[whole.recording.pk]))
    lesson = words(read(download(client, address("lesson", "pdf", lesson_id=whole.lessons[0].pk))))
    assert "0.40 ± 0.10" in lesson
    assert "concentration_index" in lesson
    assert "Each recording over the lesson" in lesson
    ids = {"course_id": whole.course.pk, "student_id": whole.students[0].pk}
    student = words(read(download(client_of(whole.students[0]), address("student", "pdf", **ids))))
    assert whole.students[0].name in student
    assert "0.40 ± 0.10" in student
    assert "Median of the others" in student
    assert "shown from 5 others with a report on" in student
    seen = words(read(download(client, address("student", "pdf", **ids))))
    assert "shown from 2 others with a report on" in seen


def test_a_hostile_name_is_only_text_and_nothing_is_fetched(
    world: ReportWorld, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("top secret")
    world.student.name = f'<img src="file://{secret}"><a rel=attachment href="file://{secret}">x'
    world.student.save()
    reader = report(world)
    assert "<img src=" in words(reader)
    assert "top secret" not in words(reader)
    assert not reader.attachments


def test_an_address_in_a_report_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = tmp_path / "secret.css"
    secret.write_text("p::before { content: 'top secret' }")
    page = f'<html lang="en"><title>t</title><link rel="stylesheet" href="file://{secret}"><p>open'
    monkeypatch.setattr(pdf, "render_to_string", lambda *_: page)
    assert words(read(pdf.render(Paper("stem", "template", {})))) == "open 1 / 1"
    assert "A report fetches nothing" in caplog.text


def test_without_pango_the_page_says_whom_to_ask(
    world: ReportWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = world.analysed()
    monkeypatch.setattr(pdf, "available", lambda: False)
    client = client_of(world.instructor)
    response = client.get(address("recording", "pdf", recording_id=recording.pk))
    assert response.status_code == 503
    assert "PDF needs Pango" in response.content.decode()


def test_a_chart_breaks_where_there_is_no_value() -> None:
    x = svg.Axis(0, 4, [])
    points = [(0, 0.1), (1, 0.2), (2, None), (3, 0.3), (4, 0.4)]
    drawn = svg.plot("A line", x, svg.UNIT, [svg.Line(points)])
    lines = re.findall(r'd="(M[^"H]+)" fill="none"', drawn)
    assert [line.count("L") for line in lines] == [1, 1]


def test_a_chart_escapes_its_words() -> None:
    drawn = svg.heat_map("<script>", svg.UNIT, [("<b>Bob</b>", [(0.5, 1.0), None, (0.5, 0.4)])])
    assert "<script>" not in drawn
    assert "<b>" not in drawn
    heights = [float(one) for one in re.findall(r'<rect [^>]*height="([\d.]+)"', drawn)]
    # What was seen half of the time is half as high; what was not seen is not there.
    assert heights == [10.0, 5.0]


def test_a_large_class_is_drawn_over_several_pages(
    whole: ClassWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    charts = documents.class_charts
    for analysis in Analysis.objects.filter(recording__lesson=whole.lessons[0]):
        AnalysisDocument.objects.get_or_create(
            analysis=analysis, defaults={"document": build_document(duration_s=60.0)}
        )
        ready.part(analysis, "page")
    monkeypatch.setattr(charts, "MOST_HEAT_ROWS", 5)
    monkeypatch.setattr(charts, "HEAT_ROWS_A_PAGE", 2)
    client = client_of(whole.instructor)
    path = address("lesson", "pdf", lesson_id=whole.lessons[0].pk)
    reader = read(download(client, path))
    text = words(reader)
    assert "The first 5 of 6 recordings; the tables have all of them." in text
    drawn = [one.get("/Alt", "") for one in structure(reader) if one.get("/S") == "/Figure"]
    assert drawn.count("Engagement of each recording over the lesson's time.") == 3


def test_no_chart_is_taller_than_a_page() -> None:
    rows = [("somebody", [(0.5, 1.0)])] * documents.class_charts.HEAT_ROWS_A_PAGE
    drawn = svg.heat_map("all", svg.UNIT, rows)
    height = float(re.search(r' height="(\d+)"', drawn)[1])
    # An A4 page between its margins, less a heading, a legend and a note.
    assert height < (297 - 40 - 25) * 96 / 25.4
