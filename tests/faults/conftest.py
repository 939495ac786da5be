"""Real sites to break."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.videos import repeated
from tests.running_site import ROOT, RunningSite, site_without_worker
from tests.videos import write_beginning

SHIPPED = ROOT / "engagement" / "sample" / "sample.mp4"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[RunningSite]:
    """A prepared site with its broker and web server; the test starts the worker."""
    with site_without_worker(tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of the recording that the project ships: soon done."""
    return write_beginning(SHIPPED, tmp_path_factory.mktemp("sample") / "me.mp4", seconds=8)


@pytest.fixture(scope="session")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording that the project ships, again and again: long enough to be interrupted."""
    return repeated(SHIPPED, tmp_path_factory.mktemp("lesson") / "lesson.mp4", 180.0)
