"""Which frames to look at: many where something changes, few where nothing does.

After A. Savchenko, "Facial Expression Recognition with Adaptive Frame Rate based on Multiple
Testing Correction", ICML 2023 (PMLR 202, 30119-30129). There a clip gets one label: it is judged at
a low frame rate first, and at a higher one only if the classifier's best score stays under a
threshold. The threshold of the l-th of L frame rates lets through at most ``alpha * l / L`` wrong
labels of held-out training clips, which is the Benjamini-Hochberg step over the frame rates.

A report wants a curve rather than one label, and there are no labels to set thresholds by. So
something else is tested here, in the same spirit. Coarse frames are looked at first. They cut a
recording into stretches, and of every stretch the hypothesis is that nothing changed in it. All
stretches of a block are tested together by Benjamini and Hochberg's procedure (J. R. Stat. Soc. B
57, 1995) at level `q`, and only those in which the hypothesis is rejected are looked at frame by
frame. Of the stretches that are looked at so, at most the share `q` should not have been, on
average and as far as the p-values hold.

P-values come from the recording itself, so that they fit any network and any camera: how far do two
looks at a face differ that are one frame apart? Logarithms of the distances are taken to be normal,
with the median for the mean, a robust deviation, and a Student tail for how few there are. Until
enough are known every frame with a face is looked at; from then on one pair a block, chosen by its
place alone, keeps them up to date. Three things count as change without a test: a face that comes
or goes, a box that moved or grew much, and another emotion that is the most probable one.

What happens and is over between two coarse frames is not found. Pure arithmetic: no frames, no
networks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import t as student

from engagement.types import Floats

_Array = NDArray[np.float64]
# Times of frames are rounded.
_EARLY_S = 1e-3
# Two looks at one and the same picture differ by nothing, which has no logarithm.
_LEAST_DISTANCE = 1e-3
# A deviation from the median of absolute deviations; what it is worth beside the usual one.
_MAD_TO_DEVIATION, _MAD_EFFICIENCY = 1.4826, 0.37
_LEAST_DEVIATION = 0.1
#: Kinds of distance: of embeddings, and of probabilities.
KINDS = 2


@dataclass(frozen=True)
class AdaptiveSettings:
    """When a stretch is looked at frame by frame.

    The defaults were chosen on the packaged sample and measured on another clip
    (benchmarks/adaptive_sampling.py; docs/performance.md has the table).

    Attributes:
        coarse_s: coarse frames are at most so far apart. A face is followed, and a frame stands
            for the time behind it, for a second at most, so it has to stay below.
        q: level of the Benjamini-Hochberg procedure; what counts as change anyhow is not tested.
        block_s: so much is decided together, at most.
        least_pairs: everything is looked at until so many pairs of looks are known.
        most_pairs: so many pairs, the newest, are remembered.
        most_shift: a face that moved further than this share of its width has changed; so has one
            whose width grew or shrank by as much.
    """

    coarse_s: float = 0.8
    q: float = 0.1
    block_s: float = 8.0
    least_pairs: int = 20
    most_pairs: int = 200
    most_shift: float = 0.35

    def __post_init__(self) -> None:
        if not 0 < self.coarse_s < 1:
            raise ValueError(f"coarse_s is {self.coarse_s:g}; it has to lie between 0 and 1 s.")
        if not 0 <= self.q <= 1:
            raise ValueError(f"q is {self.q:g}; it has to lie between 0 and 1.")


@dataclass(frozen=True, eq=False)
class Look:
    """The n faces of one frame.

    Attributes:
        boxes: ``(n, 4)`` xyxy.
        embeddings: ``(n, d)``.
        probabilities: ``(n, c)``.
    """

    boxes: Floats
    embeddings: Floats
    probabilities: Floats


class Timed(Protocol):
    """Anything that is shown from a time on."""

    @property
    def t(self) -> float: ...


T = TypeVar("T", bound=Timed)


def stretches(
    frames: Iterable[T], coarse_s: float, most_frames: int, after_s: float | None = None
) -> Iterator[list[T]]:
    """Cut a recording's frames into stretches whose last frame is a coarse one.

    The recording's first frame is a stretch of its own, and its last one always ends a stretch.

    Args:
        coarse_s: ends of stretches are at most so far apart, unless the frames are.
        most_frames: a stretch has no more frames than this.
        after_s: time of a stretch's end that all frames lie behind; None at the start.
    """
    held: list[T] = []
    last_s = after_s
    for frame in frames:
        if held and (
            last_s is None or frame.t - last_s > coarse_s + _EARLY_S or len(held) >= most_frames
        ):
            last_s = held[-1].t
            yield held
            held = []
        held.append(frame)
    if held:
        yield held


def blocks(
    frames: Iterable[T],
    settings: AdaptiveSettings,
    most_frames: int,
    after_s: float | None = None,
) -> Iterator[list[list[T]]]:
    """Cut a recording's frames into blocks of stretches that are decided on together.

    Args:
        most_frames: so many frames are in hand at most; two at least.
        after_s: time of the last frame of the block to go on behind; None at the start.
    """
    half = max(1, most_frames // 2)
    block: list[list[T]] = []
    began_s = after_s
    for stretch in stretches(frames, settings.coarse_s, half, after_s):
        block.append(stretch)
        began_s = stretch[0].t if began_s is None else began_s
        lasts_s = stretch[-1].t - began_s
        if lasts_s + settings.coarse_s > settings.block_s or sum(map(len, block)) >= half:
            yield block
            block, began_s = [], stretch[-1].t
    if block:
        yield block


def rejected(p_values: Sequence[float] | _Array, q: float) -> NDArray[np.bool_]:
    """Benjamini and Hochberg's procedure: which hypotheses are rejected at level `q`.

    With the p-values in ascending order, all up to the last one that is at most ``q * rank / m``.

    >>> rejected([0.01, 0.9, 0.03], 0.05).tolist()
    [True, False, True]
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    passing = np.flatnonzero(p[order] <= q * np.arange(1, len(p) + 1) / max(1, len(p)))
    found = np.zeros(len(p), np.bool_)
    if passing.size:
        found[order[: passing[-1] + 1]] = True
    return found


