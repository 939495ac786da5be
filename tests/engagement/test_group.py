"""Recordings of a whole meeting: who is who in a gallery view whose tiles move."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from engagement.errors import DataError
from engagement.faces.detector import FaceDetector
from engagement.faces.identity import FaceIdentity
from engagement.faces.people import MIN_SIMILARITY
from engagement.files import sha256_of
from engagement.group import People, analyze_people, blur_others, find_people
from engagement.group.finding import FindingSettings
from engagement.group.name_tags import tesseract
from engagement.pipeline import Analyzer
from engagement.sample import sample_path
from engagement.types import Frame
from engagement.video.reader import VideoReader
from tests.videos import write_video

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "make_gallery.py"
# Every other frame is sampled, so that there are frames of which nobody said who is where.
SECONDS, FPS, SAMPLED_FPS = 8.0, 4.0, 2.0


@dataclass(frozen=True)
class Gallery:
    """A composed meeting: its truth, and the people who were found in it."""

    video: Path
    truth: Mapping[str, Any]
    people: People

    def who(self, t: float, box: np.ndarray) -> str | None:
        """Whose tile holds the middle of a box at a time."""
        x, y = (box[:2] + box[2:]) / 2
        for span in self.truth["spans"]:
            left, top, right, bottom = span["box"]
            inside = left <= x < right and top <= y < bottom
            if inside and span["start_s"] - 0.01 <= t < span["end_s"] - 0.01:
                return str(span["person"])
        return None

    def named(self) -> dict[str, int]:
        """Each person's id, by the name of whose tiles most of their faces are in."""
        return {
            Counter(map(self.who, p.times, p.boxes)).most_common(1)[0][0] or "nobody": p.id
            for p in self.people.people
        }


