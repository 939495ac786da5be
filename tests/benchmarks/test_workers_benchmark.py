"""The benchmark of workers, small: it runs the real ones, and fails on a gross regression only."""

import json
import subprocess
import sys

import pytest

from benchmarks import workers
from tests.running_site import ROOT


@pytest.mark.slow
def test_the_small_benchmark_tells_one_and_two_processes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.workers", "--small"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.startswith("{")]
    told = json.loads(line)
    assert [one["processes"] for one in told["results"]] == [1, 2]
    # Two processes hold two sets of models, and share what they can.
    one, two = (result["peak_mb"] for result in told["results"])
    assert one < two < 2.5 * one
    assert "recordings an hour" in done.stdout


def test_two_processes_far_slower_than_one_are_a_regression(
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = workers._arguments(["--small"])
    fine = [
        workers.Measured(number, 0, 100.0 * rate, cpu_s=3.0, start_s=1.0, peak_mb=500.0)
        for number, rate in ((1, 1.0), (2, 0.9))
    ]
    assert workers._report(fine, 2, options) == 0
    slow = [fine[0], workers.Measured(2, 0, 40.0, cpu_s=3.0, start_s=1.0, peak_mb=500.0)]
    assert workers._report(slow, 2, options) == 1
    assert "Two processes to one" in capsys.readouterr().err
