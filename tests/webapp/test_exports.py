"""Exports as tables: every file is opened by a reader of its own and holds the page's numbers."""

import csv
import datetime as dt
import io
import json
import re
import zipfile
from html.parser import HTMLParser
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from engagement.report.schema import Analysis as Document
from tests.factories import EMOTIONS, build_analysis
from tests.webapp.class_world import ClassWorld, make_class
from tests.webapp.conftest import client_of
from tests.webapp.report_world import ReportWorld, build_world
from webapp.courses.export import pseudonym
from webapp.exports.formats import workbook
from webapp.privacy.models import AccessLog
from webapp.recordings.models import Analysis, Recording

HOSTILE = '=HYPERLINK("http://evil.example")'
Rows = list[dict[str, Any]]


@pytest.fixture
def world(db: None) -> ReportWorld:
    return build_world()


@pytest.fixture
def whole(db: None, sent: list) -> ClassWorld:
    """A course of six students and four lessons."""
    return make_class("export", 6)


def address(kind: str, ending: str, *, query: str = "", **ids: Any) -> str:
    return reverse(f"exports:{kind}", kwargs={**ids, "ending": ending}) + query


def body(response: Any) -> bytes:
    assert response.status_code == 200, response.status_code
    return b"".join(response.streaming_content) if response.streaming else response.content


def download(client: Client, path: str) -> bytes:
    return body(client.get(path))


