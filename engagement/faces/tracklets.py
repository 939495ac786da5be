"""Short, pure pieces of tracks, for recordings in which a place may change hands.

In a gallery view of a meeting, tiles swap and pages switch: the same place shows another person
from one frame to the next. So overlap alone never goes on with a tracklet; every face's identity
descriptor has to agree too. Where in doubt a tracklet ends and another begins; who they are is
settled afterwards, over the whole recording (`engagement.faces.people`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from engagement.faces.tracking import Describe, iou_matrix
from engagement.types import Face, Floats, Frame

_IMPOSSIBLE = -1e6


@dataclass(frozen=True)
class TrackletSettings:
    """When a tracklet goes on.

    Attributes:
        min_iou: least overlap with the tracklet's last box.
        max_gap_s: a tracklet unseen for longer has ended.
        min_similarity: least cosine similarity of the face's descriptor to the tracklet's last
            one or its mean. See `engagement.faces.people` for what was measured.
    """

    min_iou: float = 0.2
    max_gap_s: float = 1.0
    min_similarity: float = 0.65


@dataclass
class Tracklet:
    """One person's faces in one place, in order of time.

    Attributes:
        total: ``(d,)``, the sum of the faces' unit descriptors.
        last: ``(d,)``, the last face's descriptor.
    """

    total: Floats
    last: Floats
    times: list[float] = field(default_factory=list)
    faces: list[Face] = field(default_factory=list)

    @property
    def descriptor(self) -> Floats:
        """``(d,)`` float32 of unit length."""
        return np.asarray(self.total / np.linalg.norm(self.total), dtype=np.float32)

    def see(self, t: float, face: Face, descriptor: Floats) -> None:
        """Take in the next face."""
        self.total = self.total + descriptor
        self.last = descriptor
        self.times.append(t)
        self.faces.append(face)


@dataclass
class TrackletBuilder:
    """Cuts the faces of successive frames into tracklets, all kept in `tracklets`."""

    describe: Describe
    settings: TrackletSettings = field(default_factory=TrackletSettings)
    tracklets: list[Tracklet] = field(default_factory=list)
    _live: list[int] = field(default_factory=list)

    def update(self, frame: Frame, faces: Sequence[Face]) -> list[int]:
        """Index in `tracklets` of each face of the next frame; order of the input kept."""
        limit = self.settings.max_gap_s
        self._live = [n for n in self._live if frame.t - self.tracklets[n].times[-1] <= limit]
        if not faces:
            return []
        descriptors = self.describe(frame, faces)
        owners = self._going_on(faces, descriptors)
        numbers = []
        for i, face in enumerate(faces):
            if i not in owners:
                owners[i] = len(self.tracklets)
                zero = np.zeros_like(descriptors[i])
                self.tracklets.append(Tracklet(zero, zero))
                self._live.append(owners[i])
            self.tracklets[owners[i]].see(frame.t, face, descriptors[i])
            numbers.append(owners[i])
        return numbers

    def _going_on(self, faces: Sequence[Face], descriptors: Floats) -> dict[int, int]:
        if not self._live:
            return {}
        live = [self.tracklets[n] for n in self._live]
        overlap = iou_matrix(
            np.stack([face.xyxy for face in faces]), np.stack([x.faces[-1].xyxy for x in live])
        )
        similarity = np.maximum(
            descriptors @ np.stack([x.last for x in live]).T,
            descriptors @ np.stack([x.descriptor for x in live]).T,
        )
        allowed = (overlap >= self.settings.min_iou) & (similarity >= self.settings.min_similarity)
        gain = np.where(allowed, overlap + similarity, _IMPOSSIBLE)
        return {
            int(i): self._live[j]
            for i, j in zip(*linear_sum_assignment(-gain), strict=True)
            if allowed[i, j]
        }
