"""Whole analyses of recordings that are not as tidy as the sample."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engagement.pipeline import Analyzer
from engagement.sample import sample_path
from engagement.types import Pixels
from engagement.video.reader import VideoReader
from tests.engagement.test_video_traps import write_webm
from tests.videos import write_video


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer()


@pytest.fixture(scope="module")
def faces() -> list[Pixels]:
    """The sample's first seconds, five frames a second."""
    frames = []
    for frame in VideoReader(sample_path(), 5):
        frames.append(frame.rgb)
        if frame.t >= 3:
            return frames
    raise AssertionError("the sample is shorter than it was")


def write_frames(path: Path, frames: list[Pixels], fps: int = 5) -> Path:
    with av.open(str(path), "w") as writer:
        stream = writer.add_stream("libx264", rate=fps)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for number, rgb in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, fps)
            writer.mux(stream.encode(picture))
        writer.mux(stream.encode(None))
    return path


def test_two_people_are_two_tracks_and_the_summary_is_of_the_longer_seen(
    analyzer: Analyzer, faces: list[Pixels], tmp_path: Path
) -> None:
    nobody = np.full_like(faces[0], 120)
    both = [
        np.hstack([left, right])
        for left, right in zip([*faces[:8], *[nobody] * 8], faces, strict=True)
    ]
    analysis = analyzer.analyze(write_frames(tmp_path / "two.mp4", both)).analysis
    assert len(analysis.tracks) == 2
    left, right = sorted(analysis.tracks, key=lambda track: track.observations[0].box[0])
    assert left.observations[0].box[2] <= faces[0].shape[1] <= right.observations[0].box[0]
    assert left.last_s < 1.6 < right.last_s
    assert [track.id for track in analysis.tracks] == [1, 2]
    assert analysis.summary == right.summary
    assert [warning.code for warning in analysis.warnings] == ["several_people"]
    assert analysis.presence.face_share == pytest.approx(1, abs=0.1)


def test_boxes_are_pixels_of_the_frame_however_large_it_is(
    analyzer: Analyzer, faces: list[Pixels], tmp_path: Path
) -> None:
    large = [np.repeat(np.repeat(rgb, 3, axis=0), 3, axis=1) for rgb in faces[:3]]
    small = analyzer.analyze(write_frames(tmp_path / "s.mp4", faces[:3])).analysis
    tripled = analyzer.analyze(write_frames(tmp_path / "l.mp4", large)).analysis
    assert tripled.source.width == 3 * small.source.width
    expected = np.array(small.tracks[0].observations[0].box) * 3
    assert tripled.tracks[0].observations[0].box == pytest.approx(expected, abs=45)


def test_progress_of_a_recording_without_a_length_grows_with_its_bytes(
    analyzer: Analyzer, tmp_path: Path
) -> None:
    path = write_webm(tmp_path / "live.webm", seconds=12, live=True)
    told: list[float] = []
    result = analyzer.analyze(path, on_progress=lambda done, total: told.append(done / total))
    assert told[0] < 0.5
    assert told == sorted(told)
    assert told[-1] == 1
    assert result.analysis.source.duration_s == pytest.approx(12, abs=0.11)


def test_a_size_that_changes_midway_does_not_stop_the_analysis(
    analyzer: Analyzer, tmp_path: Path
) -> None:
    path = write_webm(tmp_path / "turned.webm", size=(128, 96), later_size=(96, 128))
    analysis = analyzer.analyze(path).analysis
    assert (analysis.source.width, analysis.source.height) == (128, 96)
    assert analysis.presence.absent == [(0, pytest.approx(2, abs=0.11))]


def test_missing_parts_are_told(analyzer: Analyzer, tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", codec="png", pixels="rgb24", seconds=2, size=(96, 64))
    data = bytearray(path.read_bytes())
    starts = [at for at in range(len(data) - 4) if data[at : at + 4] == b"00dc"]
    data[starts[5] + 8 : starts[5] + 16] = bytes(8)
    path.write_bytes(data)
    analysis = analyzer.analyze(path).analysis
    assert [warning.code for warning in analysis.warnings] == ["no_face", "damaged_video"]