def from_zip(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def of_csv(data: bytes) -> Rows:
    return list(csv.DictReader(io.StringIO(data.decode())))


def of_sheet(data: bytes, name: str) -> Rows:
    sheet = openpyxl.load_workbook(io.BytesIO(data))[name]
    header, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


def in_every_format(client: Client, kind: str, table: str, query: str = "", **ids: Any) -> dict:
    """One table of an export, as each format's own reader reads it."""
    csv_files = from_zip(download(client, address(kind, "csv", query=query, **ids)))
    columns = from_zip(download(client, address(kind, "parquet", query=query, **ids)))
    text = json.loads(download(client, address(kind, "json", query=query, **ids)))
    book = download(client, address(kind, "xlsx", query=query, **ids))
    return {
        "csv": of_csv(csv_files[f"{table}.csv"]),
        "parquet": pq.read_table(io.BytesIO(columns[f"{table}.parquet"])).to_pylist(),
        "json": text["tables"][table],
        "xlsx": of_sheet(book, table),
    }


def alike(value: Any) -> Any:
    """A cell as every format should have it: rounded, times as text, nothing as None."""
    if value in (None, ""):
        return None
    if isinstance(value, dt.datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        return aware.isoformat(timespec="seconds")
    try:
        return round(float(value), 9)
    except ValueError:
        return value


class Tables(HTMLParser):
    """The rows of all tables of a page as texts: the row's head, then its cells."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._in_cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            self._in_cell = True
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] = f"{self.rows[-1][-1]} {data}".strip()


def page_rows(client: Client, path: str) -> list[list[str]]:
    return Tables(client.get(path).content.decode()).rows


# -- one recording --


def test_every_format_has_the_same_windows_and_they_are_the_pages(world: ReportWorld) -> None:
    recording = world.analysed(people=2)
    client = client_of(world.instructor)
    formats = in_every_format(client, "recording", "windows", recording_id=recording.pk)
    expected = [
        (track.id, one.start_s, one.engagement, one.spread, one.coverage, one.level)
        for track in build_analysis(people=2).tracks
        for one in track.windows
    ]
    assert len(expected) > 10
    names = ("track", "start_s", "engagement", "spread", "coverage", "level")
    for kind, rows in formats.items():
        got = [tuple(alike(row[name]) for name in names) for row in rows]
        assert got == [tuple(alike(one) for one in row) for row in expected], kind
    shown = page_rows(client, reverse("reports:recording", args=[recording.pk]))
    for row in formats["json"]:
        if row["track"] != 1:
            continue
        head = f"0:{int(row['start_s']):02d} to 0:{int(row['end_s']):02d}"
        same = [cells for cells in shown if cells and cells[0].startswith(head)]
        assert any(f"{row['engagement']:.2f}" in cell for cells in same for cell in cells), head


def test_emotions_observations_and_the_rest_are_the_documents(world: ReportWorld) -> None:
    recording = world.analysed(people=2)
    client = client_of(world.student)
    data = download(client, address("recording", "json", recording_id=recording.pk))
    export = json.loads(data)
    tables, document = export["tables"], build_analysis(people=2)
    seen = [one for track in document.tracks for one in track.observations]
    assert [row["t_s"] for row in tables["observations"]] == [one.t for one in seen]
    assert [row["happiness"] for row in tables["observations"]] == [
        one.emotions["happiness"] for one in seen
    ]
    assert [(row["start_s"], row["end_s"]) for row in tables["absence"]] == [(8.0, 11.0)]
    assert [row["mean_engagement"] for row in tables["summary"]] == [
        one.summary.mean_engagement for one in document.tracks
    ]
    assert len(tables["group_affect"]) == len(document.group_affect)
    first = tables["emotions"][0]
    inside = [one.emotions for one in document.tracks[0].observations if one.t < 4.0]
    for name in EMOTIONS:
        mean = sum(one[name] for one in inside) / len(inside)
        assert first[name] == pytest.approx(mean, abs=1e-5), name


def test_a_file_says_what_it_is_of_and_how_far_to_trust_it(world: ReportWorld) -> None:
    recording = world.analysed()
    client = client_of(world.instructor)
    book = openpyxl.load_workbook(
        io.BytesIO(download(client, address("recording", "xlsx", recording_id=recording.pk)))
    )
    text = "\n".join(
        str(cell) for row in book["About"].iter_rows(values_only=True) for cell in row if cell
    )
    for words in (
        "Astronomy (AST-101)",
        "The night sky",
        "mobilenet_7_fer",
        "concentration_index, a published rule and not a trained model",
        "evidence with an error, never a verdict",
        "Share of the time with a usable face.",
    ):
        assert words in text
    described = {cell.value for cell in book["About"]["B"]}
    for table in book.sheetnames[1:]:
        assert {cell.value for cell in book[table][1]} <= described, table
    files = from_zip(download(client, address("recording", "csv", recording_id=recording.pk)))
    assert "evidence with an error" in files["about.txt"].decode()


def test_parquet_fields_carry_units_and_descriptions(world: ReportWorld) -> None:
    recording = world.analysed()
    path = address("recording", "parquet", query="?table=windows", recording_id=recording.pk)
    schema = pq.read_schema(io.BytesIO(download(client_of(world.student), path)))
    field = schema.field("start_s")
    assert field.metadata[b"unit"] == b"s"
    assert b"beginning" in field.metadata[b"description"]
    about = json.loads(schema.metadata[b"engagement.export"])["about"]
    assert about["Course"] == "Astronomy (AST-101)"


def test_one_table_comes_as_one_file(world: ReportWorld) -> None:
    recording = world.analysed()
    client = client_of(world.student)
    path = address("recording", "csv", query="?table=windows", recording_id=recording.pk)
    assert len(of_csv(download(client, path))) == len(build_analysis().tracks[0].windows)
    missing = address("recording", "csv", query="?table=secrets", recording_id=recording.pk)
    assert client.get(missing).status_code == 404


def test_marks_come_for_those_who_see_them_on_the_page(world: ReportWorld) -> None:
    recording = world.analysed()
    for audience in ("private", "everyone"):
        mark = recording.marks.create(
            author=world.instructor, start_s=3.0, text=f"=for {audience}", audience=audience
        )
        mark.tags.create(name="question")
    path = address("recording", "json", recording_id=recording.pk)
    seen = {
        person: [
            (row["start_s"], row["note"], row["tags"])
            for row in json.loads(download(client_of(person), path))["tables"]["marks"]
        ]
        for person in (world.instructor, world.student)
    }
    assert seen[world.student] == [(3.0, "=for everyone", "question")]
    assert len(seen[world.instructor]) == 2


def test_what_was_corrected_and_disputed_is_told_beside_the_figures(world: ReportWorld) -> None:
    recording = world.analysed()
    recording.corrections.create(
        kind="exclusion", start_s=1.0, end_s=6.0, text="Shared a screen", made_by=world.instructor
    )
    open_one = recording.disputes.create(text="I was reading.", start_s=8.0, end_s=9.0)
    open_one.replies.create(author=world.instructor, text="I shall look.")
    recording.disputes.create(text="Too dark.", closed_at=timezone.now())
    path = address("recording", "json", recording_id=recording.pk)
    for person in (world.instructor, world.student):
        file = json.loads(download(client_of(person), path))
        (correction,) = file["tables"]["corrections"]
        assert (correction["start_s"], correction["words"]) == (1.0, "Shared a screen")
        first, second = file["tables"]["disputes"]
        assert (first["words"], first["closed_at"]) == ("I was reading.", None)
        assert first["answers"].endswith(": I shall look.")
        assert second["closed_at"]
        told = json.dumps(file["about"])
        assert "0:01 to 0:06" in told
        assert "Open disputes" in told


def test_corrections_by_hand_are_in_the_files(world: ReportWorld) -> None:
    recording = world.analysed()
    client = client_of(world.instructor)
    path = address("recording", "json", recording_id=recording.pk)
    before = json.loads(download(client, path))["tables"]
    recording.corrections.create(
        kind="exclusion", start_s=0.0, end_s=6.0, text="Shared a screen", made_by=world.instructor
    )
    after = json.loads(download(client, path))["tables"]
    assert {row["start_s"] for row in before["windows"]} > {
        row["start_s"] for row in after["windows"]
    }
    assert min(row["start_s"] for row in after["windows"]) >= 6.0
    assert min(row["t_s"] for row in after["observations"]) >= 6.0


def test_a_recording_without_a_face_has_tables_without_rows(world: ReportWorld) -> None:
    recording = world.analysed(people=0)
    formats = in_every_format(
        client_of(world.student), "recording", "windows", recording_id=recording.pk
    )
    assert all(rows == [] for rows in formats.values())


# -- a class --


def test_a_students_lessons_come_with_the_others_median(whole: ClassWorld) -> None:
    ids = {"course_id": whole.course.pk, "student_id": whole.students[0].pk}
    formats = in_every_format(client_of(whole.students[0]), "student", "lessons", **ids)
    for rows in formats.values():
        assert [row["lesson"] for row in rows] == [one.title for one in whole.lessons]
        first = rows[0]
        assert alike(first["engagement"]) == 0.4
        # The other five have 0.5, 0.6, 0.4, 0.5 and 0.6.
        assert (alike(first["others_median"]), alike(first["others"])) == (0.5, 5)


def test_the_course_has_the_pages_numbers(whole: ClassWorld) -> None:
    client = client_of(whole.instructor)
    formats = in_every_format(client, "course", "students", course_id=whole.course.pk)
    for kind, rows in formats.items():
        assert len(rows) == 6, kind
        assert [[alike(cell) for cell in row.values()] for row in rows] == [
            [alike(cell) for cell in row.values()] for row in formats["json"]
        ], kind
    shown = page_rows(client, reverse("courses:course", args=[whole.course.pk]))
    by_pseudonym = {row["student"]: row for row in formats["json"]}
    for student in whole.students:
        row = by_pseudonym[pseudonym(whole.course, student.pk)]
        (cells,) = [one for one in shown if one and one[0].startswith(student.name)]
        words = f"{row['engagement']:.2f}"
        assert any(cell.startswith(words) for cell in cells), (words, cells)
        assert str(row["recordings"]) in cells[1]


def test_the_lesson_has_its_recordings_and_what_each_did_over_time(whole: ClassWorld) -> None:
    client = client_of(whole.instructor)
    lesson = whole.lessons[0]
    formats = in_every_format(client, "lesson", "recordings", lesson_id=lesson.pk)
    for rows in formats.values():
        assert {row["lesson"] for row in rows} == {"Lesson 0"}
        assert sorted(str(row["recording"]) for row in rows) == sorted(
            str(one.pk) for one in Recording.objects.filter(lesson=lesson)
        )
    started = formats["parquet"][0]["lesson_starts_at"]
    assert started == lesson.starts_at
    client.get(reverse("reports:recording", args=[whole.recording.pk]))
    over_time = in_every_format(client, "lesson", "over_time", lesson_id=lesson.pk)
    for rows in over_time.values():
        assert {row["recording"] for row in rows} == {str(whole.recording.pk)}
        assert [alike(row["start_s"]) for row in rows] == [0.0, 30.0]


FIGURES_HEAD = (
    b"mean_engagement,engagement_spread,engaged_share,coverage,face_share,dominant_emotion,"
    b"expression_model,engagement_model,engagement_kind\r\n"
)
LESSON_HEAD = b"lesson,lesson_starts_at,"
RECORDING_HEAD = b"recording,uploaded_at,duration_s,"


def test_programs_find_the_columns_that_they_know(whole: ClassWorld) -> None:
    client = client_of(whole.instructor)
    people = {"": b"student,", "?names=1": b"student,name,email,"}
    for query, who in people.items():
        head = LESSON_HEAD + who + RECORDING_HEAD + b"state,analysed_at," + FIGURES_HEAD
        plain = body(client.get(reverse("courses:figures", args=[whole.course.pk]) + query))
        assert first_line(plain) == head
        for kind, ids in (
            ("course", {"course_id": whole.course.pk}),
            ("lesson", {"lesson_id": whole.lessons[0].pk}),
        ):
            files = from_zip(download(client, address(kind, "csv", query=query, **ids)))
            assert first_line(files["recordings.csv"]) == head
    ids = {"course_id": whole.course.pk, "student_id": whole.students[0].pk}
    files = from_zip(download(client, address("student", "csv", **ids)))
    head = LESSON_HEAD + RECORDING_HEAD + b"analysed_at," + FIGURES_HEAD
    assert first_line(files["reports.csv"]) == head


def first_line(data: bytes) -> bytes:
    # Some begin with the mark by which a spreadsheet knows the encoding.
    return data.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True)[0]


def test_a_student_has_each_lessons_report(whole: ClassWorld) -> None:
    student = whole.students[0]
    ids = {"course_id": whole.course.pk, "student_id": student.pk}
    formats = in_every_format(client_of(student), "student", "reports", **ids)
    reports = Analysis.objects.filter(recording__student=student, finished_at__isnull=False)
    newest = {str(one.recording_id) for one in reports}
    for rows in formats.values():
        assert {row["recording"] for row in rows} == newest
        assert {alike(row["mean_engagement"]) for row in rows} == {0.4}


@pytest.mark.parametrize("kind", ["course", "lesson"])
@pytest.mark.parametrize("ending", ["csv", "xlsx", "json", "parquet"])
def test_nobody_is_named_unless_names_are_asked_for(
    whole: ClassWorld, kind: str, ending: str
) -> None:
    ids = {"course": {"course_id": whole.course.pk}, "lesson": {"lesson_id": whole.lessons[0].pk}}
    client = client_of(whole.instructor)
    for query, named in (("", False), ("?names=1", True)):
        data = download(client, address(kind, ending, query=query, **ids[kind]))
        text = readable(data, ending)
        for student in whole.students:
            assert (student.name in text) is named, query
            assert (student.email in text) is named or kind == "lesson", query
        actions = set(AccessLog.objects.values_list("action", flat=True))
        assert ("export-names" in actions) is named
    logged = AccessLog.objects.filter(action="export-names", actor=whole.instructor)
    assert {one.subject_id for one in logged} == {one.pk for one in whole.students}


def readable(data: bytes, ending: str) -> str:
    """Everything that a file says, as one text."""
    if ending == "json":
        return data.decode()
    if ending == "xlsx":
        book = openpyxl.load_workbook(io.BytesIO(data))
        cells = (
            cell for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row
        )
        return "\n".join(map(str, cells))
    files = from_zip(data)
    if ending == "csv":
        return "\n".join(one.decode() for one in files.values())
    tables = (pq.read_table(io.BytesIO(one)) for n, one in files.items() if n.endswith(".parquet"))
    return "\n".join(str(table.to_pylist()) + str(table.schema.metadata) for table in tables)


def test_pseudonyms_are_the_same_in_every_export_and_differ_between_courses(
    whole: ClassWorld,
) -> None:
    client = client_of(whole.instructor)
    first, second = (
        json.loads(download(client, address("course", "json", course_id=whole.course.pk)))
        for _ in range(2)
    )
    names = {row["student"] for row in first["tables"]["students"]}
    assert names == {row["student"] for row in second["tables"]["students"]}
    assert names >= {row["student"] for row in first["tables"]["recordings"]}
    other = make_class("another", 2)
    assert pseudonym(whole.course, 1) != pseudonym(other.course, 1)


# -- what a spreadsheet would run --


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_text_that_a_spreadsheet_would_run_stays_text(whole: ClassWorld, start: str) -> None:
    lesson = whole.lessons[0]
    lesson.title = f"{start}1+1"
    lesson.save()
    client = client_of(whole.instructor)
    files = from_zip(download(client, address("lesson", "csv", lesson_id=lesson.pk)))
    assert {row["lesson"] for row in of_csv(files["recordings.csv"])} == {f"'{start}1+1"}
    data = download(client, address("lesson", "xlsx", lesson_id=lesson.pk))
    sheet = openpyxl.load_workbook(io.BytesIO(data))["recordings"]
    assert {(cell.data_type, cell.value) for cell in sheet["A"][1:]} == {("s", f"{start}1+1")}


def test_a_hostile_model_name_is_no_formula_and_no_link(world: ReportWorld) -> None:
    recording = world.analysed()
    stored = recording.analyses.get().document
    stored.document["models"]["engagement"]["name"] = HOSTILE
    stored.save()
    data = download(
        client_of(world.instructor), address("recording", "xlsx", recording_id=recording.pk)
    )
    book = openpyxl.load_workbook(io.BytesIO(data))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert any(cell.value == HOSTILE for cell in cells)
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
    assert not any(cell.hyperlink for cell in cells)


# -- large --


def test_what_does_not_fit_on_a_sheet_goes_on_in_the_next(
    world: ReportWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 50)
    recording = world.analysed()
    data = download(
        client_of(world.student), address("recording", "xlsx", recording_id=recording.pk)
    )
    observations = build_analysis().tracks[0].observations
    assert len(observations) > 50
    rows = [*of_sheet(data, "observations"), *of_sheet(data, "observations 2")]
    assert [row["t_s"] for row in rows] == [one.t for one in observations]


@pytest.mark.parametrize("ending", ["csv", "xlsx", "json", "parquet"])
def test_a_file_is_named_without_its_student(world: ReportWorld, ending: str) -> None:
    recording = world.analysed()
    response = client_of(world.student).get(address("recording", ending, recording_id=recording.pk))
    name = re.search(r'filename="([^"]+)"', response.headers["Content-Disposition"])
    assert name is not None
    assert name[1].startswith(f"engagement-{str(recording.pk)[:8]}")
    assert response.headers["Cache-Control"] == "private, no-store"


# -- who --


@pytest.mark.parametrize("ending", ["csv", "xlsx", "json", "parquet", "pdf"])
def test_each_download_of_a_report_is_logged(world: ReportWorld, ending: str) -> None:
    recording = world.analysed()
    download(client_of(world.instructor), address("recording", ending, recording_id=recording.pk))
    entry = AccessLog.objects.get()
    assert (entry.actor, entry.subject) == (world.instructor, world.student)
    assert entry.action == ("pdf" if ending == "pdf" else "tables")


def test_a_classmate_gets_no_students_file(world: ReportWorld) -> None:
    world.analysed()
    ids = {"course_id": world.lesson.course_id, "student_id": world.student.pk}
    assert client_of(world.classmate).get(address("student", "csv", **ids)).status_code == 403
    assert (
        client_of(world.other_instructor).get(address("student", "csv", **ids)).status_code == 404
    )
    assert not AccessLog.objects.exists()


def test_an_erased_report_is_gone(world: ReportWorld) -> None:
    recording = world.analysed()
    recording.analyses.get().document.delete()
    response = client_of(world.student).get(address("recording", "json", recording_id=recording.pk))
    assert response.status_code == 404


def test_the_contract_is_what_the_file_was_made_of(world: ReportWorld) -> None:
    recording = world.analysed()
    response = client_of(world.student).get(reverse("reports:json", args=[recording.pk]))
    Document.model_validate({k: v for k, v in response.json().items() if k != "corrections"})
