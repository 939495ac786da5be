"""Growing recordings: run small, what counts as growth, and the recordings themselves."""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.growth import Row, gross, targets
from benchmarks.measuring import B0, Bound
from benchmarks.videos import repeated, upscaled
from engagement.weights.registry import DEFAULT_EXPRESSION
from tests.benchmarks.small_runs import small_run
from tests.videos import write_video


def shortfalls(bounds: list[Bound]) -> list[str]:
    return [sentence for bound in bounds if (sentence := bound.shortfall())]


def row(model: str, minutes: float) -> Row:
    length_s = 60 * minutes
    return Row(model, length_s, 1.0, length_s / 20, length_s / 20 - 2, 3.0, 5.0, 20.0, 500.0)


ROWS = [row(model, minutes) for model in (DEFAULT_EXPRESSION, B0) for minutes in (1, 5, 60)]


@pytest.mark.slow
def test_the_small_run_tells_time_and_memory_of_growing_recordings() -> None:
    code, told, written = small_run("growth")
    assert code == 0, written
    lengths = [one["length_s"] for one in told["rows"]]
    assert lengths == pytest.approx([60, 120], abs=0.5)
    for one in told["rows"]:
        assert one["decode_s"] < one["analysis_s"] < one["wall_s"]
        assert one["times_real_time"] == pytest.approx(one["length_s"] / one["wall_s"])
        # Models and libraries alone are more than this; a recording's frames would be far more.
        assert 100 < one["peak_mb"] < 1200
    assert f"{told['rows'][-1]['peak_mb']:.0f} MB" in written


def test_what_does_not_grow_falls_short_of_nothing() -> None:
    assert shortfalls(targets(ROWS) + gross(ROWS)) == []


@pytest.mark.parametrize(
    ("hour", "words", "grossly"),
    [
        (replace(ROWS[-1], times_real_time=11.0), "times faster than an hour plays", False),
        (replace(ROWS[-1], peak_mb=560.0), "that peak over five minutes'", False),
        (replace(ROWS[-1], per_minute_s=3.6), "seconds a minute", False),
        (replace(ROWS[-1], peak_mb=660.0), "that peak over five minutes'", True),
    ],
)
def test_growth_has_its_sentence(hour: Row, words: str, grossly: bool) -> None:
    rows = [*ROWS[:-1], hour]
    (sentence,) = shortfalls(targets(rows))
    assert sentence.startswith(B0)
    assert words in sentence
    assert bool(shortfalls(gross(rows))) == grossly


def _times(path: Path) -> tuple[np.ndarray, tuple[int, int]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return (
            np.array([frame.time for frame in container.decode(stream)]),
            (stream.width, stream.height),
        )


def test_a_clip_is_repeated_without_a_gap(tmp_path: Path) -> None:
    once = write_video(tmp_path / "once.mp4", seconds=2, fps=10)
    times, _ = _times(repeated(once, tmp_path / "long.mp4", 6.0))
    np.testing.assert_allclose(np.diff(times), 0.1, atol=1e-6)
    assert len(times) == 60


def test_a_clip_is_cut_where_all_can_be_decoded(tmp_path: Path) -> None:
    once = write_video(tmp_path / "once.mp4", seconds=2, fps=10)
    times, _ = _times(repeated(once, tmp_path / "long.mp4", 5.0))
    assert times[-1] == pytest.approx(5.0, abs=0.5)
    # At the very end, pictures that are coded after a later one may be missing.
    np.testing.assert_allclose(np.diff(times)[:-3], 0.1, atol=1e-6)


def test_a_clip_is_made_larger(tmp_path: Path) -> None:
    once = write_video(tmp_path / "once.mp4", seconds=2, fps=10)
    times, size = _times(upscaled(once, tmp_path / "large.mp4", (640, 480), most_s=1.0))
    assert size == (640, 480)
    np.testing.assert_allclose(times, np.arange(10) / 10, atol=1e-6)
