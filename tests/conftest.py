"""What holds for all tests: what is made of model files is kept in a folder of the run's own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# As the package does, for tests that load ONNX Runtime by themselves.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


@pytest.fixture(scope="session", autouse=True)
def _cache_of_this_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A model in the developer's own cache must not become what ``auto`` means here."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("ENGAGEMENT_CACHE")
    os.environ["ENGAGEMENT_CACHE"] = str(folder)  # for subprocesses too
    yield folder
    if before is None:
        del os.environ["ENGAGEMENT_CACHE"]
    else:
        os.environ["ENGAGEMENT_CACHE"] = before