@pytest.fixture(scope="module")
def gallery(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """Three people in four tiles: the first two swap, the third leaves and returns elsewhere, and a
    second page is shown for a while."""
    folder = tmp_path_factory.mktemp("gallery")
    video, truth = folder / "meeting.mp4", folder / "truth.json"
    people = {
        "Li Wei": clips / "single_face.mp4",
        "Anna Berg": clips / "WolfgangLanger_Pexels.mp4",
        "Eva Collins": sample_path(),
    }
    subprocess.run(
        [
            *(sys.executable, SCRIPT, video, "--truth", truth, "--pages"),
            *(part for name, path in people.items() for part in ("--person", f"{name}={path}")),
            *("--seconds", str(SECONDS), "--fps", str(FPS), "--width", "640", "--height", "360"),
        ],
        check=True,
        cwd=SCRIPT.parents[1],
        env={"PYTHONPATH": str(SCRIPT.parents[1]), "OMP_WAIT_POLICY": "PASSIVE"},
    )
    return Gallery(video, json.loads(truth.read_text()), find_people(video, fps=SAMPLED_FPS))


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer()


def test_three_people_are_three_people_though_tiles_swap_and_pages_switch(
    gallery: Gallery,
) -> None:
    assert [person.id for person in gallery.people.people] == [1, 2, 3]
    assert set(gallery.named()) == set(gallery.truth["people"])


def test_nearly_every_observation_is_of_its_person(gallery: Gallery) -> None:
    for person in gallery.people.people:
        counts = Counter(map(gallery.who, person.times, person.boxes))
        assert counts.most_common(1)[0][1] >= 0.95 * len(person.times), counts


def test_nobody_takes_over_another_at_the_swap(gallery: Gallery) -> None:
    half = SECONDS / 2
    for person in gallery.people.people:
        near = [
            gallery.who(t, box)
            for t, box in zip(person.times, person.boxes, strict=True)
            if abs(t - half) <= 1.0
        ]
        assert len(set(near)) <= 1, near


def test_nearly_every_face_that_is_there_is_found(gallery: Gallery) -> None:
    ids = gallery.named()
    for name, number in ids.items():
        [person] = gallery.people.chosen({number})
        shown = sum(
            span["start_s"] - 0.01 <= t < span["end_s"] - 0.01
            for t in gallery.people.times
            for span in gallery.truth["spans"]
            if span["person"] == name
        )
        assert len(person.times) >= 0.85 * shown, name


def test_who_leaves_and_returns_in_another_tile_is_one_person(gallery: Gallery) -> None:
    [person] = gallery.people.chosen({gallery.named()["Eva Collins"]})
    away = [t for t in person.times if 0.32 * SECONDS < t < 0.68 * SECONDS]
    assert away == []
    assert person.first_s < 0.1 * SECONDS
    assert person.last_s > 0.9 * SECONDS


@pytest.mark.skipif(tesseract() is None, reason="the tesseract program is not installed")
def test_name_tags_are_read(gallery: Gallery) -> None:
    read = {p.id: p.name_tag.text for p in gallery.people.people if p.name_tag}
    ids = gallery.named()
    right = [name for name, number in ids.items() if read.get(number) == name]
    assert len(right) >= 2, read
    assert set(read.values()) <= {part for name in ids for part in (name, name.split()[0])}


def test_without_tesseract_a_warning_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    people = find_people(write_video(tmp_path / "empty.mp4"), fps=1)
    assert [warning.code for warning in people.warnings] == ["name_tags_unread"]
    assert people.people == ()


def test_people_are_the_same_after_saving_and_loading(gallery: Gallery, tmp_path: Path) -> None:
    gallery.people.save(tmp_path)
    loaded = People.load(tmp_path)
    assert loaded.facts() == gallery.people.facts()
    assert (loaded.times == gallery.people.times).all()
    assert (loaded.stray_boxes == gallery.people.stray_boxes).all()
    for before, after in zip(gallery.people.people, loaded.people, strict=True):
        for name in ("descriptor", "times", "boxes", "landmarks", "scores", "thumbnail"):
            assert np.array_equal(getattr(before, name), getattr(after, name)), name


def test_a_folder_that_is_not_whole_is_refused_in_a_sentence(
    gallery: Gallery, tmp_path: Path
) -> None:
    gallery.people.save(tmp_path)
    arrays = tmp_path / "observations.npz"
    arrays.write_bytes(arrays.read_bytes()[:2000])
    with pytest.raises(DataError, match="Find them again"):
        People.load(tmp_path)
    with pytest.raises(DataError, match="Find them again"):
        People.load(tmp_path / "nowhere")


def test_only_the_wanted_are_analysed(gallery: Gallery, analyzer: Analyzer) -> None:
    ids = gallery.named()
    wanted = {ids["Li Wei"], ids["Eva Collins"]}
    cut: list[float] = []
    crop = analyzer.recognizer.crop
    # Every face that the expression network gets to see is cut out here.
    analyzer.recognizer.crop = lambda frame, face: (cut.append(frame.t), crop(frame, face))[1]  # type: ignore[method-assign]
    try:
        result = analyze_people(analyzer, gallery.video, gallery.people, wanted)
    finally:
        del analyzer.recognizer.crop
    chosen = gallery.people.chosen(wanted)
    assert {track.id for track in result.analysis.tracks} == wanted
    assert len(cut) == sum(len(person.times) for person in chosen)
    for track, person in zip(result.analysis.tracks, chosen, strict=True):
        assert [o.t for o in track.observations] == [round(t, 3) for t in person.times]
        assert track.name_tag == person.name_tag
    assert max(affect.people for affect in result.analysis.group_affect) == 2


def test_nobody_wanted_is_an_empty_analysis(gallery: Gallery, analyzer: Analyzer) -> None:
    analysis = analyze_people(analyzer, gallery.video, gallery.people, ()).analysis
    assert analysis.tracks == []
    assert analysis.source.sha256 == sha256_of(gallery.video)


def test_wrong_people_and_wrong_videos_are_refused(gallery: Gallery, analyzer: Analyzer) -> None:
    with pytest.raises(DataError, match=r"no person 9 in meeting\.mp4; it has people 1 to 3"):
        analyze_people(analyzer, gallery.video, gallery.people, {9})
    with pytest.raises(DataError, match="not the video in which these people were found"):
        analyze_people(analyzer, sample_path(), gallery.people, {1})
    with pytest.raises(DataError, match="not the video"):
        blur_others(sample_path(), gallery.people, {1}, Path("never.mp4"))


def recognised(video: Path, people: Mapping[str, np.ndarray]) -> list[str]:
    """Whom the detector and the identity network see, over every frame of a video."""
    detector = FaceDetector(replace(FindingSettings().detector, min_score=0.85))
    identity = FaceIdentity()
    names = []
    for frame in VideoReader(video, 0.0):
        [faces] = detector.detect([frame])
        for descriptor in identity.describe(frame, faces) if faces else ():
            similarity = {name: float(descriptor @ own) for name, own in people.items()}
            nearest = max(similarity, key=lambda name: similarity[name])
            if similarity[nearest] >= MIN_SIMILARITY:
                names.append(nearest)
    return names


def test_in_the_blurred_copy_only_the_shown_person_can_be_recognised(
    gallery: Gallery, tmp_path: Path
) -> None:
    ids = gallery.named()
    out = tmp_path / "blurred.mp4"
    blur_others(gallery.video, gallery.people, {ids["Li Wei"]}, out)
    descriptors = {
        name: gallery.people.chosen({number})[0].descriptor for name, number in ids.items()
    }
    seen = recognised(out, descriptors)
    assert set(seen) == {"Li Wei"}
    # Every second frame was sampled; less what is covered in the one step of the swap.
    assert len(seen) >= 0.85 * 2 * len(gallery.people.chosen({ids["Li Wei"]})[0].times)


def test_the_shown_person_is_left_as_they_were(gallery: Gallery, tmp_path: Path) -> None:
    number = gallery.named()["Eva Collins"]
    out = tmp_path / "blurred.mp4"
    blur_others(gallery.video, gallery.people, {number}, out)
    [person] = gallery.people.chosen({number})
    changes = []
    for before, after in zip(VideoReader(gallery.video, 0.0), VideoReader(out, 0.0), strict=True):
        k = person.at(before.t)
        if k is not None and before.t < 0.3 * SECONDS:
            changes.append(_change(before, after, person.boxes[k]))
    assert changes
    assert np.mean(changes) < 6  # levels of 255: what encoding again costs


def _change(before: Frame, after: Frame, box: np.ndarray) -> float:
    x1, y1, x2, y2 = (round(float(v)) for v in box)
    a, b = (f.rgb[y1:y2, x1:x2].astype(np.float32) for f in (before, after))
    return float(np.abs(a - b).mean())


def test_the_blurred_copy_plays_to_the_end_with_its_sound(tmp_path: Path) -> None:
    video = write_video(tmp_path / "talk.mp4", seconds=2, sound=True)
    people = find_people(video, fps=2, name_tags=False)
    blur_others(video, people, (), tmp_path / "blurred.mp4")
    with av.open(str(tmp_path / "blurred.mp4")) as copy:
        assert [stream.type for stream in copy.streams] == ["audio", "video"] or [
            stream.type for stream in copy.streams
        ] == ["video", "audio"]
        assert copy.streams.video[0].codec_context.name == "h264"
        assert copy.duration is not None
        assert copy.duration / av.time_base == pytest.approx(2.0, abs=0.15)
        assert sum(1 for _ in copy.decode(video=0)) == 20
