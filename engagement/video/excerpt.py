"""The pictures of a stretch of a recording, found without decoding all that comes before it."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import av

from engagement.types import Frame
from engagement.video.container import open_video
from engagement.video.decoding import Decoded, pictures, start_s
from engagement.video.reader import Size, VideoReader, fitted, upright_rgb


def excerpt(path: Path, low_s: float, high_s: float, fps: float, size: Size) -> Iterator[Frame]:
    """What is shown from `low_s` on and before `high_s`, at most `fps` pictures a second.

    The first frame is the one on show at `low_s`, and has that time. Frames are upright RGB of
    `size` (width, height), as in the recording's analysis.

    Raises:
        VideoError: the recording cannot be read.
    """
    step = 1.0 / fps
    current: Frame | None = None  # the last one before `low_s`
    due = low_s
    for frame in _from(path, low_s, size):
        if frame.t >= high_s:
            break
        if frame.t <= low_s:
            current = frame
            continue
        if current is not None:
            yield Frame(low_s, current.rgb)
            current, due = None, low_s + step
        # Half a source frame early would need the next; a hundredth of a second is enough.
        if frame.t + 0.01 >= due:
            yield frame
            due = due + step if frame.t - due < step else frame.t + step
    if current is not None:
        yield Frame(low_s, current.rgb)


def _from(path: Path, low_s: float, size: Size) -> Iterator[Frame]:
    """Frames from some time before `low_s` on."""
    with open_video(path) as (container, stream):
        stream.thread_type = "SLICE"
        zero = start_s(container)
        container.seek(max(0, int((low_s + zero) * av.time_base)))
        found = pictures(container, stream, path, Decoded())
        first = next(found, None)
        # Where the file has no index, or no time stamps, seeking may lead anywhere.
        if first is not None and first.time is not None and first.time - zero <= low_s:
            last = -1.0
            for picture in chain([first], found):
                t = last if picture.time is None else max(0.0, picture.time - zero)
                if t > last:  # as when sampling, time only runs forwards
                    last = t
                    yield Frame(t, fitted(upright_rgb(picture, stream), size))
            return
    for frame in VideoReader(path, 0):
        yield Frame(frame.t, fitted(frame.rgb, size))
