"""Fitting a course's classifier in the worker: real embeddings on disk, real fits."""

import datetime as dt
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from engagement.sample import sample_path
from engagement.windows.classifier import ClassifierCard, Measured
from engagement.windows.classifier_file import read_classifier, write_classifier
from engagement.windows.stat_classifiers import OrderedLink, Ridge, Scaling, StatClassifier
from tests.calibration_world import analysed, enrol, label_all, labelled_class
from webapp.accounts.models import User
from webapp.calibration import services, storage
from webapp.calibration.models import AnalysisClassifier, Classifier, WindowLabel
from webapp.courses.models import Course, Enrolment, Lesson
from webapp.privacy.services import withdraw
from webapp.recordings import queue
from webapp.recordings.models import Analysis, Recording
from webapp.recordings.services import retry
from workers import calibrated, fit_claims, labelled_windows
from workers.analysis import analyse
from workers.calibration import fit


@pytest.fixture
def lesson(db: None, tmp_path: Path, settings: object) -> Lesson:
    settings.DATA_DIR = tmp_path  # type: ignore[attr-defined]
    course = Course.objects.create(title="Algebra", code="ALG")
    return Lesson.objects.create(course=course, title="L", starts_at=timezone.now())


@pytest.fixture
def instructor(lesson: Lesson) -> User:
    user = User.objects.create_user("i@example.org", name="I")
    Enrolment.objects.create(course=lesson.course, user=user, role="instructor")
    return user


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    monkeypatch.setattr(queue, "_send", lambda task, key: messages.append(str(key)) or True)
    return messages


def fitted(instructor: User, course: Course, student: User | None = None) -> Classifier:
    """A fit as it is asked for on the page, run to its end."""
    classifier = services.request_fit(instructor, course, student)
    fit.apply(args=[str(classifier.pk)])
    classifier.refresh_from_db()
    return classifier


def test_with_a_signal_the_model_is_put_in_use(lesson: Lesson, instructor: User) -> None:
    recordings = labelled_class(lesson, instructor)
    made = fitted(instructor, lesson.course)
    assert (made.state, made.verdict, made.in_use) == ("finished", "in_use", True), made.error_text
    assert made.comparison["current_name"] == "concentration_index"
    assert made.comparison["difference"]["low"] > 0
    assert made.balanced_recall["value"] > 0.9
    assert made.card["people"] == 6
    assert made.card["windows"] == 6 * 18
    assert made.counts["engaged"] + made.counts["distracted"] == 6 * 18
    assert set(made.fitted_on.all()) == set(recordings)
    card = read_classifier(made.path).card
    assert (card.scope, card.embedding_model, card.window_s) == ("course", "mobilenet_7_fer", 10)


def test_on_noise_it_is_kept_with_its_figures_and_not_used(
    lesson: Lesson, instructor: User
) -> None:
    labelled_class(lesson, instructor, signal=0.0)
    made = fitted(instructor, lesson.course)
    assert (made.state, made.verdict, made.in_use) == ("finished", "no_skill", False)
    assert made.comparison["difference"]["low"] <= 0
    assert made.balanced_recall["low"] <= 0.5 <= made.balanced_recall["high"]
    assert made.path.exists()
    assert not Classifier.objects.filter(in_use=True).exists()


def test_fitting_again_is_compared_with_what_was_said_of_people_not_seen(
    lesson: Lesson, instructor: User
) -> None:
    """The model in use knows these windows: on them it would look better than it is."""
    labelled_class(lesson, instructor, students=4, signal=1.0)
    first = fitted(instructor, lesson.course)
    first.in_use = True
    first.save()
    collected = labelled_windows.collect(first)
    name, levels = labelled_windows.levels_in_use(first, collected)
    assert name == first.name
    keys = [window.key for window in collected.windows.windows]
    assert dict(zip(keys, levels.tolist(), strict=True)) == first.out_of_fold
    again = fitted(instructor, lesson.course)
    assert (again.verdict, again.comparison["current_name"]) == ("not_better", first.name)
    first.refresh_from_db()
    assert first.in_use
    # Where its file is gone, what is in use is what the reports show.
    first.path.unlink()
    assert labelled_windows.levels_in_use(first, collected)[0] == "concentration_index"


def test_a_better_one_replaces_the_one_in_use(lesson: Lesson, instructor: User) -> None:
    labelled_class(lesson, instructor)
    before = Classifier.objects.create(
        course=lesson.course, state="finished", in_use=True, embedding_model="another"
    )
    made = fitted(instructor, lesson.course)
    before.refresh_from_db()
    assert made.in_use
    assert (before.in_use, before.verdict) == (False, "replaced")
    assert before.used_until == made.used_from


def test_only_one_is_in_use_a_course_and_a_student(lesson: Lesson, instructor: User) -> None:
    for student in (None, instructor):
        Classifier.objects.create(course=lesson.course, student=student, in_use=True)
        with pytest.raises(IntegrityError), transaction.atomic():
            Classifier.objects.create(
                course=lesson.course, student=student, state="finished", in_use=True
            )


