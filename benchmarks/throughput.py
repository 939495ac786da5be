"""Frames a second of an analysis of every frame, beside the loop that users have today.

    python -m benchmarks.throughput [--seconds 120] [--weights FILE] [--small | --check]

The reference takes one frame at a time through facenet-pytorch's MTCNN and one face at a time
through EfficientNet-B0 on torch; the published `emotiefflib` package does the same where its
environment is there (``make oracle`` makes it). Ours runs in full precision and in 8 bits, on the
same recordings with the same random weights, or with those of ``--weights``.

Sides live in processes of their own and take turns: a block of frames of the reference, a whole
analysis of ours, and so on; ratios are of the medians, and beside them of the best turns. torch's
threads spin while they wait, unless told to sleep: spinning is faster on an idle machine, and ten
times slower beside other work. So the reference has each block both ways, and the faster counts.

Boxes are compared in the reference's frames. Embeddings and the strongest emotion are compared on
the same crop, the reference's box, so that they say what the arithmetic changes and nothing of the
boxes.

``--check`` fails where a target is missed; ``--small`` takes a moment, and fails where something is
grossly wrong.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from benchmarks import videos
from benchmarks.agreement import (
    BoxAgreement,
    Seen,
    compare_boxes,
    cosines,
    read,
    read_seen,
)
from benchmarks.measuring import (
    B0,
    Bound,
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
from benchmarks.throughput_sides import FP32, INT8, Sides, why_not_published
from engagement.video.probe import probe

REFERENCE, PUBLISHED = "MTCNN + eager timm", "emotiefflib"
_COLUMNS = (
    "video", "side", "frames", "frames/s", "low - high", "ratio", "of best", "IoU", "found",
    "extra", "cosine min", "mean", "same top",
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        seconds: length of the recordings.
        sizes: None is the clip's own.
        rounds: turns of each of our sides; the reference has one before each.
        block: frames of a turn of the reference, fewer in a short recording.
        whole: with 8 bits, and with the published package where it is there.
    """

    seconds: float
    sizes: Sequence[tuple[int, int] | None]
    rounds: int
    block: int
    whole: bool = True


@dataclass
class Side:
    """Frames a second of each turn, and the files of what was seen."""

    name: str
    frames: int = 0
    rates: list[float] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def add(self, turn: Told) -> None:
        self.frames += turn["frames"]
        self.rates.append(turn["frames"] / turn["seconds"])
        if "file" in turn:
            self.files.append(turn["file"])

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)


@dataclass(frozen=True)
class Row:
    """One side on one video; agreement is with the reference, None where there is none.

    Attributes:
        rate, low, high: frames a second: the median turn's, the slowest's and the fastest's.
        ratio, best_ratio: to the reference, of the medians and of the fastest turns.
        same_top: share of the crops whose most probable emotion is the same.
        same_top_own_box: the same, each side with its own box.
    """

    video: str
    side: str
    frames: int
    rate: float
    low: float
    high: float
    ratio: float
    best_ratio: float
    mean_iou: float | None = None
    found: float | None = None
    extra: float | None = None
    cosine_min: float | None = None
    cosine_mean: float | None = None
    same_top: float | None = None
    same_top_own_box: float | None = None


