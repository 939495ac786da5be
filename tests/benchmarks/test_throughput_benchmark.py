"""Ours beside the reference loop: run small, what is a regression, how sides are compared."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.agreement import Seen, compare_boxes
from benchmarks.throughput import REFERENCE, Row, gross, targets
from benchmarks.throughput_sides import FP32, INT8
from tests.benchmarks.small_runs import small_run

GOOD = Row("640x360", FP32, 100, 100.0, 90.0, 110.0, 10.0, 9.0, 0.9, 1.0, 0.0, 0.9999, 1.0, 1.0)


def shortfalls(*rows: Row, small: bool) -> list[str]:
    bounds = gross(rows) if small else targets(rows)
    return [sentence for bound in bounds if (sentence := bound.shortfall())]


@pytest.mark.slow
def test_the_small_run_tells_both_sides_on_the_same_frames() -> None:
    code, told, written = small_run("throughput")
    assert code == 0, written
    assert told["shortfalls"] == []
    reference, ours = told["rows"]
    assert (reference["side"], ours["side"]) == (REFERENCE, FP32)
    assert reference["frames"] == 20
    assert ours["frames"] > reference["frames"]
    assert ours["ratio"] == pytest.approx(ours["rate"] / reference["rate"])
    # The same network on the same crops, whoever runs it.
    assert ours["cosine_min"] > 0.9999
    assert ours["same_top"] == 1.0
    assert ours["mean_iou"] > 0.8
    assert f"{ours['ratio']:.2f}" in written


def test_what_is_as_it_should_be_falls_short_of_nothing() -> None:
    rows = [GOOD, replace(GOOD, side=INT8, cosine_min=0.995, same_top=0.98)]
    assert shortfalls(*rows, small=False) == []
    assert shortfalls(*rows, small=True) == []


@pytest.mark.parametrize(
    ("row", "words", "grossly"),
    [
        (replace(GOOD, ratio=1.9), "frames a second over the reference's", True),
        (replace(GOOD, ratio=4.9), "frames a second over the reference's", False),
        (replace(GOOD, side=INT8, ratio=7.9), "frames a second over the reference's", False),
        (replace(GOOD, mean_iou=0.69), "mean IoU", True),
        (replace(GOOD, mean_iou=float("nan")), "mean IoU", True),
        (replace(GOOD, found=0.97), "share of faces found", False),
        (replace(GOOD, cosine_min=0.998), "lowest cosine", False),
        (replace(GOOD, side=INT8, same_top=0.96), "same strongest emotion", False),
    ],
)
def test_every_figure_has_its_bound(row: Row, words: str, grossly: bool) -> None:
    (sentence,) = shortfalls(row, small=False)
    assert words in sentence
    assert bool(shortfalls(row, small=True)) == grossly


def test_boxes_are_paired_frame_by_frame() -> None:
    times = np.array([0.0, 0.1, 0.2])
    boxes = np.array([[0, 0, 10, 10], [100, 0, 110, 10], [0, 0, 10, 10]], np.float32)
    reference = Seen(times, np.array([0.0, 0.0, 0.1]), boxes)
    # The first two are the same the other way round, the third has moved away; one frame more has
    # a face that the reference did not see, and another was not looked at by the reference.
    others = np.array(
        [[100, 0, 110, 10], [0, 0, 10, 9], [50, 0, 60, 10], [5, 5, 9, 9], [5, 5, 9, 9]], np.float32
    )
    other_times = np.array([0.001, 0.001, 0.1, 0.2, 9.0])
    found = compare_boxes(reference, Seen(other_times, other_times, others))
    assert found.faces == 3
    assert sorted(found.pairs) == [(0, 1), (1, 0)]
    assert found.found == pytest.approx(2 / 3)
    assert found.mean_iou == pytest.approx(0.95)
    assert found.extra == pytest.approx(2 / 3)
