"""Everything that should not be uploaded, through the real page, broker and worker.

Each ends in a sentence for the student, a code, and nothing half-written.
"""

import shutil
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.running_site import RunningSite
from tests.videos import write_not_a_video, write_sound, write_truncated, write_video
from webapp.stack.demo_client import DemoError

CLIPS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "clips"


def one_frame(path: Path) -> Path:
    return write_video(path, frames=1)


def playlist(path: Path) -> Path:
    """A playlist that names a file of the server's."""
    path.write_text("#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")
    return path


def random_bytes(path: Path) -> Path:
    path.write_bytes(bytes(range(7, 256)) * 4000)
    return path


MAKERS: dict[str, Callable[[Path], Path]] = {
    "list.mp4": write_not_a_video,
    "half.mp4": write_truncated,
    "sound.m4a": write_sound,
    "playlist.mp4": playlist,
    "noise.mp4": random_bytes,
    "one-frame.mp4": one_frame,
    "no-face.mp4": write_video,
}
FAILS = ("list.mp4", "half.mp4", "sound.m4a", "playlist.mp4", "noise.mp4", "one-frame.mp4")
FINISHES = ("no-face.mp4",)


@pytest.fixture(scope="module")
def outcomes(
    site: RunningSite, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """All of them uploaded, and what became of each."""
    folder = tmp_path_factory.mktemp("uploads")
    client = site.log_in()
    for name, make in MAKERS.items():
        client.upload(site.lesson_id, make(folder / name))
    site.wait_until(
        lambda: not {"queued", "running"} & set(site.states()), "the end of every analysis"
    )
    rows = site.query(
        "SELECT original_name, state, error_code, error_text, recording_id, attempts"
        " FROM recordings_analysis JOIN recordings_recording r ON r.id = recording_id"
    )
    keys = ("state", "code", "text", "recording", "attempts")
    return {name: dict(zip(keys, rest, strict=True)) for name, *rest in rows}


@pytest.mark.parametrize("name", FAILS)
def test_it_fails_with_a_sentence_that_names_the_file(
    name: str, outcomes: dict[str, dict[str, Any]], site: RunningSite
) -> None:
    outcome = outcomes[name]
    assert outcome["state"] == "failed"
    assert outcome["code"].startswith("video_")
    assert outcome["text"].startswith(name)
    assert outcome["text"].endswith(".")
    # One try is enough to know that a broken file stays broken.
    assert outcome["attempts"] == 1
    for private in (str(site.data_dir), "Traceback", "av.error", outcome["recording"]):
        assert private not in outcome["text"]


@pytest.mark.parametrize("name", FINISHES)
def test_a_video_without_a_face_is_a_report_with_a_warning(
    name: str, outcomes: dict[str, dict[str, Any]], site: RunningSite
) -> None:
    assert outcomes[name]["state"] == "finished", outcomes[name]
    client = site.log_in("instructor")
    recording = dashed(outcomes[name]["recording"])
    report = client.get(f"/recordings/{recording}/report/analysis.json").json()
    assert report["tracks"] == []
    assert report["source"]["file"] == name
    assert "no_face" in {warning["code"] for warning in report["warnings"]}
    assert client.get(f"/recordings/{recording}/report/").status_code == 200


def test_the_student_reads_the_reason_and_can_try_again(
    outcomes: dict[str, dict[str, Any]], site: RunningSite
) -> None:
    page = site.log_in().get("/recordings/").text
    assert page.count(">Try again</button>") == len(FAILS)
    assert "sound.m4a has no picture" in page


def test_nothing_half_written_is_left(
    outcomes: dict[str, dict[str, Any]], site: RunningSite
) -> None:
    left = [path for path in site.stored_files() if ".part" in path.name]
    assert left == []
    embeddings = [p for p in site.stored_files() if p.name == "embeddings.parquet"]
    assert len(embeddings) == len(FINISHES)
    assert site.query("SELECT count(*) FROM recordings_analysisdocument") == [(len(FINISHES),)]
    assert "Traceback" not in site.log("worker")


def test_an_empty_file_is_refused_at_the_page(site: RunningSite, tmp_path: Path) -> None:
    empty = tmp_path / "empty.mp4"
    empty.touch()
    before = site.stored_files()
    with pytest.raises(DemoError, match="400"):
        site.log_in().upload(site.lesson_id, empty)
    # What was refused is removed when the request has ended, which is after its answer.
    for _ in range(100):
        if site.stored_files() == before:
            break
        time.sleep(0.1)
    assert site.stored_files() == before


def test_hostile_names_reach_a_report(
    outcomes: dict[str, dict[str, Any]], site: RunningSite, tmp_path: Path
) -> None:
    video = write_video(tmp_path / "plain.mp4", seconds=0.5)
    client = site.log_in()
    names = ["\N{GRINNING FACE}.mp4", "n" * 240 + ".mp4", "..%2f..%2fx.mp4"]
    for name in names:
        client.upload(site.lesson_id, Path(shutil.copy(video, tmp_path / name)))
    site.wait_until(
        lambda: site.states().count("finished") == len(FINISHES) + len(names), "their reports"
    )


def test_a_codec_that_browsers_do_not_play_gets_a_copy_that_they_do(
    site: RunningSite, tmp_path: Path
) -> None:
    import av

    old = write_video(tmp_path / "old.avi", codec="mpeg4", size=(322, 242), sound=True)
    site.log_in().upload(site.lesson_id, old)
    [(recording,)] = site.query(
        "SELECT id FROM recordings_recording WHERE original_name = 'old.avi'"
    )
    playback = f"SELECT playback FROM recordings_recording WHERE id = '{recording}'"  # noqa: S608
    site.wait_until(lambda: site.query(playback) == [("rendition",)], "the playable copy")
    answer = site.log_in("instructor").get(f"/recordings/{dashed(recording)}/video/")
    assert answer.headers["Content-Type"] == "video/mp4"
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(answer.content)
    with av.open(str(copy)) as reader:
        video = reader.streams.video[0]
        assert (video.codec_context.name, video.width, video.height) == ("h264", 322, 242)
        assert reader.streams.audio[0].codec_context.name == "aac"
        assert float(reader.duration / av.time_base) == pytest.approx(2.0, abs=0.2)


@pytest.mark.skipif(not CLIPS.exists(), reason="the shared clips are not beside this checkout")
def test_hevc_gets_an_upright_copy_of_the_same_length(tmp_path: Path) -> None:
    import av

    from engagement.video.probe import probe
    from workers.transcoding import transcode

    source, copy = CLIPS / "face_noface.mov", tmp_path / "copy.mp4"
    transcode(source, copy)
    before, after = probe(source), probe(copy)
    assert after.codec == "h264"
    assert (after.width > after.height) == (before.width > before.height)
    assert after.duration_s == pytest.approx(before.duration_s, abs=0.3)
    with av.open(str(copy)) as reader:
        assert next(reader.decode(video=0)).rotation == 0


def dashed(recording: object) -> str:
    """SQLite keeps ids without dashes."""
    return str(uuid.UUID(str(recording)))
