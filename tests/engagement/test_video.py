"""Sampling by presentation time, upright frames, and every file that is no video."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engagement.errors import VideoError
from engagement.video.probe import probe
from engagement.video.reader import VideoReader
from tests.videos import write_not_a_video, write_sound, write_truncated, write_video


def write_at(path: Path, times_ms: list[int], *, codec: str = "libx264", size: int = 64) -> Path:
    """A video whose frames are shown at `times_ms`; brightness is 40 + 10 a frame."""
    with av.open(str(path), "w") as writer:
        stream = writer.add_stream(codec, rate=30)
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for number, t in enumerate(times_ms):
            picture = av.VideoFrame.from_ndarray(
                np.full((size, size, 3), 40 + 10 * number % 200, np.uint8), format="rgb24"
            )
            picture.pts, picture.time_base = t, Fraction(1, 1000)
            writer.mux(stream.encode(picture))
        writer.mux(stream.encode(None))
    return path


def times_of(path: Path, fps: float) -> list[float]:
    return [round(frame.t, 3) for frame in VideoReader(path, fps)]


def test_samples_follow_the_clock_when_the_frame_rate_varies(tmp_path: Path) -> None:
    fast, slow = list(range(0, 1000, 40)), list(range(1000, 4000, 250))
    video = write_at(tmp_path / "vfr.mkv", [*fast, *slow])
    times = times_of(video, 5)
    assert times[:5] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8], abs=0.041)
    # In the slow part every frame is taken and none is made up.
    assert times[-len(slow) :] == [t / 1000 for t in slow]


def test_a_gap_yields_no_invented_frames_and_no_burst_after_it(tmp_path: Path) -> None:
    video = write_at(tmp_path / "gap.mkv", [*range(0, 1000, 40), *range(4000, 5000, 40)])
    times = np.array(times_of(video, 5))
    assert not ((times > 1.0) & (times < 4.0)).any()
    assert np.diff(times[times >= 4.0]).min() >= 0.1


def test_time_starts_at_zero_when_the_container_does_not(tmp_path: Path) -> None:
    video = write_at(tmp_path / "late.mkv", list(range(7000, 9000, 100)))
    times = times_of(video, 5)
    assert times[0] == 0.0
    assert times[-1] == pytest.approx(1.8, abs=0.11)


def test_asking_for_more_than_there_is_takes_every_frame_once(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", seconds=2, fps=10)
    assert times_of(video, 100) == pytest.approx([n / 10 for n in range(20)], abs=0.002)


@pytest.mark.parametrize(
    ("name", "codec"), [("v.webm", "libvpx-vp9"), ("v.mp4", "libx265"), ("v.mov", "libx264")]
)
def test_common_codecs_are_read(name: str, codec: str, tmp_path: Path) -> None:
    video = write_video(tmp_path / name, seconds=1, fps=10, codec=codec)
    assert len(times_of(video, 5)) == 5
    assert (probe(video).width, probe(video).height) == (320, 240)


def rotate(path: Path, degrees: int) -> Path:
    """Write a rotation into the display matrix of an MP4's track, as phones do."""
    cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    matrix = [cos, sin, 0, -sin, cos, 0, 0, 0, 0x4000]
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version 0: the matrix follows 40 bytes of fields
    data[at : at + 36] = struct.pack(">9i", *(v << 16 for v in matrix))
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("degrees", "bright"), [(0, "top"), (90, "right"), (180, "bottom"), (270, "left")]
)
def test_frames_are_upright_as_a_player_shows_them(
    degrees: int, bright: str, tmp_path: Path
) -> None:
    path = tmp_path / "turned.mp4"
    with av.open(str(path), "w") as writer:
        stream = writer.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        pixels = np.zeros((64, 128, 3), np.uint8)
        pixels[:16] = 255
        for _ in range(5):
            writer.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        writer.mux(stream.encode(None))
    rotate(path, degrees)
    frame = next(iter(VideoReader(path, 5))).rgb.mean(axis=2)
    expected = (64, 128) if degrees in (0, 180) else (128, 64)
    assert frame.shape == expected
    assert (probe(path).height, probe(path).width) == expected
    edges = {
        "top": frame[:8].mean(),
        "bottom": frame[-8:].mean(),
        "left": frame[:, :8].mean(),
        "right": frame[:, -8:].mean(),
    }
    assert max(edges, key=edges.__getitem__) == bright


def truncated_with_index_first(path: Path) -> Path:
    whole = path.with_suffix(".whole.mp4")
    with av.open(str(whole), "w", options={"movflags": "faststart"}) as writer:
        stream = writer.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 128, "yuv420p"
        noise = np.random.default_rng(0)
        for _ in range(40):
            pixels = noise.integers(0, 255, (128, 128, 3), dtype=np.uint8)
            writer.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        writer.mux(stream.encode(None))
    data = whole.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def encrypted(path: Path) -> Path:
    options = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb",
        "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
    }
    with av.open(str(path), "w", options=options) as writer:
        stream = writer.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 128, "yuv420p"
        for _ in range(20):
            pixels = np.zeros((128, 128, 3), np.uint8)
            writer.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        writer.mux(stream.encode(None))
    return path


def no_size(path: Path) -> Path:
    """An AVI whose headers claim a picture of 0 x 0, in a codec that knows no other size."""
    avi = write_video(path.with_suffix(".avi"), codec="ffv1")
    data = bytearray(avi.read_bytes())
    at = data.index(b"strf") + 8 + 4  # width and height of the BITMAPINFOHEADER
    data[at : at + 8] = bytes(8)
    avi.write_bytes(data)
    return avi


def playlist(path: Path) -> Path:
    other = write_video(path.with_name("other.mp4"))
    path.write_text(f"#EXTM3U\n#EXTINF:2,\n{other}\n#EXT-X-ENDLIST\n")
    return path


def concat_list(path: Path) -> Path:
    other = write_video(path.with_name("other.mp4"))
    path.write_text(f"ffconcat version 1.0\nfile '{other.name}'\n")
    return path


def picture(path: Path) -> Path:
    import cv2

    cv2.imwrite(str(path.with_suffix(".png")), np.zeros((64, 64, 3), np.uint8))
    return path.with_suffix(".png").rename(path)


def empty(path: Path) -> Path:
    path.touch()
    return path


BAD = [
    (write_not_a_video, "video_unreadable"),
    (playlist, "video_unreadable"),
    (concat_list, "video_unreadable"),
    (picture, "video_unreadable"),
    (empty, "video_empty"),
    (write_sound, "video_audio_only"),
    (write_truncated, "video_unreadable"),
    (truncated_with_index_first, "video_truncated"),
    (encrypted, "video_encrypted"),
    (lambda path: write_video(path, frames=1), "video_too_short"),
    (lambda path: path, "video_absent"),
    (lambda path: path.parent, "video_absent"),
]


@pytest.mark.parametrize(
    ("make", "code"), BAD, ids=[f"{n}-{code}" for n, (_, code) in enumerate(BAD)]
)
def test_what_is_no_whole_video_is_refused_with_a_sentence(make, code: str, tmp_path: Path) -> None:
    path = make(tmp_path / "bad.mp4")
    with pytest.raises(VideoError) as caught:
        list(VideoReader(path, 5))
    text = str(caught.value)
    assert caught.value.code == code
    assert caught.value.permanent
    assert path.name in text
    assert text.endswith(".")
    assert "\n" not in text


def test_a_picture_without_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError):
        list(VideoReader(no_size(tmp_path / "bad.mp4"), 5))
