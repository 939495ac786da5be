"""The copy of a browser's own recording: the same pictures, and a player can move in it."""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import av
import pytest

from engagement.video.container import open_video
from engagement.video.probe import declared_duration_s
from tests.videos import write_video
from webapp.privacy import services as privacy
from webapp.recordings import queue, services
from webapp.recordings.models import Recording
from workers import playback, reaper
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


def deleted(recording: Recording) -> None:
    services.delete(recording, recording.student)


def withdrawn(recording: Recording) -> None:
    privacy.withdraw(recording.student, recording.lesson.course)


def left_without_a_row(recording: Recording) -> None:
    """As a process leaves it that was killed between the commit and the erasure."""
    Recording.objects.filter(pk=recording.pk)._raw_delete(using="default")
    long_ago = time.time() - 86_400
    os.utime(recording.video_path.parent, (long_ago, long_ago))
    reaper.sweep_files()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("erase", [deleted, withdrawn, left_without_a_row])
def test_what_was_uploaded_stays_beside_the_copy_and_both_go_together(
    recorded: Path, recording: Recording, sent: list[tuple[str, str]], erase: Any
) -> None:
    shutil.copyfile(recorded, recording.video_path)
    consider(recording)
    render(str(recording.pk))
    recording.refresh_from_db()
    assert recording.video_path.read_bytes() == recorded.read_bytes()
    assert recording.playable_path != recording.video_path
    # A worker that was killed in the middle of another copy leaves a part of it.
    (recording.video_path.parent / ".playable-of-a-killed-worker.part").write_bytes(b"pictures")
    home = recording.video_path.parent
    erase(recording)
    assert not Recording.objects.filter(pk=recording.pk).exists()
    assert not home.exists()


@pytest.mark.django_db(transaction=True)
def test_a_copy_that_is_made_while_its_recording_is_erased_leaves_nothing(
    recorded: Path, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copyfile(recorded, recording.video_path)
    Recording.objects.filter(pk=recording.pk).update(playback=Recording.Playback.PREPARING)

    def erased_meanwhile(source: Path, target: Path) -> None:
        rewrap(source, target)
        deleted(recording)

    monkeypatch.setattr(playback, "_make_copy", erased_meanwhile)
    home = recording.video_path.parent
    render(str(recording.pk))
    assert not home.exists()
    assert not [one for one in home.parent.iterdir() if one != home]
