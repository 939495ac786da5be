"""Compose a recording of a video meeting in gallery view, with the truth of who was where.

`python tools/make_gallery.py OUT.mp4 --truth OUT.json --person "Anna Berg=a.mp4" --person ...`

Every person is a tile with a name tag that plays the person's videos over and over. At half time
the first two tiles swap. The last person leaves at 30 % of the time, and returns at 70 % in another
tile. With --pages the view switches to a second page without the first person and back.
"""

import argparse
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, cycle, pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engagement.types import Frame
from engagement.video.reader import VideoReader
from engagement.video.writing import write_mp4

logger = logging.getLogger("make_gallery")

Pixels = NDArray[np.uint8]

GAP_PX = 6
BACKGROUND, CAMERA_OFF, TAG_BACK = (26, 26, 26), (52, 58, 64), (16, 16, 16)
SWAP, LEAVES, RETURNS = 0.5, 0.3, 0.7
PAGE_FROM, PAGE_TO = 0.8, 0.9


@dataclass(frozen=True)
class Scene:
    """Who is in which tile from `start_s` to `end_s`; None is a tile whose camera is off."""

    start_s: float
    end_s: float
    tiles: tuple[str | None, ...]


@dataclass(frozen=True)
class Layout:
    """A picture of tiles, all of one shape."""

    width: int
    height: int
    columns: int
    rows: int

    @property
    def tile_size(self) -> tuple[int, int]:
        """Width and height of a tile, 16:9."""
        width = (self.width - GAP_PX * (self.columns + 1)) // self.columns
        height = (self.height - GAP_PX * (self.rows + 1)) // self.rows
        width = min(width, height * 16 // 9)
        return width, width * 9 // 16

    def corner(self, tile: int) -> tuple[int, int]:
        """Left and top of a tile."""
        width, height = self.tile_size
        row, column = divmod(tile, self.columns)
        left = (self.width - self.columns * (width + GAP_PX) + GAP_PX) // 2
        top = (self.height - self.rows * (height + GAP_PX) + GAP_PX) // 2
        return left + column * (width + GAP_PX), top + row * (height + GAP_PX)


def plan(names: Sequence[str], tiles: int, seconds: float, fps: float, pages: bool) -> list[Scene]:
    """The scenes of a meeting of these people, without holes; each begins with a frame."""
    shares = {0.0, LEAVES, SWAP, RETURNS, 1.0} | ({PAGE_FROM, PAGE_TO} if pages else set())
    return [
        Scene(
            round(a * seconds * fps) / fps,
            round(b * seconds * fps) / fps,
            _seats(names, tiles, (a + b) / 2, pages),
        )
        for a, b in pairwise(sorted(shares))
    ]


def _seats(names: Sequence[str], tiles: int, share: float, pages: bool) -> tuple[str | None, ...]:
    seats: list[str | None] = [*names, *[None] * (tiles - len(names))]
    leaver = len(names) - 1
    if LEAVES < share < RETURNS:
        seats[leaver] = None
    elif share > RETURNS:  # back, in the last tile
        seats[leaver], seats[-1] = seats[-1], seats[leaver]
    if share > SWAP:
        seats[0], seats[1] = seats[1], seats[0]
    if pages and PAGE_FROM < share < PAGE_TO:  # a page on which the first person is not
        seats = [None if name == names[0] else name for name in seats[::-1]]
    return tuple(seats)


def tile_frames(paths: Sequence[Path], fps: float, size: tuple[int, int]) -> Iterator[Pixels]:
    """The videos one after the other, again and again, in a tile's size."""
    frames = chain.from_iterable(VideoReader(path, fps) for path in paths)
    kept = [_fill(frame.rgb, size) for frame in frames]
    return cycle(kept)


def _fill(rgb: Pixels, size: tuple[int, int]) -> Pixels:
    height, width = rgb.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    scaled = (max(size[0], round(width * scale)), max(size[1], round(height * scale)))
    large = cv2.resize(rgb, scaled, interpolation=cv2.INTER_AREA)
    left, top = (scaled[0] - size[0]) // 2, (scaled[1] - size[1]) // 2
    return np.asarray(large[top : top + size[1], left : left + size[0]], dtype=np.uint8)


def name_tag(name: str, tile_height: int) -> Pixels:
    """White on black, as meeting programs write names."""
    font = ImageFont.load_default(size=max(12, round(tile_height * 0.075)))
    left, top, right, bottom = font.getbbox(name)
    pad = max(3, round(tile_height * 0.02))
    tag = Image.new("RGB", (int(right - left) + 2 * pad, int(bottom - top) + 2 * pad), TAG_BACK)
    ImageDraw.Draw(tag).text((pad - left, pad - top), name, font=font, fill=(255, 255, 255))
    return np.asarray(tag, dtype=np.uint8)


def compose(
    layout: Layout, scenes: Sequence[Scene], people: dict[str, list[Path]], fps: float
) -> Iterator[Frame]:
    """The meeting's pictures. Whoever is out of sight goes on meanwhile."""
    size = layout.tile_size
    playing = {name: tile_frames(paths, fps, size) for name, paths in people.items()}
    tags = {name: name_tag(name, size[1]) for name in people}
    for number in range(round(scenes[-1].end_s * fps)):
        t = number / fps
        scene = next(s for s in scenes if s.start_s <= t < s.end_s)
        shown = {name: next(frames) for name, frames in playing.items()}
        picture = np.full((layout.height, layout.width, 3), BACKGROUND, dtype=np.uint8)
        for tile, name in enumerate(scene.tiles):
            left, top = layout.corner(tile)
            place = picture[top : top + size[1], left : left + size[0]]
            place[:] = CAMERA_OFF if name is None else shown[name]
            if name is not None:
                tag = tags[name]
                place[-tag.shape[0] :, : tag.shape[1]] = tag[:, : size[0]]
        yield Frame(t, picture)


def truth(layout: Layout, scenes: Sequence[Scene], people: Sequence[str], fps: float) -> dict:
    """Who is in which box from when to when."""
    width, height = layout.tile_size
    return {
        "duration_s": scenes[-1].end_s,
        "fps": fps,
        "width": layout.width,
        "height": layout.height,
        "people": list(people),
        "spans": [
            {
                "person": name,
                "start_s": round(scene.start_s, 4),
                "end_s": round(scene.end_s, 4),
                "box": [left, top, left + width, top + height],
            }
            for scene in scenes
            for tile, name in enumerate(scene.tiles)
            if name is not None
            for left, top in [layout.corner(tile)]
        ],
    }


def _people(pairs: Sequence[str]) -> dict[str, list[Path]]:
    people: dict[str, list[Path]] = {}
    for pair in pairs:
        name, _, path = pair.partition("=")
        people.setdefault(name, []).append(Path(path))
    return people


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--truth", type=Path, help="write who was where here, as JSON")
    parser.add_argument(
        "--person",
        action="append",
        required=True,
        metavar="NAME=VIDEO",
        help="a person and one of their videos; at least two people",
    )
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--fps", type=float, default=10.0)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--columns", type=int, default=2)
    parser.add_argument("--rows", type=int, default=2)
    parser.add_argument("--pages", action="store_true", help="switch to a second page and back")
    arguments = parser.parse_args()
    people = _people(arguments.person)
    tiles = arguments.columns * arguments.rows
    if not 2 <= len(people) <= tiles:
        parser.error(f"{len(people)} people do not fit: there are {tiles} tiles, and two must swap")
    layout = Layout(arguments.width, arguments.height, arguments.columns, arguments.rows)
    scenes = plan(list(people), tiles, arguments.seconds, arguments.fps, arguments.pages)
    write_mp4(
        arguments.out, compose(layout, scenes, people, arguments.fps), end_s=arguments.seconds
    )
    if arguments.truth:
        told = truth(layout, scenes, list(people), arguments.fps)
        arguments.truth.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    logger.info("%s: %d people in %d tiles", arguments.out, len(people), tiles)


if __name__ == "__main__":
    main()
