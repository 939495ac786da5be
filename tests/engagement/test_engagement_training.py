"""What training says of generated people of whom the truth is known: signal, null and leak."""

from dataclasses import replace

import numpy as np
import pytest

from engagement.datasets.engagement_windows import LabelledWindow, WindowSet
from engagement.errors import DataError
from engagement.evaluation.engagement import NO_SKILL, SKILL, calibration_error
from engagement.training.engagement import (
    FitSettings,
    compare,
    cross_validated,
    fit_calibrated,
    fit_engagement,
)
from engagement.training.engagement_attention import AttentionFitter
from engagement.training.engagement_calibration import fit_link, fit_temperature
from engagement.training.engagement_methods import (
    BoostingFitter,
    Fitter,
    RidgeFitter,
)
from engagement.training.engagement_samples import Split, samples_of, subject_wise
from engagement.windows.classifier import Method
from tests.engagement.generated_windows import ROWS, Generator, recall_of, window_set

QUICK = FitSettings(bootstrap=300)
#: People who differ a lot, and whose windows say nothing of a level.
STRANGERS = Generator(step=0.0, offset=3.0)


def slowly(method: str) -> object:
    """A method that takes more than ten seconds here."""
    return pytest.param(method, marks=pytest.mark.slow)


def one_level_a_person(people: int, each: int, seed: int) -> WindowSet:
    """The known leak: whoever recognises a person knows the level, and nothing else tells it."""
    windows = STRANGERS.windows(people, each, seed).windows
    return window_set([replace(w, level=int(w.person[1:]) % 2) for w in windows])


def assert_close_to_best(generator: Generator) -> None:
    windows = generator.windows(30, 40, seed=0)
    report = fit_engagement(windows, QUICK).report
    recall = report.metrics["balanced_recall"].value
    assert recall == pytest.approx(generator.bayes_rate, abs=0.03)
    # On the very same windows, so that what chance gave these people cancels.
    assert recall == pytest.approx(recall_of(windows, generator.best_levels(windows)), abs=0.03)
    assert report.verdict == SKILL


def test_thirty_people_are_enough_to_come_close_to_the_best_rule() -> None:
    assert_close_to_best(Generator())


def test_four_levels_come_close_to_the_best_rule_too() -> None:
    assert_close_to_best(Generator(levels=4))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["svr", "single_attention"])
def test_the_other_methods_that_can_come_close_do(method: Method) -> None:
    generator = Generator()
    windows = generator.windows(30, 40, seed=0)
    report = fit_engagement(windows, replace(QUICK, method=method)).report
    best = recall_of(windows, generator.best_levels(windows))
    assert report.metrics["balanced_recall"].value == pytest.approx(best, abs=0.03)
    assert report.verdict == SKILL


@pytest.mark.parametrize("levels", [2, 4])
def test_the_best_rule_reaches_the_rate_that_is_worked_out(levels: int) -> None:
    generator = Generator(levels=levels)
    rng = np.random.default_rng(5)
    parts = (generator.offset, generator.window, generator.row / np.sqrt(ROWS))
    truth = rng.integers(levels, size=200_000)
    places = generator.step * truth + sum(rng.normal(0, part, truth.size) for part in parts)
    named = np.clip(np.rint(places / generator.step), 0, levels - 1)
    recalls = [(named[truth == level] == level).mean() for level in range(levels)]
    assert np.mean(recalls) == pytest.approx(generator.bayes_rate, abs=0.004)


@pytest.mark.parametrize("method", ["ridge", "svr", slowly("boosting")])
def test_on_noise_the_report_says_no_better_than_guessing(method: Method) -> None:
    noise = Generator(step=0.0).windows(12, 12, seed=1)
    report = fit_engagement(noise, replace(QUICK, method=method)).report
    assert report.verdict == NO_SKILL
    assert report.metrics["balanced_recall"].low <= report.guessing["balanced_recall"] == 0.5


def test_knowing_people_looks_skilful_only_where_they_are_on_both_sides() -> None:
    leaking = one_level_a_person(16, 16, seed=2)
    honest = fit_engagement(leaking, QUICK).report
    # As if every window were another person: what a random split of windows would do.
    apart = window_set([replace(w, person=w.key) for w in leaking.windows])
    random = fit_engagement(apart, QUICK).report
    assert random.metrics["balanced_recall"].value > 0.9
    assert random.verdict == SKILL
    assert honest.metrics["balanced_recall"].value < 0.65
    assert honest.verdict == NO_SKILL


