"""Make the sample recording: `python tools/make_sample.py OUT.mp4 [--truth OUT.json]`.

A public-domain portrait is cut out, set before a drawn room and moved by warping: it sways, blinks,
leaves the picture and comes back, and wears four expressions one after the other. The film has no
sound. The same versions of the libraries make the same film.
"""

import argparse
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from sample_face import ENLARGED, HEAD, Face
from sample_room import cut_out, draw_room
from skimage import data

logger = logging.getLogger("make_sample")

Pixels = NDArray[np.uint8]

WIDTH, HEIGHT, FPS, DURATION_S = 640, 360, 20, 28.0
SEED = 20

# Seconds at which an expression is fully worn; between two rows one melts into the other.
EXPRESSIONS: list[tuple[float, float, str]] = [
    (0.0, 5.6, "smile"),
    (6.6, 11.6, "sadness"),
    (16.4, 18.6, "neutral"),
    (19.4, 23.2, "surprise"),
    (24.2, 28.0, "smile"),
]
# What each is meant to be read as, and then what a fair network may also read in it: a mild sad
# face passes for a neutral one.
READINGS = {
    "smile": ["happiness"],
    "sadness": ["sadness", "neutral"],
    "neutral": ["neutral", "sadness"],
    "surprise": ["surprise"],
}
# She starts to go, is out of the picture, starts to return, is back in her place.
LEAVES_S, GONE_S, RETURNS_S, BACK_S = 11.7, 12.7, 15.9, 16.9
# Between these no face can be seen.
ABSENT_S = (12.2, 16.4)
BLINKS_S = (2.2, 4.7, 8.1, 10.3, 17.6, 23.5, 25.9)
BLINK_LENGTH_S = 0.3

# Pixels of the portrait: the middle of the face, and the neck's foot, about which the head turns.
FACE_CENTRE = np.array([224.0, 116.0])
NECK = np.array([222.0, 192.0])


@dataclass(frozen=True)
class Pose:
    """Where the person is in the picture, and how the head is held.

    Attributes:
        x: the face's middle in pixels of the picture; `y` likewise.
        zoom: pixels of the picture a pixel of the portrait.
        lean_deg: the whole body's turn in the picture.
        roll_deg: the head's turn on the neck.
        yaw: pixels of the portrait by which the face's middle slides sideways in the head.
        pitch: the same up and down.
    """

    x: float
    y: float
    zoom: float
    lean_deg: float
    roll_deg: float
    yaw: float
    pitch: float


def _ease(t: float, start: float, end: float) -> float:
    u = min(1.0, max(0.0, (t - start) / (end - start)))
    return u * u * u * (u * (6 * u - 15) + 10)


def _sway(t: float, *waves: tuple[float, float, float]) -> float:
    """A sum of waves (size, period in seconds, phase in turns)."""
    return sum(a * float(np.sin(2 * np.pi * (t / period + phase))) for a, period, phase in waves)


def pose_at(t: float) -> Pose:
    """The pose at `t` seconds."""
    away = _ease(t, LEAVES_S, GONE_S) - _ease(t, RETURNS_S, BACK_S)
    nods = 1.0 if 1.0 < t < 6.0 else 0.0
    return Pose(
        x=296 + _sway(t, (16, 9.1, 0.1), (6, 4.3, 0.4)) + 700 * away,
        y=164 + _sway(t, (4, 6.7, 0.2), (1.2, 3.4, 0.0)) - 14 * away,
        zoom=1.4 + _sway(t, (0.05, 13.0, 0.7), (0.012, 5.0, 0.3)),
        lean_deg=_sway(t, (1.2, 8.3, 0.6)) + 7 * away,
        roll_deg=_sway(t, (3.2, 6.1, 0.0), (1.2, 2.9, 0.2)),
        yaw=_sway(t, (3.4, 7.3, 0.3), (1.2, 3.1, 0.6)),
        pitch=_sway(t, (1.6, 5.3, 0.1)) + nods * 0.8 * _sway(t, (1.0, 1.25, 0.0)),
    )


def expression_at(t: float) -> dict[str, float]:
    """How much of each made expression is worn at `t` seconds; what is missing is the smile."""
    worn: dict[str, float] = {}
    for (_, end, name), (start, _, following) in zip(
        EXPRESSIONS, [*EXPRESSIONS[1:], (DURATION_S + 1, 0.0, "smile")], strict=True
    ):
        if t < start:
            melted = _ease(t, end, start) if end < start else 0.0
            worn[name] = worn.get(name, 0.0) + 1 - melted
            worn[following] = worn.get(following, 0.0) + melted
            break
    # A face is never quite still: the smile lives a little, the rest breathes.
    life = 0.10 + _sway(t, (0.06, 2.3, 0.1), (0.04, 1.1, 0.5))
    if "smile" in worn:
        worn["neutral"] = worn.get("neutral", 0.0) + life * worn.pop("smile")
    if "surprise" in worn:
        kept = worn["surprise"] * (1 - life)
        worn["neutral"] = worn.get("neutral", 0.0) + worn["surprise"] - kept
        worn["surprise"] = kept
    return {name: weight for name, weight in worn.items() if weight > 0}


