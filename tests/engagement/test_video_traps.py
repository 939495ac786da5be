"""What real recorders do to a file, and what broken or hostile files must not do to us."""

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engagement.errors import VideoError
from engagement.video.container import shown_name
from engagement.video.probe import probe
from engagement.video.reader import VideoReader
from tests.videos import write_video

MS = Fraction(1, 1000)


def grey(size: tuple[int, int], shade: int) -> av.VideoFrame:
    pixels = np.full((size[1], size[0], 3), shade, np.uint8)
    return av.VideoFrame.from_ndarray(pixels, format="rgb24")


def write_webm(
    path: Path,
    *,
    seconds: float = 2.0,
    size: tuple[int, int] = (128, 96),
    later_size: tuple[int, int] | None = None,
    sound_s: float = 0.0,
    live: bool = False,
) -> Path:
    """What a browser records: VP8, perhaps no length, another size from the middle on, sound."""
    with av.open(str(path), "w", options={"live": "1"} if live else {}) as writer:
        stream = writer.add_stream("libvpx", rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        audio = writer.add_stream("libopus", rate=48_000) if sound_s else None
        count = round(seconds * 10)
        for number in range(count if later_size is None else count // 2):
            writer.mux(stream.encode(shown_at(grey(size, 60), number / 10)))
        writer.mux(stream.encode(None))
        if later_size is not None:
            _continue_larger(writer, stream, later_size, range(count // 2, count))
        if audio is not None:
            for start in range(0, round(sound_s * 48_000), 960):
                silence = av.AudioFrame.from_ndarray(
                    np.zeros((1, 960), np.float32), format="flt", layout="mono"
                )
                silence.sample_rate, silence.pts = 48_000, start
                writer.mux(audio.encode(silence))
            writer.mux(audio.encode(None))
    return path


def shown_at(frame: av.VideoFrame, t: float) -> av.VideoFrame:
    frame.pts, frame.time_base = round(t * 1000), MS
    return frame


def _continue_larger(
    writer: av.container.OutputContainer,
    stream: av.VideoStream,
    size: tuple[int, int],
    numbers: Sequence[int],
) -> None:
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = *size, "yuv420p"
    encoder.time_base, encoder.framerate = MS, Fraction(10)
    frames = [shown_at(grey(size, 200), number / 10) for number in numbers]
    for frame in [*frames, None]:
        for packet in encoder.encode(frame):
            packet.stream, packet.time_base = stream, MS
            writer.mux(packet)


def sampled(path: Path, fps: float = 5) -> list[tuple[float, tuple[int, int]]]:
    return [(round(f.t, 3), (f.rgb.shape[1], f.rgb.shape[0])) for f in VideoReader(path, fps)]


def test_a_browsers_webm_without_a_length_is_read_and_its_progress_can_be_told(
    tmp_path: Path,
) -> None:
    path = write_webm(tmp_path / "live.webm", seconds=3, live=True)
    assert probe(path).duration_s is None
    reader = VideoReader(path, 5)
    shares = [reader.decoded.share for _ in reader]
    assert len(shares) == 15
    assert shares == sorted(shares)
    assert shares[0] < 0.5 < shares[-1] <= 1
    assert reader.decoded.end_s == pytest.approx(3, abs=0.11)


def test_a_size_that_changes_midway_is_fitted_to_the_first(tmp_path: Path) -> None:
    path = write_webm(tmp_path / "turned.webm", size=(128, 96), later_size=(96, 128))
    frames = list(VideoReader(path, 5))
    assert {frame.rgb.shape for frame in frames} == {(96, 128, 3)}
    last = frames[-1].rgb.mean(axis=2)
    assert frames[-1].t == pytest.approx(1.8, abs=0.11)
    # The upright picture stands in the middle, its shape kept, with black beside it.
    assert last[:, 30:98].min() > 150
    assert last[:, :24].max() < 20
    assert last[:, 104:].max() < 20


def test_sound_that_goes_on_after_the_camera_does_not_look_like_a_cut(tmp_path: Path) -> None:
    path = write_webm(tmp_path / "off.webm", seconds=2, sound_s=6)
    assert sampled(path)[-1][0] == pytest.approx(1.8, abs=0.01)


@pytest.mark.parametrize("share", [0.4, 0.6, 0.8])
def test_a_webm_cut_short_is_refused(share: float, tmp_path: Path) -> None:
    whole = write_webm(tmp_path / "whole.webm", seconds=6, sound_s=6).read_bytes()
    path = tmp_path / "cut.webm"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(VideoError) as caught:
        sampled(path)
    assert caught.value.code == "video_truncated"
    assert "6.0 s" in str(caught.value)


def test_a_burst_after_stillness_is_sampled_at_the_rate_that_was_asked(tmp_path: Path) -> None:
    """A screen recorder writes a frame on change only: its average rate says nothing."""
    path = tmp_path / "screen.mkv"
    times = [*(n / 30 for n in range(30)), 20.0, 40.0, 60.0]
    with av.open(str(path), "w") as writer:
        stream = writer.add_stream("libx264", rate=30, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.codec_context.time_base = MS
        for number, t in enumerate(times):
            writer.mux(stream.encode(shown_at(grey((64, 64), number * 5), t)))
        writer.mux(stream.encode(None))
    found = [t for t, _ in sampled(path)]
    assert found[:5] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8], abs=0.02)
    assert found[5:] == [20.0, 40.0, 60.0]


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path) -> None:
    path = tmp_path / "wide.mp4"
    with av.open(str(path), "w") as writer:
        stream = writer.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)
        for number in range(10):
            writer.mux(stream.encode(shown_at(grey((64, 48), 100), number / 10)))
        writer.mux(stream.encode(None))
    assert (probe(path).width, probe(path).height) == (128, 48)
    assert {size for _, size in sampled(path)} == {(128, 48)}


@pytest.mark.parametrize("aspect", [Fraction(1, 500), Fraction(500, 1)])
def test_an_absurd_pixel_shape_is_not_believed(aspect: Fraction, tmp_path: Path) -> None:
    path = tmp_path / "odd.mkv"
    with av.open(str(path), "w") as writer:
        stream = writer.add_stream("libvpx", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        for number in range(10):
            writer.mux(stream.encode(shown_at(grey((64, 48), 100), number / 10)))
        writer.mux(stream.encode(None))
    assert {size for _, size in sampled(path)} == {(64, 48)}


def test_a_picture_that_would_fill_the_memory_is_refused_wherever_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engagement.video.container._MOST_PIXELS", 200 * 200)
    path = write_webm(tmp_path / "bomb.webm", later_size=(256, 256))
    assert probe(path).width == 128
    with pytest.raises(VideoError) as caught:
        sampled(path)
    assert caught.value.code == "video_too_large"


def test_odd_sizes_are_kept(tmp_path: Path) -> None:
    path = write_webm(tmp_path / "odd.webm", size=(63, 47))
    assert (probe(path).width, probe(path).height) == (63, 47)
    assert {size for _, size in sampled(path)} == {(63, 47)}


def no_size(path: Path) -> Path:
    """An AVI whose header claims 0 x 0 and a codec that does not say otherwise."""
    data = bytearray(write_video(path.with_suffix(".avi"), codec="mpeg4").read_bytes())
    header = data.index(b"strf") + 8
    data[header + 4 : header + 12] = bytes(8)
    data[header + 16 : header + 20] = b"MJPG"
    data[data.index(b"FMP4") : data.index(b"FMP4") + 4] = b"MJPG"
    path.write_bytes(data)
    return path


def jpeg(path: Path) -> Path:
    from PIL import Image

    Image.new("RGB", (64, 48), (200, 30, 30)).save(path, "JPEG")
    return path


def song_with_a_cover(path: Path) -> Path:
    with av.open(str(path), "w", format="mp4") as writer:
        audio = writer.add_stream("aac", rate=48_000)
        cover = writer.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        writer.mux(cover.encode(grey((64, 64), 90)))
        writer.mux(cover.encode(None))
        for start in range(0, 48_000, 1024):
            silence = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            silence.sample_rate, silence.pts = 48_000, start
            writer.mux(audio.encode(silence))
        writer.mux(audio.encode(None))
    return path


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (no_size, "video_no_size"),
        (jpeg, "video_unreadable"),
        (song_with_a_cover, "video_audio_only"),
    ],
)
def test_more_that_is_no_video(make: Callable[[Path], Path], code: str, tmp_path: Path) -> None:
    for read in (probe, sampled):
        with pytest.raises(VideoError) as caught:
            read(make(tmp_path / "bad.mp4"))
        assert caught.value.code == code
        assert str(caught.value).startswith("bad.mp4 ")


