"""A world of colours in which the right answer of every protocol is known.

Faces are coloured squares, an emotion is a colour, the model reads the mean colour. Real objects
all: the detector finds squares, the videos are videos.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engagement.networks.spec import EIGHT_EMOTIONS, ExpressionSpec, InputSpec
from engagement.types import Face, Floats, Frame, Pixels

Colour = tuple[int, int, int]

#: A colour an emotion, far from each other and from black.
PALETTE: dict[str, Colour] = {
    "anger": (230, 30, 30),
    "contempt": (120, 120, 120),
    "disgust": (30, 200, 30),
    "fear": (150, 30, 200),
    "happiness": (240, 220, 40),
    "neutral": (230, 230, 230),
    "sadness": (30, 60, 230),
    "surprise": (30, 220, 220),
}


class ColourModel:
    """Embeds a face as its mean colour; its outputs say which emotion's colour is nearest.

    With `predicts_affect` it also says valence and arousal: how red and how green, in -1..1.
    """

    def __init__(
        self,
        classes: Sequence[str] = EIGHT_EMOTIONS,
        *,
        predicts_affect: bool = False,
        name: str = "colours",
    ) -> None:
        self.spec = ExpressionSpec(
            name, tuple(classes), "none", InputSpec(8), predicts_affect=predicts_affect
        )
        self.weights_sha256 = hashlib.sha256(name.encode()).hexdigest()
        self.seen = 0
        self._colours = np.array([PALETTE[c] for c in classes], dtype=np.float32) / 255

    def crop(self, frame: Frame, face: Face) -> Pixels:
        x1, y1, x2, y2 = face.xyxy.round().astype(int)
        return frame.rgb[y1:y2, x1:x2]

    def outputs(self, crops: Sequence[Pixels]) -> tuple[Floats, Floats]:
        assert crops, "no model is asked about no face"
        self.seen += len(crops)
        means = np.array([crop.reshape(-1, 3).mean(axis=0) for crop in crops]) / 255
        distance = np.linalg.norm(means[:, None] - self._colours[None], axis=2)
        parts = [-2 * distance] + ([2 * means[:, :2] - 1] if self.spec.predicts_affect else [])
        return np.concatenate(parts, axis=1).astype(np.float32), means.astype(np.float32)


class SquareDetector:
    """Finds squares on black, largest first."""

    name = "squares"

    def detect(self, frames: Sequence[Frame]) -> list[list[Face]]:
        return [self._squares(frame.rgb) for frame in frames]

    def _squares(self, rgb: Pixels) -> list[Face]:
        bright = (rgb.max(axis=2) > 80).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(bright)
        found = sorted((s for s in stats[1:] if s[4] > 50), key=lambda s: -s[4])
        return [
            # Two pixels in, where the video's compression does not blur the edge.
            Face(
                np.array([x + 2, y + 2, x + w - 2, y + h - 2], dtype=np.float32),
                np.zeros((5, 2), dtype=np.float32),
                1.0,
            )
            for x, y, w, h, _ in found
        ]


def picture(*squares: tuple[Colour, int], size: tuple[int, int] = (128, 64)) -> Pixels:
    """Squares of a colour and a side beside each other, on black."""
    rgb = np.zeros((size[1], size[0], 3), dtype=np.uint8)
    left = 8
    for colour, side in squares:
        rgb[8 : 8 + side, left : left + side] = colour
        left += side + 16
    return rgb


def save_image(path: Path, rgb: Pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path)
    return path


def save_colour(path: Path, colour: Colour) -> Path:
    """A face image of one colour."""
    return save_image(path, np.full((12, 12, 3), colour, dtype=np.uint8))


def save_broken(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"not a picture, nor a film")
    return path


def save_video(path: Path, frames: Iterable[NDArray[np.uint8]], fps: int = 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = list(frames)
    with av.open(str(path), "w") as writer:
        stream = writer.add_stream("libx264", rate=fps, options={"crf": "4"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv444p"
        for rgb in pictures:
            writer.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        writer.mux(stream.encode(None))
    return path
