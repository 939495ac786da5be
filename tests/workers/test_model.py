"""An expression model that is not there: the administrator's business, not the student's."""

from pathlib import Path

import pytest

from engagement.sample import sample_path
from webapp.recordings.models import Analysis, Recording
from workers.analysis import analyse


@pytest.mark.parametrize("model", ["enet_b2_8", "enet_b9"])
def test_a_model_that_is_not_there_is_told_to_the_log_and_not_to_the_student(
    model: str,
    recording: Recording,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    recording.video_path.write_bytes(sample_path().read_bytes())
    analysis = Analysis.objects.create(recording=recording, model_requested=model)
    analyse.apply(args=[str(analysis.pk)])
    analysis.refresh_from_db()
    assert analysis.state == "failed"
    assert "not about your recording" in analysis.error_text
    assert "engagement models" not in analysis.error_text
    assert model in caplog.text
