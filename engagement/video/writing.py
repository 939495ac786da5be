"""Write pictures with time stamps as MP4 (H.264), animated WebP or GIF. Imports PyAV.

A picture is shown from its own time to the next one's, the last one to the end that is given: a
variable frame rate stays one. Times in the file count from the first picture.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import av.error
import cv2
import numpy as np
from PIL import Image

from engagement.errors import OutputError, VideoError
from engagement.files import written_whole
from engagement.types import Frame, Pixels
from engagement.video.container import open_video
from engagement.video.decoding import start_s

TIME_BASE = Fraction(1, 90_000)
_ENCODERS = ("libx264", "libopenh264", "h264")
# Of how many pictures, shrunk to which width, a GIF's common colours are taken.
_PALETTE_FRAMES, _PALETTE_PX = 12, 160


@dataclass(frozen=True)
class SoundSource:
    """The sound of a recording's stretch; both times are its presentation time in seconds."""

    path: Path
    start_s: float
    end_s: float


def h264_encoder() -> str:
    """The best encoder of H.264 that FFmpeg has here.

    Raises:
        VideoError: it has none.
    """
    for name in _ENCODERS:
        try:
            av.codec.Codec(name, "w")
        except av.codec.codec.UnknownCodecError:
            continue
        return name
    raise VideoError("This installation cannot write H.264.", code="video_unplayable")


def write_mp4(
    path: Path, frames: Iterable[Frame], end_s: float, sound: SoundSource | None = None
) -> None:
    """H.264, 4:2:0, the index in front, so that every browser plays it while it loads.

    Args:
        frames: at least one, of one size, in order of their times; taken one at a time. An odd
            last row or column is dropped, as 4:2:0 has none.
        end_s: when the last picture stops being shown, on the frames' clock.
        sound: written as AAC where the recording has any; it begins with the first picture.

    Raises:
        OutputError: the file cannot be written.
        VideoError: nothing here can encode it.
        ValueError: there is no frame, or time does not run forwards.
    """
    with written_whole(path) as partial:
        try:
            with av.open(
                str(partial), "w", format="mp4", options={"movflags": "+faststart"}
            ) as writer:
                _encode(writer, frames, end_s, sound)
        except av.error.FFmpegError as error:
            if isinstance(error, OSError):
                raise
            raise OutputError(f"{path} cannot be encoded ({error}).") from error


def write_webp(path: Path, frames: Iterable[Frame], end_s: float, quality: int = 75) -> None:
    """An animated WebP that repeats for ever; arguments and errors as for `write_mp4`."""
    held = list(frames)
    images = [Image.fromarray(frame.rgb) for frame in held]
    durations = _durations(held, end_s, step_ms=1)
    with written_whole(path) as partial:
        images[0].save(
            partial,
            format="WEBP",
            save_all=True,
            append_images=images[1:],
            duration=durations,
            loop=0,
            quality=quality,
            method=4,
        )


def write_gif(path: Path, frames: Iterable[Frame], end_s: float) -> None:
    """A GIF that repeats for ever, in one palette of 255 colours; otherwise as `write_webp`.

    A GIF counts in hundredths of a second, and players slow down what is shown for less than two.
    """
    held = list(frames)
    durations = _durations(held, end_s, step_ms=10)
    palette = _palette([frame.rgb for frame in held])
    images = [
        Image.fromarray(frame.rgb).quantize(palette=palette, dither=Image.Dither.NONE)
        for frame in held
    ]
    with written_whole(path) as partial:
        images[0].save(
            partial,
            format="GIF",
            save_all=True,
            append_images=images[1:],
            duration=durations,
            loop=0,
            optimize=False,
        )


class SoundEncoder:
    """Encodes decoded sound as stereo AAC into an open container."""

    def __init__(self, writer: Any, source: Any) -> None:
        self._writer = writer
        rate = source.rate or 48_000
        self._stream = writer.add_stream("aac", rate=rate)
        self._stream.layout = "stereo"
        self._resampler = av.AudioResampler(format="fltp", layout="stereo", rate=rate)

    def add(self, frame: Any) -> None:
        """One frame of the source's sound."""
        for part in self._resampler.resample(frame):
            self._writer.mux(self._stream.encode(part))

    def finish(self) -> None:
        """What is still held back."""
        for part in self._resampler.resample(None):
            self._writer.mux(self._stream.encode(part))
        self._writer.mux(self._stream.encode(None))


