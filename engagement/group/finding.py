"""Pass 1: tell the people in a recording apart. No expression network is run.

Small faces in small tiles are looked for, cut into tracklets (`engagement.faces.tracklets`), and
the tracklets are joined into people (`engagement.faces.people`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from engagement.faces.crops import crop_face
from engagement.faces.detector import DetectorSettings, FaceDetector
from engagement.faces.identity import FaceIdentity
from engagement.faces.people import MIN_SIMILARITY, Piece, cluster_people
from engagement.faces.pose import head_pose
from engagement.faces.tracklets import TrackletBuilder, TrackletSettings
from engagement.files import sha256_of
from engagement.group.name_tags import LookCollector, read_names, tesseract
from engagement.group.people import People, Person
from engagement.pipeline import (
    DEFAULT_FPS,
    OnProgress,
    check_sampling,
    expected_s,
    source_of,
)
from engagement.report import schema
from engagement.stages.watching import batches
from engagement.types import Face, Floats, Frame, Pixels
from engagement.video.probe import probe
from engagement.video.reader import VideoReader

_BATCH = 4
_THUMBNAIL_PX = 160
_THUMBNAIL_SCALE = 1.6
# A second face inside the first is the detector's, not a person's.
_MOST_INSIDE = 0.6
_UNREAD = schema.AnalysisWarning(
    code="name_tags_unread",
    text="Names beside the faces were not read, since the tesseract program is not installed.",
)


@dataclass(frozen=True)
class FindingSettings:
    """How people are found and told apart.

    Attributes:
        detector: a gallery's faces are small; whoever is smaller than this is not found.
        min_score: fainter faces are no observations, they are only blurred.
        min_similarity: see `engagement.faces.people`.
        min_seen_s: who was seen for less is no person but a false alarm.
    """

    detector: DetectorSettings = field(
        default_factory=lambda: DetectorSettings(
            max_side_px=1280, min_face_share=0.035, min_score=0.7
        )
    )
    min_score: float = 0.85
    tracklets: TrackletSettings = field(default_factory=TrackletSettings)
    min_similarity: float = MIN_SIMILARITY
    min_seen_s: float = 1.0


@dataclass
class _View:
    """The best look at a tracklet's face so far."""

    worth: float
    crop: Pixels


def find_people(
    video: Path | str,
    *,
    fps: float = DEFAULT_FPS,
    on_progress: OnProgress | None = None,
    name_tags: bool = True,
    settings: FindingSettings | None = None,
) -> People:
    """Tell apart the people in a recording, a gallery view of a meeting for example.

    Tiles may move and swap, pages may switch, people may leave and return. Whose camera is off is
    not found, and twins are one person.

    Args:
        fps: samples a second of presentation time.
        name_tags: read the names beside the faces, where the tesseract program is installed.

    Raises:
        VideoError: it cannot be read as a video, or is incomplete.
    """
    path, settings = Path(video), settings or FindingSettings()
    check_sampling(fps)
    info, sha256 = probe(path), sha256_of(path)
    detector = FaceDetector(settings.detector)
    program = tesseract() if name_tags else None
    finder = _Finder(settings, FaceIdentity(), program)
    reader = VideoReader(path, fps)
    for batch in batches(reader, _BATCH):
        for frame, faces in zip(batch, detector.detect(batch), strict=True):
            finder.take(frame, faces)
        if on_progress:
            total = expected_s(info, reader.decoded)
            on_progress(min(batch[-1].t, total), total)
    duration_s = max(reader.decoded.end_s, finder.times[-1])
    if on_progress:
        on_progress(duration_s, duration_s)
    people, strays = finder.people()
    absent = name_tags and program is None
    source = source_of(path, info, sha256, duration_s)
    return People(
        source=source,
        sampling_fps=fps,
        times=np.array(finder.times),
        damaged=reader.decoded.damaged,
        detector=schema.Detector(
            name=detector.name,
            min_face_px=detector.min_face_px(source.width, source.height),
            max_side_px=settings.detector.max_side_px,
        ),
        people=people,
        stray_times=np.array([t for t, _ in strays], dtype=np.float64),
        stray_boxes=np.array([f.xyxy for _, f in strays], dtype=np.float32).reshape(-1, 4),
        warnings=(_UNREAD,) if absent else (),
    )


