"""How far engagement from sampled frames departs from the published use of every frame.

    python -m benchmarks.engagement_sampling [VIDEO ...] [--engagement FILE] [--model NAME]

The published classifier is given every decoded frame with a face, windows of 128 of them, one frame
apart. Beside that stand, at the default sampling: the same count of frames, which then last much
longer, and windows of the same presentation time, which is what a report uses. Curves are compared
where a window's middle is the same.

Without ``--engagement`` the published weights are measured where they are on this machine and take
the model's embeddings. Else two stand-ins are, which say nothing of engagement: single attention
fitted here to tell the sample's smiles and surprise from its other faces, and the mean over
classifiers with random weights, scaled to differ over the sample as a trained one does. Short
recordings are played several times in a row, so that 128 sampled frames fit in.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from engagement.pipeline import DEFAULT_FPS, Analyzer
from engagement.sample import sample_path, truth_path
from engagement.types import Floats
from engagement.windows.attention_network import SingleAttentionNetwork, padded
from engagement.windows.classifier import EngagementClassifier, engagement_of
from engagement.windows.estimators import AUTO, open_engagement
from engagement.windows.sequences import FrameWindows, TimeWindows, Windows, slide
from engagement.windows.single_attention import (
    PUBLISHED_FRAMES,
    AttentionClassifier,
    SingleAttention,
    published_card,
    published_spans,
)
from engagement.windows.sliding import Span

_LEAST_S = 120.0
_RANDOM = 20
_STEPS, _EVERY = 150, 8
Track = list[tuple[float, Floats]]


@dataclass(frozen=True)
class Curve:
    """Middles of windows in seconds, and the engagement of each."""

    middles_s: NDArray[np.float64]
    engagement: NDArray[np.float32]


@dataclass(frozen=True)
class Watched:
    """One recording's main track at both rates, in order of time."""

    name: str
    fps: float
    native: Track
    sampled: Track


def watch(analyzer: Analyzer, video: Path) -> Watched:
    """Observe a recording twice, and play it as often as makes two minutes."""
    tracks, lengths, rates = [], [], []
    for native in (True, False):
        result = analyzer.analyze(video, native=native, engagement="concentration_index")
        counts = Counter(o.track_id for o in result.observations)
        main = counts.most_common(1)[0][0] if counts else None
        mine = [o for o in result.observations if o.track_id == main]
        tracks.append([(o.t, o.expression.embedding) for o in mine])
        lengths.append(result.analysis.source.duration_s)
        rates.append(result.analysis.sampling_fps)
    plays = max(1, round(_LEAST_S / lengths[0]))
    native, sampled = (
        [(t + play * lengths[0], row) for play in range(plays) for t, row in track]
        for track in tracks
    )
    return Watched(f"{video.name} x {plays}", rates[0], native, sampled)


def curve(classifier: EngagementClassifier, windows: Windows, track: Track) -> Curve:
    """The engagement of every window."""
    found = list(slide(classifier, windows, track))
    table = np.array([one.probabilities for one in found], np.float32)
    table = table.reshape(-1, len(classifier.card.levels))
    return Curve(np.array([one.middle_s for one in found]), engagement_of(table))


def around(middles_s: Sequence[float], length_s: float) -> Iterator[Span]:
    """A window of presentation time about each middle."""
    return (Span(t - length_s / 2, t + length_s / 2) for t in middles_s)


def departures(
    classifier: EngagementClassifier, watched: Watched
) -> dict[str, NDArray[np.float64]]:
    """By kind of window: mean and largest difference of the curve, and that of the mean."""
    every = curve(classifier, FrameWindows(), watched.native)
    at = every.middles_s[::_EVERY].tolist()
    length_s = PUBLISHED_FRAMES / watched.fps
    sampled = {
        "128 sampled frames": curve(classifier, FrameWindows(), watched.sampled),
        f"the same time, {length_s:.1f} s": curve(
            classifier, TimeWindows(around(at, length_s)), watched.sampled
        ),
    }
    found = {}
    for name, other in sampled.items():
        if not len(other.middles_s) or not len(every.middles_s):
            continue
        there = np.interp(other.middles_s, every.middles_s, every.engagement)
        apart = np.abs(other.engagement - there)
        mean = abs(float(other.engagement.mean()) - float(every.engagement.mean()))
        found[name] = np.array([apart.mean(), apart.max(), mean, np.ptp(every.engagement)])
    return found


