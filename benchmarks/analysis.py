"""Time and memory of one analysis at the defaults, from a cold start, beside its floor.

    python -m benchmarks.analysis [VIDEO ...]

Every measurement runs in a process of its own, so that imports and model loading count and the
peak of memory is that run's alone. The floor is decoding and sampling without any network; both
sides run one after the other on the same machine, and the ratio is what to compare between
machines.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from engagement.sample import sample_path

_DECODE = """
from pathlib import Path
from engagement.video.reader import VideoReader
import sys
reader = VideoReader(Path(sys.argv[1]), 5.0)
for frame in reader:
    pass
print(reader.decoded.end_s)
"""
_ANALYSE = """
from engagement import analyze
import sys
print(analyze(sys.argv[1]).analysis.source.duration_s)
"""


def _measure(code: str, video: Path) -> tuple[float, float, float]:
    """Run `code` on `video`: wall seconds, peak memory in MB, length of the recording in s."""
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", code, str(video)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE"},  # as the command and the workers do
    ) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode != 0:
        raise SystemExit(f"{video} could not be analysed.")
    return seconds, _megabytes(usage), float(printed)


def _megabytes(usage: resource.struct_rusage) -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * unit / 1e6


def _videos() -> list[Path]:
    named = [Path(argument) for argument in sys.argv[1:]]
    if named:
        return named
    clips = Path(
        os.environ.get("ENGAGEMENT_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")
    )
    return [sample_path(), *sorted((clips / "clips").glob("WolfgangLanger*.mp4"))]


def main() -> None:
    """Measure and print a table, and a line of JSON for machines."""
    console = Console()
    table = Table(title=f"Analysis at the defaults, cold start, {os.cpu_count()} cores")
    for name in ("video", "length", "decode only", "analysis", "ratio", "x real time", "peak"):
        table.add_column(name, justify="left" if name == "video" else "right")
    rows = []
    for video in _videos():
        floor_s, _, _ = _measure(_DECODE, video)
        seconds, peak_mb, length_s = _measure(_ANALYSE, video)
        table.add_row(
            video.name,
            f"{length_s:.1f} s",
            f"{floor_s:.1f} s",
            f"{seconds:.1f} s",
            f"{seconds / floor_s:.1f}",
            f"{length_s / seconds:.1f}",
            f"{peak_mb:.0f} MB",
        )
        rows.append(
            {
                "video": video.name,
                "length_s": length_s,
                "decode_s": round(floor_s, 2),
                "analysis_s": round(seconds, 2),
                "peak_mb": round(peak_mb),
            }
        )
    console.print(table)
    console.print(json.dumps(rows), highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
