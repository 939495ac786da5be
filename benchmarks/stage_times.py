"""The parts of an analysis, each alone, as a player of `benchmarks.stages`.

    python -m benchmarks.stage_times MODEL WEIGHTS

Every part is one small function on what the part before it gave; frames come in chunks that lie in
memory before the clock starts. Parts are those that an analysis has, with its settings.
"""

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TypeVar

from benchmarks.measuring import Clocked, Told, now, play
from engagement.expressions.models import open_model
from engagement.expressions.recognizer import ExpressionRecognizer, softmax
from engagement.faces.following import FaceFollower
from engagement.faces.pose import head_pose
from engagement.faces.tracking import FaceTracker
from engagement.networks.preprocess import prepare
from engagement.pipeline import DEFAULT_FPS, Analyzer, source_of
from engagement.report.sampled import Sampled
from engagement.runtimes.base import Floats, RuntimeSettings
from engagement.stages.log import ObservationLog
from engagement.stages.watching import GROUP
from engagement.types import Expression, Face, Frame, Observation, Pixels, TrackedFace
from engagement.video.probe import probe
from engagement.video.reader import VideoReader

DECODE, READ = "decode", "decode + RGB"
FACES, TRACK, PREPARE = "faces", "tracks", "crop + prepare"
NETWORK, KEEP, REPORT = "network", "keep", "report"
#: What an analysis does; decoding alone is a part of reading.
PARTS = (READ, FACES, TRACK, PREPARE, NETWORK, KEEP, REPORT)
_CHUNK = 32
#: A sample in so many seconds: all is decoded, next to nothing is turned into pixels.
_DECODE_ONLY_FPS = 0.001

T = TypeVar("T")


class Clock:
    """Adds up what each part took."""

    def __init__(self) -> None:
        self.spent: dict[str, Clocked] = dict.fromkeys(PARTS, Clocked())

    def run(self, part: str, call: Callable[..., T], *arguments: object) -> T:
        """Call, and count the time for the part."""
        before = now()
        result = call(*arguments)
        self.spent[part] += now() - before
        return result


class Parts:
    """The loaded models, and a function a part."""

    def __init__(self, model: str, weights: str) -> None:
        file = None if weights == "-" else Path(weights)
        # As `Analyzer` opens it.
        opened = open_model(model, file, RuntimeSettings(streams=0))
        self.runtime = opened.runtime
        self.recognizer = ExpressionRecognizer(opened.runtime, opened.spec, opened.weights_sha256)
        self.analyzer = Analyzer(model, weights=file)
        self.pool = ThreadPoolExecutor(self.runtime.parallel)

    def read(self, video: str, native: bool, pixels: bool) -> Told:
        """Time reading alone; without `pixels`, decoding alone."""
        fps = _fps(native) if pixels else _DECODE_ONLY_FPS
        before = now()
        frames = sum(1 for _ in VideoReader(Path(video), fps))
        return {READ if pixels else DECODE: asdict(now() - before), "frames": frames}

    def rest(self, video: str, native: bool) -> Told:
        """Time every other part alone, in turn, a chunk of frames at a time."""
        settings = self.analyzer.settings
        clock, log = Clock(), ObservationLog()
        follower = FaceFollower(self.analyzer._detector, settings.follow)
        tracker = FaceTracker(self.analyzer._identity.describe, settings.tracker)
        reader = VideoReader(Path(video), _fps(native))
        frames: object = iter(reader)
        times: list[float] = []
        observed = 0
        while chunk := list(islice(frames, _CHUNK)):  # type: ignore[call-overload]
            faces = clock.run(FACES, _find, follower, chunk)
            tracked = clock.run(TRACK, _track, tracker, chunk, faces)
            prepared = clock.run(PREPARE, self._prepare, chunk, tracked)
            outputs = clock.run(NETWORK, self._network, prepared)
            flat = [found for one in tracked for found in one]
            observed += len(flat)
            clock.run(KEEP, self._keep, log, chunk, flat, outputs)
            times += [frame.t for frame in chunk]
        if observed:
            clock.run(REPORT, self._report, log, times, reader.decoded.end_s, video, native)
        return {part: asdict(spent) for part, spent in clock.spent.items() if part != READ}

    def _prepare(
        self, chunk: Sequence[Frame], tracked: Sequence[Sequence[TrackedFace]]
    ) -> list[Floats]:
        groups = []
        for start in range(0, len(chunk), GROUP):
            crops: list[Pixels] = [
                self.recognizer.crop(frame, found.face)
                for frame, here in zip(
                    chunk[start : start + GROUP], tracked[start : start + GROUP], strict=True
                )
                for found in here
            ]
            if crops:
                groups.append(prepare(crops, self.recognizer.spec.input))
        return groups

    def _network(self, prepared: Sequence[Floats]) -> list[tuple[Floats, Floats]]:
        return list(self.pool.map(self.runtime.run, prepared))

    def _keep(
        self,
        log: ObservationLog,
        chunk: Sequence[Frame],
        tracked: Sequence[TrackedFace],
        outputs: Sequence[tuple[Floats, Floats]],
    ) -> None:
        classes = len(self.recognizer.spec.classes)
        rows = [
            row
            for logits, embeddings in outputs
            for row in zip(softmax(logits[:, :classes]), embeddings, strict=True)
        ]
        observations = [
            Observation(
                found.track_id,
                found.t,
                found.face,
                Expression(probabilities, embedding, 0.0, 0.0),
                *head_pose(found.face.landmarks),
            )
            for found, (probabilities, embedding) in zip(tracked, rows, strict=True)
        ]
        log.append(observations, [frame.t for frame in chunk])

    def _report(
        self, log: ObservationLog, times: list[float], end_s: float, video: str, native: bool
    ) -> None:
        sampled = Sampled(
            tuple(times), end_s, log.sequence(log.read_rows()), self.recognizer.spec.classes
        )
        path = Path(video)
        source = source_of(path, probe(path), "0" * 64, end_s)
        fps = len(times) / end_s
        self.analyzer.report(source, fps, sampled, damaged=0, native=native)


def _find(follower: FaceFollower, chunk: Sequence[Frame]) -> list[list[Face]]:
    return [follower.find(frame) for frame in chunk]


def _track(
    tracker: FaceTracker, chunk: Sequence[Frame], faces: Sequence[Sequence[Face]]
) -> list[list[TrackedFace]]:
    return [tracker.update(frame, here) for frame, here in zip(chunk, faces, strict=True)]


def _fps(native: bool) -> float:
    return 0.0 if native else DEFAULT_FPS


def main() -> None:
    """Serve as a player."""
    model, weights = sys.argv[1:]

    def load() -> dict[str, Callable[..., Told]]:
        parts = Parts(model, weights)
        return {"read": parts.read, "rest": parts.rest}

    play(load)


if __name__ == "__main__":
    main()
