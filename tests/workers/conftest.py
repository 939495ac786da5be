"""A whole site with a worker that the tests of a module share: they only add recordings to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone

from tests.running_site import RunningSite, site_without_worker
from webapp.accounts.models import User
from webapp.courses.models import Course, Lesson
from webapp.recordings import storage
from webapp.recordings.models import Recording


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    with site_without_worker(tmp_path_factory.mktemp("site")) as running:
        running.start_worker()
        yield running


@pytest.fixture
def recording(db: None, tmp_path: Path, settings: object) -> Recording:
    """A recording with its folder, without a video, in a data folder of the test's own."""
    settings.DATA_DIR = tmp_path  # type: ignore[attr-defined]
    course = Course.objects.create(title="A", code="A")
    recording = Recording.objects.create(
        student=User.objects.create_user("s@example.org", name="S"),
        lesson=Lesson.objects.create(course=course, title="L", starts_at=timezone.now()),
        original_name="a.mp4",
        size_bytes=1,
        sha256="0" * 64,
    )
    storage.recordings_dir()
    storage.folder(recording.pk).mkdir()
    return recording
