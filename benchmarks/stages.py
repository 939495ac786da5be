"""What each part of an analysis takes alone, and how near the whole comes to its floor.

    python -m benchmarks.stages [--seconds 60] [--small | --check]

The floor is the slowest part alone, or all parts' processor time over the cores, whichever is
longer: no order of the same work takes less on this machine. Parts run on frames that lie in
memory; the whole is an analysis as users run it. What comes before its first frame (the file's
facts and its hash) is left out of both, and so is start-up, which is told for itself. All take
turns, and of each the best round counts: what else the machine does only adds.

``--check`` fails where a target is missed; ``--small`` takes a moment, and fails where something is
grossly wrong.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import videos
from benchmarks.measuring import (
    B0,
    Bound,
    Clocked,
    Player,
    Told,
    environment,
    finish,
    load_average,
    run_alone,
    say,
    table,
    workplace,
)
from benchmarks.stage_times import DECODE, PARTS
from engagement.weights.registry import DEFAULT_EXPRESSION

_MOST = 1.5
_GROSS = 3.0


@dataclass(frozen=True)
class Config:
    """One way to analyse: every frame, or the default sampling."""

    label: str
    model: str
    weights: str
    native: bool


@dataclass(frozen=True)
class Round:
    """What was measured in one round, by part, and of the whole."""

    parts: dict[str, Clocked]
    whole: Clocked
    frames: int


@dataclass(frozen=True)
class Result:
    """All rounds of one configuration on one recording.

    Attributes:
        start_s: from the process' start until its models were loaded.
        before_s: for the file's facts and hash.
    """

    config: Config
    video: str
    start_s: float
    before_s: float
    rounds: Sequence[Round]

    @property
    def parts(self) -> dict[str, Clocked]:
        return {name: _best([one.parts[name] for one in self.rounds]) for name in (DECODE, *PARTS)}

    @property
    def whole(self) -> Clocked:
        return _best([one.whole for one in self.rounds])

    @property
    def slowest(self) -> str:
        return max(PARTS, key=lambda name: self.parts[name].wall_s)

    @property
    def spread_s(self) -> float:
        """All parts' processor time over the cores."""
        return sum(self.parts[name].cpu_s for name in PARTS) / cores()

    @property
    def floor_s(self) -> float:
        return max(self.parts[self.slowest].wall_s, self.spread_s)

    @property
    def ratio(self) -> float:
        return self.whole.wall_s / self.floor_s


