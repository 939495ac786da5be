"""Claims, the reaper and the pulse over a database, without a broker."""

import datetime as dt
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.utils import timezone

from engagement.errors import CancelledError
from tests.factories import build_document
from webapp.recordings import queue, services, storage
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from workers import checkpoints, claims, reaper
from workers.identity import is_known_dead, owner_name
from workers.pulse import Pulse
from workers.threads import threads_per_process


@pytest.fixture
def analysis(recording: Recording) -> Analysis:
    return Analysis.objects.create(recording=recording)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    monkeypatch.setattr(queue, "_send", lambda task, key: messages.append(str(key)) or True)
    return messages


def silence(analysis: Analysis, seconds: float = 3600) -> None:
    """As if its owner had last been heard of that long ago."""
    before = timezone.now() - dt.timedelta(seconds=seconds)
    Analysis.objects.filter(pk=analysis.pk).update(heartbeat_at=before)


def test_one_of_two_claims_wins(analysis: Analysis) -> None:
    assert claims.claim(analysis.pk, "one") is not None
    assert claims.claim(analysis.pk, "two") is None
    analysis.refresh_from_db()
    assert (analysis.owner, analysis.attempts, analysis.state) == ("one", 1, "running")


def test_a_silent_owner_loses_its_claim_to_the_next(analysis: Analysis, tmp_path: Path) -> None:
    claims.claim(analysis.pk, "one")
    silence(analysis)
    assert claims.claim(analysis.pk, "two") is not None
    assert not claims.beat(analysis.pk, "one", 0.5)
    assert not claims.fail(analysis.pk, "one", "x", "x")
    assert not claims.give_back(analysis.pk, "one")
    part = tmp_path / "part"
    part.touch()
    with pytest.raises(claims.ClaimLostError):
        claims.finish(analysis, "one", build_document(), part)
    assert not AnalysisDocument.objects.exists()
    claims.finish(analysis, "two", build_document(), part)
    assert AnalysisDocument.objects.count() == 1


def test_finishing_writes_state_document_summary_and_embeddings_together(
    analysis: Analysis, tmp_path: Path
) -> None:
    claims.claim(analysis.pk, "me")
    part = tmp_path / "part"
    part.write_bytes(b"numbers")
    document = build_document(duration_s=20.0)
    claims.finish(analysis, "me", document, part)
    analysis.refresh_from_db()
    assert (analysis.state, analysis.progress, analysis.owner) == ("finished", 1.0, "")
    assert analysis.mean_engagement == document["summary"]["mean_engagement"]
    assert analysis.expression_model == "mobilenet_7_fer"
    assert analysis.document.document == document
    assert analysis.recording.embeddings_path.read_bytes() == b"numbers"
    assert Recording.objects.get().duration_s == 20.0


def test_without_its_folder_a_finish_is_undone(analysis: Analysis, tmp_path: Path) -> None:
    claims.claim(analysis.pk, "me")
    with pytest.raises(claims.ClaimLostError):
        claims.finish(analysis, "me", build_document(), tmp_path / "absent")
    analysis.refresh_from_db()
    assert analysis.state == "running"
    assert not AnalysisDocument.objects.exists()


@pytest.mark.parametrize("state", ["finished", "failed", "cancelled"])
def test_what_has_ended_is_not_claimed(state: str, analysis: Analysis) -> None:
    Analysis.objects.update(state=state)
    assert claims.claim(analysis.pk, "me") is None


def test_the_reaper_leaves_the_living_alone(analysis: Analysis) -> None:
    claims.claim(analysis.pk, owner_name("task"))
    assert reaper.free_abandoned() == 0


def test_the_reaper_frees_the_silent_and_sends_them(analysis: Analysis, sent: list[str]) -> None:
    claims.claim(analysis.pk, "another machine#1#task")
    silence(analysis)
    reaper.reap()
    analysis.refresh_from_db()
    assert (analysis.state, sent) == ("queued", [str(analysis.pk)])
    # What was just sent is not sent again.
    reaper.reap()
    assert len(sent) == 1


def test_the_reaper_gives_up_after_the_last_attempt(analysis: Analysis) -> None:
    claims.claim(analysis.pk, "gone")
    Analysis.objects.update(attempts=3)
    silence(analysis)
    reaper.free_abandoned()
    analysis.refresh_from_db()
    assert (analysis.state, analysis.error_code) == ("failed", "worker_lost")


def test_an_owner_whose_process_ended_is_known_dead() -> None:
    assert not is_known_dead(owner_name("task"))
    child = subprocess.Popen(["true"])
    mine = f"#{os.getpid()}#"
    theirs = owner_name("task").replace(mine, f"#{child.pid}#")
    # Ended but not waited for: a zombie works no more.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_known_dead(theirs)
    child.wait()
    assert is_known_dead(theirs)
    assert not is_known_dead("another machine#1#task")
    assert not is_known_dead("")


def test_the_sweep_removes_what_no_row_knows_and_only_when_it_is_old(analysis: Analysis) -> None:
    orphan = storage.recordings_dir() / "00000000-0000-4000-8000-000000000000"
    part = storage.incoming_dir() / "x.part"
    orphan.mkdir()
    part.touch()
    reaper.sweep_files()
    assert orphan.exists()
    assert part.exists()
    old = time.time() - 7200
    for path in (orphan, part, storage.folder(analysis.recording_id)):
        os.utime(path, (old, old))
    reaper.sweep_files()
    assert not orphan.exists()
    assert not part.exists()
    assert storage.folder(analysis.recording_id).exists()


