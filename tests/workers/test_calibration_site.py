"""A fit on a real site whose worker is killed: it is taken up again and comes to its end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running_site import RunningSite, site_without_worker

pytestmark = pytest.mark.slow

SEED = """
import django
django.setup()
from tests.calibration_world import labelled_class
from webapp.accounts.models import User
from webapp.calibration import services
from webapp.courses.models import Lesson
lesson, instructor = Lesson.objects.get(), User.objects.get(email="instructor@demo.example")
labelled_class(lesson, instructor, students=6, size=1024)
services.request_fit(instructor, lesson.course)
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[RunningSite]:
    with site_without_worker(tmp_path / "site") as running:
        running.python(SEED)
        yield running


def fit_of(site: RunningSite) -> tuple[str, int, int]:
    """State, attempts, and whether it is in use."""
    [row] = site.query("SELECT state, attempts, in_use FROM calibration_classifier")
    return row[0], row[1], row[2]


def test_a_killed_worker_costs_a_fit_an_attempt_and_no_more(site: RunningSite) -> None:
    site.start_worker()
    site.wait_until(lambda: fit_of(site)[0] == "running", "the start of the fit")
    site.kill("worker")
    assert fit_of(site)[:2] == ("running", 1)
    site.start_worker()
    site.wait_until(lambda: fit_of(site)[0] == "finished", "the end of the fit")
    assert fit_of(site) == ("finished", 2, 1)
    files = [path.suffix for path in (site.data_dir / "classifiers").iterdir() if path.is_file()]
    assert files.count(".safetensors") == 1