def test_a_playlist_reads_no_other_file_whatever_it_is_called(tmp_path: Path) -> None:
    write_video(tmp_path / "secret.mp4")
    texts = [
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsecret.mp4\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile secret.mp4\n",
        '<?xml version="1.0"?><MPD><BaseURL>secret.mp4</BaseURL></MPD>',
        "v=0\nm=video 5000 RTP/AVP 96\nc=IN IP4 127.0.0.1\n",
    ]
    for suffix in (".mp4", ".m3u8", ".ffconcat", ".mpd", ".sdp"):
        for text in texts:
            path = tmp_path / f"list{suffix}"
            path.write_text(text)
            with pytest.raises(VideoError) as caught:
                probe(path)
            assert caught.value.code == "video_unreadable"


@pytest.mark.parametrize("seed", range(4))
def test_damaged_bytes_end_in_frames_or_a_sentence(seed: int, tmp_path: Path) -> None:
    for source in (
        write_webm(tmp_path / "a.webm", seconds=1),
        write_video(tmp_path / "b.mp4", seconds=1, size=(64, 48)),
        # Frame threads of FFmpeg's HEVC decoder wait for each other for ever after some damage.
        write_video(tmp_path / "c.mov", codec="libx265", seconds=1, size=(64, 48)),
    ):
        whole, dice = source.read_bytes(), random.Random(seed)
        for _ in range(8):
            data = bytearray(whole)
            for _ in range(dice.choice([1, 10, 200])):
                data[dice.randrange(len(data))] = dice.randrange(256)
            damaged = tmp_path / "damaged.mp4"
            damaged.write_bytes(data)
            with suppress(VideoError):
                sampled(damaged)


