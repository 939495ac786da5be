"""Draw the chosen moments of one recording: short clips, and a still of each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from engagement.files import written_whole
from engagement.report.schema import Analysis
from engagement.summaries.drawing import CaptionStrip
from engagement.summaries.faces import FacePlaces, Region, hide_others
from engagement.summaries.schema import Clip, Format, Moment
from engagement.summaries.select import Chosen
from engagement.types import Frame, Pixels
from engagement.video.excerpt import excerpt
from engagement.video.writing import SoundSource, write_gif, write_mp4, write_webp


@dataclass(frozen=True)
class Look:
    """How clips are drawn.

    Attributes:
        sound: whether an MP4 keeps the recording's sound; off, since others may be heard in it.
    """

    format: Format = "mp4"
    sound: bool = False


# Longer side in pixels, and pictures a second: what is still small enough to send around.
_SIZES: dict[Format, tuple[int, float]] = {"mp4": (640, 15.0), "webp": (480, 12.0), "gif": (360, 8)}
_STILL_PX = 640
# Of the picture's width.
_SMALL_FACE = 0.1
# A tile of a gallery view is small; the words over it need some width.
_MOST_LARGER = 2.5


class ClipMaker:
    """Makes the clips and stills of one recording in one folder."""

    def __init__(self, video: Path, analysis: Analysis, out: Path, look: Look) -> None:
        self._video, self._out, self._look = video, out, look
        self._size = (analysis.source.width, analysis.source.height)
        self._places = [FacePlaces(track) for track in analysis.tracks]

    def clip(self, chosen: Chosen, track: int, name: str) -> tuple[Clip, Pixels]:
        """Writes the clip ``name.<format>`` and its poster ``name.jpg``.

        Returns:
            The clip, and the poster's picture without words.
        """
        look = self._look
        longest, fps = _SIZES[look.format]
        frames = self._pictures(chosen.moment, track, (chosen.start_s, chosen.end_s), longest, fps)
        path = self._out / f"{name}.{look.format}"
        if look.format == "mp4":
            sound = SoundSource(self._video, chosen.start_s, chosen.end_s) if look.sound else None
            write_mp4(path, frames, chosen.end_s, sound)
        elif look.format == "webp":
            write_webp(path, frames, chosen.end_s)
        else:
            write_gif(path, frames, chosen.end_s)
        poster, still = f"{name}.jpg", self.still(track, chosen.key_s)
        strip = CaptionStrip(chosen.moment, still.shape[1], chosen.start_s, chosen.end_s)
        write_jpeg(self._out / poster, strip.over(still, chosen.key_s))
        clip = Clip(
            file=path.name,
            poster=poster,
            start_s=round(chosen.start_s, 3),
            end_s=round(chosen.end_s, 3),
            size_bytes=path.stat().st_size,
        )
        return clip, still

    def still(self, track: int, t: float) -> Pixels:
        """What is shown at `t`, others' faces hidden, without words."""
        view = self._view(track, (t, t))
        frame = next(excerpt(self._video, t, t + 1.0, 1.0, self._size))
        return view(frame, _STILL_PX)

    def _pictures(
        self, moment: Moment, track: int, span: tuple[float, float], longest: int, fps: float
    ) -> Iterator[Frame]:
        strip: CaptionStrip | None = None
        view = self._view(track, span)
        for frame in excerpt(self._video, *span, fps, self._size):
            picture = view(frame, longest)
            strip = strip or CaptionStrip(moment, picture.shape[1], *span)
            yield Frame(frame.t, strip.over(picture, frame.t))

    def _view(self, track: int, span: tuple[float, float]) -> Callable[[Frame, int], Pixels]:
        """How to show the person: all of the picture, or their part of it.

        The part where others are in the recording, or the face is as small as in a gallery view.
        """
        region: Region | None = None
        own = next(places for places in self._places if places.track_id == track)
        if len(self._places) > 1 or own.width < _SMALL_FACE * self._size[0]:
            region = own.region(*span, self._size)
        shown = region or (0, 0, *self._size)

        def show(frame: Frame, longest: int) -> Pixels:
            return sized(hide_others(frame, track, self._places, shown), longest)

        return show


def sized(rgb: Pixels, longest: int) -> Pixels:
    """So long on its longer side, or smaller: it is enlarged a little at most; both sides even."""
    height, width = rgb.shape[:2]
    scale = min(_MOST_LARGER, longest / max(height, width))
    size = (max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2))
    if size == (width, height):
        return np.ascontiguousarray(rgb)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    picture: Pixels = cv2.resize(rgb, size, interpolation=way)
    return picture


def write_jpeg(path: Path, rgb: Pixels) -> None:
    """Writes a still.

    Raises:
        OutputError: it cannot be written.
    """
    with written_whole(path) as partial:
        Image.fromarray(rgb).save(partial, format="JPEG", quality=88, optimize=True)


def names(chosen: Sequence[Chosen], track: int) -> list[str]:
    """File names of a person's moments: whose, which, and when."""
    return [
        f"person-{track}-{one.moment.emotion or one.moment.kind}-{round(one.start_s * 10):05d}"
        for one in chosen
    ]
