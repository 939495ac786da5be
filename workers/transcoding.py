"""Any video that can be decoded, to H.264 and AAC in MP4; or its packets as they are, in a file
that has a length and an index. Heavy: imports PyAV."""

from pathlib import Path
from typing import Any

import av
import av.error
import av.filter

from engagement.errors import VideoError
from engagement.video.container import open_video
from engagement.video.writing import TIME_BASE, SoundEncoder, h264_encoder

_LONGEST_SIDE = 1920
_TURNS = {90: ("cclock",), 180: ("clock", "clock"), 270: ("clock",)}


def transcode(source: Path, target: Path) -> None:
    """Writes the copy; sound is kept where there is any, and pictures are turned upright.

    Raises:
        VideoError: the source cannot be decoded, or no encoder takes it.
        FileNotFoundError: the target's folder is gone.
    """
    try:
        with (
            open_video(source) as (reader, video),
            av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as writer,
        ):
            audio = reader.streams.audio[0] if reader.streams.audio else None
            _copy(reader, video, audio, writer)
    except (av.error.FFmpegError, ValueError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise VideoError(
            "No copy that browsers play could be made of this video.", code="video_unplayable"
        ) from error


def rewrap(source: Path, target: Path) -> None:
    """Writes the same packets into a file that says how long it is and where its key frames are.

    Raises:
        VideoError: the source cannot be read, or its packets fit no file that browsers play.
        FileNotFoundError: the target's folder is gone.
    """
    try:
        with open_video(source) as (reader, video):
            container = "mp4" if video.codec_context.name == "h264" else "webm"
            options = {"movflags": "+faststart"} if container == "mp4" else {}
            with av.open(str(target), "w", format=container, options=options) as writer:
                kept = {
                    stream.index: writer.add_stream_from_template(stream)
                    for stream in (video, *reader.streams.audio[:1])
                }
                for packet in reader.demux(*(reader.streams[index] for index in kept)):
                    if packet.dts is None:
                        continue
                    packet.stream = kept[packet.stream.index]
                    writer.mux(packet)
    except (av.error.FFmpegError, ValueError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise VideoError(
            "No copy that browsers can move in could be made of this video.",
            code="video_unplayable",
        ) from error


def _copy(reader: Any, video: Any, audio: Any, writer: Any) -> None:
    sound = SoundEncoder(writer, audio) if audio is not None else None
    pictures = _Pictures(writer)
    for packet in reader.demux(*(stream for stream in (video, audio) if stream is not None)):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            # A damaged packet costs its pictures, not the rest of the video.
            continue
        for frame in frames:
            if packet.stream is video:
                pictures.add(frame)
            elif sound is not None:
                sound.add(frame)
    pictures.finish()
    if sound is not None:
        sound.finish()


class _Pictures:
    """Encodes pictures, with sides that are even and not too long, turned upright."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self._stream: Any = None
        self._graph: Any = None
        self._last_pts = -1

    def add(self, frame: Any) -> None:
        if frame.pts is None:
            return
        if self._graph is None:
            self._graph = _upright_graph(frame)
        self._graph.push(frame)
        self._drain()

    def finish(self) -> None:
        if self._graph is None:
            raise VideoError("The video has no picture.", code="video_undecodable")
        self._graph.push(None)
        self._drain()
        self._writer.mux(self._stream.encode(None))

    def _drain(self) -> None:
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            if self._stream is None:
                self._stream = self._open(frame)
            pts = round(frame.pts * frame.time_base / TIME_BASE)
            if pts <= self._last_pts:
                continue
            frame.pts, frame.time_base, self._last_pts = pts, TIME_BASE, pts
            frame.pict_type = av.video.frame.PictureType.NONE
            self._writer.mux(self._stream.encode(frame))

    def _open(self, frame: Any) -> Any:
        stream = self._writer.add_stream(h264_encoder(), rate=30)
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
        stream.codec_context.time_base = TIME_BASE
        stream.options = {"preset": "veryfast", "crf": "23"}
        return stream


def _upright_graph(frame: Any) -> Any:
    """A filter graph: turn upright, square pixels, even sides up to the longest, 4:2:0."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=frame.time_base,
    )
    steps = [
        graph.add("transpose", f"dir={turn}")
        for turn in _TURNS.get(round(frame.rotation or 0) % 360, ())
    ]
    shrink = f"min(1,{_LONGEST_SIDE}/max(iw,ih))"
    steps.append(graph.add("scale", f"w='trunc(iw*{shrink}/2)*2':h='trunc(ih*{shrink}/2)*2'"))
    steps.append(graph.add("format", "pix_fmts=yuv420p"))
    graph.link_nodes(source, *steps, graph.add("buffersink")).configure()
    return graph
