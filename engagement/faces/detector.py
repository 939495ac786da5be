"""Find faces and their five landmarks with MTCNN, at a size that bounds the work.

The networks are facenet-pytorch's, the cascade is `engagement.faces.cascade`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from engagement.faces.cascade import Candidates, Cascade
from engagement.faces.networks import open_cascade
from engagement.runtimes.base import RuntimeSettings
from engagement.types import Face, Floats, Frame, Pixels


@dataclass(frozen=True)
class DetectorSettings:
    """How detection trades reach for time.

    Attributes:
        max_side_px: frames are shrunk so that their longer side is at most this.
        min_face_share: smallest face looked for, as a share of the shorter side of the frame.
        min_face_px: the same in pixels of the shrunk frame, whichever is larger.
        min_score: faces that the last network is less sure of are dropped.
    """

    max_side_px: int = 640
    min_face_share: float = 0.09
    min_face_px: int = 24
    min_score: float = 0.85


class FaceDetector:
    """MTCNN with bounded input. Not safe to share between threads.

    Args:
        runtime: how to run its networks.

    Raises:
        ModelError: its networks cannot be loaded.
    """

    name = "mtcnn"

    def __init__(
        self, settings: DetectorSettings | None = None, runtime: RuntimeSettings | None = None
    ) -> None:
        self.settings = settings or DetectorSettings()
        self._cascade = Cascade(open_cascade(runtime))

    def detect(self, frames: Sequence[Frame]) -> list[list[Face]]:
        """Faces of each frame, largest first."""
        return [self.find(frame) for frame in frames]

    def find(self, frame: Frame) -> list[Face]:
        """Faces of one frame, largest first."""
        scale, small = self._shrunk(frame)
        found = self._cascade.find(small, self._smallest(min(small.shape[:2])))
        return self._faces(frame, found, scale)

    def near(self, frame: Frame, xyxys: Floats) -> list[Face | None]:
        """The faces at or near places ``(n, 4)`` where there should be one, in the places' order.

        Costs a small part of `find`: only the cascade's last network is asked. None where it sees
        no face.
        """
        scale, small = self._shrunk(frame)
        found = self._cascade.near(small, xyxys * np.float32(scale))
        near: list[Face | None] = [None] * len(xyxys)
        for i in range(len(found.scores)):
            faces = self._faces(frame, found.take(np.array([i])), scale)
            near[i] = faces[0] if faces else None
        return near

    def min_face_px(self, width: int, height: int) -> int:
        """Smallest face looked for in frames of this size, in their own pixels."""
        scale = self._scale(width, height)
        return round(self._smallest(round(min(width, height) * scale)) / scale)

    def _scale(self, width: int, height: int) -> float:
        return min(1.0, self.settings.max_side_px / max(width, height))

    def _smallest(self, shorter_side_px: int) -> int:
        """Smallest face looked for in a shrunk frame with this shorter side."""
        share = round(shorter_side_px * self.settings.min_face_share)
        return max(self.settings.min_face_px, share)

    def _shrunk(self, frame: Frame) -> tuple[float, Pixels]:
        height, width = frame.rgb.shape[:2]
        scale = self._scale(width, height)
        if scale == 1.0:
            return scale, frame.rgb
        size = (round(width * scale), round(height * scale))
        small = cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA)
        return scale, np.asarray(small, dtype=np.uint8)

    def _faces(self, frame: Frame, found: Candidates, scale: float) -> list[Face]:
        height, width = frame.rgb.shape[:2]
        limit = np.array([width, height, width, height], dtype=np.float32)
        boxes = np.clip(found.boxes / np.float32(scale), 0, limit)
        points = found.landmarks / np.float32(scale)
        sides = boxes[:, 2:] - boxes[:, :2]
        good = (found.scores >= self.settings.min_score) & (sides > 1).all(axis=1)
        largest_first = np.argsort(-sides.prod(axis=1), kind="stable")
        return [
            Face(boxes[i], points[i], float(min(found.scores[i], 1.0)))
            for i in largest_first
            if good[i]
        ]