def measure(video: Path, plan: Plan, sides: Sides) -> list[Row]:
    """Let the sides take turns on one recording, and compare what they saw."""
    reference, published = Side(REFERENCE), Side(PUBLISHED)
    ours = {name: Side(name) for name in sides.ours}
    for player in sides.ours.values():  # files are read once, buffers grow to their size
        frames = player.ask("analyze", video=video)["frames"]
    count = len(sides.ours) * plan.rounds
    size = min(plan.block, (frames - 4) // count - 1)
    blocks = iter(_blocks(frames, count, size))
    for number in range(plan.rounds):
        say(f"{video.stem}: round {number + 1} of {plan.rounds}")
        for name, player in sides.ours.items():
            block = {"video": video, "first": next(blocks), "count": size}
            reference.add(sides.reference.block(**block))
            ours[name].add(player.ask("analyze", video=video, keep=True))
        if sides.published is not None:
            published.add(sides.published.block(**block))
    label = _label(video)
    rows = [_row(label, reference, reference)]
    if sides.published is not None:
        rows.append(_published_row(label, published, reference, len(ours)))
    return rows + [_our_row(label, ours[n], reference, p) for n, p in sides.ours.items()]


def _label(video: Path) -> str:
    info = probe(video)
    return f"{info.width}x{info.height}"


def _blocks(frames: int, count: int, size: int) -> list[int]:
    """Where `count` blocks begin, evenly over the recording, its first frames left out."""
    last = max(2, frames - size - 2)
    return [round(place) for place in np.linspace(2, last, count)]


def _row(video: str, side: Side, reference: Side, **agreement: float | None) -> Row:
    low, high = min(side.rates), max(side.rates)
    ratios = side.rate / reference.rate, high / max(reference.rates)
    return Row(video, side.name, side.frames, side.rate, low, high, *ratios, **agreement)


def _our_row(video: str, side: Side, reference: Side, player: Player) -> Row:
    seen, (embeddings, outputs) = read_seen(reference.files, "embeddings", "outputs")
    t, boxes, top = read(side.files[-1:], "t", "boxes", "top")
    found = compare_boxes(seen, Seen(t, t, boxes))
    said = [player.ask("recognise", file=file)["file"] for file in reference.files]
    our_embeddings, our_outputs = read(said, "embeddings", "outputs")
    theirs = outputs.argmax(axis=1)
    own_box = [theirs[i] == top[j] for i, j in found.pairs]
    return _row(
        video,
        side,
        reference,
        **_boxes(found),
        **_embeddings(cosines(embeddings, our_embeddings)),
        same_top=float((theirs == our_outputs.argmax(axis=1)).mean()),
        same_top_own_box=float(np.mean(own_box)),
    )


def _published_row(video: str, side: Side, reference: Side, every: int) -> Row:
    """Its blocks are the last of every few of the reference's."""
    files = reference.files[every - 1 :: every]
    seen, (embeddings, outputs) = read_seen(files, "embeddings", "outputs")
    other, (their_embeddings, their_outputs) = read_seen(side.files, "embeddings", "outputs")
    found = compare_boxes(seen, other)
    mine, theirs = ([pair[place] for pair in found.pairs] for place in (0, 1))
    same = outputs[mine].argmax(axis=1) == their_outputs[theirs].argmax(axis=1)
    return _row(
        video,
        side,
        reference,
        **_boxes(found),
        **_embeddings(cosines(embeddings[mine], their_embeddings[theirs])),
        same_top=float(same.mean()),
    )


def _boxes(found: BoxAgreement) -> dict[str, float]:
    return {"mean_iou": found.mean_iou, "found": found.found, "extra": found.extra}


def _embeddings(cosine: np.ndarray) -> dict[str, float]:
    return {"cosine_min": float(cosine.min()), "cosine_mean": float(cosine.mean())}


def targets(rows: Sequence[Row]) -> list[Bound]:
    """What the project holds itself to."""
    bounds = []
    for row in rows:
        if row.side not in (FP32, INT8):
            continue
        exact = row.side == FP32
        bounds += [
            Bound(f"{row.video}, {row.side}: frames a second over the reference's", row.ratio,
                  5 if exact else 8),
            Bound(f"{row.video}, {row.side}: mean IoU", _number(row.mean_iou), 0.8),
            Bound(f"{row.video}, {row.side}: share of faces found", _number(row.found), 0.98),
            Bound(f"{row.video}, {row.side}: lowest cosine", _number(row.cosine_min),
                  0.999 if exact else 0.99),
            Bound(f"{row.video}, {row.side}: same strongest emotion", _number(row.same_top), 0.97),
        ]  # fmt: skip
    return bounds


def gross(rows: Sequence[Row]) -> list[Bound]:
    """What no change may break, with room for a busy machine."""
    bounds = []
    for row in rows:
        if row.side not in (FP32, INT8):
            continue
        about = f"{row.video}, {row.side}"
        bounds += [
            Bound(f"{about}: mean IoU", _number(row.mean_iou), 0.7),
            Bound(f"{about}: share of faces found", _number(row.found), 0.9),
        ]
        if row.side == FP32:
            bounds += [
                Bound(f"{about}: frames a second over the reference's", row.ratio, 2),
                Bound(f"{about}: lowest cosine", _number(row.cosine_min), 0.99),
            ]
    return bounds


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _cells(row: Row) -> list[str]:
    shares = (row.mean_iou, row.found, row.extra, row.cosine_min, row.cosine_mean, row.same_top)
    forms = ("{:.3f}", "{:.1%}", "{:.1%}", "{:.5f}", "{:.5f}", "{:.1%}")
    return [
        row.video,
        row.side,
        str(row.frames),
        f"{row.rate:.1f}",
        f"{row.low:.1f} - {row.high:.1f}",
        f"{row.ratio:.2f}",
        f"{row.best_ratio:.2f}",
        *("-" if v is None else form.format(v) for v, form in zip(shares, forms, strict=True)),
    ]


def _weights(folder: Path, chosen: argparse.Namespace, *, int8: bool) -> Told:
    arguments: list[object] = [folder, *(["--int8"] if int8 else [])]
    arguments += [] if chosen.seed is None else ["--seed", chosen.seed]
    arguments += ["--weights", chosen.weights.resolve()] if chosen.weights else []
    return run_alone("benchmarks.random_model", *arguments).told


def _plan(chosen: argparse.Namespace) -> Plan:
    if chosen.small:
        return Plan(chosen.seconds or 4.0, [None], rounds=2, block=10, whole=False)
    return Plan(chosen.seconds or 120.0, [None, videos.HD], rounds=3, block=50)


def main() -> int:
    """Measure, print a table and a line of JSON; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput")
    parser.add_argument("--seconds", type=float, help="length of the recordings; 120")
    parser.add_argument("--weights", type=Path, help=f"real weights of {B0}, as safetensors")
    parser.add_argument("--seed", type=int, help="of the random weights")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--small", action="store_true", help="a moment; fails if grossly wrong")
    kind.add_argument("--check", action="store_true", help="fail where a target is missed")
    chosen = parser.parse_args()
    plan, told = _plan(chosen), {"benchmark": "throughput", "environment": environment()}
    missing = why_not_published() if plan.whole else "not with --small"
    for why in filter(None, [videos.why_not_clip(), plan.whole and missing]):
        say(why)
    with workplace("throughput") as folder, ExitStack() as stack:
        say("Making the recordings and the weights")
        recordings = [videos.prepared(folder, size, plan.seconds) for size in plan.sizes]
        weights = _weights(folder, chosen, int8=plan.whole)
        published = missing is None
        sides = Sides(stack, folder, weights, whole=plan.whole, published=published)
        rows = [row for video in recordings for row in measure(video, plan, sides)]
    told |= {
        "why_not_published": missing,
        "faster_way_to_wait": sides.reference.won,
        "load_average_after": load_average(),
        "weights": weights["weights"],
        "rows": [asdict(row) for row in rows],
    }
    title = f"Every frame of {plan.seconds:g} s of {videos.clip().name}, the reference on blocks"
    shown = table(title, _COLUMNS, left=2)
    for row in rows:
        shown.add_row(*_cells(row), end_section=row.side == rows[-1].side)
    return finish(
        shown, told, gross(rows) if chosen.small else targets(rows) if chosen.check else ()
    )


if __name__ == "__main__":
    sys.exit(main())
