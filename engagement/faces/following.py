"""Follow faces from frame to frame without looking at the whole picture every time.

Where a face was a moment ago there mostly still is one, and the cascade's last network finds it
there at a small part of the whole cascade's cost. The whole picture is looked at when nobody is
followed, when a followed face is lost or doubtful, and at least once a second, for whoever came.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engagement.faces.detector import FaceDetector
from engagement.faces.tracking import iou_matrix
from engagement.types import Face, Floats, Frame


@dataclass(frozen=True)
class FollowSettings:
    """When a face that is followed is believed.

    Measured on the packaged sample and a talking head, 5 to 24 frames a second: boxes overlap those
    of the whole cascade by 0.93 on average and by 0.80 at least, and in 1 to 4 of 100 frames a face
    is lost and looked for in the whole picture.

    Attributes:
        whole_every_s: the whole picture is looked at when the last time is so long ago; 0 for
            every frame.
        min_score: a fainter face is looked for in the whole picture.
        min_overlap: so is one that is not where it was (intersection over union).
        most_shared: and so are two that come to lie on each other.
    """

    whole_every_s: float = 1.0
    min_score: float = 0.95
    min_overlap: float = 0.4
    most_shared: float = 0.3


@dataclass
class FaceFollower:
    """Finds the faces of successive frames.

    Attributes:
        boxes: ``(n, 4)`` of the last frame.
        looked_s: when the whole picture was looked at last.
    """

    detector: FaceDetector
    settings: FollowSettings = field(default_factory=FollowSettings)
    boxes: Floats = field(default_factory=lambda: np.empty((0, 4), np.float32))
    looked_s: float = -np.inf

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that is remembered from frame to frame, as arrays."""
        return {"boxes": self.boxes, "looked_s": np.array(self.looked_s)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `state` told."""
        self.boxes, self.looked_s = state["boxes"], float(state["looked_s"])

    def find(self, frame: Frame) -> list[Face]:
        """Faces of the next frame, largest first."""
        faces = self._followed(frame)
        if faces is None:
            faces, self.looked_s = self.detector.find(frame), frame.t
        self.boxes = np.array([face.xyxy for face in faces], np.float32).reshape(-1, 4)
        return faces

    def _followed(self, frame: Frame) -> list[Face] | None:
        """The same faces as in the last frame; None where that is not sure."""
        # A millisecond less: times of frames are rounded.
        due = frame.t - self.looked_s > self.settings.whole_every_s - 1e-3
        if due or not len(self.boxes):
            return None
        found = self.detector.near(frame, self.boxes)
        faces = [face for face in found if face is not None]
        if len(faces) < len(found) or any(f.score < self.settings.min_score for f in faces):
            return None
        boxes = np.stack([face.xyxy for face in faces])
        if np.diag(iou_matrix(boxes, self.boxes)).min() < self.settings.min_overlap:
            return None
        shared = iou_matrix(boxes, boxes) - np.eye(len(faces))
        if shared.max() > self.settings.most_shared:
            return None
        return sorted(faces, key=lambda face: -float((face.xyxy[2:] - face.xyxy[:2]).prod()))