@dataclass
class _Finder:
    """Takes the frames in turn, and says in the end who was in them."""

    settings: FindingSettings
    identity: FaceIdentity
    program: str | None
    times: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._builder = TrackletBuilder(self.identity.describe, self.settings.tracklets)
        self._views: dict[int, _View] = {}
        self._strays: list[tuple[float, Face]] = []
        self._looks = LookCollector()

    def take(self, frame: Frame, found: Sequence[Face]) -> None:
        """The next frame and the faces that were detected in it."""
        self.times.append(frame.t)
        clear, strays = _clear_faces(found, self.settings.min_score)
        self._strays += [(frame.t, face) for face in strays]
        numbers = self._builder.update(frame, clear)
        if self.program is not None:
            self._looks.take(frame, clear, numbers)
        for number, face in zip(numbers, clear, strict=True):
            worth = _worth(face)
            if number not in self._views or worth > self._views[number].worth:
                self._views[number] = _View(worth, _thumbnail(frame, face))

    def people(self) -> tuple[tuple[Person, ...], list[tuple[float, Face]]]:
        """Everybody, and what looks like a face and is nobody's."""
        tracklets = self._builder.tracklets
        number_of = {t: i for i, t in enumerate(self.times)}
        pieces = [Piece(x.descriptor, frozenset(number_of[t] for t in x.times)) for x in tracklets]
        groups = cluster_people(pieces, self.settings.min_similarity)
        strays = list(self._strays)
        kept = []
        for group in groups:
            if self._seen_s(group) >= self.settings.min_seen_s:
                kept.append(group)
            else:
                strays += [
                    (t, face)
                    for i in group
                    for t, face in zip(tracklets[i].times, tracklets[i].faces, strict=True)
                ]
        kept.sort(key=lambda group: self._place(group))
        strays.sort(key=lambda stray: stray[0])
        numbered = dict(enumerate(kept, start=1))
        names = self._names(numbered)
        people = tuple(self._person(n, group, names.get(n)) for n, group in numbered.items())
        return people, strays

    def _names(self, groups: Mapping[int, Sequence[int]]) -> dict[int, schema.NameTag]:
        if self.program is None:
            return {}
        person_of = {i: number for number, group in groups.items() for i in group}
        return read_names(self.program, self._looks.looks, person_of)

    def _seen_s(self, group: Sequence[int]) -> float:
        """How long the faces of a group stand for, by the median step between samples."""
        step = float(np.median(np.diff(self.times))) if len(self.times) > 1 else 0.0
        return step * sum(len(self._builder.tracklets[i].times) for i in group)

    def _place(self, group: Sequence[int]) -> tuple[float, float, float]:
        """When and where a person is seen first: by time, then as one reads."""
        first = min((self._builder.tracklets[i] for i in group), key=lambda x: x.times[0])
        x1, y1, _, y2 = (float(v) for v in first.faces[0].xyxy)
        return first.times[0], y1 // max(1.0, y2 - y1), x1

    def _person(self, number: int, group: Sequence[int], name_tag: schema.NameTag | None) -> Person:
        tracklets = [self._builder.tracklets[i] for i in group]
        seen = sorted(
            ((t, face) for x in tracklets for t, face in zip(x.times, x.faces, strict=True)),
            key=lambda one: one[0],
        )
        total = np.sum([x.total for x in tracklets], axis=0)
        best = max((self._views[i] for i in group), key=lambda view: view.worth)
        return Person(
            id=number,
            descriptor=np.asarray(total / np.linalg.norm(total), dtype=np.float32),
            times=np.array([t for t, _ in seen]),
            boxes=np.stack([face.xyxy for _, face in seen]),
            landmarks=np.stack([face.landmarks for _, face in seen]),
            scores=np.array([face.score for _, face in seen], dtype=np.float32),
            thumbnail=best.crop,
            name_tag=name_tag,
        )


def _clear_faces(found: Sequence[Face], min_score: float) -> tuple[list[Face], list[Face]]:
    """Faces to follow, and what is too faint for that or lies inside a clearer one."""
    clear: list[Face] = []
    strays: list[Face] = []
    for face in sorted(found, key=lambda face: face.score, reverse=True):
        inside = any(_inside(face.xyxy, other.xyxy) > _MOST_INSIDE for other in clear)
        if face.score >= min_score and not inside:
            clear.append(face)
        elif not inside:
            strays.append(face)
    return clear, strays


def _inside(a: Floats, b: Floats) -> float:
    """Share of the smaller of two boxes that lies inside the other."""
    overlap = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    smaller = min((a[2:] - a[:2]).prod(), (b[2:] - b[:2]).prod())
    return float(overlap / smaller) if smaller > 0 else 0.0


def _worth(face: Face) -> float:
    """How good a look at a face is: large, sure, and turned to the camera."""
    yaw, pitch = head_pose(face.landmarks)
    side = float((face.xyxy[2:] - face.xyxy[:2]).max())
    turned = np.cos(np.radians(min(abs(yaw), 80.0))) * np.cos(np.radians(min(abs(pitch), 80.0)))
    return float(side * face.score * turned**2)


def _thumbnail(frame: Frame, face: Face) -> Pixels:
    crop = crop_face(frame.rgb, face, scale=_THUMBNAIL_SCALE)
    if crop.shape[0] <= _THUMBNAIL_PX:
        return crop
    size = (_THUMBNAIL_PX, _THUMBNAIL_PX)
    return np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
