"""Time and memory of an analysis as recordings grow.

    python -m benchmarks.growth [--minutes 1 5 20 60] [--small | --check]

One person's clip at 1280x720, coded once and repeated by copying what is coded, analysed at the
defaults with the bundled model and with EfficientNet-B0 at random weights, each in a process of its
own. Decoding alone stands beside it. Start-up (interpreter, imports, models) is told for itself:
growth leaves it out, the speed over playing time does not.

``--check`` fails where a target is missed; ``--small`` takes a moment, and fails where something is
grossly wrong.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import videos
from benchmarks.measuring import (
    B0,
    Bound,
    environment,
    finish,
    load_average,
    run_alone,
    say,
    table,
    workplace,
)
from engagement.weights.registry import DEFAULT_EXPRESSION

_MINUTES = (1.0, 5.0, 20.0, 60.0)
_SMALL_MINUTES = (1.0, 2.0)
#: A sample in so many seconds: all is decoded, next to nothing is turned into pixels.
_DECODE_ONLY_FPS = 0.001
#: Of a minute at 1280x720, with much room.
_MINUTE_BYTES = 30e6
#: What is grossly wrong: shorter recordings are mostly start-up.
_GROSS_GROWTH = 1.3


@dataclass(frozen=True)
class Row:
    """One analysis.

    Attributes:
        wall_s: from the process' start to its end.
        analysis_s: without start-up.
        decode_s: decoding alone, likewise without start-up.
        per_minute_s: of the analysis, a minute of the recording.
        cpu_per_minute_s: the same in processor time and with start-up; other work hardly shows.
        times_real_time: length over `wall_s`.
    """

    model: str
    length_s: float
    decode_s: float
    wall_s: float
    analysis_s: float
    per_minute_s: float
    cpu_per_minute_s: float
    times_real_time: float
    peak_mb: float


def measure(video: Path, models: dict[str, str]) -> Iterator[Row]:
    """Analyse one recording with every model, and decode it alone."""
    decode_s = run_alone("benchmarks.once", "read", video, _DECODE_ONLY_FPS).told["seconds"]
    for model, weights in models.items():
        done = run_alone("benchmarks.once", "analyze", video, model, weights)
        length_s, analysis_s = done.told["length_s"], done.told["seconds"]
        yield Row(
            model,
            length_s,
            decode_s,
            done.wall_s,
            analysis_s,
            60 * analysis_s / length_s,
            60 * done.told["cpu_s"] / length_s,
            length_s / done.wall_s,
            done.told["peak_mb"],
        )
        say(f"{length_s / 60:.1f} minutes with {model}: {done.wall_s:.1f} s")


def targets(rows: Sequence[Row]) -> list[Bound]:
    """What the project holds itself to, for recordings of five minutes and an hour."""
    bounds = []
    for model, least in ((DEFAULT_EXPRESSION, 18), (B0, 12)):
        short, long = (_of(rows, model, 60 * minutes) for minutes in (5, 60))
        bounds += [
            Bound(f"{model}: times faster than an hour plays", long.times_real_time, least),
            Bound(f"{model}: peak of an hour in MB", long.peak_mb, most=1200),
            Bound(f"{model}: that peak over five minutes'", long.peak_mb / short.peak_mb, most=1.1),
            Bound(
                f"{model}: seconds a minute, an hour's over five minutes'",
                long.per_minute_s / short.per_minute_s,
                0.85,
                1.15,
            ),
        ]
    return bounds


def gross(rows: Sequence[Row]) -> list[Bound]:
    """What no change may break, with room for a busy machine."""
    bounds = []
    for model in {row.model for row in rows}:
        short, long = [row for row in rows if row.model == model][-2:]
        bounds += [
            Bound(f"{model}: peak over that of half the length", long.peak_mb / short.peak_mb,
                  most=_GROSS_GROWTH),
            Bound(f"{model}: seconds a minute over those of half the length",
                  long.per_minute_s / short.per_minute_s, most=2),
        ]  # fmt: skip
    return bounds


def _of(rows: Sequence[Row], model: str, length_s: float) -> Row:
    return min(
        (row for row in rows if row.model == model), key=lambda row: abs(row.length_s - length_s)
    )


def _cells(row: Row) -> list[str]:
    return [
        row.model,
        f"{row.length_s / 60:.1f} min",
        f"{row.decode_s:.1f} s",
        f"{row.wall_s:.1f} s",
        f"{row.wall_s - row.analysis_s:.1f} s",
        f"{row.per_minute_s:.2f} s",
        f"{row.cpu_per_minute_s:.2f} s",
        f"{row.times_real_time:.1f}",
        f"{row.peak_mb:.0f} MB",
    ]


def _check_room(folder: Path, minutes: Sequence[float]) -> None:
    needed = _MINUTE_BYTES * (max(minutes) + 1)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise SystemExit(
            f"{needed / 1e9:.1f} GB are needed for the recordings and {free / 1e9:.1f} GB are free "
            "in the folder for temporary files. Name another with TMPDIR."
        )


def _models(folder: Path, *, small: bool) -> dict[str, str]:
    """Names, and files of weights; what is made of them is made before anything is measured."""
    models = {DEFAULT_EXPRESSION: "-"}
    if not small:
        made = run_alone("benchmarks.random_model", folder)
        models[B0] = made.told["exact"]
    beginning = videos.prepared(folder, None, 2.0)
    for model, weights in models.items():
        run_alone("benchmarks.once", "analyze", beginning, model, weights)
    return models


def main() -> int:
    """Measure, print a table and a line of JSON; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("--minutes", type=float, nargs="+", help="lengths; 1 5 20 60")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--small", action="store_true", help="a moment; fails if grossly wrong")
    kind.add_argument("--check", action="store_true", help="fail where a target is missed")
    chosen = parser.parse_args()
    minutes = chosen.minutes or (_SMALL_MINUTES if chosen.small else _MINUTES)
    size = None if chosen.small else videos.HD
    told = {"benchmark": "growth", "environment": environment()}
    if why := videos.why_not_clip():
        say(why)
    rows: list[Row] = []
    with workplace("growth") as folder:
        _check_room(folder, minutes)
        say("Making the weights and the recordings")
        models = _models(folder, small=chosen.small)
        for length in minutes:
            video = videos.prepared(folder, size, 60 * length)
            rows += measure(video, models)
            video.unlink()
    rows.sort(key=lambda row: row.model != DEFAULT_EXPRESSION)
    told |= {"load_average_after": load_average(), "rows": [asdict(row) for row in rows]}
    shown = table(
        f"Analyses at the defaults, {'the own size' if chosen.small else '1280x720'}",
        (
            "model",
            "length",
            "decode only",
            "wall",
            "start-up",
            "a minute",
            "processor, a minute",
            "x real time",
            "peak",
        ),
    )
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        shown.add_row(*_cells(row), end_section=after is None or after.model != row.model)
    bounds = gross(rows) if chosen.small else targets(rows) if chosen.check else ()
    return finish(shown, told, bounds)


if __name__ == "__main__":
    sys.exit(main())