def _encode(writer: Any, frames: Iterable[Frame], end_s: float, sound: SoundSource | None) -> None:
    shown = _shown(frames, end_s)
    first, until = next(shown)
    height, width = first.rgb.shape[0] // 2 * 2, first.rgb.shape[1] // 2 * 2
    stream = writer.add_stream(h264_encoder(), rate=30)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.codec_context.time_base = TIME_BASE
    # Without B-frames the last packet is the last picture, whose duration the muxer must be told.
    stream.options = {"preset": "veryfast", "crf": "23", "bf": "0"}
    lasts: dict[int, int] = {}

    def add(frame: Frame, until_s: float) -> None:
        pts = round((frame.t - first.t) / TIME_BASE)
        lasts[pts] = round((until_s - first.t) / TIME_BASE) - pts
        rgb = np.ascontiguousarray(frame.rgb[:height, :width])
        picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
        picture.pts, picture.time_base = pts, TIME_BASE
        mux(stream.encode(picture))

    def mux(packets: Sequence[Any]) -> None:
        for packet in packets:
            packet.duration = lasts.pop(round(packet.pts * packet.time_base / TIME_BASE), 0)
            writer.mux(packet)

    # Streams must all be known before the first packet, and sound is short: it goes first.
    if sound is not None:
        _encode_sound(writer, sound)
    add(first, until)
    for frame, until_s in shown:
        add(frame, until_s)
    mux(stream.encode(None))


def _encode_sound(writer: Any, sound: SoundSource) -> None:
    with open_video(sound.path) as (reader, _):
        if not reader.streams.audio:
            return
        source = reader.streams.audio[0]
        encoder, zero = SoundEncoder(writer, source), start_s(reader)
        reader.seek(int((sound.start_s + zero) * av.time_base))
        for frame in reader.decode(source):
            starts = (frame.time or 0.0) - zero
            if starts >= sound.end_s:
                break
            part = _cut(frame, sound.start_s - starts, sound.end_s - starts)
            if part is not None:
                # Counted from zero, as the pictures are.
                part.pts = round(max(0.0, starts - sound.start_s) * part.rate)
                part.time_base = Fraction(1, part.rate)
                encoder.add(part)
        encoder.finish()


def _cut(frame: Any, low_s: float, high_s: float) -> Any:
    """The frame's samples between two times from its start, None if there are none."""
    low, high = max(0, round(low_s * frame.rate)), min(frame.samples, round(high_s * frame.rate))
    if high <= low:
        return None
    if (low, high) == (0, frame.samples):
        return frame
    samples = frame.to_ndarray()
    if not frame.format.is_planar:  # interleaved: one row holds all channels in turn
        channels = frame.layout.nb_channels
        low, high = low * channels, high * channels
    part = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples[:, low:high]), frame.format.name, frame.layout.name
    )
    part.rate = frame.rate
    return part


def _shown(frames: Iterable[Frame], end_s: float) -> Iterator[tuple[Frame, float]]:
    """Every frame with the time until which it is shown."""
    previous: Frame | None = None
    for frame in frames:
        if previous is not None:
            if frame.t <= previous.t:
                raise ValueError(f"a frame at {frame.t} s follows one at {previous.t} s")
            if frame.rgb.shape != previous.rgb.shape:
                raise ValueError(f"a frame of {frame.rgb.shape} follows {previous.rgb.shape}")
            yield previous, frame.t
        previous = frame
    if previous is None:
        raise ValueError("there is no frame to write")
    if end_s <= previous.t:
        raise ValueError(f"the end, {end_s} s, is not after the last frame, {previous.t} s")
    yield previous, end_s


def _durations(frames: Sequence[Frame], end_s: float, step_ms: int) -> list[int]:
    """Milliseconds of each frame in whole steps; rounding does not add up."""
    edges = [frame.t for frame, _ in _shown(frames, end_s)] + [end_s]
    steps = [round((edge - edges[0]) * 1000 / step_ms) for edge in edges]
    return [max(1, high - low) * step_ms for low, high in pairwise(steps)]


def _palette(pictures: Sequence[Pixels]) -> Image.Image:
    """Colours that all pictures share: a palette a picture would flicker."""
    step = max(1, len(pictures) // _PALETTE_FRAMES)
    height, width = pictures[0].shape[:2]
    size = (_PALETTE_PX, max(1, round(_PALETTE_PX * height / width)))
    small = [cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) for rgb in pictures[::step]]
    return Image.fromarray(np.concatenate(small)).quantize(
        colors=255, method=Image.Quantize.MEDIANCUT
    )
