"""Recordings to measure on: the test data's clip or the packaged sample, of any length and size."""

import os
from pathlib import Path

import av
from av.video.frame import PictureType

from engagement.sample import sample_path

HD = (1280, 720)
_CLIP = "WolfgangLanger_Pexels.mp4"


def data_folder() -> Path:
    """The folder of the further test data, which need not be there."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    return Path(os.environ.get("ENGAGEMENT_TEST_DATA", beside))


def clip() -> Path:
    """One person in front of a camera: the test data's clip, or the packaged sample without it."""
    there = data_folder() / "clips" / _CLIP
    return there if there.is_file() else sample_path()


def why_not_clip() -> str | None:
    """A sentence where the packaged sample has to serve."""
    if clip() != sample_path():
        return None
    return f"{_CLIP} is not here (set ENGAGEMENT_TEST_DATA): measured on the packaged sample."


def repeated(source: Path, target: Path, seconds: float) -> Path:
    """The pictures of `source` again and again until `seconds`, by copying what is coded.

    The end is cut in the order of decoding, so that all that is left can be decoded.
    """
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        video = reader.streams.video[0]
        stream = writer.add_stream_from_template(video)
        shift, most = 0, round(seconds / video.time_base)
        while shift < most:
            reader.seek(0)
            first, end = None, 0
            for packet in reader.demux(video):
                if packet.dts is None or packet.pts is None:
                    continue
                first = packet.pts if first is None else min(first, packet.pts)
                end = max(end, packet.pts + (packet.duration or 0))
                if packet.dts + shift >= most:
                    break
                packet.stream = stream
                packet.pts += shift
                packet.dts += shift
                writer.mux(packet)
            shift += end - (first or 0)
    return target


def upscaled(source: Path, target: Path, size: tuple[int, int], most_s: float) -> Path:
    """The beginning of `source`, without its sound, in another size (width, height).

    Coded by libx264 at its defaults.
    """
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        video = reader.streams.video[0]
        video.thread_type = "AUTO"
        stream = writer.add_stream("libx264", rate=video.average_rate, options={"crf": "23"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for frame in reader.decode(video):
            if frame.time >= most_s:
                break
            larger = frame.reformat(*size, format="yuv420p", interpolation="BICUBIC")
            larger.pts, larger.time_base = frame.pts, frame.time_base
            larger.pict_type = PictureType.NONE
            writer.mux(stream.encode(larger))
        writer.mux(stream.encode(None))
    return target


def prepared(folder: Path, size: tuple[int, int] | None, seconds: float) -> Path:
    """The clip in its own size or another, `seconds` long; a coded form is made once a folder."""
    source = clip()
    label = "own-size" if size is None else f"{size[0]}x{size[1]}"
    if size is not None:
        once = folder / f"{source.stem}-{label}.mp4"
        source = once if once.is_file() else upscaled(source, once, size, seconds)
    return repeated(source, folder / f"{clip().stem}-{label}-{seconds:g}s.mp4", seconds)
