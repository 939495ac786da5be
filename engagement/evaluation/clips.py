"""Faces of clips through a model."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from engagement.datasets.clips import Clip, Kind, is_image
from engagement.datasets.image_folder import read_face
from engagement.errors import DataError, VideoError
from engagement.evaluation.embedded import Embedded, OnProgress, embed, no_face
from engagement.evaluation.embedder import Embedder, Faces, see
from engagement.networks.preprocess import to_rgb
from engagement.types import Face, Frame, Pixels
from engagement.video.reader import VideoReader

_BATCH = 8
_T = TypeVar("_T")


class Detector(Protocol):
    """Finds faces; `engagement.faces.detector.FaceDetector` is one."""

    name: str

    def detect(self, frames: Sequence[Frame]) -> list[list[Face]]:
        """Faces of each frame, largest first; all frames have one size."""


@dataclass(frozen=True)
class ClipReading:
    """How faces are taken from clips.

    Attributes:
        all_faces: every face of a frame; else only the largest.
        fps: frames a second of videos; 0 for every frame, as the published protocols take them.
    """

    all_faces: bool
    fps: float = 0.0


def embed_clips(
    clips: Sequence[Clip],
    embedder: Embedder,
    detector: Detector,
    reading: ClipReading,
    *,
    data: str,
    file: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[Embedded]:
    """Clips of the data set `data`, ordered by key. One that is broken or absent has a `problem`.

    Of a clip that is cut short the frames before the cut count.
    """
    by_key = {clip.key: clip for clip in clips}
    recipe = {
        "data": data,
        "model": embedder.spec.name,
        "weights_sha256": embedder.weights_sha256,
        "faces": "all" if reading.all_faces else "largest",
        "fps": f"{reading.fps:g}",
        "detector": detector.name,
        "clips": ", ".join(sorted({clip.kind for clip in clips})),
    }

    def compute(keys: Sequence[str]) -> Iterator[Embedded]:
        return (_embed_clip(by_key[key], embedder, detector, reading) for key in keys)

    return embed(list(by_key), compute, file=file, recipe=recipe, on_progress=on_progress)


def _embed_clip(
    clip: Clip, embedder: Embedder, detector: Detector, reading: ClipReading
) -> Embedded:
    if clip.path is None:
        absent = "video" if clip.kind == "video" else f"folder of {clip.kind}"
        return no_face(clip.key, f"There is no {absent} of {clip.key}.")
    problems: list[str] = []
    numbers: list[int] = []
    seen: list[Faces] = []
    for found in _crops(clip.path, clip.kind, embedder, detector, reading, problems):
        numbers += [number for number, _ in found]
        seen.append(see(embedder, [crop for _, crop in found]))
    problem = problems[0] if problems else None
    if not numbers:
        return no_face(clip.key, problem)
    return Embedded(clip.key, np.array(numbers, dtype=np.int32), Faces.joined(seen), problem)


def _crops(
    path: Path,
    kind: Kind,
    embedder: Embedder,
    detector: Detector,
    reading: ClipReading,
    problems: list[str],
) -> Iterator[list[tuple[int, Pixels]]]:
    """Face crops with their frame's number, in non-empty batches."""
    if kind == "faces":
        yield from _batches(enumerate(_images(path, problems)))
        return
    frames = (
        _video_frames(VideoReader(path, reading.fps), problems)
        if kind == "video"
        else (Frame(0.0, to_rgb(image)) for image in _images(path, problems))
    )
    for some in _batches(enumerate(frames)):
        found = [
            (number, embedder.crop(frame, face))
            for (number, frame), faces in zip(some, _detect(detector, some), strict=True)
            for face in (faces if reading.all_faces else faces[:1])
        ]
        if found:
            yield found


def _video_frames(reader: VideoReader, problems: list[str]) -> Iterator[Frame]:
    try:
        yield from reader
    except VideoError as error:
        problems.append(str(error))


def _images(folder: Path, problems: list[str]) -> Iterator[Pixels]:
    for path in sorted(path for path in folder.iterdir() if is_image(path)):
        try:
            yield read_face(path)
        except DataError as error:
            problems.append(str(error))


def _batches(numbered: Iterable[_T]) -> Iterator[list[_T]]:
    iterator = iter(numbered)
    while batch := list(islice(iterator, _BATCH)):
        yield batch


def _detect(detector: Detector, numbered: list[tuple[int, Frame]]) -> list[list[Face]]:
    frames = [frame for _, frame in numbered]
    if len({frame.rgb.shape for frame in frames}) == 1:
        return detector.detect(frames)
    return [detector.detect([frame])[0] for frame in frames]  # images of a folder may differ
