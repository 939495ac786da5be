"""Tracking, pose, crops and the detector."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from engagement.faces.crops import crop_face
from engagement.faces.detector import FaceDetector
from engagement.faces.pose import _HEAD, head_pose
from engagement.faces.tracking import FaceTracker, iou_matrix, real_tracks
from engagement.sample import sample_path
from engagement.types import Face, Floats, Frame
from engagement.video.reader import VideoReader
from tests.engagement.conftest import face_at


@pytest.mark.parametrize(
    ("a", "b", "iou"),
    [
        ([0, 0, 10, 10], [0, 0, 10, 10], 1.0),
        ([0, 0, 10, 10], [5, 0, 15, 10], 1 / 3),
        ([0, 0, 10, 10], [20, 20, 30, 30], 0.0),
        ([0, 0, 10, 10], [10, 0, 20, 10], 0.0),
        ([5, 5, 5, 5], [5, 5, 5, 5], 0.0),
    ],
)
def test_iou(a: list[float], b: list[float], iou: float) -> None:
    boxes = np.array([a], np.float32), np.array([b], np.float32)
    assert iou_matrix(*boxes)[0, 0] == pytest.approx(iou)


class People:
    """Describes faces by a person's own direction; people are told apart by their face's side."""

    def __call__(self, frame: Frame, faces: Sequence[Face]) -> Floats:
        described = np.zeros((len(faces), 8), np.float32)
        for row, face in zip(described, faces, strict=True):
            row[int(face.xyxy[2] - face.xyxy[0]) % 8] = 1.0
        return described


def frame_at(t: float) -> Frame:
    return Frame(t, np.zeros((8, 8, 3), np.uint8))


def track_ids(tracker: FaceTracker, t: float, *faces: Face) -> list[int]:
    return [found.track_id for found in tracker.update(frame_at(t), faces)]


def test_faces_that_move_keep_their_tracks_in_any_order() -> None:
    tracker = FaceTracker(People())
    assert track_ids(tracker, 0.0, face_at(0, 0, 100), face_at(300, 0, 101)) == [1, 2]
    assert track_ids(tracker, 0.2, face_at(290, 5, 101), face_at(15, 0, 100)) == [2, 1]


def test_identity_bridges_a_gap_and_a_stranger_begins_a_track() -> None:
    tracker = FaceTracker(People())
    assert track_ids(tracker, 0.0, face_at(0, 0, 100)) == [1]
    assert track_ids(tracker, 30.0, face_at(400, 0, 100)) == [1]
    assert track_ids(tracker, 60.0, face_at(400, 0, 103)) == [2]
    assert track_ids(tracker, 60.2, face_at(0, 0, 100), face_at(401, 0, 103)) == [1, 2]


def test_one_person_is_not_given_two_faces_of_a_frame() -> None:
    tracker = FaceTracker(People())
    track_ids(tracker, 0.0, face_at(0, 0, 100))
    assert sorted(track_ids(tracker, 30.0, face_at(0, 0, 100), face_at(400, 0, 100))) == [1, 2]


def test_false_alarms_are_dropped_unless_the_recording_is_very_short() -> None:
    assert real_tracks([1] * 10 + [2], samples=20, min_faces=3) == {1}
    assert real_tracks([1], samples=2, min_faces=3) == {1}
    assert real_tracks([], samples=5, min_faces=3) == set()


@pytest.mark.parametrize("yaw", [-30, 0, 30])
@pytest.mark.parametrize("pitch", [-20, 0, 20])
def test_pose_of_a_projected_head(yaw: float, pitch: float) -> None:
    y, p = np.radians([yaw, pitch])
    # Positive yaw turns the nose (which points to -z) to the image's right, positive pitch up.
    turn = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    landmarks = (_HEAD @ (turn @ nod).T)[:, :2] * 1.7 + [320, 180]
    assert head_pose(landmarks.astype(np.float32)) == pytest.approx((yaw, pitch), abs=2)


def test_pose_of_a_point_is_nothing() -> None:
    assert head_pose(np.zeros((5, 2), np.float32)) == (0.0, 0.0)


def test_crops_are_square_and_level_and_repeat_the_edge() -> None:
    rgb = np.full((200, 200, 3), 90, np.uint8)
    face = face_at(150, 150, 80)
    crop = crop_face(rgb, face, scale=1.5)
    assert crop.shape == (120, 120, 3)
    assert (crop == 90).all()


def test_a_tilted_face_is_turned_level() -> None:
    upright = face_at(60, 60, 80)
    centre = np.array([100.0, 100.0])
    angle = np.radians(20)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    tilted = ((upright.landmarks - centre) @ turn.T + centre).astype(np.float32)
    rgb = np.zeros((200, 200, 3), np.uint8)
    for x, y in tilted[:2].round().astype(int):
        rgb[y - 2 : y + 3, x - 2 : x + 3] = 255
    crop = crop_face(rgb, Face(upright.xyxy, tilted, 0.99)).mean(axis=2)
    left, right = crop[:, :40], crop[:, 40:]
    rows = [np.average(np.arange(80), weights=half.sum(axis=1)) for half in (left, right)]
    assert rows[0] == pytest.approx(rows[1], abs=1.5)


@pytest.fixture(scope="module")
def sample_frames() -> list[Frame]:
    return list(VideoReader(sample_path(), 1.0))


def test_the_detector_finds_the_sample_and_scales_back(sample_frames: list[Frame]) -> None:
    import cv2

    small = sample_frames[1]
    large = Frame(0.0, cv2.resize(small.rgb, None, fx=2.5, fy=2.5))
    detector = FaceDetector()
    [[in_small]], [[in_large]] = detector.detect([small]), detector.detect([large])
    assert iou_matrix(in_small.xyxy[None] * 2.5, in_large.xyxy[None])[0, 0] > 0.8
    assert in_small.landmarks[0, 0] < in_small.landmarks[1, 0]


def test_a_batch_finds_what_single_frames_find(sample_frames: list[Frame]) -> None:
    detector = FaceDetector()
    together = detector.detect(sample_frames[:6])
    alone = [detector.detect([frame])[0] for frame in sample_frames[:6]]
    assert [len(faces) for faces in together] == [len(faces) for faces in alone]
    assert sum(map(len, alone)) >= 5
    for a, b in zip(together, alone, strict=True):
        if a:
            assert a[0].xyxy == pytest.approx(b[0].xyxy, abs=1.0)


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory from /proc")
def test_memory_does_not_grow_with_varied_sizes(sample_frames: list[Frame]) -> None:
    import cv2

    detector = FaceDetector()

    def detect(sides: Sequence[int]) -> None:
        for side in sides:
            detector.detect([Frame(0.0, cv2.resize(sample_frames[1].rgb, (side, side * 3 // 4)))])

    detect(range(300, 640, 34))
    before = _resident_mb()
    detect(range(301, 640, 11))
    assert _resident_mb() - before < 150
