"""The copy of a browser's own recording: the same pictures, and a player can move in it."""

import shutil
from pathlib import Path

import av
import pytest

from engagement.video.container import open_video
from engagement.video.probe import declared_duration_s
from tests.videos import write_video
from webapp.recordings import queue
from webapp.recordings.models import Recording
from workers.playback import consider, render
from workers.transcoding import rewrap

SECONDS, FPS = 6.0, 10


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """As MediaRecorder writes it: it was never gone back in, so it has no length and no index."""
    plain = write_video(
        tmp_path / "plain.webm", seconds=SECONDS, fps=FPS, codec="libvpx", pixels="yuv420p"
    )
    live = tmp_path / "live.webm"
    with (
        av.open(str(plain)) as reader,
        av.open(str(live), "w", format="webm", options={"live": "1"}) as writer,
    ):
        stream = writer.add_stream_from_template(reader.streams.video[0])
        for packet in reader.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                writer.mux(packet)
    with open_video(live) as (container, stream):
        assert declared_duration_s(container, stream) is None
    return live


def times(path: Path) -> list[float]:
    with av.open(str(path)) as reader:
        return [round(frame.time, 3) for frame in reader.decode(video=0)]


def test_the_copy_has_a_length_and_the_same_pictures(recorded: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    rewrap(recorded, target)
    with open_video(target) as (container, stream):
        assert declared_duration_s(container, stream) == pytest.approx(SECONDS, abs=0.2)
        assert stream.codec_context.name == "vp8"
    assert times(target) == times(recorded)
    # Players know it by its first bytes, whatever it is called.
    assert target.read_bytes()[:4] == b"\x1a\x45\xdf\xa3"


def test_the_index_of_the_copy_is_used(recorded: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    rewrap(recorded, target)
    assert b"\x1c\x53\xbb\x6b" in target.read_bytes()
    assert b"\x1c\x53\xbb\x6b" not in recorded.read_bytes()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Messages that would have gone to the broker."""
    messages: list[tuple[str, str]] = []

    def send(task: str, subject: object) -> bool:
        messages.append((task, str(subject)))
        return True

    monkeypatch.setattr(queue, "_send", send)
    return messages


def test_a_recording_of_a_browser_is_given_a_copy(
    recorded: Path, recording: Recording, sent: list[tuple[str, str]]
) -> None:
    shutil.copyfile(recorded, recording.video_path)
    consider(recording)
    recording.refresh_from_db()
    assert recording.playback == "preparing"
    assert sent == [(queue.RENDER_TASK, str(recording.pk))]
    render(str(recording.pk))
    recording.refresh_from_db()
    assert recording.playback == "rendition"
    assert times(recording.playable_path) == times(recorded)


def test_a_whole_file_that_browsers_play_is_played_as_it_is(
    recording: Recording, sent: list[tuple[str, str]]
) -> None:
    write_video(recording.video_path.with_suffix(".webm"), codec="libvpx")
    recording.video_path.with_suffix(".webm").rename(recording.video_path)
    consider(recording)
    recording.refresh_from_db()
    assert recording.playback == "original"
    assert sent == []