def cores() -> int:
    """That this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _best(clocked: Sequence[Clocked]) -> Clocked:
    return Clocked(min(one.wall_s for one in clocked), min(one.cpu_s for one in clocked))


def measure(video: Path, config: Config, rounds: int, folder: Path) -> Result:
    """Let the parts and the whole take turns."""
    say(f"{config.label}, {video.stem}")
    with ExitStack() as stack:
        parts = stack.enter_context(Player("benchmarks.stage_times", config.model, config.weights))
        parts.wait()
        whole = stack.enter_context(
            Player("benchmarks.our_pipeline", config.model, config.weights, folder)
        )
        whole.wait()
        asked = {"video": video, "native": config.native}
        done = [_round(parts, whole, asked) for _ in range(rounds)]
        before = whole.ask("looked_up", video=video)
    return Result(config, video.stem, whole.start_s, before["seconds"], done)


def _round(parts: Player, whole: Player, asked: Told) -> Round:
    told: Told = parts.ask("read", **asked, pixels=False)
    told |= parts.ask("read", **asked, pixels=True)
    frames = told.pop("frames")
    told |= parts.ask("rest", **asked)
    looked_up = whole.ask("looked_up", video=asked["video"])
    done = whole.ask("analyze", **asked)
    spent = Clocked(done["seconds"], done["cpu_s"])
    return Round(
        {part: Clocked(**clocked) for part, clocked in told.items()},
        spent - Clocked(looked_up["seconds"], looked_up["cpu_s"]),
        frames,
    )


def _configs(folder: Path, *, small: bool) -> list[Config]:
    default = Config("bundled model, 5 a second", DEFAULT_EXPRESSION, "-", native=False)
    if small:
        return [Config("bundled model, every frame", DEFAULT_EXPRESSION, "-", native=True)]
    b0 = run_alone("benchmarks.random_model", folder).told["exact"]
    return [
        Config("B0, every frame", B0, b0, native=True),
        Config("B0, 5 a second", B0, b0, native=False),
        default,
    ]


def _rows(result: Result) -> list[list[str]]:
    frames = result.rounds[0].frames

    def row(name: str, clocked: Clocked, more: str = "") -> list[str]:
        wall, cpu = f"{clocked.wall_s:.2f}", f"{clocked.cpu_s:.2f}"
        return [name, wall, cpu, f"{1000 * clocked.cpu_s / frames:.2f}", more]

    parts = result.parts
    lines = [row(f"({DECODE} alone)", parts[DECODE])]
    lines += [row(name, parts[name], "slowest" if name == result.slowest else "") for name in PARTS]
    lines += [
        ["all parts / cores", f"{result.spread_s:.2f}", "", "", ""],
        ["floor", f"{result.floor_s:.2f}", "", "", ""],
        row("the whole", result.whole, f"{result.ratio:.2f} x floor"),
    ]
    about = [result.config.label, result.video, f"{frames} frames"]
    about += [f"start-up {result.start_s:.1f} s", f"facts and hash {result.before_s:.2f} s"]
    return [
        [about[number] if number < len(about) else "", *line] for number, line in enumerate(lines)
    ]


def _told(result: Result) -> Told:
    return {
        "config": result.config.label,
        "video": result.video,
        "frames": result.rounds[0].frames,
        "start_s": result.start_s,
        "before_first_frame_s": result.before_s,
        "parts": {name: asdict(clocked) for name, clocked in result.parts.items()},
        "whole": asdict(result.whole),
        "floor_s": result.floor_s,
        "ratio": result.ratio,
    }


def bounds(results: Sequence[Result], most: float) -> list[Bound]:
    """How much longer than its floor an analysis may take."""
    return [
        Bound(f"{one.config.label}, {one.video}: the whole over its floor", one.ratio, most=most)
        for one in results
    ]


def main() -> int:
    """Measure, print a table and a line of JSON; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stages")
    parser.add_argument("--seconds", type=float, help="length of the recordings; 60")
    parser.add_argument("--rounds", type=int, help="turns; 3")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--small", action="store_true", help="a moment; fails if grossly wrong")
    kind.add_argument("--check", action="store_true", help="fail where a target is missed")
    chosen = parser.parse_args()
    seconds = chosen.seconds or (6.0 if chosen.small else 60.0)
    rounds = chosen.rounds or (2 if chosen.small else 3)
    sizes = [None] if chosen.small else [None, videos.HD]
    told = {"benchmark": "stages", "environment": environment(), "cores": cores()}
    if why := videos.why_not_clip():
        say(why)
    with workplace("stages") as folder:
        recordings = [videos.prepared(folder, size, seconds) for size in sizes]
        configs = _configs(folder, small=chosen.small)
        beginning = videos.prepared(folder, None, 2.0)
        for config in configs:  # graphs are made once, before start-up is measured
            run_alone("benchmarks.once", "analyze", beginning, config.model, config.weights)
        results = [
            measure(video, config, rounds, folder) for video in recordings for config in configs
        ]
    told |= {
        "load_average_after": load_average(),
        "rows": [_told(result) for result in results],
    }
    columns = ("analysis", "part", "wall s", "processor s", "ms a frame", "")
    shown = table(f"{seconds:g} s of video on {cores()} cores, parts alone and the whole", columns,
                  left=2)  # fmt: skip
    for result in results:
        lines = _rows(result)
        for line in lines:
            shown.add_row(*line, end_section=line is lines[-1])
    most = _GROSS if chosen.small else _MOST
    kept = bounds(results, most) if chosen.small or chosen.check else ()
    return finish(shown, told, kept)


if __name__ == "__main__":
    sys.exit(main())
