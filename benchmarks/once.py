"""One thing done once in a process of its own, for its time and its memory.

    python -m benchmarks.once read VIDEO FPS
    python -m benchmarks.once analyze VIDEO MODEL WEIGHTS

``read`` decodes and gives so many frames a second, ``analyze`` is an analysis at the defaults;
WEIGHTS is a file, or ``-`` for the model's own. Writes one line of JSON.
"""

import json
import sys
import time
from pathlib import Path

from benchmarks.measuring import Told, peak_mb


def read(video: str, fps: str) -> Told:
    """Decode without any network."""
    from engagement.video.reader import VideoReader

    reader = VideoReader(Path(video), float(fps))
    started = time.perf_counter()
    for _ in reader:
        pass
    return {"seconds": time.perf_counter() - started, "length_s": reader.decoded.end_s}


def analyze(video: str, model: str = "auto", weights: str = "-") -> Told:
    """An analysis; `seconds` leaves out the start: imports and models."""
    from engagement.pipeline import Analyzer

    analyzer = Analyzer(model, weights=None if weights == "-" else weights)
    started = time.perf_counter()
    result = analyzer.analyze(video)
    seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "length_s": result.analysis.source.duration_s,
        "observations": len(result.observations),
    }


def main() -> None:
    """Do it, and tell."""
    kind, *arguments = sys.argv[1:]
    told = {"read": read, "analyze": analyze}[kind](*arguments)
    told |= {"cpu_s": time.process_time(), "peak_mb": peak_mb()}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
