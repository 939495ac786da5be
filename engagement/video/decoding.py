"""Decode a recording's pictures one by one, past damage, and note how far it got."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from engagement.errors import VideoError
from engagement.video.container import check_size, encrypted_error, shown_name

# After so many pictures in a row that cannot be decoded, the rest is given up.
_MOST_FAILURES = 100


@dataclass
class Decoded:
    """What the decoder saw so far; final once the pictures have ended.

    Attributes:
        frames: pictures decoded, sampled or not.
        end_s: when the last one stops being shown.
        reached_s: end of the last packet of any stream, sound included.
        share: how much of the file's bytes has been read, 0..1.
        damaged: packets that could not be decoded.
    """

    frames: int = 0
    end_s: float = 0.0
    reached_s: float = 0.0
    share: float = 0.0
    damaged: int = 0


def start_s(container: InputContainer) -> float:
    """Time stamp, in seconds, of what a player calls zero."""
    return float(container.start_time / av.time_base) if container.start_time else 0.0


def sought(container: InputContainer, seconds: float) -> bool:
    """Go to the last key frame before a time stamp; whether the file allows it.

    Where it has no index the way leads anywhere: look at the first picture's time.
    """
    try:
        container.seek(max(0, int(seconds * av.time_base)))
    except av.error.FFmpegError:
        return False
    return True


def pictures(
    container: InputContainer, stream: VideoStream, path: Path, decoded: Decoded
) -> Iterator[VideoFrame]:
    """The pictures of `stream` in the order that they are shown; `decoded` is kept up to date.

    Raises:
        VideoError: the recording is encrypted, or a picture too large.
    """
    start, failures = start_s(container), 0
    for packet in _packets(container, decoded):
        _note(packet, start, container.size, decoded)
        if packet.stream is not stream:
            continue
        if packet.has_sidedata("encryption_info"):
            raise encrypted_error(path)
        try:
            found = packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            decoded.damaged += 1
            failures += 1
            if failures == _MOST_FAILURES:
                return
            continue
        for picture in found:
            failures = 0
            check_size(path, picture.width, picture.height)  # the container's claim may differ
            yield picture


def first_picture(container: InputContainer, stream: VideoStream, path: Path) -> VideoFrame:
    """The first picture that can be decoded.

    Raises:
        VideoError: there is none.
    """
    frame = next(pictures(container, stream, path, Decoded()), None)
    if frame is None:
        raise undecodable_error(path)
    return frame


def undecodable_error(path: Path) -> VideoError:
    """Nothing in `path` can be turned into a picture."""
    return VideoError(
        f"No picture of {shown_name(path)} can be decoded: it is encrypted, damaged or "
        "incomplete. Record it again, or convert it to MP4 (H.264).",
        code="video_undecodable",
    )


def _packets(container: InputContainer, decoded: Decoded) -> Iterator["Packet[Any]"]:
    # Of every stream: the sound tells how long the file goes on after the last picture.
    packets = container.demux()
    while True:
        try:
            yield next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError:
            decoded.damaged += 1
            return


def _note(packet: "Packet[Any]", start: float, size: int, decoded: Decoded) -> None:
    if packet.pts is not None and packet.time_base:
        end = float((packet.pts + (packet.duration or 0)) * packet.time_base) - start
        decoded.reached_s = max(decoded.reached_s, end)
    if packet.pos is not None and packet.pos > 0 and size > 0:
        decoded.share = max(decoded.share, min(1.0, packet.pos / size))
