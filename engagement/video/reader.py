"""Decode a recording and sample it by presentation time.

Recordings have variable frame rates: webcams slow down in the dark, browsers drop frames, screen
recorders write one only on change. So a sample is chosen by when a frame is shown, never by its
number, and no frame is made up: where nothing was recorded, nothing is sampled.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from engagement.errors import VideoError
from engagement.types import Frame, Pixels
from engagement.video.container import open_video
from engagement.video.probe import declared_duration_s, quarter_turns, upright_size

# A file is incomplete when more than this is missing at its end; less is a container's rounding.
_MISSING_S = 0.5
_MISSING_SHARE = 0.05
# After so many pictures in a row that cannot be decoded, the rest is given up.
_MOST_FAILURES = 100


@dataclass
class Decoded:
    """What the decoder saw so far; final once the iterator has ended.

    Attributes:
        frames: pictures decoded, sampled or not.
        end_s: when the last one stops being shown.
        damaged: packets that could not be decoded.
    """

    frames: int = 0
    end_s: float = 0.0
    damaged: int = 0


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
            stream.thread_type = "AUTO"
            declared = declared_duration_s(container, stream)
            yield from self._sample(container, stream)
        self._check_complete(declared)

    def _sample(
        self, container: av.container.InputContainer, stream: VideoStream
    ) -> Iterator[Frame]:
        interval = 1.0 / self.fps if self.fps > 0 else 0.0
        start = container.start_time / av.time_base if container.start_time else 0.0
        nominal = 1.0 / float(stream.average_rate or 25)
        # A sample is due half a source frame early, so that rounding does not skip a frame.
        slack = nominal / 2
        due = 0.0
        previous = -nominal
        for picture in self._decode(container, stream):
            t = picture.time if picture.time is not None else None
            t = previous + nominal if t is None else max(0.0, t - start)
            if t <= previous:  # damaged time stamps: keep time running forwards
                t = previous + nominal
            self.decoded.end_s = t + _duration_s(picture, nominal)
            self.decoded.frames += 1
            previous = t
            if t + slack >= due:
                yield Frame(t, upright_rgb(picture, stream))
                # Stay on the grid, unless nothing was shown for longer than an interval.
                due = max(due + interval, t + interval / 2)

    def _decode(
        self, container: av.container.InputContainer, stream: VideoStream
    ) -> Iterator[VideoFrame]:
        failures = 0
        packets = container.demux(stream)
        while failures < _MOST_FAILURES:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError:
                self.decoded.damaged += 1
                return
            try:
                pictures = packet.decode()
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                self.decoded.damaged += 1
                failures += 1
                continue
            for picture in pictures:
                failures = 0
                yield picture

    def _check_complete(self, declared_s: float | None) -> None:
        name, decoded = self.path.name, self.decoded
        if decoded.frames == 0:
            raise VideoError(
                f"No picture of {name} can be decoded: it is encrypted, damaged or incomplete. "
                "Record it again, or convert it to MP4 (H.264).",
                code="video_undecodable",
            )
        if declared_s is not None:
            missing = declared_s - decoded.end_s
            if missing > max(_MISSING_S, _MISSING_SHARE * declared_s):
                raise VideoError(
                    f"{name} is incomplete: it should last {declared_s:.1f} s but only "
                    f"{decoded.end_s:.1f} s can be read. Upload the whole file again.",
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
