"""The same promises over PostgreSQL, where its server can be started."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres_server import database, postgres, programs
from tests.running_site import RunningSite, site_without_worker

pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[RunningSite]:
    with (
        postgres() as server,
        database(server, "site") as url,
        site_without_worker(tmp_path, database_url=url) as running,
    ):
        yield running


def test_a_killed_worker_is_replaced_and_makes_one_report_on_postgresql(
    site: RunningSite, lesson: Path
) -> None:
    site.start_worker()
    client = site.log_in()
    client.upload(site.lesson_id, lesson)
    site.wait_until(
        lambda: any(s == "running" and p > 0 for s, p in site.analyses("state, progress")),
        "an analysis half-way through",
    )
    site.kill("worker")
    site.start_worker()
    site.wait_until(lambda: site.states() == ["finished"], "the finished analysis")
    assert site.query("SELECT count(*) FROM recordings_analysisdocument") == [(1,)]
    assert site.analyses("attempts") == [(2,)]
    client.withdraw(site.course_id)
    assert site.states() == []
    assert site.stored_files() == []


def test_the_database_going_away_costs_no_recording(site: RunningSite, lesson: Path) -> None:
    site.start_worker()
    site.log_in().upload(site.lesson_id, lesson)
    site.wait_until(lambda: site.states() == ["running"], "the running analysis")
    # Every connection is cut, as a restart of the server would.
    site.query(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    site.wait_until(lambda: site.states() == ["finished"], "the finished analysis")
    assert site.query("SELECT count(*) FROM recordings_analysisdocument") == [(1,)]
    assert site.log_in().get("/recordings/").status_code == 200


def test_the_migrations_of_both_databases_are_complete(site: RunningSite) -> None:
    site.python(
        "import django; django.setup();"
        "from django.core.management import call_command;"
        "call_command('makemigrations', '--check', '--dry-run')"
    )
