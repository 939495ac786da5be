"""One picture of a whole summary: a still a moment, with when it was and its figures."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw

from engagement.summaries.drawing import (
    GROUND,
    INK,
    MUTED,
    clock,
    colour_of,
    figure,
    font,
    shortened,
)
from engagement.summaries.schema import Moment
from engagement.types import Pixels

_TILE_PX, _GAP, _EDGE = 380, 20, 36
_TITLE_PX, _WORDS_PX, _SMALL_PX = 30, 19, 16
_CARD, _LINE = (22, 29, 41), (42, 53, 71)
_BELOW = 96
_MOST_COLUMNS = 4
_WARNING = "Evidence with an error, never a verdict: guesses from a face on camera."


@dataclass(frozen=True)
class Tile:
    """A still of a moment; of a class's, `who` and `t` say of whom it is, and when."""

    moment: Moment
    picture: Pixels
    who: str = ""
    t: float = 0.0


@dataclass(frozen=True)
class Row:
    """Tiles that belong together, under a line that says why."""

    title: str
    tiles: Sequence[Tile]


def contact_sheet(title: str, subtitle: str, rows: Sequence[Row]) -> Pixels:
    """``(h, w, 3)`` RGB. Rows that are wider than the sheet go on in a next line."""
    columns = _columns(rows)
    height = _picture_height(rows)
    width = 2 * _EDGE + columns * _TILE_PX + (columns - 1) * _GAP
    lines = sum(_lines(row, columns) for row in rows)
    heads = sum(_SMALL_PX * 2 + 10 for row in rows if row.title)
    head = _EDGE + _TITLE_PX + _WORDS_PX + 34
    total = head + heads + lines * (height + _BELOW + _GAP) + _SMALL_PX + _EDGE
    sheet = Image.new("RGB", (width, total), GROUND)
    draw = ImageDraw.Draw(sheet)
    room = width - 2 * _EDGE
    draw.text(
        (_EDGE, _EDGE), shortened(draw, title, _TITLE_PX, room), font=font(_TITLE_PX), fill=INK
    )
    words = shortened(draw, subtitle, _WORDS_PX, room)
    draw.text((_EDGE, _EDGE + _TITLE_PX + 10), words, font=font(_WORDS_PX), fill=MUTED)
    y = head
    for row in rows:
        if row.title:
            words = shortened(draw, row.title, _WORDS_PX, room)
            draw.text((_EDGE, y), words, font=font(_WORDS_PX), fill=INK)
            y += _SMALL_PX * 2 + 10
        for number, tile in enumerate(row.tiles):
            line, column = divmod(number, columns)
            at = (_EDGE + column * (_TILE_PX + _GAP), y + line * (height + _BELOW + _GAP))
            _draw_tile(sheet, draw, tile, at, height)
        y += _lines(row, columns) * (height + _BELOW + _GAP)
    draw.text((_EDGE, y), _WARNING, font=font(_SMALL_PX), fill=MUTED)
    return np.asarray(sheet, dtype=np.uint8)


def _columns(rows: Sequence[Row]) -> int:
    """As few as keep the longest row in as few lines: five tiles stand in three and two."""
    longest = max((len(row.tiles) for row in rows), default=1)
    lines = -(-longest // _MOST_COLUMNS)
    # Titles over rows need some width.
    least = 3 if any(row.title for row in rows) else 2
    return max(least, -(-longest // lines))


def _lines(row: Row, columns: int) -> int:
    return -(-len(row.tiles) // columns)


def _picture_height(rows: Sequence[Row]) -> int:
    """As most pictures need it; portrait ones are cut to a square at most."""
    heights = [
        _TILE_PX * tile.picture.shape[0] / tile.picture.shape[1]
        for row in rows
        for tile in row.tiles
    ]
    return min(_TILE_PX, round(float(np.median(heights)))) if heights else 0


def _draw_tile(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    tile: Tile,
    at: tuple[int, int],
    height: int,
) -> None:
    x, y = at
    moment = tile.moment
    box = (x, y, x + _TILE_PX - 1, y + height + _BELOW - 1)
    draw.rounded_rectangle(box, radius=12, fill=_CARD, outline=_LINE)
    mask = Image.new("L", (_TILE_PX, height), 0)
    # Rounded above only: the lower corners lie outside the picture.
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, _TILE_PX - 1, height + 20), radius=12, fill=255)
    sheet.paste(Image.fromarray(_filling(tile.picture, (_TILE_PX, height))), (x, y), mask)
    draw.rectangle((x, y + height, x + _TILE_PX - 1, y + height + 3), fill=colour_of(moment))
    left, room = x + 16, _TILE_PX - 32
    title, under = moment.title, figure(moment)
    when = f"{clock(moment.start_s)} to {clock(moment.end_s)}"
    if tile.who:  # the figures are the class's, and stand in the row's title
        title, under, when = tile.who, moment.title, clock(tile.t)
    taken = draw.textlength(when, font=font(_SMALL_PX)) + 12
    words = shortened(draw, title, _WORDS_PX, round(room - taken))
    draw.text((left, y + height + 34), words, font=font(_WORDS_PX), fill=INK, anchor="lm")
    draw.text(
        (x + _TILE_PX - 16, y + height + 34), when, font=font(_SMALL_PX), fill=MUTED, anchor="rm"
    )
    words = shortened(draw, under, _SMALL_PX, room)
    draw.text((left, y + height + 68), words, font=font(_SMALL_PX), fill=MUTED, anchor="lm")


def _filling(rgb: Pixels, size: tuple[int, int]) -> Pixels:
    """The middle of the picture in a frame of that size, the upper part where it is taller."""
    height, width = rgb.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    larger = cv2.resize(
        rgb, (max(size[0], round(width * scale)), max(size[1], round(height * scale)))
    )
    left, top = (larger.shape[1] - size[0]) // 2, (larger.shape[0] - size[1]) // 4
    picture: Pixels = larger[top : top + size[1], left : left + size[0]]
    return np.ascontiguousarray(picture)
