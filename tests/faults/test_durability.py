"""What was acknowledged survives: killed workers, a broker that is away, erasure in between."""

import shutil
import time
from pathlib import Path

import pytest

from tests.running_site import RunningSite


def running_and_moving(site: RunningSite) -> bool:
    return any(state == "running" and 0 < done < 0.9 for state, done in moving(site))


def moving(site: RunningSite) -> list[tuple[str, float]]:
    return [(state, done) for state, done in site.analyses("state, progress")]


def documents(site: RunningSite) -> int:
    [(count,)] = site.query("SELECT count(*) FROM recordings_analysisdocument")
    return count


def assert_exactly_one_report(site: RunningSite) -> None:
    assert site.states() == ["finished"]
    assert documents(site) == 1
    [(recording,)] = site.query("SELECT recording_id FROM recordings_analysis")
    names = {path.name for path in site.stored_files()}
    assert len(names) == 2, names
    assert "embeddings.parquet" in names
    assert str(recording).replace("-", "") in {name.replace("-", "") for name in names}


def test_a_worker_killed_in_mid_analysis_is_replaced_and_makes_one_report(
    site: RunningSite, lesson: Path
) -> None:
    site.start_worker()
    site.log_in().upload(site.lesson_id, lesson)
    site.wait_until(lambda: running_and_moving(site), "an analysis half-way through")
    site.kill("worker")
    assert site.states() == ["running"]
    site.start_worker()
    site.wait_until(lambda: site.states() == ["finished"], "the finished analysis")
    assert_exactly_one_report(site)
    assert site.analyses("attempts, owner, error_code") == [(2, "", "")]
    # The first worker's message comes back, and finds nothing to do.
    site.kill("worker")
    site.start_worker()
    time.sleep(2)
    assert_exactly_one_report(site)


def test_a_pool_process_killed_in_mid_analysis_costs_one_attempt(
    site: RunningSite, lesson: Path
) -> None:
    site.start_worker()
    site.log_in().upload(site.lesson_id, lesson)
    site.wait_until(lambda: running_and_moving(site), "an analysis half-way through")
    site.kill_pool_process()
    site.wait_until(lambda: site.states() == ["finished"], "the finished analysis")
    assert_exactly_one_report(site)
    assert site.analyses("attempts") == [(2,)]


def test_a_recording_that_kills_every_worker_fails_with_a_reason(
    site: RunningSite, sample: Path
) -> None:
    site.start_worker()
    site.log_in().upload(site.lesson_id, sample)
    for attempt in (1, 2, 3):
        wanted = [("running", attempt)]
        site.wait_until(
            lambda wanted=wanted: site.analyses("state, attempts") == wanted,
            f"attempt {attempt}",
        )
        site.kill_pool_process()
    site.wait_until(lambda: site.states() == ["failed"], "the failed state")
    [(code, text)] = site.analyses("error_code, error_text")
    assert code == "worker_lost"
    assert "3 times" in text
    assert documents(site) == 0


def test_with_the_broker_away_an_upload_is_acknowledged_at_once_and_finished_later(
    site: RunningSite, sample: Path
) -> None:
    client = site.log_in()
    site.kill("broker")
    began = time.monotonic()
    client.upload(site.lesson_id, sample)
    assert time.monotonic() - began < 6
    assert site.analyses("state, sent_at") == [("queued", None)]
    site.start_broker()
    site.start_worker()
    site.wait_until(lambda: site.states() == ["finished"], "the finished analysis")
    assert_exactly_one_report(site)


def test_messages_lost_with_the_brokers_data_are_sent_again(
    site: RunningSite, sample: Path
) -> None:
    site.environment["ANALYSIS_RESEND_S"] = "1"
    site.log_in().upload(site.lesson_id, sample)
    site.kill("broker")
    shutil.rmtree(site.data_dir / "valkey")
    site.start_broker()
    site.start_worker()
    site.wait_until(lambda: site.states() == ["finished"], "the finished analysis")
    assert_exactly_one_report(site)


def test_a_recording_erased_in_mid_analysis_ends_it_quietly(
    site: RunningSite, lesson: Path, sample: Path
) -> None:
    site.start_worker()
    client = site.log_in()
    client.upload(site.lesson_id, lesson)
    site.wait_until(lambda: running_and_moving(site), "an analysis half-way through")
    client.withdraw(site.course_id)
    assert site.states() == []
    site.wait_until(lambda: "no longer this task's" in site.log("worker"), "the quiet end")
    assert "Traceback" not in site.log("worker")
    assert site.stored_files() == []
    # The same worker goes on with what comes next.
    client.agree(site.course_id)
    client.upload(site.lesson_id, sample)
    site.wait_until(lambda: site.states() == ["finished"], "the next analysis")


@pytest.mark.parametrize("part", ["worker", "broker"])
def test_pages_work_while_a_part_is_away(part: str, site: RunningSite, sample: Path) -> None:
    if part == "broker":
        site.kill("broker")
    client = site.log_in()
    client.upload(site.lesson_id, sample)
    page = client.get("/recordings/")
    assert page.status_code == 200
    assert "Queued" in page.text