def test_windows_are_left_out_and_counted_where_labels_say_nothing(
    lesson: Lesson, instructor: User
) -> None:
    recordings = labelled_class(lesson, instructor, students=4)
    second = User.objects.create_user("second@example.org", name="Second")
    first = WindowLabel.objects.filter(recording=recordings[0]).order_by("start_s")
    one, other, third = first[:3]
    other_value = "distracted" if one.value == "engaged" else "engaged"
    for label, value in ((one, other_value), (third, "unsure")):
        WindowLabel.objects.create(
            recording=label.recording,
            start_s=label.start_s,
            end_s=label.end_s,
            value=value,
            labelled_by=second,
        )
    WindowLabel.objects.filter(pk=other.pk).update(value="unsure")
    recordings[1].embeddings_path.unlink()
    made = fitted(instructor, lesson.course)
    assert made.state == "finished"
    assert {key: made.counts[key] for key in ("disagreed", "unsure", "no_face")} == {
        "disagreed": 1,
        "unsure": 1,
        "no_face": 18,
    }
    # One person's "can't tell" does not take back what the other could.
    assert made.card["windows"] == 3 * 18 - 2


def test_embeddings_of_another_model_are_left_out(lesson: Lesson, instructor: User) -> None:
    labelled_class(lesson, instructor, students=4)
    other = analysed(enrol(lesson, 9), lesson, number=9, model="enet_b0_8_va_mtl")
    label_all(other, instructor, 9)
    made = fitted(instructor, lesson.course)
    assert made.embedding_model == "mobilenet_7_fer"
    assert made.counts["other_model"] == 18
    assert other not in made.fitted_on.all()


def test_labels_whose_embeddings_went_end_in_a_sentence_and_a_retry(
    lesson: Lesson, instructor: User
) -> None:
    recordings = labelled_class(lesson, instructor, students=3)
    for recording in recordings:
        recording.embeddings_path.rename(recording.embeddings_path.with_name("away"))
    made = fitted(instructor, lesson.course)
    assert (made.state, made.error_code) == ("failed", "too_few_labels")
    assert "3 more students" in made.error_text
    for recording in recordings:
        recording.embeddings_path.with_name("away").rename(recording.embeddings_path)
    services.retry_fit(made)
    fit.apply(args=[str(made.pk)])
    made.refresh_from_db()
    assert made.state == "finished"


def test_a_student_can_have_a_model_of_their_own(lesson: Lesson, instructor: User) -> None:
    student = enrol(lesson, 1)
    for number in range(4):
        label_all(analysed(student, lesson, number=number), instructor, number)
    made = fitted(instructor, lesson.course, student)
    assert made.in_use, made.error_text
    assert made.card["scope"] == "student"
    # Recordings stand in for people, so that none is on both sides of a split.
    assert made.card["people"] == 4
    withdraw(student, lesson.course)
    assert not Classifier.objects.exists()


def test_who_withdraws_takes_the_model_out_of_use(
    lesson: Lesson, instructor: User, django_capture_on_commit_callbacks: Callable
) -> None:
    recordings = labelled_class(lesson, instructor)
    made = fitted(instructor, lesson.course)
    assert made.path.exists()
    with django_capture_on_commit_callbacks(execute=True):
        withdraw(recordings[0].student, lesson.course)
    made.refresh_from_db()
    assert (made.in_use, made.verdict, made.out_of_fold) == (False, "erased", {})
    assert made.used_until is not None
    assert not made.path.exists()
    # What is left can be fitted again.
    again = fitted(instructor, lesson.course)
    assert again.in_use
    assert again.card["people"] == 5


def test_labels_erased_during_the_fit_leave_nothing_of_it(
    lesson: Lesson, instructor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    recordings = labelled_class(lesson, instructor)
    real = labelled_windows.levels_in_use

    def withdrawn_meanwhile(*args: object) -> object:
        withdraw(recordings[0].student, lesson.course)
        monkeypatch.setattr(labelled_windows, "levels_in_use", real)
        return real(*args)

    monkeypatch.setattr(labelled_windows, "levels_in_use", withdrawn_meanwhile)
    made = fitted(instructor, lesson.course)
    assert (made.state, made.card, made.sent_at) == ("queued", {}, None)
    assert list(storage.folder().iterdir()) == []
    fit.apply(args=[str(made.pk)])
    made.refresh_from_db()
    assert (made.state, made.card["people"]) == ("finished", 5)


def silence(classifier: Classifier) -> None:
    """As if its owner had last been heard of an hour ago."""
    before = timezone.now() - dt.timedelta(hours=1)
    Classifier.objects.filter(pk=classifier.pk).update(heartbeat_at=before)


@pytest.fixture
def waiting(lesson: Lesson, instructor: User) -> Classifier:
    return Classifier.objects.create(course=lesson.course, created_by=instructor)


def test_one_of_two_claims_wins(waiting: Classifier) -> None:
    assert fit_claims.claim(waiting.pk, "one") is not None
    assert fit_claims.claim(waiting.pk, "two") is None


def test_a_fit_whose_worker_died_is_sent_again(waiting: Classifier, sent: list[str]) -> None:
    fit_claims.claim(waiting.pk, "another machine#1#task")
    fit_claims.reap()
    assert sent == []
    silence(waiting)
    fit_claims.reap()
    waiting.refresh_from_db()
    assert (waiting.state, sent) == ("queued", [str(waiting.pk)])
    fit_claims.reap()
    assert len(sent) == 1
    assert not fit_claims.beat(waiting.pk, "another machine#1#task")


def test_after_the_last_attempt_it_fails_with_a_reason(waiting: Classifier) -> None:
    fit_claims.claim(waiting.pk, "gone")
    Classifier.objects.update(attempts=3)
    silence(waiting)
    fit_claims.reap()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.error_code) == ("failed", "worker_lost")
    assert "3 times" in waiting.error_text


