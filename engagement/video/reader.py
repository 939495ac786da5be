"""Decode a recording and sample it by presentation time.

Recordings have variable frame rates: webcams slow down in the dark, browsers drop frames, screen
recorders write one only on change. So a sample is chosen by when a frame is shown, never by its
number, and no frame is made up: where nothing was recorded, nothing is sampled.
"""

from collections.abc import Iterator
from pathlib import Path

import av.container
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from engagement.errors import VideoError
from engagement.types import Frame, Pixels
from engagement.video.container import open_video, shown_name
from engagement.video.decoding import Decoded, pictures, start_s, undecodable_error
from engagement.video.probe import declared_duration_s, quarter_turns, upright_size

# A file is incomplete when more than this is missing at its end; less is a container's rounding.
_MISSING_S = 0.5
_MISSING_SHARE = 0.05

Size = tuple[int, int]


class VideoReader:
    """Sampled frames of one recording.

    Args:
        path: the recording.
        fps: samples a second, at most; the recording's own rate where that is lower. 0 takes every
            frame.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self.path = path
        self.fps = fps
        self.decoded = Decoded()

    def __iter__(self) -> Iterator[Frame]:
        """Decode from the start.

        Raises:
            VideoError: nothing can be decoded, a single picture only, or the file is cut short.
        """
        self.decoded = Decoded()
        with open_video(self.path) as (container, stream):
            # Not by frame: FFmpeg's frame threads wait for ever for each other in damaged HEVC.
            stream.thread_type = "SLICE"
            declared = declared_duration_s(container, stream)
            yield from self._sample(container, stream)
            reached = self.decoded.end_s
            if not stream.duration:  # what was claimed is the whole file's length, sound included
                reached = max(reached, self.decoded.reached_s)
        self._check_complete(declared, reached)

    def _sample(
        self, container: av.container.InputContainer, stream: VideoStream
    ) -> Iterator[Frame]:
        interval = 1.0 / self.fps if self.fps > 0 else 0.0
        start = start_s(container)
        nominal = 1.0 / float(stream.average_rate or 25)
        due = 0.0
        previous = -nominal
        size: Size | None = None
        for picture in pictures(container, stream, self.path, self.decoded):
            t = previous + nominal if picture.time is None else max(0.0, picture.time - start)
            if t <= previous:  # damaged time stamps: keep time running forwards
                t = previous + nominal
            self.decoded.end_s = t + _duration_s(picture, nominal)
            self.decoded.frames += 1
            # A sample is due half a source frame early, so that rounding does not skip a frame.
            early = min(t - previous, nominal) / 2
            previous = t
            size = size or upright_size(picture, stream)
            if t + early >= due:
                yield Frame(t, fitted(upright_rgb(picture, stream), size))
                # Stay on the grid, unless nothing was shown for longer than an interval.
                due = due + interval if t - due < interval else t + interval

    def _check_complete(self, declared_s: float | None, reached_s: float) -> None:
        name, decoded = shown_name(self.path), self.decoded
        if decoded.frames == 0:
            raise undecodable_error(self.path)
        if declared_s is not None:
            missing = declared_s - reached_s
            if missing > max(_MISSING_S, _MISSING_SHARE * declared_s):
                raise VideoError(
                    f"{name} is incomplete: it should last {declared_s:.1f} s but only "
                    f"{reached_s:.1f} s can be read. Upload the whole file again.",
                    code="video_truncated",
                )
        if decoded.frames == 1:
            raise VideoError(
                f"{name} holds a single picture, not a video. Record at least one second.",
                code="video_too_short",
            )


def _duration_s(picture: VideoFrame, nominal_s: float) -> float:
    if picture.duration and picture.time_base:
        return float(picture.duration * picture.time_base)
    return nominal_s


def upright_rgb(picture: VideoFrame, stream: VideoStream) -> Pixels:
    """The picture as a player shows it: RGB, square pixels, rotation applied."""
    rgb = np.asarray(picture.to_ndarray(format="rgb24"), dtype=np.uint8)
    turns = quarter_turns(picture)
    if turns:
        rgb = np.ascontiguousarray(np.rot90(rgb, turns))
    size = upright_size(picture, stream)
    if (rgb.shape[1], rgb.shape[0]) != size:
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    return rgb


def fitted(rgb: Pixels, size: Size) -> Pixels:
    """`rgb` inside a picture of `size` (width, height), its shape kept, the rest black.

    Browsers change a recording's size in the middle when a connection gets worse or a telephone
    is turned; all boxes of an analysis are pixels of one size, the first.
    """
    height, width = rgb.shape[:2]
    if (width, height) == size:
        return rgb
    scale = min(size[0] / width, size[1] / height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas = np.zeros((size[1], size[0], 3), dtype=np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(
        rgb, inner, interpolation=cv2.INTER_LINEAR
    )
    return canvas
