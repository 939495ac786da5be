"""An expression model that is not there: the administrator's business, not the student's."""

from pathlib import Path

import pytest
from django.utils import timezone

from engagement.sample import sample_path
from webapp.accounts.models import User
from webapp.courses.models import Course, Lesson
from webapp.recordings import storage
from webapp.recordings.models import Analysis, Recording
from workers.analysis import analyse


@pytest.fixture
def recording(db: None, tmp_path: Path, settings: object) -> Recording:
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
    recording.video_path.write_bytes(sample_path().read_bytes())
    return recording


@pytest.mark.parametrize("model", ["enet_b2_8", "enet_b9"])
def test_a_model_that_is_not_there_is_told_to_the_log_and_not_to_the_student(
    model: str,
    recording: Recording,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    analysis = Analysis.objects.create(recording=recording, model_requested=model)
    analyse.apply(args=[str(analysis.pk)])
    analysis.refresh_from_db()
    assert analysis.state == "failed"
    assert "not about your recording" in analysis.error_text
    assert "engagement models" not in analysis.error_text
    assert model in caplog.text
