"""Judges an hour of generated embeddings, and prints what that took beyond the track itself.

    python -m tests.engagement.hour_of_windows native|time ROWS

Runs in a process of its own: the peak of memory is the process'.
"""

import json
import resource
import sys
import time

import numpy as np

from engagement.windows.sequences import FrameWindows, TimeWindows, every, slide
from engagement.windows.single_attention import (
    AttentionClassifier,
    SingleAttention,
    published_card,
)

SIZE, HOUR_S, BLOCK = 1280, 3600.0, 2000


def generated_track(rows: int) -> np.ndarray:
    """Embeddings ``(rows, 1280)`` as the published models' are: mostly positive, far from equal."""
    rng = np.random.default_rng(7)
    track = np.empty((rows, SIZE), dtype=np.float32)
    for start in range(0, rows, BLOCK):
        part = track[start : start + BLOCK]
        rng.standard_normal(out=part, dtype=np.float32)
        part *= 0.3
        part += np.sin(np.arange(start, start + len(part)) / 900)[:, None].astype(np.float32)
    return track


def generated_classifier() -> AttentionClassifier:
    rng = np.random.default_rng(8)

    def normal(scale: float, *shape: int) -> np.ndarray:
        return rng.normal(0, scale, shape).astype(np.float32)

    weights = SingleAttention(
        score=normal(0.02, 2 * SIZE),
        score_bias=0.0,
        hidden=normal(0.02, 2 * SIZE, 512),
        hidden_bias=normal(0.1, 512),
        output=normal(0.05, 512, 2),
        output_bias=normal(0.1, 2),
    )
    return AttentionClassifier(published_card(weights), weights)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(kind: str, rows: int) -> None:
    track, classifier = generated_track(rows), generated_classifier()
    classifier.probabilities([track[:128]])  # what the libraries take for themselves
    before_mb, began = peak_mb(), time.perf_counter()
    windows = FrameWindows() if kind == "native" else TimeWindows(every(30.0, 1.0))
    times = np.linspace(0, HOUR_S, rows, endpoint=False).tolist()
    count, checked, worst = 0, 0, 0.0
    for estimate in slide(classifier, windows, zip(times, track, strict=True)):
        if count % 997 == 0:
            first = int(np.searchsorted(times, estimate.span.start_s))
            alone = classifier.probabilities([track[first : first + estimate.rows]])[0]
            worst, checked = max(worst, float(np.abs(alone - estimate.probabilities).max())), 1
        count += 1
    found = {
        "windows": count,
        "more_mb": round(peak_mb() - before_mb, 1),
        "track_mb": round(track.nbytes / 2**20, 1),
        "seconds": round(time.perf_counter() - began, 1),
        "worst": worst,
        "checked": checked,
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
