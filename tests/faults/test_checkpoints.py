"""A long analysis whose worker is killed goes on where it was, to the same result."""

import json
import uuid
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.videos import repeated
from tests.faults.conftest import SHIPPED
from tests.running_site import RunningSite

LENGTH_S = 600.0


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped recording again and again, for ten minutes."""
    return repeated(SHIPPED, tmp_path_factory.mktemp("lesson") / "lesson.mp4", LENGTH_S)


def progress(site: RunningSite) -> float:
    """Of the first analysis, as its page shows it."""
    return site.analyses("progress")[0][0]


def kept(site: RunningSite) -> list[Path]:
    return sorted((site.data_dir / "recordings").glob("*/checkpoint-*/run/state*"))


def documents(site: RunningSite) -> list[dict]:
    rows = site.query(
        "SELECT document FROM recordings_analysisdocument AS d JOIN recordings_analysis AS a"
        " ON d.analysis_id = a.id ORDER BY a.created_at"
    )
    return [json.loads(document) for (document,) in rows]


def embeddings(site: RunningSite) -> list[dict]:
    homes = [str(key) for (key,) in site.query("SELECT id FROM recordings_recording")]
    files = (site.data_dir / "recordings").glob("*/embeddings.parquet")
    assert len(homes) == 2
    return [pq.read_table(path).to_pydict() for path in files]


def test_where_nothing_can_be_stored_the_student_is_told_so_without_the_servers_paths(
    site: RunningSite, sample: Path
) -> None:
    site.environment["ANALYSIS_MAX_ATTEMPTS"] = "1"
    site.log_in().upload(site.lesson_id, sample)
    [(analysis, recording)] = site.analyses("id, recording_id")
    home = site.data_dir / "recordings" / str(uuid.UUID(recording))
    checkpoint = home / f"checkpoint-{uuid.UUID(analysis)}"
    checkpoint.mkdir()
    # A file where a folder should be made stands for a disk that is full.
    (checkpoint / "run").touch()
    site.start_worker()
    site.wait_until(lambda: site.states() == ["failed"], "the failed state")
    [(code, text)] = site.analyses("error_code, error_text")
    assert code == "output_unwritable"
    assert "not about your recording" in text
    assert str(site.data_dir) not in text
    assert [path.name for path in home.iterdir()] == [str(uuid.UUID(recording))]


@pytest.mark.slow
def test_a_killed_analysis_goes_on_where_it_was_and_ends_the_same(
    site: RunningSite, lesson: Path
) -> None:
    site.start_worker()
    client = site.log_in()
    client.upload(site.lesson_id, lesson)
    site.wait_until(lambda: kept(site) != [], "the first thing kept")
    reached = progress(site)
    assert 0 < reached < 0.9
    site.kill("worker")
    assert site.analyses("state, attempts") == [("running", 1)]
    seen = [progress(site)]
    site.start_worker()

    def at_its_end() -> bool:
        seen.append(progress(site))
        return site.states() == ["finished"]

    site.wait_until(at_its_end, "the finished analysis")
    assert site.analyses("attempts") == [(2,)]
    # It never began again: what is shown falls at most by what was not kept yet.
    assert min(seen) > reached / 2
    assert kept(site) == []
    # The same recording without a break.
    client.upload(site.lesson_id, lesson)
    site.wait_until(lambda: site.states() == ["finished", "finished"], "the second report")
    broken, whole = documents(site)
    assert broken == whole
    assert broken["source"]["duration_s"] == pytest.approx(LENGTH_S, abs=1.0)
    broken_rows, whole_rows = embeddings(site)
    assert broken_rows == whole_rows
