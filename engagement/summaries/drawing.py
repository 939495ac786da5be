"""Words, colours and strips for pictures. Only characters of Pillow's own font are used."""

from functools import cache
from unicodedata import combining, normalize

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engagement.summaries.schema import Moment
from engagement.types import Pixels

Colour = tuple[int, int, int]

# The report page's colours, of its dark theme.
_COLOURS: dict[str, Colour] = {
    "neutral": (150, 163, 184),
    "happiness": (240, 189, 73),
    "surprise": (71, 188, 203),
    "sadness": (107, 159, 232),
    "fear": (164, 137, 234),
    "anger": (236, 108, 105),
    "contempt": (203, 134, 171),
    "disgust": (136, 189, 102),
    "peak": (122, 211, 155),
    "dip": (255, 157, 151),
}
INK, MUTED, GROUND = (232, 236, 243), (163, 175, 194), (14, 19, 28)


def colour_of(moment: Moment) -> Colour:
    """The colour that the moment has on every page and picture."""
    return _COLOURS.get(moment.emotion or moment.kind, _COLOURS["neutral"])


@cache
def font(px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font; it needs no file of the machine's."""
    return ImageFont.load_default(px)


def clock(seconds: float) -> str:
    """Minutes and seconds with tenths.

    >>> clock(65.04)
    '1:05.0'
    """
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def figure(moment: Moment) -> str:
    """The figure that it was chosen for, short, with what says how far to trust it."""
    if moment.kind == "emotion":
        return f"probability {moment.probability or 0:.0%}, face seen {moment.coverage:.0%}"
    return (
        f"{moment.engagement or 0:.2f}, mean {moment.mean_engagement or 0:.2f} "
        f"± {moment.spread or 0:.2f}, face seen {moment.coverage:.0%}"
    )


def plain(words: str) -> str:
    """The words as the font can draw them: accents dropped, other letters as question marks."""
    bare = "".join(c for c in normalize("NFKD", words) if not combining(c))
    return bare.encode("ascii", "replace").decode("ascii")


def shortened(draw: ImageDraw.ImageDraw, words: str, px: int, width: int) -> str:
    """The words, cut with dots where they are wider than there is room."""
    if draw.textlength(words, font=font(px)) <= width:
        return words
    while words and draw.textlength(words + "...", font=font(px)) > width:
        words = words[:-1]
    return words.rstrip() + "..."


class CaptionStrip:
    """The strip over a clip's picture: what it shows, when it is, and how far the clip is.

    Over it, since players lay their controls over what is below.

    Args:
        width: of the picture in pixels.
    """

    def __init__(self, moment: Moment, width: int, low_s: float, high_s: float) -> None:
        self._low_s, self._length_s = low_s, high_s - low_s
        self._px = max(12, round(width / 34))
        self._colour = colour_of(moment)
        self.height = round(self._px * 2.6) // 2 * 2
        self._blank = self._drawn(moment, width, clock(high_s))

    def over(self, rgb: Pixels, t: float) -> Pixels:
        """The picture with the strip above it, at the recording's time `t`."""
        strip = self._blank.copy()
        draw = ImageDraw.Draw(strip)
        words = clock(t)
        edge = strip.width - self._px
        # Digits of one width each, so that the clock does not tremble.
        draw.text(
            (edge - draw.textlength("0" * len(words), font=font(self._px)), self.height / 2),
            words,
            font=font(self._px),
            fill=INK,
            anchor="lm",
        )
        share = min(1.0, max(0.0, (t - self._low_s) / self._length_s))
        bottom = self.height - 1
        draw.rectangle((0, bottom - 2, round(strip.width * share), bottom), fill=self._colour)
        return np.concatenate([np.asarray(strip, dtype=np.uint8), rgb])

    def _drawn(self, moment: Moment, width: int, longest: str) -> Image.Image:
        strip = Image.new("RGB", (width, self.height), GROUND)
        draw = ImageDraw.Draw(strip)
        px, y = self._px, self.height / 2
        radius = px * 0.36
        draw.ellipse((px - radius, y - radius, px + radius, y + radius), fill=self._colour)
        x = px * 1.9
        draw.text((x, y), moment.title, font=font(px), fill=INK, anchor="lm")
        x += draw.textlength(moment.title, font=font(px)) + px * 0.7
        small = round(px * 0.8)
        taken = draw.textlength("0" * len(longest), font=font(px)) + px * 1.6
        room = int(width - taken - x)
        if room > px * 5:
            words = shortened(draw, figure(moment), small, room)
            draw.text((x, y + px * 0.06), words, font=font(small), fill=MUTED, anchor="lm")
        return strip
