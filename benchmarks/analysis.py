"""Time and memory of one analysis at the defaults, from a cold start, beside its floor.

    python -m benchmarks.analysis [VIDEO ...]

Every measurement runs in a process of its own, so that imports and model loading count and the
peak of memory is that run's alone. The floor is decoding and sampling without any network; both
sides run one after the other on the same machine, and the ratio is what to compare between
machines.
"""

import os
import sys
from pathlib import Path

from benchmarks.measuring import environment, finish, run_alone, table
from benchmarks.videos import clip
from engagement.sample import sample_path

_FPS = 5.0


def _videos() -> list[Path]:
    named = [Path(argument) for argument in sys.argv[1:]]
    return named or list(dict.fromkeys([sample_path(), clip()]))


def main() -> int:
    """Measure and print a table, and a line of JSON for machines."""
    columns = ("video", "length", "decode only", "analysis", "ratio", "x real time", "peak")
    shown = table(f"Analysis at the defaults, cold start, {os.cpu_count()} cores", columns)
    told, rows = {"benchmark": "analysis", "environment": environment()}, []
    for video in _videos():
        floor_s = run_alone("benchmarks.once", "read", video, _FPS).wall_s
        done = run_alone("benchmarks.once", "analyze", video)
        length_s, peak_mb = done.told["length_s"], done.told["peak_mb"]
        shown.add_row(
            video.name,
            f"{length_s:.1f} s",
            f"{floor_s:.1f} s",
            f"{done.wall_s:.1f} s",
            f"{done.wall_s / floor_s:.1f}",
            f"{length_s / done.wall_s:.1f}",
            f"{peak_mb:.0f} MB",
        )
        rows.append(
            {
                "video": video.name,
                "length_s": length_s,
                "decode_s": round(floor_s, 2),
                "analysis_s": round(done.wall_s, 2),
                "peak_mb": round(peak_mb),
            }
        )
    return finish(shown, {**told, "rows": rows})


if __name__ == "__main__":
    sys.exit(main())