def distances(before: Look, after: Look, most_shift: float) -> _Array | None:
    """How far the faces of two looks differ: ``(n, KINDS)``, a row a face.

    The first is the length of the chord between embeddings of unit length, the second the Hellinger
    distance of probabilities; both are 0 for what is alike and at most 2 and 1.

    Returns:
        None where somebody came or left, a box moved or changed its width by more than
        `most_shift` of its width, or another emotion is the most probable one.
    """
    if len(before.boxes) != len(after.boxes):
        return None
    if not len(before.boxes):
        return np.empty((0, KINDS))
    shift = _shifts(before.boxes, after.boxes)
    ours, theirs = linear_sum_assignment(shift)
    if shift[ours, theirs].max() > most_shift:
        return None
    a, b = (one.embeddings[i].astype(np.float64) for one, i in ((before, ours), (after, theirs)))
    chord = np.linalg.norm(_unit(a) - _unit(b), axis=1)
    p, r = (one.probabilities[i].astype(np.float64) for one, i in ((before, ours), (after, theirs)))
    if (p.argmax(axis=1) != r.argmax(axis=1)).any():
        return None
    hellinger = np.linalg.norm(np.sqrt(p) - np.sqrt(r), axis=1) / np.sqrt(2)
    return np.asarray(np.maximum(np.stack([chord, hellinger], axis=1), _LEAST_DISTANCE))


@dataclass(frozen=True)
class Choice:
    """What to look at of one stretch, before its last frame.

    Attributes:
        frames: so many, its first ones.
        pairs: so many, its first ones, each make a pair to learn from with the frame before.
    """

    frames: int
    pairs: int