def keep_something(analysis: Analysis) -> Path:
    """As a run leaves it that was killed."""
    analysis.checkpoint_path.mkdir()
    (analysis.checkpoint_path / "part").touch()
    return analysis.checkpoint_path


def test_stopping_and_finishing_at_once_end_in_exactly_one_of_the_two(
    analysis: Analysis, tmp_path: Path
) -> None:
    part = tmp_path / "part"
    part.touch()
    claims.claim(analysis.pk, "me")
    assert services.cancel(analysis)
    assert not claims.beat(analysis.pk, "me", 0.5)
    with pytest.raises(claims.ClaimLostError):
        claims.finish(analysis, "me", build_document(), part)
    assert not claims.fail(analysis.pk, "me", "x", "x")
    analysis.refresh_from_db()
    assert (analysis.state, AnalysisDocument.objects.count()) == ("cancelled", 0)
    again = Analysis.objects.create(recording=analysis.recording)
    claims.claim(again.pk, "me")
    claims.finish(again, "me", build_document(), part)
    assert not services.cancel(again)
    again.refresh_from_db()
    assert (again.state, AnalysisDocument.objects.count()) == ("finished", 1)


def test_progress_stays_for_the_next_attempt_and_the_expected_end_does_not(
    analysis: Analysis, sent: list[str]
) -> None:
    claims.claim(analysis.pk, "gone")
    assert claims.beat(analysis.pk, "gone", 0.4, left_s=60.0)
    analysis.refresh_from_db()
    assert analysis.time_left == "about a minute"
    silence(analysis)
    reaper.reap()
    analysis.refresh_from_db()
    assert (analysis.state, analysis.progress, analysis.expected_at) == ("queued", 0.4, None)
    claimed = claims.claim(analysis.pk, "me")
    assert claimed is not None
    assert (claimed.progress, claimed.time_left) == (0.4, "")
    assert claims.give_back(analysis.pk, "me")
    analysis.refresh_from_db()
    assert analysis.progress == 0.4


def test_a_checkpoint_lives_as_long_as_its_analysis_is_open(analysis: Analysis) -> None:
    kept = keep_something(analysis)
    for state in ("queued", "running"):
        Analysis.objects.update(state=state)
        claims.clear_away(analysis)
        reaper.sweep_files()
        assert kept.exists(), state
    for state in ("finished", "failed", "cancelled"):
        Analysis.objects.update(state=state)
        claims.clear_away(analysis)
        assert not kept.exists(), state
        keep_something(analysis)
        reaper.sweep_files()
        assert not kept.exists(), state
    assert storage.folder(analysis.recording_id).exists()


def test_two_runs_never_write_to_one_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    code = (
        "import sys, pathlib; from workers.checkpoints import locked\n"
        "with locked(pathlib.Path(sys.argv[1])) as own: print(own is not None, flush=True);"
        " sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        with checkpoints.locked(folder) as mine:
            assert mine is None
        other.kill()
        other.wait()
    # Killed, not ended well: what it kept is free for the next all the same.
    with checkpoints.locked(folder) as mine:
        assert mine is not None
        assert mine.parent == folder


def test_what_a_run_wrote_after_the_erasure_goes_with_it(
    analysis: Analysis, recording: Recording
) -> None:
    recording_id = recording.pk
    recording.delete()
    storage.erase(recording_id)
    kept = storage.checkpoint_path(recording_id, analysis.pk)
    kept.mkdir(parents=True)
    claims.clear_away(analysis)
    assert not storage.folder(recording_id).exists()


def test_an_attempt_that_goes_on_does_not_fall_back_to_nothing() -> None:
    written: list[float] = []
    with Pulse(lambda progress: not written.append(progress), every_s=0.0, begun=0.4) as pulse:
        time.sleep(1.5)
        pulse.progress(38.0, 100.0)
        pulse.progress(37.0, 100.0)
        time.sleep(1.2)
    # While models load it stands; less was kept than had been done; from there only forward.
    assert (written[0], written[-1]) == (0.4, 0.38)


def test_the_pulse_stops_the_work_that_is_no_longer_ours() -> None:
    with Pulse(lambda progress: False, every_s=1.0) as pulse:
        end = time.monotonic() + 10
        while not pulse.lost and time.monotonic() < end:
            time.sleep(0.05)
        with pytest.raises(CancelledError):
            pulse.progress(1.0, 2.0)


def test_the_pulse_writes_at_most_once_a_second_and_never_says_done() -> None:
    written: list[float] = []
    with Pulse(lambda progress: not written.append(progress), every_s=60.0) as pulse:
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            pulse.progress(10.0, 10.0)
            time.sleep(0.01)
    assert written == [0.99]


@pytest.mark.parametrize(
    ("wanted", "processes", "cores", "threads"), [(0, 1, 2, 2), (0, 4, 2, 1), (3, 1, 2, 3)]
)
def test_cores_are_shared_out(wanted: int, processes: int, cores: int, threads: int) -> None:
    assert threads_per_process(wanted, processes, cores) == threads


def test_no_process_is_forked_in_the_middle_of_a_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds: list[str] = []

    def slow_round() -> None:
        rounds.append("begun")
        time.sleep(0.5)
        rounds.append("ended")

    monkeypatch.setattr(reaper, "reap", slow_round)
    monkeypatch.setattr(reaper, "sweep_files", lambda: None)
    thread = reaper.ReaperThread(interval_s=60.0)
    thread.start()
    while not rounds:
        time.sleep(0.01)
    child = os.fork()
    if child == 0:
        os._exit(0 if rounds == ["begun", "ended"] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    thread.stop()
