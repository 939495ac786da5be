"""The cascade against the package whose weights it carries, and a single face followed with it."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from engagement.faces.cascade import Cascade, PooledPicture
from engagement.faces.detector import FaceDetector
from engagement.faces.following import FaceFollower, FollowSettings
from engagement.faces.networks import open_cascade
from engagement.faces.tracking import iou_matrix
from engagement.pipeline import Analyzer
from engagement.runtimes.base import PACKAGES, RuntimeSettings
from engagement.sample import sample_path
from engagement.types import Face, Floats, Frame, Pixels
from engagement.video.reader import VideoReader

_MIN_FACE_PX = 32


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return list(VideoReader(sample_path(), 5.0))


@pytest.fixture(scope="module")
def crowd(frames: list[Frame]) -> list[Pixels]:
    """Pictures with one, two and four faces of different sizes, with none, and of odd shapes."""
    one = frames[20].rgb
    other = np.ascontiguousarray(frames[100].rgb[:, ::-1])
    small = cv2.resize(one, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    four = np.vstack([np.hstack([small, small[:, ::-1]]), np.hstack([small[:, ::-1], small])])
    return [
        np.ascontiguousarray(picture)
        for picture in (
            one,
            np.hstack([one, other]),
            four,
            np.full_like(one, 90),
            one[7:, 13:],
            one[:, :371],
            cv2.resize(one, (229, 331)),
        )
    ]


@pytest.mark.parametrize("name", PACKAGES)
def test_boxes_and_landmarks_are_those_of_facenet_pytorch(name: str, crowd: list[Pixels]) -> None:
    from facenet_pytorch import MTCNN

    published = MTCNN(min_face_size=_MIN_FACE_PX, keep_all=True).eval()
    cascade = Cascade(open_cascade(RuntimeSettings(name)))
    seen = []
    for picture in crowd:
        boxes, scores, landmarks = published.detect(picture, landmarks=True)
        found = cascade.find(picture, _MIN_FACE_PX)
        seen.append(len(found.scores))
        if boxes is None:
            assert not seen[-1]
            continue
        order = np.argsort(-(found.boxes[:, 2:] - found.boxes[:, :2]).prod(axis=1))
        assert found.boxes[order] == pytest.approx(np.asarray(boxes, np.float32), abs=1e-3)
        assert found.landmarks[order] == pytest.approx(np.asarray(landmarks, np.float32), abs=1e-3)
        assert found.scores[order] == pytest.approx(np.asarray(scores, np.float32), abs=1e-5)
    assert seen[:4] == [1, 2, 4, 0]
    assert sum(seen[4:]) >= 2


def test_a_pooled_picture_gives_what_adaptive_pooling_gives(frames: list[Frame]) -> None:
    import torch

    rgb = frames[3].rgb
    whole = torch.from_numpy(rgb).permute(2, 0, 1)[None].float()

    def pooled(part: torch.Tensor, size: tuple[int, int]) -> Floats:
        area = torch.nn.functional.interpolate(part, size, mode="area")
        return ((area - 127.5) * 0.0078125).numpy()[0]

    for picture in (PooledPicture(rgb), PooledPicture(rgb, np.array([[8.0, 5.0, 320.0, 300.0]]))):
        boxes = np.array([[10.7, 20.2, 200.9, 211.1], [15.0, 5.0, 39.0, 29.0]], np.float32)
        for crop, (x1, y1, x2, y2) in zip(picture.crops(boxes, 24), boxes.astype(int), strict=True):
            expected = pooled(whole[:, :, y1 - 1 : y2, x1 - 1 : x2], (24, 24))
            assert crop == pytest.approx(expected, abs=1e-6)
    assert PooledPicture(rgb).whole((61, 97)) == pytest.approx(pooled(whole, (61, 97)), abs=1e-6)


def overlap(a: Face, b: Face) -> float:
    return float(iou_matrix(a.xyxy[None], b.xyxy[None])[0, 0])


def test_followed_faces_are_where_the_whole_cascade_finds_them(frames: list[Frame]) -> None:
    detector = FaceDetector()
    follower = FaceFollower(detector)
    overlaps, sizes, followed = [], [], 0
    for frame in frames:
        faces, whole = follower.find(frame), detector.find(frame)
        assert [len(faces)] == [len(whole)] or follower.looked_s < frame.t
        if follower.looked_s < frame.t and faces and whole:
            followed += 1
            overlaps.append(overlap(faces[0], whole[0]))
            sides = [np.ptp(face.xyxy.reshape(2, 2), axis=0) for face in (faces[0], whole[0])]
            sizes.append(sides[0] / sides[1])
    assert followed > len(frames) / 2
    assert np.mean(overlaps) > 0.9
    assert min(overlaps) > 0.7
    # No drift: neither towards smaller boxes nor towards larger ones.
    assert np.mean(sizes, axis=0) == pytest.approx([1, 1], abs=0.015)


class Counted:
    """A detector that counts how often the whole picture was looked at."""

    def __init__(self) -> None:
        self.detector = FaceDetector()
        self.times: list[float] = []

    def find(self, frame: Frame) -> list[Face]:
        self.times.append(frame.t)
        return self.detector.find(frame)

    def near(self, frame: Frame, xyxys: Floats) -> list[Face | None]:
        return self.detector.near(frame, xyxys)


def still(picture: Pixels, seconds: float, start: float = 0.0) -> list[Frame]:
    return [Frame(start + n / 10, picture) for n in range(round(seconds * 10))]


def test_the_whole_picture_is_looked_at_once_a_second_while_a_face_is_followed(
    crowd: list[Pixels],
) -> None:
    detector = Counted()
    follower = FaceFollower(detector)  # type: ignore[arg-type]
    found = [follower.find(frame) for frame in still(crowd[0], 4)]
    assert detector.times == pytest.approx([0, 1, 2, 3])
    assert {len(faces) for faces in found} == {1}


def test_whoever_leaves_is_missed_at_once_and_whoever_comes_is_seen_within_a_second(
    crowd: list[Pixels],
) -> None:
    both, alone = crowd[1], crowd[1].copy()
    alone[:, 640:] = 90
    follower = FaceFollower(FaceDetector())
    frames = [*still(both, 1.5), *still(alone, 1.5, 1.5), *still(both, 2, 3.0)]
    counts = {round(frame.t, 1): len(follower.find(frame)) for frame in frames}
    assert {counts[t / 10] for t in range(15)} == {2}
    assert {counts[t / 10] for t in range(15, 30)} == {1}
    assert {counts[t / 10] for t in range(40, 50)} == {2}


def test_while_nobody_is_there_every_frame_is_looked_at(crowd: list[Pixels]) -> None:
    detector = Counted()
    follower = FaceFollower(detector)  # type: ignore[arg-type]
    frames = still(crowd[3], 1)
    assert [follower.find(frame) for frame in frames] == [[]] * 10
    assert len(detector.times) == 10


def test_following_can_be_turned_off(frames: list[Frame]) -> None:
    detector = FaceDetector()
    follower = FaceFollower(detector, FollowSettings(whole_every_s=0.0))
    for frame in frames[:10]:
        for face, other in zip(follower.find(frame), detector.find(frame), strict=True):
            assert np.array_equal(face.xyxy, other.xyxy)


def test_a_place_outside_of_the_picture_holds_no_face(frames: list[Frame]) -> None:
    places = np.array([[-300, -300, -200, -200], [9000, 40, 9100, 140]], np.float32)
    assert FaceDetector().near(frames[0], places) == [None, None]


_ANALYSE = """
import sys
from engagement.pipeline import Analyzer
Analyzer().analyze(sys.argv[1], fps=1)
print(sorted({"torch", "timm", "facenet_pytorch"} & set(sys.modules)))
"""


def test_an_analysis_does_not_load_torch_where_another_runtime_is_there() -> None:
    Analyzer()  # what has to be exported is, at the latest now
    command = [sys.executable, "-c", _ANALYSE, str(sample_path())]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_networks_that_were_kept_are_checked_before_they_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frames: list[Frame]
) -> None:
    monkeypatch.setenv("ENGAGEMENT_CACHE", str(tmp_path))
    [before] = FaceDetector().find(frames[20])
    kept = sorted((tmp_path / "converted").glob("*.onnx"))
    assert len(kept) == 3
    for path in kept:
        path.write_bytes(path.read_bytes()[:-9] + b"something")
    [after] = FaceDetector().find(frames[20])
    assert np.array_equal(before.xyxy, after.xyxy)