class ChangeTest:
    """Decides which stretches of one recording are looked at frame by frame, and learns as it goes.

    Attributes:
        last: the look that the next block's first stretch begins with; None at the start.
        pairs: ``(n, KINDS)`` distances of looks a frame apart, the newest last.
    """

    def __init__(self, settings: AdaptiveSettings) -> None:
        self.settings = settings
        self.last: Look | None = None
        self.pairs: _Array = np.empty((0, KINDS))

    @property
    def learning(self) -> bool:
        """Whether too few pairs are known to test anything."""
        return len(self.pairs) < self.settings.least_pairs

    def choose(self, sizes: Sequence[int], looks: Sequence[Look]) -> list[Choice]:
        """What to look at of each stretch of the next block.

        Args:
            sizes: how many frames each stretch has before its last one.
            looks: at each stretch's last frame.
        """
        befores, self.last = [self.last, *looks[:-1]], looks[-1]
        changed = np.zeros(len(looks), np.bool_)
        tested: dict[int, float] = {}
        for n, (before, look) in enumerate(zip(befores, looks, strict=True)):
            if before is None:  # before the recording's first frame there is nothing
                continue
            apart = distances(before, look, self.settings.most_shift)
            if apart is None:
                changed[n] = True
            else:
                tested[n] = self.p_value(apart)
        changed[list(tested)] = rejected(list(tested.values()), self.settings.q)
        choices = [
            Choice(size, size if self.learning else 0) if opened else Choice(0, 0)
            for size, opened in zip(sizes, changed.tolist(), strict=True)
        ]
        if not self.learning:
            faces = (
                n for n, b in enumerate(befores) if b is not None and len(b.boxes) and sizes[n]
            )
            if (pair := next(faces, None)) is not None:
                choices[pair] = Choice(max(1, choices[pair].frames), 1)
        return choices

    def p_value(self, apart: _Array) -> float:
        """How probable it is that two looks at unchanged faces differ as much as these, or more.

        Args:
            apart: as `distances` gives it.
        """
        if not len(apart):  # nobody before, nobody behind
            return 1.0
        if self.learning:
            return 0.0
        logs = np.log(self.pairs)
        middle = np.median(logs, axis=0)
        deviation = _MAD_TO_DEVIATION * np.median(np.abs(logs - middle), axis=0)
        deviation = np.maximum(deviation, _LEAST_DEVIATION) * np.sqrt(1 + 1 / len(logs))
        tail = student.sf((np.log(apart) - middle) / deviation, _MAD_EFFICIENCY * len(logs))
        # Several faces and kinds are several tests of one hypothesis: Bonferroni.
        return float(min(1.0, tail.size * tail.min()))

    def learn(self, before: Look, after: Look) -> None:
        """Take in two looks that are one frame apart and were not chosen for what they show."""
        apart = distances(before, after, self.settings.most_shift)
        if apart is not None:
            self.pairs = np.concatenate([self.pairs, apart])[-self.settings.most_pairs :]

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that is remembered from block to block, as arrays."""
        if self.last is None:
            return {"pairs": self.pairs}
        return {
            "pairs": self.pairs,
            "boxes": self.last.boxes,
            "embeddings": self.last.embeddings,
            "probabilities": self.last.probabilities,
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `state` told."""
        self.pairs = state["pairs"]
        if "boxes" in state:
            self.last = Look(state["boxes"], state["embeddings"], state["probabilities"])


def _shifts(before: Floats, after: Floats) -> _Array:
    """How far each box ``(n, 4)`` is from each ``(m, 4)``, in widths: by place or by width."""
    a, b = before[:, None].astype(np.float64), after[None].astype(np.float64)
    widths = np.maximum(1e-6, a[..., 2] - a[..., 0]), np.maximum(1e-6, b[..., 2] - b[..., 0])
    centres = np.linalg.norm((a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2, axis=2)
    moved = centres / ((widths[0] + widths[1]) / 2)
    return np.asarray(np.maximum(moved, np.abs(np.log(widths[0] / widths[1]))))


def _unit(rows: _Array) -> _Array:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