def random_classifier(size: int, seed: int, usual: Sequence[Floats]) -> EngagementClassifier:
    """Weights of the usual starting size, scaled so that its logits spread by two on `usual`."""
    torch.manual_seed(seed)
    weights = SingleAttentionNetwork(size).weights()
    logits = np.stack([weights.logits(rows) for rows in usual])
    scale = np.float32(2 / max(1e-6, float(np.ptp(logits[:, 1] - logits[:, 0]))))
    bias = scale * (weights.output_bias - logits.mean(axis=0))
    return of(replace(weights, output=scale * weights.output, output_bias=bias))


def fitted_classifier(track: Track) -> EngagementClassifier:
    """Fitted to the sample: 1 where a window's middle frame smiles or is surprised, else 0."""
    truth = json.loads(truth_path().read_text())["expressions"]
    lively = [
        (one["start_s"], one["end_s"])
        for one in truth
        if one["intended"] in ("happiness", "surprise")
    ]
    spans = published_spans(len(track))[::4]
    rows = np.stack([row for _, row in track])
    middles = [track[(a + b) // 2][0] for a, b in spans]
    labels = torch.tensor([int(any(a <= t < b for a, b in lively)) for t in middles])
    inputs, mask = padded([rows[a:b] for a, b in spans])
    torch.manual_seed(0)
    network = SingleAttentionNetwork(rows.shape[1], dropout=0.5)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, weight_decay=1e-3)
    for _ in range(_STEPS):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(inputs, mask), labels).backward()
        optimizer.step()
    return of(network.weights())


def of(weights: SingleAttention) -> EngagementClassifier:
    """A classifier with the published card."""
    return AttentionClassifier(published_card(weights), weights)


def classifiers(analyzer: Analyzer, choice: str) -> dict[str, list[EngagementClassifier]]:
    """What is measured, by what it is called."""
    trained = open_engagement(choice, analyzer.expression_model, native=True)
    if trained is not None:
        return {trained.card.name: [trained.classifier]}
    sample = analyzer.analyze(sample_path(), native=True, engagement="concentration_index")
    track = [(o.t, o.expression.embedding) for o in sample.observations if o.track_id == 1]
    rows = np.stack([row for _, row in track])
    usual = [rows[a:b] for a, b in published_spans(len(rows))[::10]]
    return {
        "fitted to the sample's smiles": [fitted_classifier(track)],
        f"random weights, mean of {_RANDOM}": [
            random_classifier(rows.shape[1], seed, usual) for seed in range(_RANDOM)
        ],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--engagement", default=AUTO)
    parser.add_argument("--model", default="auto")
    given = parser.parse_args()
    analyzer = Analyzer(given.model)
    made = classifiers(analyzer, given.engagement)
    table = Table(
        title=f"Every frame against {DEFAULT_FPS:g} a second, embeddings of "
        f"{analyzer.expression_model}"
    )
    for column in ("recording", "classifier", "windows"):
        table.add_column(column)
    for column in ("curve's range", "mean difference", "largest", "of the mean"):
        table.add_column(column, justify="right")
    for video in given.videos or [sample_path()]:
        watched = watch(analyzer, video)
        for label, ones in made.items():
            runs = [departures(one, watched) for one in ones]
            for kind in runs[0]:
                mean = np.mean([run[kind] for run in runs], axis=0)
                cells = [f"{mean[i]:.3f}" for i in (3, 0, 1, 2)]
                table.add_row(f"{watched.name}, {watched.fps:.3g}/s", label, kind, *cells)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
