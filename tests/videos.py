"""Small videos made on the spot: good ones and each kind of bad one. Needs PyAV."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_video(
    path: Path,
    *,
    seconds: float = 2.0,
    fps: int = 10,
    size: tuple[int, int] = (320, 240),
    codec: str = "libx264",
    pixels: str = "yuv420p",
    frames: int | None = None,
    sound: bool = False,
) -> Path:
    """A moving grey pattern without a face."""
    width, height = size
    count = round(seconds * fps) if frames is None else frames
    with av.open(str(path), "w") as writer:
        stream = writer.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        audio = writer.add_stream("aac", rate=16_000) if sound else None
        across = np.linspace(0, 255, width)[None, :]
        for number in range(count):
            grey = np.roll(np.repeat(across, height, 0), number * 4, axis=1).astype(np.uint8)
            picture = av.VideoFrame.from_ndarray(np.stack([grey] * 3, axis=-1), format="rgb24")
            writer.mux(stream.encode(picture))
        writer.mux(stream.encode(None))
        if audio is not None:
            _write_tone(writer, audio, count / fps)
    return path


def write_beginning(source: Path, target: Path, *, seconds: float) -> Path:
    """The first seconds of a video, without its sound."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        video = reader.streams.video[0]
        stream = writer.add_stream("libx264", rate=round(video.average_rate or 25))
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
        for frame in reader.decode(video):
            if frame.time is not None and frame.time >= seconds:
                break
            frame.pict_type = av.video.frame.PictureType.NONE
            writer.mux(stream.encode(frame))
        writer.mux(stream.encode(None))
    return target


def write_sound(path: Path, seconds: float = 2.0) -> Path:
    """Sound and no picture."""
    with av.open(str(path), "w") as writer:
        _write_tone(writer, writer.add_stream("aac", rate=16_000), seconds)
    return path


def _write_tone(
    writer: av.container.OutputContainer, stream: av.AudioStream, seconds: float
) -> None:
    times = np.arange(int(16_000 * seconds)) / 16_000
    tone = (0.2 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    for start in range(0, len(tone), 1024):
        frame = av.AudioFrame.from_ndarray(
            tone[None, start : start + 1024], format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = 16_000, start, Fraction(1, 16_000)
        writer.mux(stream.encode(frame))
    writer.mux(stream.encode(None))


def write_not_a_video(path: Path) -> Path:
    """Text that calls itself a video."""
    path.write_text("This is a shopping list: bread, milk, apples.\n" * 50)
    return path


def write_truncated(path: Path) -> Path:
    """The first half of an MP4, whose index stood at its end."""
    whole = write_video(path.with_suffix(".whole.mp4"), seconds=4).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path
