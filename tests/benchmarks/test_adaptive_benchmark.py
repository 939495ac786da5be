"""The benchmark of adaptive sampling run small, and what it calls a regression."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.adaptive_sampling import ADAPTIVE, LATER, SPARSE, Row, grid, gross

ROOT = Path(__file__).resolve().parents[2]


def test_it_runs_small_and_finds_no_regression() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.adaptive_sampling", "--small"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert [row["sampling"] for row in told["rows"]] == [ADAPTIVE, SPARSE, LATER]
    adaptive, sparse, _ = told["rows"]
    assert adaptive["looked_at"] == sparse["looked_at"] < 0.75
    for figure in ("shares", "emotions", "engagement"):
        assert adaptive[figure][0] < sparse[figure][0]


def row(sampling: str, looked_at: float, error: float) -> Row:
    figures = ("shares", "emotions", "engagement", "mean", "face")
    return Row("a", sampling, looked_at, {figure: [error, 2 * error] for figure in figures})


@pytest.mark.parametrize(
    ("adaptive", "sparse", "word"),
    [
        (row(ADAPTIVE, 0.9, 0.001), row(SPARSE, 0.9, 0.01), "share of the frames"),
        (row(ADAPTIVE, 0.5, 0.02), row(SPARSE, 0.5, 0.01), "error of shares"),
    ],
)
def test_looking_at_too_much_and_erring_more_than_sparse_sampling_are_told(
    adaptive: Row, sparse: Row, word: str
) -> None:
    found = [sentence for bound in gross([adaptive, sparse]) if (sentence := bound.shortfall())]
    assert any(word in sentence for sentence in found)


def test_good_figures_are_no_regression() -> None:
    rows = [row(ADAPTIVE, 0.5, 0.002), row(SPARSE, 0.5, 0.01)]
    assert not any(bound.shortfall() for bound in gross(rows))


def test_the_grid_is_that_of_a_reading() -> None:
    from engagement.sample import sample_path
    from engagement.video.reader import VideoReader

    every = [frame.t for frame in VideoReader(sample_path(), 0)]
    for fps in (5.0, 3.1):
        assert grid(every, fps, 0) == [frame.t for frame in VideoReader(sample_path(), fps)]