def test_a_split_with_somebody_on_both_sides_is_refused() -> None:
    samples = samples_of(one_level_a_person(4, 10, seed=3))
    numbers = np.random.default_rng(0).permutation(len(samples))
    splits = [Split(numbers[10:], numbers[:10]), Split(numbers[:10], numbers[10:])]
    with pytest.raises(DataError, match="on both sides of a split"):
        cross_validated(samples, RidgeFitter(), splits, 0)


def test_every_split_holds_out_whole_people_and_every_window_once() -> None:
    for people, folds in ((30, 5), (4, 5), (3, 5)):
        samples = samples_of(Generator().windows(people, 10, seed=people))
        splits = subject_wise(samples, folds, seed=0)
        assert len(splits) == min(people, folds)
        for split in splits:
            trained, held = (
                {samples.people[i] for i in part} for part in (split.train, split.held)
            )
            assert trained
            assert held
            assert not trained & held


def test_nobody_changes_what_others_are_judged_by() -> None:
    """What is said of a person must not depend on that person's own labels."""
    windows = Generator().windows(6, 12, seed=4)
    flipped = replace(
        windows,
        windows=tuple(
            replace(w, level=1 - w.level) if w.person == "p00" else w for w in windows.windows
        ),
    )
    settings = replace(QUICK, folds=6)
    before, after = (fit_engagement(w, settings).out_of_fold for w in (windows, flipped))
    own = np.array([w.person == "p00" for w in windows.windows])
    np.testing.assert_array_equal(before[own], after[own])
    assert np.abs(before[~own] - after[~own]).max() > 0.01


@pytest.mark.parametrize(
    "fitter", [RidgeFitter(), BoostingFitter(rounds=(20,)), AttentionFitter(steps=(20,))]
)
def test_training_twice_gives_the_same(fitter: Fitter) -> None:
    samples = samples_of(Generator(size=6).windows(6, 10, seed=5))
    first, second = (fit_calibrated(samples, fitter, 0) for _ in range(2))
    np.testing.assert_array_equal(first.logits(samples), second.logits(samples))
    assert first.calibration.temperature == second.calibration.temperature


def test_rare_levels_are_found_when_levels_weigh_the_same() -> None:
    windows = Generator(step=1.2).windows(20, 40, seed=6).windows
    seldom = window_set([w for i, w in enumerate(windows) if w.level or i % 8 == 0])
    plain = fit_engagement(seldom, QUICK).report
    balanced = fit_engagement(seldom, replace(QUICK, balanced=True)).report
    gain = balanced.metrics["balanced_recall"].value - plain.metrics["balanced_recall"].value
    assert gain > 0.05
    assert plain.metrics["calibration_error"].value < balanced.metrics["calibration_error"].value


def test_one_students_recordings_take_the_place_of_people() -> None:
    windows = Generator(offset=0.3).windows(4, 12, seed=7)
    fitted = fit_engagement(windows, replace(QUICK, scope="student", name="Ann"))
    assert fitted.classifier.card.scope == "student"
    assert fitted.report.people == 4


def test_a_temperature_makes_what_is_too_sure_mean_what_it_says() -> None:
    rng = np.random.default_rng(8)
    honest = np.stack((np.zeros(4000), rng.normal(0, 1.5, 4000)), axis=1)
    truth = (rng.random(4000) < 1 / (1 + np.exp(-honest[:, 1]))).astype(np.int64)
    bold = 3 * honest
    temperature = fit_temperature(bold[:2000], truth[:2000], np.ones(2000))
    assert temperature == pytest.approx(3, rel=0.15)
    errors = [
        calibration_error(truth[2000:], _softmax(logits))
        for logits in (bold[2000:], bold[2000:] / temperature)
    ]
    assert errors[0] > 0.1
    assert errors[1] < 0.04


