"""The upload benchmark run small, and what it calls a regression."""

from benchmarks.upload import Measured, bounds_of
from tests.benchmarks.small_runs import small_run


def test_it_runs_small_and_memory_does_not_grow_with_the_file() -> None:
    code, told, text = small_run("upload")
    assert code == 0, text
    rows = told["results"]
    assert [row["size_mb"] for row in rows] == [5, 50, 100, 50, 40]
    assert told["shortfalls"] == []
    # Twenty times the bytes, held by nobody.
    assert rows[2]["peak_mb"] - rows[0]["peak_mb"] < 20


def test_memory_that_grows_with_the_file_has_its_sentence() -> None:
    figures = {"size_mb": 1, "seconds": 1, "mb_a_second": 1, "floor_mb_a_second": 1}
    first = Measured(name="50 MB", peak_mb=90, peak_to_first=1.0, **figures)
    grown = Measured(name="2000 MB", peak_mb=180, peak_to_first=2.0, **figures)
    told = [sentence for bound in bounds_of([first, grown]) if (sentence := bound.shortfall())]
    assert len(told) == 1
    assert told[0].startswith("Peak to that of the first row, 2000 MB")
