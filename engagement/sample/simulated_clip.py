"""Drawn films and pictures for simulated recordings: a figure, a clock and the word "Simulated".

    python -m engagement.sample.simulated_clip FOLDER SECONDS [SECONDS ...]

Writes `FOLDER/<seconds>.mp4` for every length, one picture a second, and pictures of a few figures
and of their heads as `FOLDER/figure-<n>.jpg` and `FOLDER/head-<n>.jpg`. A program of its own, since
what asks for it may not load a decoder.
"""

import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engagement.files import written_whole
from engagement.sample.simulated_figure import HEIGHT, WIDTH, head_box
from engagement.types import Frame
from engagement.video.writing import write_mp4

#: Colours of the figures' clothes; a picture of a head is made with each.
COLOURS = ("#4f7cac", "#b0653a", "#5b8f3e", "#7d5bc6", "#a8892b", "#3c8d8f")
_WALL, _SKIN, _INK = "#d8dde6", "#e9c7a3", "#3a3f4a"
_HEAD_PX = 160


def picture(t_s: float, colour: str = COLOURS[0], *, has_clock: bool = True) -> Image.Image:
    """What is shown at a time of a simulated recording, with that time or without."""
    image = Image.new("RGB", (WIDTH, HEIGHT), _WALL)
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = head_box(t_s)
    middle = (left + right) / 2
    draw.ellipse((middle - 95, bottom - 4, middle + 95, HEIGHT + 110), fill=colour)
    draw.rectangle((middle - 14, bottom - 14, middle + 14, bottom + 14), fill=_SKIN)
    draw.ellipse((left, top, right, bottom), fill=_SKIN)
    draw.pieslice((left - 3, top - 6, right + 3, bottom - 12), 180, 360, fill=_INK)
    draw.rectangle((left + 4, top + 38, right - 4, top + 42), fill=_SKIN)
    for eye in (middle - 15, middle + 15):
        draw.ellipse((eye - 4, top + 48, eye + 4, top + 56), fill=_INK)
    draw.arc((middle - 16, top + 54, middle + 16, top + 78), 20, 160, fill=_INK, width=3)
    draw.text((12, 10), "Simulated", fill=_INK, font=_font(18))
    draw.text((12, 32), "nobody was recorded", fill=_INK, font=_font(12))
    if not has_clock:
        return image
    minutes, seconds = divmod(int(t_s), 60)
    draw.text((WIDTH - 74, 10), f"{minutes:02d}:{seconds:02d}", fill=_INK, font=_font(22))
    return image


def head(colour: str) -> Image.Image:
    """A square picture of the head of a figure in clothes of a colour."""
    left, top, right, bottom = head_box(0.0)
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    reach = (bottom - top) * 0.7
    box = (middle_x - reach, middle_y - reach, middle_x + reach, middle_y + reach)
    return picture(0.0, colour).crop(box).resize((_HEAD_PX, _HEAD_PX))


def write(folder: Path, lengths_s: Sequence[int]) -> None:
    """Writes the films and the pictures into a folder that is there.

    Raises:
        OutputError: they cannot be written.
        VideoError: nothing here can encode H.264.
    """
    longest_s = max(lengths_s)
    whole = folder / f"{longest_s}.mp4"
    write_mp4(whole, _frames(longest_s), float(longest_s))
    for length_s in set(lengths_s) - {longest_s}:
        cut(whole, folder / f"{length_s}.mp4", length_s)
    for number, colour in enumerate(COLOURS, start=1):
        # Figures stand for moments at several times, so they have no clock.
        figure = picture(1201.0, colour, has_clock=False)
        for name, image in (("head", head(colour)), ("figure", figure)):
            with written_whole(folder / f"{name}-{number}.jpg") as partial:
                image.save(partial, format="JPEG", quality=85)


def cut(source: Path, target: Path, length_s: int) -> None:
    """Copies the first part of a film without encoding it again."""
    with (
        written_whole(target) as partial,
        av.open(str(source)) as reader,
        av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as writer,
    ):
        film = reader.streams.video[0]
        copy = writer.add_stream_from_template(film)
        for packet in reader.demux(film):
            # The last packet of all is empty. Without B-frames the others are in order of time.
            if packet.dts is None or packet.pts * Fraction(packet.time_base) >= length_s:
                break
            packet.stream = copy
            writer.mux(packet)


def _frames(length_s: int) -> Iterator[Frame]:
    for second in range(length_s):
        yield Frame(t=float(second), rgb=np.asarray(picture(float(second))))


_fonts: dict[int, ImageFont.ImageFont | ImageFont.FreeTypeFont] = {}


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    if size not in _fonts:
        _fonts[size] = ImageFont.load_default(size)
    return _fonts[size]


if __name__ == "__main__":
    write(Path(sys.argv[1]), [int(one) for one in sys.argv[2:]])
