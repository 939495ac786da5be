"""A person stops an analysis: the real worker lets go of it at once and does what comes next."""

import time
import uuid
from pathlib import Path

import pytest

from benchmarks.videos import repeated
from tests.faults.conftest import SHIPPED
from tests.faults.test_durability import running_and_moving
from tests.running_site import RunningSite

LET_GO = "no longer this task's"


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped recording again and again, for half an hour."""
    return repeated(SHIPPED, tmp_path_factory.mktemp("lesson") / "lesson.mp4", 1800.0)


def recording_ids(site: RunningSite) -> list[uuid.UUID]:
    sql = "SELECT id FROM recordings_recording ORDER BY created_at"
    return [uuid.UUID(str(key)) for (key,) in site.query(sql)]


def checkpoints(site: RunningSite) -> list[Path]:
    return list((site.data_dir / "recordings").glob("*/checkpoint-*"))


def test_a_running_analysis_is_stopped_long_before_its_end(
    site: RunningSite, lesson: Path, sample: Path
) -> None:
    site.start_worker()
    client = site.log_in()
    client.upload(site.lesson_id, lesson)
    began = time.monotonic()
    site.wait_until(lambda: running_and_moving(site), "an analysis that moves")
    site.wait_until(lambda: site.analyses("expected_at") != [(None,)], "an expected end")
    [(progress,)] = site.analyses("progress")
    whole_s = (time.monotonic() - began) / progress
    [recording] = recording_ids(site)
    client.upload(site.lesson_id, sample)
    stopped = time.monotonic()
    client.stop(recording)
    site.wait_until(lambda: LET_GO in site.log("worker"), "the worker to let go")
    assert time.monotonic() - stopped < (1 - progress) * whole_s / 5
    assert site.states()[0] == "cancelled"
    # What waited behind it is next, and nothing of the recording is lost.
    site.wait_until(lambda: site.states() == ["cancelled", "finished"], "the next report")
    assert "Traceback" not in site.log("worker")
    assert checkpoints(site) == []
    [video] = (site.data_dir / "recordings" / str(recording)).iterdir()
    assert video.read_bytes() == lesson.read_bytes()


def test_a_waiting_analysis_is_stopped_and_its_message_comes_to_nothing(
    site: RunningSite, sample: Path
) -> None:
    client = site.log_in()
    client.upload(site.lesson_id, sample)
    [recording] = recording_ids(site)
    client.stop(recording)
    site.start_worker()
    site.wait_until(lambda: "needs no work" in site.log("worker"), "the message's end")
    assert site.analyses("state, attempts") == [("cancelled", 0)]
    client.analyse_again(recording)
    site.wait_until(lambda: site.states() == ["cancelled", "finished"], "the report")
