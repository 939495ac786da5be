"""Labelled stretches of videos as windows of embeddings, each video embedded once.

Of each frame the largest face counts, as in the authors' notebooks: these sets show one person.
The cache is that of the other protocols, its frames numbered by milliseconds of presentation time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engagement.datasets.engagement_windows import LabelledWindow, WindowSet
from engagement.datasets.labelled_windows import LabelledStretch, StretchSet
from engagement.errors import DataError, VideoError
from engagement.evaluation.clips import Detector
from engagement.evaluation.embedded import Embedded, OnProgress, embed, no_face
from engagement.evaluation.embedder import Embedder, Faces, see
from engagement.types import Frame
from engagement.video.reader import VideoReader

_BATCH = 8
Milliseconds = NDArray[np.int32]


@dataclass(frozen=True)
class WindowReading:
    """How windows are taken from videos.

    Attributes:
        fps: frames a second, 0 for every frame.
        window_s: whole videos are cut into windows of so many seconds, 0 for one window a video;
            stretches with times of their own are taken as they are.
        file: where embeddings are kept.
    """

    fps: float = 5.0
    window_s: float = 0.0
    file: Path | None = None


@dataclass(frozen=True)
class TakenWindows:
    """Windows, and what is not among them.

    Attributes:
        faceless: stretches in which no face was found.
        problems: why videos are missing or could not be read to their end.
    """

    windows: WindowSet
    faceless: int
    problems: tuple[str, ...]


def take_windows(
    stretches: StretchSet,
    embedder: Embedder,
    detector: Detector,
    reading: WindowReading,
    *,
    on_progress: OnProgress | None = None,
) -> TakenWindows:
    """Embed the faces of labelled stretches.

    Raises:
        DataError: the cache was made otherwise, or no stretch shows a face.
        OutputError: the cache cannot be written.
    """
    by_video: dict[str, list[LabelledStretch]] = {}
    problems = [f"There is no video of {s.key}." for s in stretches.stretches if s.video is None]
    for stretch in stretches.stretches:
        if stretch.video is not None:
            by_video.setdefault(_video_key(stretch), []).append(stretch)
    windows: list[LabelledWindow] = []
    lengths: list[float] = []
    faceless = 0
    items = _embedded(by_video, stretches.name, embedder, detector, reading, on_progress)
    for item in items:
        if item.problem:
            problems.append(item.problem)
        for stretch in by_video[item.key]:
            found = list(_cut(stretch, item, reading))
            faceless += not found
            windows += [window for window, _ in found]
            lengths += [length for _, length in found]
    if not windows:
        raise DataError(
            f"No face was found in the {len(stretches.stretches)} labelled stretches of "
            f"{stretches.name}. {problems[0] if problems else 'Look at the videos.'}"
        )
    taken = WindowSet(
        windows=tuple(windows),
        levels=stretches.levels,
        embedding_model=embedder.spec.name,
        window_s=round(float(np.median(lengths)), 3),
        sampling_fps=reading.fps,
        source=stretches.name,
    )
    return TakenWindows(taken, faceless, tuple(problems))


def _video_key(stretch: LabelledStretch) -> str:
    # Of a table's row the key says the times too; the video is embedded once for all of them.
    return stretch.key if stretch.start_s is None else stretch.key.rpartition(" ")[0]


def _embedded(
    by_video: dict[str, list[LabelledStretch]],
    data: str,
    embedder: Embedder,
    detector: Detector,
    reading: WindowReading,
    on_progress: OnProgress | None,
) -> Iterator[Embedded]:
    recipe = {
        "data": data,
        "model": embedder.spec.name,
        "weights_sha256": embedder.weights_sha256,
        "faces": "largest",
        "fps": f"{reading.fps:g}",
        "detector": detector.name,
        "frames": "milliseconds",
    }

    def compute(keys: Sequence[str]) -> Iterator[Embedded]:
        for key in keys:
            path = by_video[key][0].video
            if path is not None:
                yield _embed_video(key, VideoReader(path, reading.fps), embedder, detector)

    return embed(list(by_video), compute, file=reading.file, recipe=recipe, on_progress=on_progress)


def _embed_video(key: str, reader: VideoReader, embedder: Embedder, detector: Detector) -> Embedded:
    times: list[int] = []
    seen: list[Faces] = []

    def add(frames: list[Frame]) -> None:
        pairs = zip(frames, detector.detect(frames), strict=True)
        found = [(frame, faces[0]) for frame, faces in pairs if faces]
        times.extend(round(1000 * frame.t) for frame, _ in found)
        if found:
            seen.append(see(embedder, [embedder.crop(frame, face) for frame, face in found]))

    problem = _in_batches(reader, add)
    if not times:
        return no_face(key, problem)
    return Embedded(key, np.array(times, dtype=np.int32), Faces.joined(seen), problem)


def _in_batches(reader: VideoReader, add: Callable[[list[Frame]], None]) -> str | None:
    """Hand frames on, some at a time; returns why the video ended early, if it did."""
    pending: list[Frame] = []
    problem = None
    try:
        for frame in reader:
            pending.append(frame)
            if len(pending) == _BATCH:
                add(pending)
                pending = []
    except VideoError as error:
        problem = str(error)
    if pending:
        add(pending)
    return problem


def _cut(
    stretch: LabelledStretch, item: Embedded, reading: WindowReading
) -> Iterator[tuple[LabelledWindow, float]]:
    """Windows of a stretch that show a face, with their lengths in seconds."""
    if not len(item):
        return
    for start, end in _spans(stretch, item.frames, reading):
        inside = (item.frames >= 1000 * start) & (item.frames < 1000 * end)
        if inside.any():
            key = stretch.key if not reading.window_s else f"{stretch.key}@{start:g}"
            rows = item.faces.embeddings[inside]
            yield LabelledWindow(stretch.person, rows, stretch.level, key), end - start


def _spans(
    stretch: LabelledStretch, times: Milliseconds, reading: WindowReading
) -> list[tuple[float, float]]:
    if stretch.start_s is not None and stretch.end_s is not None:
        return [(stretch.start_s, stretch.end_s)]
    # The last frame is shown for a while, too.
    end = float(times[-1]) / 1000 + (1 / reading.fps if reading.fps else 0.04)
    if not reading.window_s or end <= reading.window_s:
        return [(0.0, end)]
    # A rest is left out: it would be a window of another length.
    count = int(end / reading.window_s + 1e-6)
    return [(i * reading.window_s, (i + 1) * reading.window_s) for i in range(count)]
