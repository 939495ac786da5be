"""Open a recording safely.

A recording comes from a stranger. FFmpeg is allowed local files and plain containers only: a
playlist that is named .mp4 must not make it read other files or the network.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import av.error
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.container import InputContainer
from av.video.stream import VideoStream

from engagement.errors import VideoError

logger = logging.getLogger(__name__)

_CONTAINERS = "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,asf,flv,h264,hevc,ivf,gif,m4v"
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _CONTAINERS}
# 8K. A batch of such frames is 0.8 GB; nobody needs them to see a face.
_MOST_PIXELS = 7680 * 4320
# Names in sentences are cut to this length.
_MOST_NAME = 80


def shown_name(path: Path) -> str:
    """The file's name as it may stand in a sentence: one line, not too long, never its folder."""
    name = path.name or str(path)
    # The joiner holds some emoji together; all else that is not printable could break the line.
    name = "".join(c if c.isprintable() or c == "\u200d" else "\ufffd" for c in name)
    if len(name) <= _MOST_NAME:
        return name
    half = _MOST_NAME // 2 - 1
    return f"{name[:half]}…{name[-half:]}"


@contextmanager
def open_video(
    path: Path, hardware: str | None = None
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open `path` and pick its best video stream.

    Args:
        hardware: decode on this kind of device where there is one and it knows the codec, else on
            the processor; see `check_hardware`.

    Raises:
        VideoError: absent, empty, not a video, audio only, of an unknown codec, encrypted, or
            without picture size.
    """
    _check_file(path)
    try:
        container = _opened(path, hardware)
    except (av.error.FFmpegError, ValueError) as error:
        raise VideoError(
            f"{shown_name(path)} is not a video that can be read, or it is damaged or incomplete. "
            "Record it again, or convert it to MP4 (H.264).",
            code="video_unreadable",
        ) from error
    with container:
        yield container, _video_stream(container, path)


def check_hardware(name: str) -> None:
    """Refuse names of devices that FFmpeg, as it is installed here, cannot decode on.

    Raises:
        VideoError: there is no such kind of device.
    """
    known = hwdevices_available()
    if name not in known:
        raise VideoError(
            f"There is no decoding on {name!r} here, but on: {', '.join(known) or 'nothing'}. "
            "Without the option, videos are decoded on the processor.",
            code="bad_hardware",
        )


def _opened(path: Path, hardware: str | None) -> InputContainer:
    url = f"file:{path.resolve()}"
    container: InputContainer
    if hardware is not None:
        try:
            container = av.open(url, options=_OPTIONS, hwaccel=HWAccel(hardware))
        except av.error.FFmpegError as error:
            # What is wrong with the file itself comes up again, and is told, without the device.
            logger.warning("Nothing is decoded on %s: %s", hardware, error)
        else:
            return container
    container = av.open(url, options=_OPTIONS)
    return container


def _check_file(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise VideoError(
            f"{shown_name(path)} cannot be opened. Check the name and that you may read the file.",
            code="video_absent",
        ) from error
    if not path.is_file():
        raise VideoError(
            f"{shown_name(path)} is not a file. Name a video file.", code="video_absent"
        )
    if size == 0:
        raise VideoError(
            f"{shown_name(path)} is empty (0 bytes). Record or upload it again.", code="video_empty"
        )


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    # A cover picture of an audio file is a stream of one still image, not a video.
    videos = [s for s in container.streams.video if not _is_cover(s)]
    if not videos:
        raise VideoError(
            f"{shown_name(path)} has no picture, only sound. Record with the camera on.",
            code="video_audio_only",
        )
    # Without a decoder for its codec a stream has no size, nor anything else.
    videos = [s for s in videos if s.codec_context is not None]
    if not videos:
        raise VideoError(
            f"{shown_name(path)} is coded in a way that cannot be read here. Convert it to MP4 "
            "(H.264).",
            code="video_codec_unknown",
        )
    stream = max(videos, key=lambda s: (s.width or 0) * (s.height or 0))
    width, height = stream.width or 0, stream.height or 0
    if width <= 0 or height <= 0:
        raise VideoError(
            f"{shown_name(path)} has a picture of {width} x {height} pixels. Record it again.",
            code="video_no_size",
        )
    check_size(path, width, height)
    return stream


def check_size(path: Path, width: int, height: int) -> None:
    """Refuse pictures whose pixels would fill the memory.

    Raises:
        VideoError: too many pixels.
    """
    if width * height > _MOST_PIXELS:
        raise VideoError(
            f"{shown_name(path)} has a picture of {width} x {height} pixels, more than can be "
            "analysed. Export it at 1080p or less.",
            code="video_too_large",
        )


def encrypted_error(path: Path) -> VideoError:
    """`path` is a video that only its owner's player can decode."""
    return VideoError(
        f"{shown_name(path)} is encrypted and cannot be read. Export it without copy protection.",
        code="video_encrypted",
    )


def _is_cover(stream: VideoStream) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)
