"""The web benchmark run small, and what it calls a regression."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.web import Measured, bounds_of

ROOT = Path(__file__).resolve().parents[2]


def measured(page: str, **fields: float) -> Measured:
    values = {
        "rounds": 10,
        "least_ms": 8.0,
        "p50_ms": 10.0,
        "p95_ms": 20.0,
        "most_ms": 30.0,
        "sent_bytes": 1000,
        "queries": 12,
        "queries_of_few": 12,
    }
    return Measured(page=page, **{**values, **fields})


def shortfalls(*pages: Measured, times: bool = False) -> list[str]:
    bounds = bounds_of(pages, 200, times=times)
    return [sentence for one in bounds if (sentence := one.shortfall())]


def test_it_runs_small_and_finds_no_regression() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.web", "--small", "--rounds", "20"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert (told["students"], told["lessons"]) == (20, 4)
    pages = {one["page"]: one for one in told["results"]}
    assert len(pages) == 19
    assert all(one["rounds"] == 20 for one in pages.values())
    # What is asked for again crosses the wire without a body, and nothing else does.
    again = {name for name, one in pages.items() if not one["sent_bytes"]}
    assert again == {name for name in pages if name.endswith("(304)")}


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ([measured("a", queries=21, queries_of_few=21)], "Queries of a"),
        ([measured("a", queries=13)], "More queries than for three students"),
        ([measured("a"), measured("a, again (304)", sent_bytes=0, least_ms=16.0)], "Time to"),
        ([measured("a"), measured("a, again (304)", sent_bytes=10)], "Bytes on the wire"),
    ],
)
def test_a_gross_regression_has_its_sentence(pages: list[Measured], words: str) -> None:
    (sentence,) = shortfalls(*pages)
    assert sentence.startswith(words)


def test_what_is_as_it_should_be_has_none() -> None:
    again = measured("a, again (304)", sent_bytes=0, least_ms=7.0)
    export = measured("course export, whole", queries=13, p95_ms=900.0)
    assert shortfalls(measured("a"), again, export, times=True) == []


def test_times_are_judged_only_where_they_mean_something() -> None:
    slow = measured("a", p95_ms=500.0)
    assert shortfalls(slow) == []
    assert len(shortfalls(slow, times=True)) == 1
