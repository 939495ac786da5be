"""The simulated course: what `manage.py seed_demo` leaves, as pages show it."""

import io
from collections import Counter
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from engagement.report.schema import Analysis as Document
from tests.webapp.conftest import client_of
from webapp.accounts.models import User
from webapp.courses.models import Course
from webapp.privacy.services import has_consent
from webapp.recordings import storage
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from webapp.reports.models import ReadyReport
from webapp.stack.simulated_course import CODE, MAIL

pytestmark = pytest.mark.django_db
SAID = "Nobody was recorded and no model was run"


@pytest.fixture
def data_dir(settings, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


def seed(**options: object) -> str:
    said = io.StringIO()
    call_command("seed_demo", stdout=said, **{"students": 12, "lessons": 4, **options})
    return said.getvalue()


@pytest.fixture
def course(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    monkeypatch.setenv("DEMO_PASSWORD", "demo-of-the-seed")
    assert "demo-of-the-seed" in seed()
    return Course.objects.get(code=CODE)


def test_every_page_about_it_says_that_it_is_simulated(course: Course) -> None:
    client = client_of(User.objects.get(email="instructor@demo.example"))
    lesson = course.lessons.first()
    recording = Recording.objects.filter(lesson=lesson, analyses__state="finished").first()
    for path in (
        reverse("courses:course", args=[course.pk]),
        reverse("courses:lesson", args=[lesson.pk]),
        reverse("reports:recording", args=[recording.pk]),
        reverse("calibration:course", args=[course.pk]),
    ):
        text = client.get(path).content.decode()
        assert text.count(SAID) == 1, path
        assert "(simulated)" in text, path


def test_a_real_course_says_nothing_of_it(course: Course) -> None:
    other = Course.objects.get(code="DEMO-101")
    client = client_of(User.objects.get(email="instructor@demo.example"))
    page = client.get(reverse("courses:course", args=[other.pk])).content.decode()
    assert other.title in page
    assert SAID not in page


def test_every_report_is_valid_and_names_itself_simulated(course: Course) -> None:
    documents = AnalysisDocument.objects.values_list("document", flat=True)
    assert len(documents) == ReadyReport.objects.count() > 25
    for one in documents:
        document = Document.model_validate(one)
        assert document.models.expression.name.startswith("simulated")
        assert document.models.engagement.name.startswith("simulated")
        assert "simulated" in [warning.code for warning in document.warnings]
        assert document.tracks[0].windows


def test_the_class_has_what_pages_must_cope_with(course: Course) -> None:
    states = Counter(Analysis.objects.values_list("state", flat=True))
    assert states["failed"] == 2
    assert states["cancelled"] == 1
    warnings = Counter(
        warning["code"]
        for document in AnalysisDocument.objects.values_list("document", flat=True)
        for warning in document["warnings"]
    )
    assert warnings["several_people"] == 1
    assert warnings["low_coverage"] >= 1
    assert Recording.objects.filter(duration_s__lt=120).count() == 1
    students = [one.user for one in course.enrolments.filter(role="student")]
    without = [one for one in students if not has_consent(one, course)]
    assert len(without) == 2
    assert not Recording.objects.filter(student__in=without).exists()


def test_the_videos_are_there_and_play(course: Course) -> None:
    client = client_of(User.objects.get(email="student@demo.example"))
    recording = Recording.objects.filter(student__email="student@demo.example").first()
    answer = client.get(reverse("recordings:video", args=[recording.pk]))
    body = b"".join(answer.streaming_content)
    assert len(body) == recording.size_bytes
    assert body[4:8] == b"ftyp"


def test_again_it_changes_nothing_and_removed_it_leaves_nothing(
    course: Course, data_dir: Path, django_capture_on_commit_callbacks
) -> None:
    before = sorted(Analysis.objects.values_list("pk", "mean_engagement"))
    assert "was there already" in seed()
    assert sorted(Analysis.objects.values_list("pk", "mean_engagement")) == before
    assert any(storage.recordings_dir().iterdir())
    with django_capture_on_commit_callbacks(execute=True):
        assert "erased" in seed(remove=True)
    assert not Course.objects.filter(code=CODE).exists()
    assert not User.objects.filter(email__endswith=MAIL).exists()
    left = [one for one in data_dir.rglob("*") if one.is_file() and "key" not in one.name]
    assert left == []
    # The same numbers come out again.
    seed()
    assert sorted(Analysis.objects.values_list("pk", "mean_engagement")) == before


@pytest.mark.parametrize("options", [{"students": 3}, {"lessons": 0}])
def test_too_few_are_refused_with_what_to_ask_for(data_dir: Path, options: dict) -> None:
    with pytest.raises(CommandError, match="8 students and 1 lesson"):
        seed(**options)
