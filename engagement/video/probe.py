"""What a recording's container says of it."""

from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from engagement.types import VideoInfo
from engagement.video.container import open_video
from engagement.video.decoding import first_picture, start_s

# Pixels further from square than this are a damaged header.
_MOST_ASPECT = 4.0


def probe(path: Path) -> VideoInfo:
    """Read the container's facts and decode the first frame, so that a name proves nothing.

    Raises:
        VideoError: `path` is not a video of which at least one frame can be decoded.
    """
    with open_video(path) as (container, stream):
        frame = first_picture(container, stream, path)
        width, height = upright_size(frame, stream)
        rate = stream.average_rate or stream.guessed_rate or 0
        return VideoInfo(
            duration_s=declared_duration_s(container, stream),
            width=width,
            height=height,
            fps=round(float(rate), 3),
            codec=stream.codec_context.name,
            container=container.format.name,
        )


def declared_duration_s(
    container: av.container.InputContainer, stream: VideoStream
) -> float | None:
    """Length in seconds that the file claims, None if it claims none.

    The video's own where the container knows it, else the whole file's.
    """
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if not container.duration:
        return None
    duration = float(container.duration / av.time_base)
    # Matroska claims the last time stamp, wherever the first one lies.
    from_zero = "matroska" in container.format.name
    return max(0.0, duration - start_s(container)) if from_zero else duration


def quarter_turns(frame: VideoFrame) -> int:
    """Counter-clockwise quarter turns that make the picture upright."""
    return int(np.round((frame.rotation or 0) / 90)) % 4


def upright_size(frame: VideoFrame, stream: VideoStream) -> tuple[int, int]:
    """Width and height as a player shows them: square pixels, rotation applied."""
    aspect = float(stream.sample_aspect_ratio or 1)
    if not 1 / _MOST_ASPECT <= aspect <= _MOST_ASPECT:
        aspect = 1.0
    width = max(1, round(frame.width * aspect))
    size = (width, frame.height)
    return size if quarter_turns(frame) % 2 == 0 else (size[1], size[0])
