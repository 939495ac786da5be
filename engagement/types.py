"""The data's way: Frame -> Face -> Track -> Observation -> Window -> Analysis.

Frozen dataclasses; the last step is the published contract in `engagement.report.schema`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class VideoInfo:
    """What a container says of its video, rotation and pixel shape already applied.

    `duration_s` is the container's claim, None where it makes none (as browsers' recordings do).
    """

    duration_s: float | None
    width: int
    height: int
    fps: float
    codec: str
    container: str


@dataclass(frozen=True, slots=True)
class Frame:
    """One sampled picture: upright RGB ``(h, w, 3)`` uint8, shown from `t` seconds on."""

    t: float
    rgb: Pixels


@dataclass(frozen=True, slots=True)
class Face:
    """One detected face.

    Attributes:
        xyxy: ``(4,)`` float32, pixels of the upright frame.
        landmarks: ``(5, 2)`` float32: the image's left eye, right eye, nose tip, left and right
            mouth corner.
        score: the detector's probability.
    """

    xyxy: Floats
    landmarks: Floats
    score: float


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """A face and the track that it belongs to."""

    track_id: int
    t: float
    face: Face


@dataclass(frozen=True, slots=True)
class Expression:
    """What the expression network says of one face.

    `probabilities` ``(c,)`` and `embedding` ``(d,)`` are float32; valence and arousal in -1..1.
    """

    probabilities: Floats
    embedding: Floats
    valence: float
    arousal: float


@dataclass(frozen=True, slots=True)
class Observation:
    """One face in one sampled frame, with everything measured on it. Angles in degrees."""

    track_id: int
    t: float
    face: Face
    expression: Expression
    yaw: float
    pitch: float
