"""The pictures of a stretch of a recording, found without decoding all that comes before it."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from engagement.types import Frame, Pixels
from engagement.video.container import open_video
from engagement.video.decoding import Decoded, pictures, sought, start_s
from engagement.video.reader import Size, VideoReader, fitted, upright_rgb

# Turning a decoded picture into RGB costs as much as decoding it: only what is shown is turned.
Show = Callable[[], Pixels]


def excerpt(path: Path, low_s: float, high_s: float, fps: float, size: Size) -> Iterator[Frame]:
    """What is shown from `low_s` on and before `high_s`, at most `fps` pictures a second.

    The first frame is the one on show at `low_s`, and has that time. Frames are upright RGB of
    `size` (width, height), as in the recording's analysis.

    Raises:
        VideoError: the recording cannot be read.
    """
    step = 1.0 / fps
    before: Show | None = None  # the last one up to `low_s`
    due = low_s
    for t, show in _from(path, low_s, size):
        if t >= high_s:
            break
        if t <= low_s:
            before = show
            continue
        if before is not None:
            yield Frame(low_s, before())
            before, due = None, low_s + step
        # Half a source frame early would need the next; a hundredth of a second is enough.
        if t + 0.01 >= due:
            yield Frame(t, show())
            due = due + step if t - due < step else t + step
    if before is not None:
        yield Frame(low_s, before())


def _from(path: Path, low_s: float, size: Size) -> Iterator[tuple[float, Show]]:
    """Frames from some time before `low_s` on: when each is shown, and how to have it."""
    # Where the file has no index, seeking leads anywhere or nowhere; then from the beginning.
    for seeking in (True, False):
        with open_video(path) as (container, stream):
            stream.thread_type = "SLICE"
            zero = start_s(container)
            if seeking and not sought(container, low_s + zero):
                continue
            found = pictures(container, stream, path, Decoded())
            first = next(found, None)
            if first is None or first.time is None:
                continue
            if seeking and first.time - zero > low_s:
                continue
            last = -1.0
            for picture in chain([first], found):
                t = last if picture.time is None else max(0.0, picture.time - zero)
                if t > last:  # as when sampling, time only runs forwards
                    last = t
                    yield t, partial(_shown, picture, stream, size)
            return
    # Without time stamps, times are those that sampling gives.
    for frame in VideoReader(path, 0):
        yield frame.t, partial(fitted, frame.rgb, size)


def _shown(picture: VideoFrame, stream: VideoStream, size: Size) -> Pixels:
    return fitted(upright_rgb(picture, stream), size)
