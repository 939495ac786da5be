"""Watch a recording: decode, find and follow faces, track, recognise; all at the same time.

One thread decodes a few frames ahead. The caller's own thread finds, follows and tracks faces and
cuts them out. As many threads as the expression network serves at a time prepare faces and run it.
All that waits between them is bounded, so that whoever is slowest sets the pace and memory does not
grow with the recording's length. Results are taken in the frames' order, and which faces are given
to the network together depends on the frames alone, so the same recording gives the same numbers.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from numpy.typing import NDArray

from engagement.expressions.recognizer import ExpressionRecognizer
from engagement.faces.following import FaceFollower
from engagement.faces.pose import head_pose
from engagement.faces.tracking import FaceTracker
from engagement.stages.ahead import Ahead
from engagement.stages.checkpoint import KeptRun, RunState
from engagement.types import Expression, Observation, Pixels, TrackedFace
from engagement.video.reader import ReadFrame, VideoReader

# Frames decoded ahead: enough to bridge the slower look at a whole picture.
_AHEAD = 4
#: Frames whose faces go through the network together.
GROUP = 4
# Beside those that are worked on, so many groups wait for the network for each of its threads.
_WAITING = 2
#: A state is kept when the last one is older than this.
KEEP_EVERY_S = 5.0

T = TypeVar("T")
#: Called with the time of the last frame that was dealt with; may raise to stop.
OnFrame = Callable[[float], None]


@dataclass(frozen=True)
class Waiting:
    """Some frames in a row whose faces are with the network.

    Attributes:
        times: of the frames.
        tracked: their faces.
        expressions: waits for the network; one a face, in their order.
        passed: times of frames among them that were not looked at.
    """

    times: Sequence[float]
    tracked: Sequence[TrackedFace]
    expressions: Callable[[], Sequence[Expression]]
    passed: Sequence[float] = ()


class Watcher:
    """Fills a run's log with what a reader's frames show.

    Args:
        follower, tracker: remember what they saw; of one recording.
        run: where observations go, and whose state is gone on from.
    """

    def __init__(
        self,
        recognizer: ExpressionRecognizer,
        follower: FaceFollower,
        tracker: FaceTracker,
        run: KeptRun,
    ) -> None:
        self._recognizer = recognizer
        self._follower = follower
        self._tracker = tracker
        self._run = run
        self._waiting: deque[Waiting] = deque()
        self._most_waiting = recognizer.parallel * (1 + _WAITING)
        self._kept_at = time.monotonic()
        self._reached_s = 0.0
        if run.state is not None:
            parts = run.state.parts
            follower.restore(part_of("follower", parts))
            tracker.restore(part_of("tracker", parts))
            self._reached_s = run.state.position.t

    def watch(self, reader: VideoReader, on_frame: OnFrame) -> None:
        """Look at all frames.

        Raises:
            VideoError: the recording cannot be read to its end.
            OutputError: what was observed cannot be written.
        """
        with (
            ThreadPoolExecutor(self._recognizer.parallel, thread_name_prefix="expression") as pool,
            Ahead(
                reader,
                _AHEAD,
                on_wait=lambda: on_frame(self._reached_s),
                on_exit=reader.stop,
            ) as frames,
        ):
            try:
                for last in self._submitted(pool, frames, on_frame):
                    self._collect(self._most_waiting)
                    self._reached_s = last.t
                    on_frame(self._reached_s)
                    self._keep_now_and_then(last)
                self._collect(0)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _submitted(
        self, pool: ThreadPoolExecutor, frames: Iterable[ReadFrame], on_frame: OnFrame
    ) -> Iterator[ReadFrame]:
        """Find the faces of some frames at a time and give them to the network.

        Whatever comes behind a frame that this yields has not been looked at yet.
        """
        del on_frame  # a group takes a moment
        for group in batches(frames, GROUP):
            tracked: list[TrackedFace] = []
            crops: list[Pixels] = []
            for frame in group:
                for found in self._tracker.update(frame, self._follower.find(frame)):
                    tracked.append(found)
                    crops.append(self._recognizer.crop(frame, found.face))
            expressions = pool.submit(self._recognizer.recognise, crops)
            self._waiting.append(Waiting([frame.t for frame in group], tracked, expressions.result))
            yield group[-1]

    def _collect(self, most: int) -> None:
        """Write down results, the oldest first, until at most `most` groups wait."""
        while len(self._waiting) > most:
            oldest = self._waiting.popleft()
            observations = [
                Observation(
                    found.track_id,
                    found.t,
                    found.face,
                    expression,
                    *head_pose(found.face.landmarks),
                )
                for found, expression in zip(oldest.tracked, oldest.expressions(), strict=True)
            ]
            self._run.log.append(observations, oldest.times, oldest.passed)

    def _keep_now_and_then(self, frame: ReadFrame) -> None:
        """Finish what is under way and keep a state that says so, if the last one is old."""
        if time.monotonic() - self._kept_at < KEEP_EVERY_S:
            return
        self._collect(0)
        parts = {
            f"{owner}_{name}": array
            for owner, state in self._states().items()
            for name, array in state.items()
        }
        self._run.keep(RunState(frame.position, parts))
        self._kept_at = time.monotonic()

    def _states(self) -> dict[str, dict[str, NDArray[Any]]]:
        """What each part remembers, by its name."""
        return {"follower": self._follower.state(), "tracker": self._tracker.state()}


def batches(frames: Iterable[T], size: int) -> Iterator[list[T]]:
    """The frames in lists of `size`, the last one shorter; one list at a time is in memory."""
    iterator = iter(frames)
    while batch := list(islice(iterator, size)):
        yield batch


def part_of(owner: str, parts: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """What one part remembers, of a state's `parts`."""
    return {
        name.removeprefix(f"{owner}_"): array
        for name, array in parts.items()
        if name.startswith(f"{owner}_")
    }
