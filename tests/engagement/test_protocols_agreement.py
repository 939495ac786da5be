"""The measures of affect, on series whose agreement is known in closed form."""

import numpy as np
import pytest

from engagement.errors import DataError
from engagement.evaluation.agreement import (
    ccc,
    mean_f1_of_action_units,
    multi_task_score,
    rmse,
)
from engagement.windows.group_classifier import group_vector
from engagement.windows.statistics import clip_vector

RAMP = np.linspace(-1, 1, 101)
VARIANCE = RAMP.var()


def test_equal_series_agree_perfectly() -> None:
    assert ccc(RAMP, RAMP) == pytest.approx(1.0)
    assert rmse(RAMP, RAMP) == 0.0


def test_opposite_series_disagree_perfectly() -> None:
    assert ccc(RAMP, -RAMP) == pytest.approx(-1.0)


@pytest.mark.parametrize("shift", [0.1, -0.5, 2.0])
def test_a_shift_costs_agreement_though_the_correlation_stays_one(shift: float) -> None:
    assert ccc(RAMP, RAMP + shift) == pytest.approx(2 * VARIANCE / (2 * VARIANCE + shift**2))
    assert rmse(RAMP, RAMP + shift) == pytest.approx(abs(shift))


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_a_squeeze_costs_agreement(scale: float) -> None:
    assert ccc(RAMP, scale * RAMP) == pytest.approx(2 * scale / (1 + scale**2))


def test_agreement_does_not_depend_on_which_series_is_called_true() -> None:
    other = RAMP**3 + 0.2
    assert ccc(RAMP, other) == pytest.approx(ccc(other, RAMP))


@pytest.mark.parametrize(
    ("truth", "predicted"),
    [(np.zeros(5), RAMP[:5]), (RAMP[:5], np.zeros(5)), (np.full(5, 0.3), np.full(5, 0.3))],
)
def test_a_constant_series_shows_no_agreement(truth: np.ndarray, predicted: np.ndarray) -> None:
    assert ccc(truth, predicted) == 0.0


def test_a_single_pair_shows_no_agreement() -> None:
    assert ccc(np.array([0.5]), np.array([0.5])) == 0.0


@pytest.mark.parametrize("measure", [ccc, rmse])
def test_nothing_or_unequal_lengths_cannot_be_compared(measure) -> None:
    with pytest.raises(DataError, match="cannot be compared"):
        measure(np.empty(0), np.empty(0))
    with pytest.raises(DataError, match="5 rated values cannot be compared with 4"):
        measure(RAMP[:5], RAMP[:4])


def test_action_units_weigh_the_same_however_often_they_occur() -> None:
    truth = np.array([[1, 1], [1, 0], [1, 0], [1, 0]])
    predicted = np.array([[1, 1], [1, 1], [1, 0], [1, 0]])
    # The first unit is always right: F1 = 1. The second: precision 1/2, recall 1: F1 = 2/3.
    assert mean_f1_of_action_units(truth, predicted) == pytest.approx((1 + 2 / 3) / 2)


def test_an_action_unit_that_never_occurs_counts_nought() -> None:
    truth = np.array([[1, 0], [0, 0]])
    assert mean_f1_of_action_units(truth, truth) == pytest.approx(0.5)


def test_action_units_of_another_shape_cannot_be_compared() -> None:
    with pytest.raises(DataError, match=r"\(2, 12\).*\(2, 11\)"):
        mean_f1_of_action_units(np.zeros((2, 12), dtype=int), np.zeros((2, 11), dtype=int))
    with pytest.raises(DataError):
        mean_f1_of_action_units(np.zeros((0, 12), dtype=int), np.zeros((0, 12), dtype=int))


def test_the_multi_task_score_is_three_at_best() -> None:
    assert multi_task_score(1, 1, 1, 1) == 3
    # The parts that the authors' notebook prints for its best network.
    parts = (0.4749176554355453, 0.41918481366710747, 0.33507035885799447, 0.4943377041019861)
    assert multi_task_score(*parts) == pytest.approx(1.276459297511307)


def test_a_clip_is_its_mean_deviation_least_and_most() -> None:
    faces = np.array([[0.0, 4.0], [2.0, 4.0]], dtype=np.float32)
    assert clip_vector(faces).tolist() == [1, 4, 1, 0, 0, 4, 2, 4]


def test_a_group_is_taken_frame_by_frame() -> None:
    faces = np.array([[0.0], [2.0], [5.0]], dtype=np.float32)
    frames = np.array([3, 3, 7], dtype=np.int32)
    # Frame 3: mean 1, deviation 1. Frame 7: mean 5, deviation 0. Then both over the two frames.
    assert group_vector(faces, frames).tolist() == [3, 0.5, 2, 0.5]


def test_a_frame_with_many_faces_weighs_no_more_than_one_with_few() -> None:
    crowd = np.array([[0.0]] * 99 + [[1.0]], dtype=np.float32)
    frames = np.array([0] * 99 + [1], dtype=np.int32)
    assert group_vector(crowd, frames)[0] == 0.5
