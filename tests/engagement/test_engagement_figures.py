"""Figures of engagement: those of scikit-learn and scipy, with draws that count people twice."""

import json

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import spearmanr
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from engagement.datasets.engagement_windows import FOUR_LEVELS, TWO_LEVELS
from engagement.errors import DataError
from engagement.evaluation import engagement as figures
from engagement.evaluation.engagement import NO_SKILL, SKILL, measure
from engagement.evaluation.engagement_report import draw_reliability, print_engagement
from engagement.evaluation.resampling import codes_of, draws, measured
from engagement.windows.classifier import engagement_of


@pytest.fixture
def judged() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Levels of 240 windows of 8 people, and probabilities that know something of them."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 240)
    logits = rng.normal(0, 1, (240, 4))
    logits[np.arange(240), truth] += 1.0
    powers = np.exp(logits)
    people = [f"p{i % 8}" for i in range(240)]
    return truth, (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32), people


def test_figures_are_those_of_scikit_learn_and_scipy(judged) -> None:
    truth, probabilities, people = judged
    report = measure(truth, probabilities, people, FOUR_LEVELS, bootstrap=50)
    named, values = probabilities.argmax(axis=1), engagement_of(probabilities)
    expected = {
        "balanced_recall": balanced_accuracy_score(truth, named),
        "accuracy": accuracy_score(truth, named),
        "macro_f1": f1_score(truth, named, average="macro"),
        "mse": np.mean((values - truth / 3) ** 2),
        "spearman": spearmanr(values, truth).statistic,
    }
    for name, value in expected.items():
        assert report.metrics[name].value == pytest.approx(value, abs=1e-6), name
        assert report.metrics[name].low < value < report.metrics[name].high, name


def test_a_draw_counts_a_persons_windows_as_often_as_the_person_was_drawn(judged) -> None:
    """Every figure of a draw is the figure of windows that are really repeated."""
    truth, probabilities, people = judged
    codes = codes_of(people)
    drawn = draws(8, 1, seed=3)
    again = np.repeat(np.arange(240), drawn[1, codes].astype(int))
    values = engagement_of(probabilities).astype(np.float64)
    named = probabilities.argmax(axis=1)
    tables = figures.confusions(truth, named, codes, drawn, 4)
    rank = figures._spearman(values, truth, codes, drawn)[1]
    bins = figures._bin_sums(probabilities, named == truth, codes)
    assert figures.balanced_recall(tables)[1] == pytest.approx(
        balanced_accuracy_score(truth[again], named[again])
    )
    assert figures._macro_f1(tables)[1] == pytest.approx(
        f1_score(truth[again], named[again], average="macro")
    )
    assert rank == pytest.approx(spearmanr(values[again], truth[again]).statistic)
    assert figures._calibration_error(bins, drawn)[1] == pytest.approx(
        figures.calibration_error(truth[again], probabilities[again]), abs=1e-6
    )


def test_guessing_is_always_naming_the_commonest_level() -> None:
    truth = np.array([0] * 2 + [1] * 6 + [2] * 2)
    people = ["a", "b"] * 5
    report = measure(truth, np.full((10, 4), 0.25, np.float32), people, FOUR_LEVELS, bootstrap=20)
    always = np.ones(10, dtype=int)
    assert report.guessing == pytest.approx(
        {
            "balanced_recall": balanced_accuracy_score(truth, always),
            "accuracy": 0.6,
            "macro_f1": f1_score(truth, always, average="macro"),
            "mse": np.mean(((truth - 1) / 3) ** 2),
            "spearman": 0.0,
        }
    )
    assert report.counts == (2, 6, 2, 0)


def test_intervals_of_people_who_resemble_themselves_are_wider_than_of_windows() -> None:
    """Half of the people are always judged right and half always wrong."""
    truth = np.tile([0, 1], 200)
    people = [f"p{i // 20}" for i in range(400)]
    right = np.array([int(person[1:]) % 2 for person in people], dtype=bool)
    named = np.where(right, truth, 1 - truth)
    probabilities = np.eye(2, dtype=np.float32)[named]
    by_person = measure(truth, probabilities, people, TWO_LEVELS).metrics["balanced_recall"]
    alone = measure(truth, probabilities, [str(i) for i in range(400)], TWO_LEVELS)
    by_window = alone.metrics["balanced_recall"]
    assert by_person.high - by_person.low > 3 * (by_window.high - by_window.low)


@pytest.mark.parametrize(("share", "verdict"), [(0.9, SKILL), (0.5, NO_SKILL)])
def test_the_verdict_needs_the_whole_interval_above_guessing(share: float, verdict: str) -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 200)
    named = np.where(rng.random(200) < share, truth, 1 - truth)
    report = measure(
        truth, np.eye(2, dtype=np.float32)[named], [str(i % 10) for i in range(200)], TWO_LEVELS
    )
    assert report.verdict == verdict
    assert report.has_skill == (verdict == SKILL)


def test_calibration_error_is_the_distance_of_sure_from_right() -> None:
    truth = np.array([1] * 6 + [0] * 4)
    probabilities = np.tile(np.array([0.1, 0.9], dtype=np.float32), (10, 1))
    assert figures.calibration_error(truth, probabilities) == pytest.approx(0.3, abs=1e-6)


def test_an_interval_holds_its_value() -> None:
    found = measured(np.array([0.1, 0.2, 0.3, 0.4]))
    assert found.low == found.value == 0.1


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="cannot be judged"):
        measure(np.zeros(3, int), np.zeros((2, 2), np.float32), ["a"] * 3, TWO_LEVELS)
    with pytest.raises(DataError, match="cannot be judged"):
        measure(np.zeros(0, int), np.zeros((0, 2), np.float32), [], TWO_LEVELS)


def test_a_report_is_printed_drawn_and_kept(judged, tmp_path) -> None:
    truth, probabilities, people = judged
    report = measure(truth, probabilities, people, FOUR_LEVELS, bootstrap=20)
    console = Console(record=True, width=100)
    print_engagement(report, "somebody's model", console)
    text = console.export_text()
    assert "Better than guessing." in text
    assert "240 windows of 8 people" in text
    assert "guessing" in text
    pytest.importorskip("matplotlib")
    draw_reliability(report, tmp_path / "r.png")
    assert (tmp_path / "r.png").read_bytes()[:4] == b"\x89PNG"
    kept = json.loads(report.to_json())
    assert sum(b["count"] for b in kept["reliability"]) == 240
    assert kept["metrics"]["accuracy"]["low"] < kept["metrics"]["accuracy"]["high"]
