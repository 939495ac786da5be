"""Watch a recording and look at many frames where something changes, at few where nothing does.

A block of a few seconds is in hand at a time. Its coarse frames go to the network first; what it
says of them decides which of the frames in between are looked at (`engagement.windows.adaptive`).
Faces are followed into those from the coarse frame before them, as if frames had come in order, and
tracks are made of all of them in order.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engagement.expressions.recognizer import ExpressionRecognizer
from engagement.faces.following import FaceFollower
from engagement.faces.tracking import FaceTracker
from engagement.stages.checkpoint import KeptRun
from engagement.stages.watching import GROUP, OnFrame, Waiting, Watcher, batches, part_of
from engagement.types import Expression, Face, TrackedFace
from engagement.video.reader import ReadFrame
from engagement.windows.adaptive import AdaptiveSettings, ChangeTest, Choice, Look, blocks

# A block's frames are held as pixels: 40 of 1920x1080, 10 of 3840x2160.
_HELD_BYTES = 256 << 20
_LEAST_HELD = 2
_CHANGES = "changes"


def most_held(width: int, height: int) -> int:
    """How many frames of this size are in hand at a time.

    >>> most_held(640, 360) > 300, most_held(3840, 2160), most_held(16000, 9000)
    (True, 10, 2)
    """
    return max(_LEAST_HELD, _HELD_BYTES // (3 * width * height))


@dataclass(frozen=True)
class _Looked:
    """A frame that was looked at, without its pixels.

    Attributes:
        answer: the network's, of this frame's faces from `first` on and of others.
    """

    t: float
    faces: Sequence[Face]
    answer: "Future[list[Expression]]"
    first: int

    def expressions(self) -> Sequence[Expression]:
        """One a face; waits for the network."""
        return self.answer.result()[self.first : self.first + len(self.faces)]

    def look(self) -> Look:
        """What the rule is told; waits for the network."""
        seen = self.expressions()
        if not seen:
            nothing = np.empty((0, 0), np.float32)
            return Look(np.empty((0, 4), np.float32), nothing, nothing)
        return Look(
            np.stack([face.xyxy for face in self.faces]),
            np.stack([one.embedding for one in seen]),
            np.stack([one.probabilities for one in seen]),
        )


class AdaptiveWatcher(Watcher):
    """Fills a run's log with what those frames show that adaptive sampling looks at.

    Args:
        follower, tracker, run: as `Watcher` takes them.
        settings: of the rule.
    """

    def __init__(
        self,
        recognizer: ExpressionRecognizer,
        follower: FaceFollower,
        tracker: FaceTracker,
        run: KeptRun,
        settings: AdaptiveSettings,
    ) -> None:
        super().__init__(recognizer, follower, tracker, run)
        self._most_waiting = 1  # a block
        self._settings = settings
        self._test = ChangeTest(settings)
        self._pairs: list[tuple[Look | _Looked, _Looked]] = []
        self._after_s: float | None = None
        if run.state is not None:
            self._test.restore(part_of(_CHANGES, run.state.parts))
            self._after_s = run.state.position.t

    def _submitted(
        self, pool: ThreadPoolExecutor, frames: Iterable[ReadFrame], on_frame: OnFrame
    ) -> Iterator[ReadFrame]:
        iterator = iter(frames)
        first = next(iterator, None)
        if first is None:
            return
        height, width = first.rgb.shape[:2]
        every = chain([first], iterator)
        for block in blocks(every, self._settings, most_held(width, height), self._after_s):
            self._waiting.append(self._watched(pool, block, on_frame))
            last = block[-1][-1]
            del block  # or its pixels would be held until the next one is complete
            yield last

    def _watched(
        self, pool: ThreadPoolExecutor, block: Sequence[Sequence[ReadFrame]], on_frame: OnFrame
    ) -> Waiting:
        """Look at the coarse frames of a block, then at those in between that the rule chooses."""
        states = [self._follower.state()]
        ends: list[_Looked] = []
        for group in batches([stretch[-1] for stretch in block], GROUP):
            ends += self._looked(pool, group, states)
            on_frame(self._reached_s)
        self._learn()
        before = self._test.last
        choices = self._test.choose(
            [len(stretch) - 1 for stretch in block], [end.look() for end in ends]
        )
        between: list[list[_Looked]] = []
        for stretch, choice, state in zip(block, choices, states, strict=False):
            self._follower.restore(state)
            between.append(self._looked(pool, stretch[: choice.frames]))
            on_frame(self._reached_s)
        self._follower.restore(states[-1])
        self._pairs = _to_learn_from(before, between, ends, choices)
        return self._tracked(block, [[*some, end] for some, end in zip(between, ends, strict=True)])

    def _looked(
        self,
        pool: ThreadPoolExecutor,
        frames: Sequence[ReadFrame],
        states: list[dict[str, NDArray[Any]]] | None = None,
    ) -> list[_Looked]:
        """Find the faces of some frames and give them to the network.

        Args:
            states: the follower's after each frame are added.
        """
        found: list[list[Face]] = []
        for frame in frames:
            found.append(self._follower.find(frame))
            if states is not None:
                states.append(self._follower.state())
        if not frames:
            return []
        crops = [
            self._recognizer.crop(frame, face)
            for frame, faces in zip(frames, found, strict=True)
            for face in faces
        ]
        answer = pool.submit(self._recognizer.recognise, crops)
        firsts = np.cumsum([0, *map(len, found)]).tolist()
        return [
            _Looked(frame.t, faces, answer, first)
            for frame, faces, first in zip(frames, found, firsts, strict=False)
        ]

    def _tracked(
        self, block: Sequence[Sequence[ReadFrame]], looked: Sequence[Sequence[_Looked]]
    ) -> Waiting:
        """Make tracks of all faces of a block, in order of time."""
        frames = {frame.t: frame for stretch in block for frame in stretch}
        in_order = [one for some in looked for one in some]
        tracked: list[TrackedFace] = []
        for one in in_order:
            tracked += self._tracker.update(frames.pop(one.t), one.faces)
        return Waiting(
            [one.t for one in in_order],
            tracked,
            lambda: [expression for one in in_order for expression in one.expressions()],
            sorted(frames),
        )

    def _learn(self) -> None:
        """Tell the rule of the last block's pairs."""
        for before, after in self._pairs:
            self._test.learn(before if isinstance(before, Look) else before.look(), after.look())
        self._pairs = []

    def _states(self) -> dict[str, dict[str, NDArray[Any]]]:
        self._learn()
        return {**super()._states(), _CHANGES: self._test.state()}


def _to_learn_from(
    before: Look | None,
    between: Sequence[Sequence[_Looked]],
    ends: Sequence[_Looked],
    choices: Sequence[Choice],
) -> list[tuple[Look | _Looked, _Looked]]:
    """The pairs of looks that the rule wants to learn from."""
    starts: list[Look | _Looked | None] = [before, *ends[:-1]]
    found: list[tuple[Look | _Looked, _Looked]] = []
    for start, some, end, choice in zip(starts, between, ends, choices, strict=True):
        if start is not None and choice.pairs:
            line: list[Any] = [start, *some, end]
            found += list(pairwise(line))[: choice.pairs]
    return found