def test_the_sweep_removes_files_that_no_row_keeps(waiting: Classifier) -> None:
    kept, orphan = storage.path_of(waiting.pk), storage.path_of(uuid.uuid4())
    storage.folder()
    for path in (kept, orphan):
        path.touch()
    Classifier.objects.update(state="finished")
    fit_claims.sweep_files(3600)
    assert orphan.exists()
    fit_claims.sweep_files(0)
    assert kept.exists()
    assert not orphan.exists()


def in_use_with(course: Course, size: int) -> Classifier:
    """A course's classifier for embeddings of that size: it calls every window engaged."""
    width = 4 * size
    card = ClassifierCard(
        name="course-ALG",
        method="ridge",
        embedding_model="mobilenet_7_fer",
        embedding_size=size,
        levels=("distracted", "engaged"),
        window_s=10.0,
        sampling_fps=5.0,
        temperature=1.0,
        trained_on="windows labelled for a test",
        people=3,
        windows=60,
        scope="course",
        metrics={"balanced_recall": Measured(0.8, 0.7, 0.9)},
        guessing={"balanced_recall": 0.5},
    )
    scaling = Scaling(np.zeros(width), np.ones(width))
    model = Ridge(scaling, np.zeros(width), 2.0, OrderedLink(np.zeros(1), 1.0))
    classifier = Classifier.objects.create(
        course=course,
        state="finished",
        verdict="in_use",
        in_use=True,
        name=card.name,
        embedding_model=card.embedding_model,
    )
    storage.folder()
    write_classifier(StatClassifier(card, model), classifier.path)
    return classifier


def analysed_again(recording: Recording) -> Analysis:
    analysis = recording.analyses.get(state="queued")
    analyse.apply(args=[str(analysis.pk)])
    analysis.refresh_from_db()
    assert analysis.state == "finished", analysis.error_text
    return analysis


@pytest.mark.slow
def test_a_rerun_uses_the_model_in_use_and_says_so(lesson: Lesson, instructor: User) -> None:
    recording = analysed(enrol(lesson, 0), lesson, video=sample_path())
    before = recording.analyses.get()
    classifier = in_use_with(lesson.course, 1024)
    assert services.rerun(Recording.objects.all()) == 1
    newest = analysed_again(recording)
    assert newest.made_by.classifier == classifier
    assert (newest.engagement_model, newest.engagement_kind) == ("course-ALG", "trained")
    made_by = newest.document.document["models"]["engagement"]
    assert (made_by["scope"], made_by["skill"]["balanced_recall"]) == ("course", 0.8)
    assert newest.engaged_share == 1.0
    # The report before it keeps what made it, and there is nothing more to run again.
    assert before.document.document["models"]["engagement"]["kind"] == "index"
    assert AnalysisClassifier.objects.count() == 1
    assert services.rerun(Recording.objects.all()) == 0
    # Out of use, it judges no further recording.
    services.stop_using(classifier)
    retry(newest)
    assert analysed_again(recording).engagement_kind == "index"


def test_a_model_for_other_embeddings_is_not_used(lesson: Lesson) -> None:
    recording = analysed(enrol(lesson, 0), lesson)
    classifier = in_use_with(lesson.course, 1024)
    assert calibrated.classifier_for(recording, "mobilenet_7_fer") == classifier
    assert calibrated.classifier_for(recording, "enet_b0_8_va_mtl") is None
    own = Classifier.objects.create(
        course=lesson.course,
        student=recording.student,
        state="finished",
        in_use=True,
        embedding_model="mobilenet_7_fer",
    )
    own.path.touch()
    # A student's own goes before their course's, and is nobody else's.
    assert calibrated.classifier_for(recording, "mobilenet_7_fer") == own
    other = analysed(enrol(lesson, 1), lesson)
    assert calibrated.classifier_for(other, "mobilenet_7_fer") == classifier
    classifier.path.unlink()
    assert calibrated.classifier_for(other, "mobilenet_7_fer") is None
