"""One track a person: overlap from frame to frame, face identity across gaps.

Overlap decides while a face is in sight (IoU, assigned by the Hungarian method). A face that
overlaps nothing is compared, by identity, with the people who are out of sight; only then does a
new track begin.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from engagement.types import Face, Floats, Frame, TrackedFace

#: Gives unit-length descriptors ``(n, d)`` of faces in a frame.
Describe = Callable[[Frame, Sequence[Face]], Floats]


@dataclass(frozen=True)
class TrackerSettings:
    """When two faces are one person.

    Attributes:
        min_iou: least overlap of a face with its track's last box.
        max_gap_s: a track unseen for longer is out of sight, and only identity finds it again.
        min_similarity: least cosine similarity of descriptors to be the same person.
        refresh_s: how often a track's descriptor takes in a new view.
        min_faces: tracks with fewer faces are false alarms and dropped.
    """

    min_iou: float = 0.2
    max_gap_s: float = 1.0
    min_similarity: float = 0.5
    refresh_s: float = 2.0
    min_faces: int = 3


@dataclass
class _Track:
    id: int
    xyxy: Floats
    seen_s: float
    descriptor: Floats
    described_s: float
    views: int = 1

    def see(self, face: Face, t: float) -> None:
        self.xyxy, self.seen_s = face.xyxy, t

    def remember(self, descriptor: Floats, t: float) -> None:
        self.described_s = t
        self.views += 1
        # A running mean over about the last ten views: faces turn, light changes.
        mixed = self.descriptor + (descriptor - self.descriptor) / min(self.views, 10)
        self.descriptor = np.asarray(mixed / np.linalg.norm(mixed), dtype=np.float32)


@dataclass
class FaceTracker:
    """Give every face of successive frames a track number, counted from 1."""

    describe: Describe
    settings: TrackerSettings = field(default_factory=TrackerSettings)
    _tracks: list[_Track] = field(default_factory=list)

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that is remembered from frame to frame, as arrays."""
        return {
            "seen": np.array(
                [[t.seen_s, t.described_s, t.views] for t in self._tracks], np.float64
            ).reshape(-1, 3),
            "xyxy": np.array([t.xyxy for t in self._tracks], np.float32).reshape(-1, 4),
            "descriptor": np.array([t.descriptor for t in self._tracks], np.float32),
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `state` told."""
        rows = zip(state["seen"], state["xyxy"], state["descriptor"], strict=True)
        self._tracks = [
            _Track(number, xyxy, float(seen[0]), descriptor, float(seen[1]), int(seen[2]))
            for number, (seen, xyxy, descriptor) in enumerate(rows, start=1)
        ]

    def update(self, frame: Frame, faces: Sequence[Face]) -> list[TrackedFace]:
        """Assign the faces of the next frame; order of the input kept."""
        owners = self._by_overlap(frame, faces)
        new = [i for i in range(len(faces)) if i not in owners]
        if new:
            owners |= self._by_identity(frame, faces, new, set(owners.values()))
        for i, number in owners.items():
            self._tracks[number].see(faces[i], frame.t)
        self._refresh(frame, faces, owners)
        return [
            TrackedFace(self._tracks[owners[i]].id, frame.t, face) for i, face in enumerate(faces)
        ]

    def _by_overlap(self, frame: Frame, faces: Sequence[Face]) -> dict[int, int]:
        active = [
            n
            for n, track in enumerate(self._tracks)
            if frame.t - track.seen_s <= self.settings.max_gap_s
        ]
        if not active or not faces:
            return {}
        overlaps = iou_matrix(
            np.stack([face.xyxy for face in faces]),
            np.stack([self._tracks[n].xyxy for n in active]),
        )
        rows, columns = linear_sum_assignment(-overlaps)
        return {
            int(i): active[j]
            for i, j in zip(rows, columns, strict=True)
            if overlaps[i, j] >= self.settings.min_iou
        }

    def _by_identity(
        self, frame: Frame, faces: Sequence[Face], new: list[int], taken: set[int]
    ) -> dict[int, int]:
        descriptors = self.describe(frame, [faces[i] for i in new])
        free = [n for n in range(len(self._tracks)) if n not in taken]
        owners: dict[int, int] = {}
        if free:
            known = np.stack([self._tracks[n].descriptor for n in free])
            similarity = descriptors @ known.T
            for k, j in zip(*linear_sum_assignment(-similarity), strict=True):
                if similarity[k, j] >= self.settings.min_similarity:
                    owners[new[k]] = free[j]
                    self._tracks[free[j]].remember(descriptors[k], frame.t)
        for k, i in enumerate(new):
            if i not in owners:
                owners[i] = len(self._tracks)
                self._tracks.append(
                    _Track(len(self._tracks) + 1, faces[i].xyxy, frame.t, descriptors[k], frame.t)
                )
        return owners

    def _refresh(self, frame: Frame, faces: Sequence[Face], owners: dict[int, int]) -> None:
        due = [
            (i, n)
            for i, n in owners.items()
            if frame.t - self._tracks[n].described_s >= self.settings.refresh_s
        ]
        if due:
            descriptors = self.describe(frame, [faces[i] for i, _ in due])
            for (_, n), descriptor in zip(due, descriptors, strict=True):
                self._tracks[n].remember(descriptor, frame.t)


def iou_matrix(a: Floats, b: Floats) -> NDArray[np.float64]:
    """Intersection over union of boxes ``(n, 4)`` and ``(m, 4)`` in xyxy -> ``(n, m)``."""
    top_left = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = np.clip(bottom_right - top_left, 0, None).prod(axis=2)
    union = _areas(a)[:, None] + _areas(b)[None] - overlap
    return np.asarray(
        np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0), dtype=np.float64
    )


def _areas(boxes: Floats) -> Floats:
    return np.asarray(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1))


def real_tracks(track_ids: Sequence[int], samples: int, min_faces: int) -> set[int]:
    """Tracks with enough faces to be a person rather than a false alarm.

    Args:
        track_ids: the track of every tracked face of a recording.
        samples: number of sampled frames; a very short recording asks for fewer faces.
        min_faces: least number of faces otherwise.
    """
    least = min(min_faces, max(1, samples // 2))
    return {track for track, count in Counter(track_ids).items() if count >= least}
