"""Blurred faces stay hidden, and what is written plays at the times that it was given."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from engagement.faces.detector import FaceDetector
from engagement.faces.identity import FaceIdentity
from engagement.sample import sample_path
from engagement.types import Face, Frame
from engagement.video.blur import blur_faces
from engagement.video.probe import probe
from engagement.video.reader import VideoReader
from engagement.video.writing import SoundSource, write_gif, write_mp4, write_webp
from tests.videos import write_video

# Uneven on purpose: a recording's frame rate varies.
TIMES = [3.0, 3.1, 3.2, 3.5, 4.1]
END = 4.4


def frames() -> list[Frame]:
    grey = [np.full((48, 64, 3), 40 + 40 * n, np.uint8) for n in range(len(TIMES))]
    return [Frame(t, rgb) for t, rgb in zip(TIMES, grey, strict=True)]


@pytest.fixture(scope="module")
def portrait() -> tuple[Frame, Face]:
    frame = next(iter(VideoReader(sample_path(), 1)))
    return frame, FaceDetector().detect([frame])[0][0]


def test_no_face_is_found_in_a_blurred_picture(portrait: tuple[Frame, Face]) -> None:
    frame, face = portrait
    blurred = blur_faces(frame.rgb, [face.xyxy])
    assert FaceDetector().detect([Frame(0.0, blurred)]) == [[]]


def test_a_blurred_face_is_no_nearer_to_its_person_than_a_grey_patch_is(
    portrait: tuple[Frame, Face],
) -> None:
    frame, face = portrait
    blurred = blur_faces(frame.rgb, [face.xyxy])
    identity = FaceIdentity()
    grey = np.full_like(frame.rgb, 110)
    person, hidden, nobody = (
        v / np.linalg.norm(v)
        for v in (
            identity.describe(Frame(0.0, rgb), [face])[0] for rgb in (frame.rgb, blurred, grey)
        )
    )
    assert person @ hidden < person @ nobody + 0.1


def test_what_lies_away_from_the_face_is_left_as_it_was(portrait: tuple[Frame, Face]) -> None:
    frame, face = portrait
    before = frame.rgb.copy()
    blurred = blur_faces(frame.rgb, [face.xyxy])
    assert np.array_equal(frame.rgb, before)
    side = face.xyxy[2] - face.xyxy[0]
    far = round(float(face.xyxy[0] - side))
    assert np.array_equal(blurred[:, :far], before[:, :far])
    assert np.array_equal(blur_faces(frame.rgb, []), before)


@pytest.mark.parametrize("box", [(-40, -40, 30, 30), (600, 300, 700, 420), (900, 10, 950, 60)])
def test_a_face_at_or_beyond_the_edge_is_no_error(box: tuple[int, int, int, int]) -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (360, 640, 3), dtype=np.uint8)
    assert blur_faces(rgb, [box]).shape == rgb.shape


def test_boxes_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="boxes must be"):
        blur_faces(np.zeros((10, 10, 3), np.uint8), [[1.0, 2.0, 3.0]])


def test_an_mp4_shows_every_picture_at_its_own_time(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_mp4(path, frames(), END)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = [frame.time for frame in container.decode(stream)]
        assert times == pytest.approx([t - TIMES[0] for t in TIMES], abs=1e-4)
        assert float(stream.duration * stream.time_base) == pytest.approx(END - TIMES[0], abs=1e-3)
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert not container.streams.audio
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # plays while it loads
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("name", "step_s"), [("a.webp", 0.001), ("a.gif", 0.01)])
def test_an_animated_picture_lasts_as_long_as_the_frames_do(
    tmp_path: Path, name: str, step_s: float
) -> None:
    path = tmp_path / name
    (write_webp if name.endswith("webp") else write_gif)(path, frames(), END)
    lasts = []
    with Image.open(path) as image:
        assert image.info["loop"] == 0
        for number in range(image.n_frames):
            image.seek(number)
            image.load()
            lasts.append(image.info["duration"] / 1000)
    expected = np.diff([*TIMES, END])
    assert lasts == pytest.approx(list(expected), abs=step_s)


def test_sound_of_the_stretch_comes_along_where_it_is_asked_for(tmp_path: Path) -> None:
    source = write_video(tmp_path / "talking.mp4", seconds=4.0, sound=True)
    cut = [f for f in VideoReader(source, 0) if 1.0 <= f.t < 2.5]
    write_mp4(tmp_path / "a.mp4", cut, 2.5, SoundSource(source, 1.0, 2.5))
    with av.open(str(tmp_path / "a.mp4")) as container:
        samples = [f.to_ndarray()[0] for f in container.decode(container.streams.audio[0])]
        rate = container.streams.audio[0].rate
    heard = np.concatenate(samples)
    assert len(heard) / rate == pytest.approx(1.5, abs=0.1)
    assert np.sqrt(np.mean(heard**2)) > 0.05
    assert probe(tmp_path / "a.mp4").duration_s == pytest.approx(1.5, abs=0.1)


def test_a_recording_without_sound_gives_a_clip_without_sound(tmp_path: Path) -> None:
    source = write_video(tmp_path / "silent.mp4")
    write_mp4(tmp_path / "a.mp4", frames(), END, SoundSource(source, 0.0, 1.0))
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert not container.streams.audio


def test_time_that_does_not_run_forwards_is_refused(tmp_path: Path) -> None:
    for bad, end_s in ((frames()[::-1], END), (frames(), TIMES[-1]), ([], END)):
        with pytest.raises(ValueError, match=r"frame"):
            write_mp4(tmp_path / "a.mp4", bad, end_s)
    assert not list(tmp_path.iterdir())
