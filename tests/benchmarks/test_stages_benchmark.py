"""The parts of an analysis and its floor: run small, and how the floor is formed."""

import pytest

from benchmarks import stages
from benchmarks.measuring import Clocked
from benchmarks.stage_times import DECODE, PARTS
from tests.benchmarks.small_runs import small_run

CONFIG = stages.Config("label", "model", "-", native=True)


def measured(whole_s: float, slowest_s: float, cpu_s: float) -> stages.Round:
    parts = dict.fromkeys((DECODE, *PARTS), Clocked(0.1, cpu_s))
    parts["faces"] = Clocked(slowest_s, cpu_s)
    return stages.Round(parts, Clocked(whole_s, 1.0), frames=100)


def result(*rounds: stages.Round) -> stages.Result:
    return stages.Result(CONFIG, "video", 1.0, 0.1, rounds)


@pytest.mark.slow
def test_the_small_run_tells_every_part_and_the_whole() -> None:
    code, told, written = small_run("stages")
    assert code == 0, written
    [row] = told["rows"]
    assert set(row["parts"]) == {DECODE, *PARTS}
    assert all(part["wall_s"] > 0 for part in row["parts"].values())
    # Sampling every frame, nearly all faces go through the network, which is most of the work.
    assert row["parts"]["network"]["cpu_s"] > row["parts"]["tracks"]["cpu_s"]
    assert row["frames"] > 100
    parts = [row["parts"][name] for name in PARTS]
    spread_s = sum(part["cpu_s"] for part in parts) / told["cores"]
    floor_s = max(spread_s, *(part["wall_s"] for part in parts))
    assert row["floor_s"] == pytest.approx(floor_s)
    assert row["ratio"] == pytest.approx(row["whole"]["wall_s"] / floor_s)
    assert f"{row['ratio']:.2f} x floor" in written


def test_the_floor_is_the_slowest_part_or_the_processors_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stages, "cores", lambda: 2)
    slow = result(measured(whole_s=3.0, slowest_s=2.0, cpu_s=0.1))
    assert (slow.slowest, slow.floor_s, slow.ratio) == ("faces", 2.0, 1.5)
    busy = result(measured(whole_s=7.0, slowest_s=2.0, cpu_s=1.0))
    assert busy.floor_s == pytest.approx(len(PARTS) / 2)
    assert busy.ratio == pytest.approx(2.0)


def test_of_several_rounds_the_best_counts() -> None:
    disturbed, quiet = measured(9.0, 2.5, 0.1), measured(3.0, 2.0, 0.1)
    assert result(disturbed, quiet).ratio == 1.5


@pytest.mark.parametrize(("whole_s", "falls_short"), [(3.0, False), (3.2, True)])
def test_a_whole_far_above_its_floor_has_its_sentence(whole_s: float, falls_short: bool) -> None:
    [bound] = stages.bounds([result(measured(whole_s, 2.0, 0.1))], 1.5)
    assert bool(bound.shortfall()) == falls_short
