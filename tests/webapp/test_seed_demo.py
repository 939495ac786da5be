"""The simulated course: what `manage.py seed_demo` leaves, as pages show it."""

import html
import io
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction
from django.urls import reverse

from engagement.report.schema import Analysis as Document
from tests.webapp.conftest import client_of
from webapp.accounts.models import User
from webapp.calibration.models import Classifier
from webapp.courses.models import Course
from webapp.privacy.services import has_consent
from webapp.recordings import storage
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from webapp.reports.models import ReadyReport
from webapp.stack.simulated_analysis import meeting, simulated_document, temper
from webapp.stack.simulated_course import CODE, MAIL

pytestmark = pytest.mark.django_db
SEEDED: dict[int, Path] = {}
SAID = "Nobody was recorded and no model was run"


def seed(**options: object) -> str:
    said = io.StringIO()
    call_command("seed_demo", stdout=said, **{"students": 12, "lessons": 4, **options})
    return said.getvalue()


@pytest.fixture(scope="module")
def course(
    django_db_setup: None, django_db_blocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Course]:
    """The course, seeded once for all tests here; they change it in savepoints of their own."""
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), transaction.atomic():
        folder = tmp_path_factory.mktemp("seeded")
        patch.setattr(settings, "DATA_DIR", folder)
        patch.setenv("DEMO_PASSWORD", "demo-of-the-seed")
        assert "demo-of-the-seed" in seed()
        made = Course.objects.get(code=CODE)
        SEEDED[made.pk] = folder
        yield made
        transaction.set_rollback(True)


@pytest.fixture
def files(course: Course, settings) -> Path:
    """The course's files, which lie in one folder for all tests here."""
    settings.DATA_DIR = SEEDED[course.pk]
    return settings.DATA_DIR


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


def test_a_students_own_list_says_which_recordings_are_simulated(course: Course) -> None:
    recording = Recording.objects.filter(lesson__course=course).first()
    client, path = client_of(recording.student), reverse("recordings:mine")
    text = client.get(path).content.decode()
    assert text.count(SAID) == 1
    rows = text.count("<tr>") - 1
    assert text.count(f"{CODE} · simulated") == rows > 0
    real = Course.objects.get(code="DEMO-101").lessons.first()
    Recording.objects.create(
        lesson=real, student=recording.student, original_name="real.mp4", size_bytes=1
    )
    text = client.get(path).content.decode()
    assert "Simulated in part." in text
    assert SAID not in text
    assert text.count(f"{CODE} · simulated") == rows
    only = client.get(path, {"course": real.course_id}).content.decode()
    assert "real.mp4" in only
    assert "imulated" not in only.split("<table", 1)[1]
    assert "Simulated in part." not in only


def test_nothing_is_fitted_from_simulated_recordings_and_the_page_says_why(
    course: Course, sent: list, django_capture_on_commit_callbacks
) -> None:
    """However many windows are labelled: there are no embeddings to learn from."""
    teacher = User.objects.get(email="instructor@demo.example")
    client, said = client_of(teacher), "simulated recordings have no embeddings"
    page = reverse("calibration:course", args=[course.pk])
    text = client.get(page).content.decode()
    buttons = re.findall(r"<button[^>]*>Fit this course's model", html.unescape(text))
    assert said in text
    assert [" disabled " in one for one in buttons] == [True]
    assert reverse("calibration:fit", args=[course.pk]) not in text
    # A page that was opened before, or a script, is told the same.
    failed = Classifier.objects.create(course=course, created_by=teacher, state="failed")
    assert reverse("calibration:retry", args=[failed.pk]) not in client.get(page).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        for path in (
            reverse("calibration:fit", args=[course.pk]),
            reverse("calibration:retry", args=[failed.pk]),
        ):
            answer = client.post(path, follow=True)
            assert [said in str(one) for one in answer.context["messages"]] == [True], path
    failed.refresh_from_db()
    assert failed.state == "failed"
    assert not [one for one in sent if "calibration" in one[0]]


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


def test_the_videos_are_there_and_play(files: Path) -> None:
    client = client_of(User.objects.get(email="student@demo.example"))
    recording = Recording.objects.filter(student__email="student@demo.example").first()
    answer = client.get(reverse("recordings:video", args=[recording.pk]))
    body = b"".join(answer.streaming_content)
    assert len(body) == recording.size_bytes
    assert body[4:8] == b"ftyp"


def test_again_it_changes_nothing_and_removed_it_leaves_nothing(
    files: Path, django_capture_on_commit_callbacks
) -> None:
    before = sorted(Analysis.objects.values_list("pk", "mean_engagement"))
    assert "was there already" in seed()
    assert sorted(Analysis.objects.values_list("pk", "mean_engagement")) == before
    assert any(storage.recordings_dir().iterdir())
    with django_capture_on_commit_callbacks(execute=True):
        assert "erased" in seed(remove=True)
    assert not Course.objects.filter(code=CODE).exists()
    assert not User.objects.filter(email__endswith=MAIL).exists()
    left = [one for one in files.rglob("*") if one.is_file() and "key" not in one.name]
    assert left == []


def test_the_same_numbers_come_out_again() -> None:
    documents = []
    for _ in range(2):
        chance = random.Random(7)
        lesson = meeting(0, 1500.0, chance)
        who = temper(chance)
        documents.append(simulated_document(who, lesson, chance, file="a.mp4", sha256="0" * 64))
    assert documents[0] == documents[1]
    # At minute 12 the class dips.
    windows = documents[0]["tracks"][0]["windows"]
    dip = [one["engagement"] for one in windows if 690 <= one["start_s"] <= 730]
    assert max(dip) < documents[0]["summary"]["mean_engagement"]


@pytest.mark.parametrize("options", [{"students": 3}, {"lessons": 0}])
def test_too_few_are_refused_with_what_to_ask_for(options: dict) -> None:
    with pytest.raises(CommandError, match="8 students and 1 lesson"):
        seed(**options)