def blink_at(t: float) -> float:
    """How far the eyes are closed at `t` seconds, 0..1."""
    near = min(abs(t - (start + BLINK_LENGTH_S / 2)) for start in BLINKS_S)
    return float(np.cos(np.pi / 2 * min(1.0, 2 * near / BLINK_LENGTH_S)) ** 0.8)


def truth() -> dict[str, Any]:
    """What the sample holds, by construction: for the pipeline's tests."""
    return {
        "duration_s": DURATION_S,
        "fps": FPS,
        "width": WIDTH,
        "height": HEIGHT,
        "absent": [list(ABSENT_S)],
        "expressions": [
            {
                "start_s": BACK_S if start < BACK_S < end else start,
                "end_s": end,
                "intended": READINGS[name][0],
                "accepted": READINGS[name],
            }
            for start, end, name in EXPRESSIONS
        ],
    }


class Stage:
    """Renders the person in the room."""

    def __init__(self, portrait: Pixels) -> None:
        clean, matte = cut_out(portrait)
        size = (portrait.shape[1] * ENLARGED, portrait.shape[0] * ENLARGED)
        self._face = Face(clean)
        self._person = cv2.resize(clean, size, interpolation=cv2.INTER_LANCZOS4)
        self._matte = cv2.resize(matte, size, interpolation=cv2.INTER_CUBIC)
        self._room = draw_room(WIDTH, HEIGHT, SEED).astype(np.float32)
        y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
        self._grid = np.stack([x, y], axis=-1)
        self._rng = np.random.default_rng(SEED)

    def render(self, pose: Pose, expression: Mapping[str, float], blink: float, t: float) -> Pixels:
        """The picture at `t` seconds, RGB."""
        picture = self._room
        if pose.x < WIDTH + 300:
            x0, y0, x1, y1 = (ENLARGED * side for side in HEAD)
            self._person[y0:y1, x0:x1] = self._face.wear(expression, blink)
            back = self._back_map(pose)
            person = cv2.remap(self._person, back, None, cv2.INTER_LINEAR)
            matte = cv2.remap(self._matte, back, None, cv2.INTER_LINEAR)
            alpha = np.clip(matte, 0, 1)[..., None]
            picture = picture * (1 - alpha) + person * alpha
        cloud = _sway(t, (1.0, 17.0, 0.15))
        light = np.array([1.0 + 0.03 * cloud, 1.0 + 0.025 * cloud, 1.0 + 0.012 * cloud])
        grain = self._rng.normal(0, 1.1, (HEIGHT, WIDTH, 1))
        return np.asarray(np.clip(picture * light + grain + 0.5, 0, 255), dtype=np.uint8)

    def _back_map(self, pose: Pose) -> NDArray[np.float32]:
        """Where in the enlarged portrait each pixel of the picture comes from, ``(h, w, 2)``."""
        here = self._grid - np.array([pose.x, pose.y])
        point = _turn(here, -pose.lean_deg) / pose.zoom + FACE_CENTRE
        # The head turns about the neck's foot; below it the body stays.
        held = 1 / (1 + np.exp((point[..., 1:] - 172) / 9.0))
        turned = _turn(point - NECK, -pose.roll_deg) + NECK
        point = point + held * (turned - point)
        # A turned head: what is nearer to the camera slides further than the outline.
        near = np.exp(-(((point - FACE_CENTRE) / np.array([44.0, 52.0])) ** 2).sum(-1))
        point = point - near[..., None] * np.array([pose.yaw, pose.pitch])
        return np.asarray((point + 0.5) * ENLARGED - 0.5, dtype=np.float32)


def _turn(points: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
    angle = np.deg2rad(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(points @ rotation.T)


def frames() -> Iterator[Pixels]:
    """Every picture of the sample, RGB ``(360, 640, 3)``."""
    stage = Stage(data.astronaut())
    for index in range(round(DURATION_S * FPS)):
        t = index / FPS
        yield stage.render(pose_at(t), expression_at(t), blink_at(t), t)


def write(path: Path) -> None:
    """Encode the sample as H.264 that browsers play and can start before all has come."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"crf": "23", "preset": "slow", "g": str(2 * FPS)}
        # One thread: the film must not depend on the number of cores.
        stream.codec_context.thread_count = 1
        for picture in frames():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def main() -> None:
    """Read the command line and write the files."""
    parser = argparse.ArgumentParser(description="Make the sample recording.")
    parser.add_argument("out", type=Path, help="the film to write, for example sample.mp4")
    parser.add_argument("--truth", type=Path, help="where to write what the film holds, as JSON")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    cv2.setNumThreads(1)
    write(arguments.out)
    logger.info("%s: %d kB", arguments.out, arguments.out.stat().st_size // 1000)
    if arguments.truth:
        arguments.truth.write_text(json.dumps(truth(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