def test_a_codec_that_nobody_knows_is_named_as_the_reason(tmp_path: Path) -> None:
    data = write_video(tmp_path / "v.mp4").read_bytes()
    path = tmp_path / "unknown.mp4"
    path.write_bytes(data.replace(b"avc1", b"zzz9"))
    with pytest.raises(VideoError) as caught:
        probe(path)
    assert caught.value.code == "video_codec_unknown"


def test_damage_in_the_middle_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", codec="png", pixels="rgb24", seconds=3)
    data = bytearray(path.read_bytes())
    pictures = [at for at in range(len(data) - 4) if data[at : at + 4] == b"00dc"]
    start = pictures[len(pictures) // 4] + 8
    data[start : start + 400] = bytes(400)
    path.write_bytes(data)
    reader = VideoReader(path, 5)
    times = [frame.t for frame in reader]
    assert times[-1] > 2.5
    assert reader.decoded.damaged == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("lesson.mp4", "lesson.mp4"),
        ("../../etc/lesson.mp4", "lesson.mp4"),
        ("two\nlines\r.mp4", "two\ufffdlines\ufffd.mp4"),
        ("\u202egpj.mp4", "\ufffdgpj.mp4"),
        ("\N{GRINNING FACE}\N{FAMILY}.mp4", "\N{GRINNING FACE}\N{FAMILY}.mp4"),
        ("n" * 300 + ".mp4", "n" * 39 + "…" + "n" * 35 + ".mp4"),
        ("..", ".."),
    ],
)
def test_a_name_in_a_sentence_is_short_one_line_and_no_path(name: str, shown: str) -> None:
    assert shown_name(Path(name)) == shown


@pytest.mark.parametrize("name", ["../nowhere/x.mp4", "n" * 300 + ".mp4", "\N{GRINNING FACE}.mp4"])
def test_an_absent_file_is_a_sentence(name: str, tmp_path: Path) -> None:
    with pytest.raises(VideoError) as caught:
        probe(tmp_path / name)
    assert caught.value.code == "video_absent"
    assert str(tmp_path) not in str(caught.value)
    assert ".." not in str(caught.value)
    assert len(str(caught.value)) < 200
