"""A whole site with a worker that the tests of a module share: they only add recordings to it."""

from collections.abc import Iterator

import pytest

from tests.running_site import RunningSite, site_without_worker


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    with site_without_worker(tmp_path_factory.mktemp("site")) as running:
        running.start_worker()
        yield running
