"""The calibration page of a course: what is there, what is missing, and what came of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.urls import reverse
from sklearn.metrics import cohen_kappa_score

from tests.calibration_world import analysed, enrol, label_all, labelled_class
from tests.webapp.conftest import World, client_of
from webapp.accounts.models import User
from webapp.calibration.agreement import agreement
from webapp.calibration.models import AnalysisClassifier, Classifier, WindowLabel
from webapp.courses.models import Enrolment
from webapp.privacy.models import Consent
from webapp.recordings.models import Analysis

CARD = {
    "name": "course-ALG-2026-01-01",
    "method": "ridge",
    "people": 6,
    "windows": 108,
    "window_s": 10.0,
    "temperature": 1.1,
    "guessing": {"balanced_recall": 0.5, "accuracy": 0.6},
    "metrics": {
        "accuracy": {"value": 0.81, "low": 0.7, "high": 0.9},
        "balanced_recall": {"value": 0.82, "low": 0.71, "high": 0.91},
        "calibration_error": {"value": 0.06, "low": 0.03, "high": 0.12},
    },
}
COMPARISON = {
    "candidate": {"value": 0.82, "low": 0.71, "high": 0.91},
    "current": {"value": 0.55, "low": 0.45, "high": 0.64},
    "difference": {"value": 0.27, "low": 0.15, "high": 0.4},
    "better": True,
    "current_name": "concentration_index",
}


def classifier(world: World, **fields: object) -> Classifier:
    """A finished classifier of the course, in use where nothing else is said."""
    values = {
        "course": world.course,
        "created_by": world.instructor,
        "state": "finished",
        "verdict": "in_use",
        "in_use": True,
        "name": CARD["name"],
        "embedding_model": "mobilenet_7_fer",
        "card": CARD,
        "comparison": COMPARISON,
        "counts": {"engaged": 65, "distracted": 43, "disagreed": 4, "no_face": 1},
    }
    return Classifier.objects.create(**{**values, **fields})


def page(world: World, **headers: str) -> str:
    url = reverse("calibration:course", args=[world.course.pk])
    return client_of(world.instructor).get(url, headers=headers).text


def press_fit(world: World, **data: object) -> None:
    url = reverse("calibration:fit", args=[world.course.pk])
    assert client_of(world.instructor).post(url, data).status_code == 302


def test_it_says_in_a_sentence_what_is_missing(world: World) -> None:
    recording = analysed(world.student, world.lesson)
    label_all(recording, world.instructor, 0)
    text = page(world)
    assert (
        "Still missing before a model can be fitted: windows of 2 more students, 13 more windows "
        "labelled distracted and 9 more windows labelled engaged." in text
    )
    press_fit(world)
    assert not Classifier.objects.exists()


def test_with_enough_labels_a_fit_is_queued_once(
    world: World, sent: list[tuple[str, str]], django_capture_on_commit_callbacks: Callable
) -> None:
    labelled_class(world.lesson, world.instructor, students=3)
    assert "with 54 windows of 3 students" in page(world)
    with django_capture_on_commit_callbacks(execute=True):
        press_fit(world)
        press_fit(world)
    made = Classifier.objects.get()
    assert (made.state, made.created_by) == ("queued", world.instructor)
    assert sent == [("workers.calibration.fit", str(made.pk))]
    text = page(world)
    assert "waits for a worker" in text
    assert 'hx-trigger="every 2s"' in text


def test_students_without_a_covering_consent_count_for_nothing(world: World) -> None:
    recordings = labelled_class(world.lesson, world.instructor, students=3)
    Consent.objects.filter(user=recordings[0].student).update(text_version="2026-1")
    text = page(world)
    assert "windows of 1 more student" in text
    assert "Consent does not cover labels." in text


def test_a_student_with_three_labelled_recordings_can_have_a_model(
    world: World, django_capture_on_commit_callbacks: Callable
) -> None:
    student = enrol(world.lesson, 1)
    for number in range(3):
        label_all(analysed(student, world.lesson, number=number), world.instructor, number)
    assert "Fit for Pupil 1" in page(world)
    press_fit(world, student=student.pk)
    assert Classifier.objects.get().student == student


@pytest.mark.parametrize("student", ["999999", "x", "-1"])
def test_nobody_elses_number_is_taken_for_a_student(world: World, student: str) -> None:
    url = reverse("calibration:fit", args=[world.course.pk])
    assert client_of(world.instructor).post(url, {"student": student}).status_code == 404


def test_the_list_shows_figures_and_verdicts(world: World) -> None:
    classifier(world)
    classifier(world, in_use=False, verdict="not_better")
    classifier(world, in_use=False, verdict="no_skill")
    since = world.recording.created_at
    classifier(world, in_use=False, verdict="erased", used_from=since, used_until=since)
    text = page(world)
    assert "0.82" in text
    assert "(0.71 to 0.91)" in text
    assert "in use</span>" in text
    assert "Not better than what is in use beyond its interval, so not used." in text
    assert "No better than guessing" in text
    assert "so it was taken out of use and its file was erased" in text
    assert "every 2s" not in text


def test_a_failed_fit_shows_its_reason_and_can_be_tried_again(
    world: World, sent: list[tuple[str, str]], django_capture_on_commit_callbacks: Callable
) -> None:
    failed = classifier(
        world, state="failed", in_use=False, verdict="", error_text="The worker was lost."
    )
    assert "The worker was lost." in page(world)
    with django_capture_on_commit_callbacks(execute=True):
        client_of(world.instructor).post(reverse("calibration:retry", args=[failed.pk]))
    failed.refresh_from_db()
    assert (failed.state, failed.error_text) == ("queued", "")
    assert sent == [("workers.calibration.fit", str(failed.pk))]


def test_a_failed_fit_waits_while_another_one_is_open(world: World) -> None:
    failed = classifier(world, state="failed", in_use=False, verdict="")
    classifier(world, state="queued", in_use=False, verdict="")
    url = reverse("calibration:retry", args=[failed.pk])
    assert client_of(world.instructor).post(url).status_code == 302
    failed.refresh_from_db()
    assert failed.state == "failed"


def test_a_model_can_be_taken_out_of_use(world: World) -> None:
    made = classifier(world)
    client_of(world.instructor).post(reverse("calibration:stop", args=[made.pk]))
    made.refresh_from_db()
    assert (made.in_use, made.verdict) == (False, "stopped")
    assert made.used_until is not None


def test_polling_gets_the_list_alone(world: World) -> None:
    text = page(world, HX_Request="true")
    assert text.count("<section") == 1
    assert "<html" not in text


def test_the_card_says_how_good_beside_guessing_and_what_it_is_not_for(world: World) -> None:
    made = classifier(world)
    url = reverse("calibration:classifier", args=[made.pk])
    text = client_of(world.instructor).get(url).text
    for words in (
        "0.82 <small>0.71 to 0.91</small>",
        "Guessing gets 0.50.",
        "Expected calibration error",
        "concentration_index",
        "0.15 to 0.40",
        "The whole interval of the difference lies above zero, so it was put in use.",
        "4 windows in which two people disagree, 1 window without embeddings of a face",
        "What it must not be used for",
        "by Instructor",
    ):
        assert words in text, words


def test_a_card_without_skill_says_so(world: World) -> None:
    figures = {**CARD["metrics"], "balanced_recall": {"value": 0.52, "low": 0.44, "high": 0.6}}
    made = classifier(world, in_use=False, verdict="no_skill", card={**CARD, "metrics": figures})
    url = reverse("calibration:classifier", args=[made.pk])
    text = client_of(world.instructor).get(url).text
    assert "No better than guessing." in text
    assert "so it is not used, whatever it was compared with" in text


def test_the_report_offers_the_model_that_did_not_make_it(
    world: World, sent: list[tuple[str, str]], django_capture_on_commit_callbacks: Callable
) -> None:
    recording = analysed(world.student, world.lesson)
    url = reverse("reports:recording", args=[recording.pk])
    again = "Run again with the course"
    assert again not in client_of(world.instructor).get(url).text
    made = classifier(world)
    assert again in client_of(world.instructor).get(url).text
    assert again not in client_of(world.student).get(url).text
    with django_capture_on_commit_callbacks(execute=True):
        client_of(world.instructor).post(reverse("calibration:rerun", args=[recording.pk]))
    queued = recording.analyses.get(state="queued")
    assert ("workers.analysis.analyse", str(queued.pk)) in sent
    # The old report stays until the new one is there.
    text = client_of(world.instructor).get(url).text
    assert "A newer analysis is under way" in text
    assert again not in text
    queued.delete()
    AnalysisClassifier.objects.create(analysis=recording.analyses.get(), classifier=made)
    text = client_of(world.instructor).get(url).text
    assert again not in text
    assert reverse("calibration:classifier", args=[made.pk]) in text


def test_a_whole_lesson_can_be_run_again(world: World) -> None:
    recordings = labelled_class(world.lesson, world.instructor, students=2)
    made = classifier(world)
    AnalysisClassifier.objects.create(analysis=recordings[0].analyses.get(), classifier=made)
    lesson = reverse("courses:lesson", args=[world.lesson.pk])
    assert "1 report</strong> of this lesson" in client_of(world.instructor).get(lesson).text
    assert "of this lesson could" not in client_of(world.student).get(lesson).text
    client_of(world.instructor).post(reverse("calibration:rerun_lesson", args=[world.lesson.pk]))
    queued = Analysis.objects.filter(state="queued")
    assert [one.recording for one in queued] == [recordings[1]]


def test_who_withdrew_is_not_run_again(world: World) -> None:
    [recording] = labelled_class(world.lesson, world.instructor, students=1)
    classifier(world)
    Consent.objects.filter(user=recording.student).update(withdrawn_at=recording.created_at)
    url = reverse("calibration:rerun", args=[recording.pk])
    assert client_of(world.instructor).post(url).status_code == 302
    assert not Analysis.objects.filter(state="queued").exists()


# -- agreement --


def both(cells: dict[tuple[str, str], int]) -> list[tuple[str, str]]:
    return [pair for pair, count in cells.items() for _ in range(count)]


def test_kappa_is_the_published_figure_with_its_error() -> None:
    """Against scikit-learn, and the standard error against resampling."""
    import random

    pairs = both({("e", "e"): 45, ("e", "d"): 15, ("d", "e"): 10, ("d", "d"): 30})
    found = agreement(pairs)
    assert (found.windows, found.agreed) == (100, 75)
    one, other = zip(*pairs, strict=True)
    assert found.kappa == pytest.approx(cohen_kappa_score(one, other))
    assert found.low is not None
    assert found.high is not None
    source = random.Random(0)
    drawn = sorted(
        cohen_kappa_score(*zip(*source.choices(pairs, k=100), strict=True)) for _ in range(800)
    )
    assert found.low == pytest.approx(drawn[20], abs=0.05)
    assert found.high == pytest.approx(drawn[-20], abs=0.05)


@pytest.mark.parametrize("cells", [{}, {("e", "e"): 10, ("d", "d"): 9}, {("e", "e"): 50}], ids=str)
def test_too_little_has_no_kappa(cells: dict[tuple[str, str], int]) -> None:
    assert agreement(both(cells)).kappa is None


def test_perfect_agreement_is_not_certainty() -> None:
    found = agreement(both({("e", "e"): 15, ("d", "d"): 15}))
    assert (found.kappa, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.8)


def test_the_page_shows_how_far_two_instructors_agree(world: World) -> None:
    second = User.objects.create_user("second@example.org", name="Second")
    Enrolment.objects.create(course=world.course, user=second, role="instructor")
    recordings = labelled_class(world.lesson, world.instructor, students=2)
    label_all(recordings[0], second, 0)
    assert "too few windows for a figure: 18 labelled by both" in page(world)
    label_all(recordings[1], second, 1)
    unsure = WindowLabel.objects.filter(labelled_by=second).first()
    assert unsure
    WindowLabel.objects.filter(pk=unsure.pk).update(value="unsure")
    text = page(world)
    assert "the same level in 35 of 35 windows" in text
    assert "in 1 more, one of them could not tell" in text


def test_erasing_a_classifier_erases_its_file(
    world: World, data_dir: Path, django_capture_on_commit_callbacks: Callable
) -> None:
    from webapp.calibration import storage

    made = classifier(world)
    storage.folder()
    made.path.touch()
    with django_capture_on_commit_callbacks(execute=True):
        made.delete()
    assert not made.path.exists()
