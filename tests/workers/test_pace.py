"""The estimate of an analysis' end, over a clock of the test's own."""

import random
from collections.abc import Callable
from itertools import pairwise

import pytest

from workers.pace import Pace


def left(progress_at: Callable[[float], float], seconds: int, begun: float = 0.0) -> list:
    """What is told each second: (second, progress, seconds left or None)."""
    pace = Pace()
    told = []
    for second in range(seconds):
        progress = max(begun, progress_at(second))
        told.append((second, progress, pace.left_s(progress, float(second))))
    return told


def test_nothing_is_told_while_models_load_and_before_the_pace_is_known() -> None:
    told = left(lambda second: max(0.0, (second - 20) / 100), 60)
    assert [seconds for at, _, seconds in told if at < 25] == [None] * 25
    assert told[-1][2] == pytest.approx(100 * (1 - told[-1][1]), rel=0.05)


def test_a_resumed_attempt_is_judged_by_its_own_pace() -> None:
    # 60% came from the attempt before, in no time; the rest goes at a percent in two seconds.
    told = left(lambda second: 0.0 if second < 8 else 0.6 + (second - 8) / 200, 40, begun=0.59)
    assert told[10][2] is None
    assert told[-1][2] == pytest.approx(200 * (1 - told[-1][1]), rel=0.05)


def test_a_change_of_pace_is_followed() -> None:
    told = left(lambda second: second / 1000 if second < 300 else 0.3 + (second - 300) / 4000, 600)
    assert told[299][2] == pytest.approx(700, rel=0.05)
    assert told[-1][2] == pytest.approx(4000 * (1 - told[-1][1]), rel=0.1)


def test_uneven_work_does_not_make_the_end_jump() -> None:
    # Each second does between none and twice of its share, as cheap and dear frames take turns.
    chance = random.Random(7)
    done = [0.0]
    for _ in range(500):
        done.append(done[-1] + chance.uniform(0.0, 2.0) / 600)
    told = left(lambda second: min(0.99, done[second]), 500)
    ends = [at + seconds for at, _, seconds in told if seconds is not None]
    rests = [seconds for _, _, seconds in told if seconds is not None]
    assert len(ends) > 480
    moved = [abs(b - a) / rest for a, b, rest in zip(ends, ends[1:], rests, strict=False)]
    assert max(moved[:-30]) < 0.06
    # For comparison: told by the last five seconds' pace alone it would be all over the place.
    raw = [(1 - done[at]) * 5 / max(1e-9, done[at] - done[at - 5]) for at in range(30, 400)]
    assert max(abs(b - a) / a for a, b in pairwise(raw)) > 0.3


def test_a_stall_makes_the_end_later_not_nearer() -> None:
    told = left(lambda second: min(second, 100) / 400, 600)
    assert told[-1][2] > told[100][2]
