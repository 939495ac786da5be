"""Find faces and their five landmarks: MTCNN of facenet-pytorch.

Zhang et al., "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional
Networks", IEEE SPL 2016. Two traps of the package are kept out here: it silently finds nothing in
a batch of tensors laid out as torch lays them (so it is given uint8 arrays ``(n, h, w, 3)``), and
its memory grows with every new input size: oneDNN keeps a compiled primitive for each, and the
number of candidate faces differs from frame to frame. So MTCNN runs without oneDNN.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from facenet_pytorch import MTCNN

from engagement.types import Face, Frame, Pixels


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
    """MTCNN with bounded input. Not safe to share between threads."""

    name = "mtcnn"

    def __init__(self, settings: DetectorSettings | None = None) -> None:
        self.settings = settings or DetectorSettings()
        self._networks: dict[int, MTCNN] = {}

    def detect(self, frames: Sequence[Frame]) -> list[list[Face]]:
        """Faces of each frame, largest first; all frames must have one size."""
        if not frames:
            return []
        height, width = frames[0].rgb.shape[:2]
        scale = self._scale(width, height)
        batch = np.stack([_shrink(frame.rgb, scale) for frame in frames])
        network = self._network(min(batch.shape[1:3]))
        with torch.inference_mode(), _without_onednn():
            boxes, scores, landmarks = network.detect(batch, landmarks=True)
        limit = np.array([width, height, width, height], dtype=np.float32)
        return [
            self._faces(boxes[i], scores[i], landmarks[i], scale, limit) for i in range(len(frames))
        ]

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

    def _network(self, shorter_side_px: int) -> MTCNN:
        smallest = self._smallest(shorter_side_px)
        if smallest not in self._networks:
            self._networks[smallest] = MTCNN(
                min_face_size=smallest, keep_all=True, device=torch.device("cpu")
            ).eval()
        return self._networks[smallest]

    def _faces(
        self, boxes: object, scores: object, landmarks: object, scale: float, limit: np.ndarray
    ) -> list[Face]:
        if boxes is None:
            return []
        xyxys = np.asarray(boxes, dtype=np.float32) / scale
        points = np.asarray(landmarks, dtype=np.float32) / scale
        faces = []
        for xyxy, five, score in zip(
            xyxys, points, np.asarray(scores, dtype=np.float32), strict=True
        ):
            clipped = np.clip(xyxy, 0, limit)
            has_area = clipped[2] - clipped[0] > 1 and clipped[3] - clipped[1] > 1
            if score >= self.settings.min_score and has_area:
                faces.append(Face(clipped, five, float(min(score, 1.0))))
        return faces


@contextmanager
def _without_onednn() -> Iterator[None]:
    before = torch.backends.mkldnn.set_flags(_enabled=False)  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        torch.backends.mkldnn.set_flags(_enabled=before[0])  # type: ignore[no-untyped-call]


def _shrink(rgb: Pixels, scale: float) -> Pixels:
    if scale == 1.0:
        return rgb
    size = (round(rgb.shape[1] * scale), round(rgb.shape[0] * scale))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
