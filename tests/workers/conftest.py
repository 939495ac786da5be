"""A whole site with a worker that the tests of a module share: they only add recordings to it."""

from collections.abc import Iterator

import pytest

from tests.running_site import RunningSite


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    running = RunningSite(tmp_path_factory.mktemp("site"))
    try:
        running.prepare()
        running.start_broker()
        running.start_web()
        running.start_worker()
        yield running
    finally:
        running.stop()
