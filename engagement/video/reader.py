"""Decode a recording and sample it by presentation time.

Recordings have variable frame rates: webcams slow down in the dark, browsers drop frames, screen
recorders write one only on change. So a sample is chosen by when a frame is shown, never by its
number, and no frame is made up: where nothing was recorded, nothing is sampled.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import dropwhile, islice
from pathlib import Path

import av.container
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from engagement.errors import VideoError
from engagement.types import Frame, Pixels
from engagement.video.container import open_video, shown_name
from engagement.video.decoding import Decoded, pictures, sought, start_s, undecodable_error
from engagement.video.probe import declared_duration_s, quarter_turns, upright_size

# A file is incomplete when more than this is missing at its end; less is a container's rounding.
_MISSING_S = 0.5
_MISSING_SHARE = 0.05

Size = tuple[int, int]


@dataclass(frozen=True)
class Position:
    """Where a reader stood when it gave a frame, so that another can go on behind it.

    Attributes:
        t: presentation time of the frame.
        due_s: when the next sample is due.
        size: (width, height) of all frames.
        decoded: what the decoder had seen.
        own_times: whether all times so far were those that the file gives.
    """

    t: float
    due_s: float
    size: Size
    decoded: Decoded
    own_times: bool


@dataclass(frozen=True, slots=True)
class ReadFrame(Frame):
    """A sampled frame, and where the reader stood."""

    position: Position


class VideoReader:
    """Sampled frames of one recording.

    Args:
        path: the recording.
        fps: samples a second, at most; the recording's own rate where that is lower. 0 takes every
            frame.
        after: begin behind this frame, which a reader of the same recording and rate gave.
        hardware: decode on this kind of device, see `open_video`.
    """

    def __init__(
        self,
        path: Path,
        fps: float,
        after: Position | None = None,
        hardware: str | None = None,
    ) -> None:
        self.path = path
        self.hardware = hardware
        self.fps = fps
        self.decoded = Decoded()
        self._after = after
        self._stopped = False

    def stop(self) -> None:
        """End the reading soon, from another thread, however long until the next sample."""
        self._stopped = True

    def __iter__(self) -> Iterator[ReadFrame]:
        """Decode from the start.

        Raises:
            VideoError: nothing can be decoded, a single picture only, or the file is cut short.
        """
        self.decoded = Decoded()
        with open_video(self.path, self.hardware) as (container, stream):
            # Not by frame: FFmpeg's frame threads wait for ever for each other in damaged HEVC.
            stream.thread_type = "SLICE"
            declared = declared_duration_s(container, stream)
            yield from self._sample(container, stream)
            reached = self.decoded.end_s
            if not stream.duration:  # what was claimed is the whole file's length, sound included
                reached = max(reached, self.decoded.reached_s)
        if not self._stopped:
            self._check_complete(declared, reached)

    def _sample(
        self, container: av.container.InputContainer, stream: VideoStream
    ) -> Iterator[ReadFrame]:
        interval = 1.0 / self.fps if self.fps > 0 else 0.0
        start = start_s(container)
        nominal = 1.0 / float(stream.average_rate or 25)
        due = 0.0
        previous = -nominal
        size: Size | None = None
        own_times = True
        if (after := self._after) is not None:
            due, previous, size, own_times = after.due_s, after.t, after.size, after.own_times
        for picture in self._pictures(container, stream, start):
            if self._stopped:
                return
            own_times = own_times and picture.time is not None
            t = previous + nominal if picture.time is None else max(0.0, picture.time - start)
            if t <= previous:  # damaged time stamps: keep time running forwards
                t = previous + nominal
                own_times = False
            self.decoded.end_s = t + _duration_s(picture, nominal)
            self.decoded.frames += 1
            # A sample is due half a source frame early, so that rounding does not skip a frame.
            early = min(t - previous, nominal) / 2
            previous = t
            size = size or upright_size(picture, stream)
            if t + early >= due:
                # Stay on the grid, unless nothing was shown for longer than an interval.
                due = due + interval if t - due < interval else t + interval
                rgb = fitted(upright_rgb(picture, stream), size)
                position = Position(t, due, size, replace(self.decoded), own_times)
                yield ReadFrame(t, rgb, position)

    def _pictures(
        self, container: av.container.InputContainer, stream: VideoStream, start: float
    ) -> Iterator[VideoFrame]:
        """The pictures to sample from: all, or those behind the position to begin at."""
        after = self._after
        if after is None:
            yield from pictures(container, stream, self.path, self.decoded)
            return
        # What comes before was seen already: it is not counted again.
        self.decoded = replace(after.decoded)
        if self._is_found_by_time(after):
            sought(container, after.t + start)
            found = pictures(container, stream, self.path, self.decoded)
            yield from dropwhile(lambda p: p.time is not None and p.time - start <= after.t, found)
        else:
            before = pictures(container, stream, self.path, Decoded())
            for _ in islice(before, after.decoded.frames):
                if self._stopped:
                    return
            self.decoded = replace(after.decoded)
            yield from before

    def _is_found_by_time(self, after: Position) -> bool:
        """Whether seeking leads to where the position is, or somewhat before."""
        if not after.own_times or after.decoded.damaged:
            return False
        with open_video(self.path) as (container, stream):
            start = start_s(container)
            if not sought(container, after.t + start):
                return False
            first = next(pictures(container, stream, self.path, Decoded()), None)
            return first is not None and first.time is not None and first.time - start <= after.t

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