@pytest.mark.slow
def test_trees_that_are_too_sure_of_noisy_levels_are_calibrated() -> None:
    samples = samples_of(Generator(levels=4, size=6).windows(12, 20, seed=9))
    splits = subject_wise(samples, 3, seed=0)
    judged = cross_validated(samples, BoostingFitter(rounds=(100,)), splits, 0)
    assert judged.uncalibrated_error is not None
    assert judged.uncalibrated_error > 0.1
    after = calibration_error(samples.levels, judged.probabilities)
    assert after < judged.uncalibrated_error / 1.5


def test_a_link_recovers_the_odds_that_levels_were_drawn_with() -> None:
    rng = np.random.default_rng(10)
    scores = rng.normal(0.3, 0.2, 8000)
    thresholds, slope = np.array([0.5, 2.0, 4.0]), 8.0
    draws = slope * scores + rng.logistic(size=8000)
    levels = (draws[:, None] > thresholds).sum(axis=1)
    link = fit_link(scores, levels, np.ones(8000), 4)
    assert link.slope == pytest.approx(slope, rel=0.1)
    np.testing.assert_allclose(link.thresholds, thresholds, atol=0.3)


def test_a_better_candidate_is_told_from_one_that_only_looks_better() -> None:
    windows = Generator().windows(12, 20, seed=11)
    fitted = fit_engagement(windows, QUICK)
    truth = np.array([w.level for w in windows.windows])
    guessing = np.zeros(len(truth), dtype=np.int64)
    chance = np.random.default_rng(0).integers(0, 2, len(truth))
    same = fitted.out_of_fold.argmax(axis=1)
    assert compare(windows, fitted.out_of_fold, guessing).better
    assert compare(windows, fitted.out_of_fold, chance).better
    assert not compare(windows, fitted.out_of_fold, same).better
    assert not compare(windows, fitted.out_of_fold, truth).better
    silent = compare(windows, fitted.out_of_fold, np.full(len(truth), -1))
    assert silent.current.value == 0
    assert silent.better


def test_an_interval_of_a_difference_is_narrower_than_people_are_different() -> None:
    """The same people are drawn for both, so what makes people hard cancels."""
    windows = Generator(offset=1.5).windows(20, 20, seed=12)
    fitted = fit_engagement(windows, QUICK)
    named = fitted.out_of_fold.argmax(axis=1)
    worse = named.copy()
    worse[::10] = 1 - worse[::10]
    found = compare(windows, fitted.out_of_fold, worse)
    widths = [m.high - m.low for m in (found.difference, found.candidate)]
    assert widths[0] < widths[1]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda ws: [w for w in ws if w.person in {"p00", "p01"}], "2 people"),
        (lambda ws: ws[:5], "5 labelled windows"),
        (lambda ws: [replace(w, level=1) for w in ws], "All windows of .* are labelled engaged"),
        (
            lambda ws: [replace(w, level=int(w.person == "p02")) for w in ws],
            "Only one person .* is labelled engaged",
        ),
        (lambda ws: [replace(ws[0], level=2), *ws[1:]], "has the level 2"),
        (lambda ws: [replace(ws[0], embeddings=ws[0].embeddings[:, :3]), *ws[1:]], "shape"),
        (lambda ws: [*ws[1:], replace(ws[0], embeddings=ws[0].embeddings[:0])], "shape"),
        (lambda ws: [replace(ws[0], embeddings=ws[0].embeddings * np.nan), *ws[1:]], "finite"),
    ],
)
def test_windows_that_nothing_can_be_learned_from_are_refused(change, sentence: str) -> None:
    windows: list[LabelledWindow] = list(Generator(size=5).windows(4, 8, seed=13).windows)
    with pytest.raises(DataError, match=sentence):
        fit_engagement(window_set(change(windows)), QUICK)


@pytest.mark.parametrize("method", ["ridge", "svr", *map(slowly, ["boosting", "single_attention"])])
def test_people_who_were_given_one_level_only_can_be_trained_on(method: Method) -> None:
    windows = Generator(size=5).windows(4, 8, seed=14).windows
    levels = {"p00": 0, "p01": 1}
    mixed = window_set([replace(w, level=levels.get(w.person, w.level)) for w in windows])
    out = fit_engagement(mixed, replace(QUICK, method=method)).out_of_fold
    assert np.isfinite(out).all()
    np.testing.assert_allclose(out.sum(axis=1), 1, atol=1e-5)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
