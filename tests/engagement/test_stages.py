"""Stages beside each other, and runs that are stopped, killed and taken up again."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from engagement.errors import CancelledError, OutputError, VideoError
from engagement.expressions.recognizer import ExpressionRecognizer
from engagement.pipeline import Analyzer, Settings
from engagement.sample import sample_path
from engagement.stages import watching
from engagement.stages.ahead import Ahead
from engagement.stages.checkpoint import KeptRun, RunState
from engagement.stages.log import ObservationLog
from engagement.types import Expression, Face, Observation
from engagement.video.decoding import Decoded
from engagement.video.reader import Position, VideoReader


def test_items_come_in_order_and_only_a_few_are_made_ahead() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            yield number

    with Ahead(items(), 3) as ahead:
        for number, item in enumerate(ahead):
            assert item == number
            time.sleep(0.002)
            assert len(made) <= number + 6
    assert len(made) == 50


def test_what_goes_wrong_in_the_thread_is_raised_behind_what_was_made() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise VideoError("broken off")

    with Ahead(items(), 3) as ahead:
        taken = iter(ahead)
        assert next(taken) == 1
        with pytest.raises(VideoError, match="broken off"):
            next(taken)


def test_the_thread_ends_with_the_block_and_waiting_is_told() -> None:
    stop = threading.Event()
    waited = []

    def items() -> Iterator[int]:
        yield 1
        stop.wait(30)

    def on_wait() -> None:
        waited.append(1)
        raise CancelledError("enough")

    before = threading.active_count()
    with (
        pytest.raises(CancelledError),
        Ahead(items(), 3, on_wait=on_wait, on_exit=stop.set) as ahead,
    ):
        list(ahead)
    assert waited == [1]
    assert threading.active_count() == before


def observation(number: int, size: int = 5) -> Observation:
    rng = np.random.default_rng(number)
    return Observation(
        number % 3 + 1,
        number / 7,
        Face(
            rng.random(4, np.float32), rng.random((5, 2), np.float32), float(np.float32(0.9)) / 1.1
        ),
        Expression(
            rng.random(7, np.float32),
            rng.random(size, np.float32),
            float(rng.random(dtype=np.float32)),
            -0.25,
        ),
        rng.random() * 30,
        -rng.random() * 20,
    )


def same(a: Observation, b: Observation) -> bool:
    return (
        (a.track_id, a.t, a.yaw, a.pitch) == (b.track_id, b.t, b.yaw, b.pitch)
        and a.face.score == b.face.score
        and np.array_equal(a.face.xyxy, b.face.xyxy)
        and np.array_equal(a.face.landmarks, b.face.landmarks)
        and np.array_equal(a.expression.probabilities, b.expression.probabilities)
        and np.array_equal(a.expression.embedding, b.expression.embedding)
        and (a.expression.valence, a.expression.arousal)
        == (b.expression.valence, b.expression.arousal)
    )


def test_observations_come_back_bit_for_bit_in_any_order() -> None:
    log = ObservationLog()
    ours = [observation(number) for number in range(20)]
    log.append(ours[:7], [o.t for o in ours[:7]])
    log.append([], [1.05])
    log.append(ours[7:], [o.t for o in ours[7:]])
    rows = log.read_rows()
    back = log.sequence(rows[::-1])
    assert len(back) == 20
    assert all(same(a, b) for a, b in zip(back, ours[::-1], strict=True))
    assert same(back[3], ours[16])
    assert [same(a, b) for a, b in zip(back[2:5], ours[15:18][::-1], strict=True)] == [True] * 3
    assert list(log.read_times()) == [*(o.t for o in ours[:7]), 1.05, *(o.t for o in ours[7:])]


def test_a_log_of_nothing_is_empty() -> None:
    log = ObservationLog()
    log.append([], [0.0, 0.2])
    assert not len(log.sequence(log.read_rows()))
    assert list(log.read_times()) == [0.0, 0.2]


def test_what_was_written_after_the_last_state_does_not_count(tmp_path: Path) -> None:
    run = KeptRun(tmp_path / "run", {"video": "a"})
    position = Position(1.5, 1.6, (640, 360), Decoded(37, 1.54, 1.6, 0.5, 0), own_times=True)
    run.log.append([observation(0), observation(1)], [0.0, 0.1, 0.2])
    run.keep(RunState(position, {"tracker_boxes": np.eye(2)}))
    run.log.append([observation(2)], [0.3])
    del run
    again = KeptRun(tmp_path / "run", {"video": "a"})
    assert again.state is not None
    assert again.state.position == position
    assert np.array_equal(again.state.parts["tracker_boxes"], np.eye(2))
    again.log.append([observation(3)], [0.4])
    back = again.log.sequence(again.log.read_rows())
    assert all(same(back[i], observation(n)) for i, n in enumerate((0, 1, 3)))
    assert list(again.log.read_times()) == [0.0, 0.1, 0.2, 0.4]
    again.remove()
    assert not (tmp_path / "run").exists()
    assert same(back[2], observation(3))


def cut_short(folder: Path) -> None:
    (folder / "embeddings").write_bytes(b"1234")


def damage(folder: Path) -> None:
    (folder / "state.npz").write_bytes(b"PK not really")


@pytest.mark.parametrize("spoil", [cut_short, damage])
def test_a_spoilt_run_begins_anew(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    run = KeptRun(tmp_path, {"video": "a"})
    run.log.append([observation(0)], [0.0])
    run.keep(RunState(Position(0, 0, (1, 1), Decoded(), own_times=True), {}))
    del run
    spoil(tmp_path)
    again = KeptRun(tmp_path, {"video": "a"})
    assert again.state is None
    assert not len(again.log.read_rows())


def test_a_run_of_something_else_begins_anew(tmp_path: Path) -> None:
    run = KeptRun(tmp_path, {"video": "a", "fps": 5.0})
    run.log.append([observation(0)], [0.0])
    run.keep(RunState(Position(0, 0, (1, 1), Decoded(), own_times=True), {}))
    del run
    assert KeptRun(tmp_path, {"video": "a", "fps": 2.0}).state is None


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be made"):
        KeptRun(tmp_path / "file", {})


def test_a_folder_with_other_files_is_refused_and_nothing_in_it_is_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    (tmp_path / "times").write_text("mine too")
    with pytest.raises(OutputError, match=r"holds other files \(thesis.txt"):
        KeptRun(tmp_path, {})
    assert (tmp_path / "times").read_text() == "mine too"


def test_files_that_came_later_outlive_the_run(tmp_path: Path) -> None:
    run = KeptRun(tmp_path / "run", {})
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    run.remove()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["thesis.txt"]


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer()


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample eight times over, not coded anew."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    with av.open(str(path), "w") as writer:
        stream = None
        offset = 0
        for _ in range(8):
            with av.open(str(sample_path())) as reader:
                [source] = reader.streams.video
                stream = stream or writer.add_stream_from_template(source)
                end = 0
                for packet in reader.demux(source):
                    if packet.dts is None:
                        continue
                    end = max(end, packet.pts + packet.duration)
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    packet.stream = stream
                    writer.mux(packet)
                offset += end
    return path


class InterruptedRunError(Exception):
    """Stands for whatever ends a process in the middle."""


@pytest.mark.parametrize("native", [False, True])
def test_a_run_that_was_stopped_goes_on_and_ends_as_if_it_had_not_been(
    native: bool, analyzer: Analyzer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "KEEP_EVERY_S", 0.0)
    whole = analyzer.analyze(sample_path(), native=native)
    told: list[float] = []
    for stop_s in (7.3, 13.0, 20.1):  # 13 s: while nobody is there

        def until(done: float, total: float, stop_s: float = stop_s) -> None:
            told.append(done)
            if done > stop_s:
                raise InterruptedRunError

        begun = len(told)
        with pytest.raises(InterruptedRunError):
            analyzer.analyze(
                sample_path(), native=native, on_progress=until, checkpoint=tmp_path / "run"
            )
        assert told[begun] >= told[max(0, begun - 2)]
    result = analyzer.analyze(sample_path(), native=native, checkpoint=tmp_path / "run")
    assert result.analysis == whole.analysis
    assert all(same(a, b) for a, b in zip(result.observations, whole.observations, strict=True))
    assert not (tmp_path / "run").exists()


_RUN = """
import sys
from engagement.pipeline import Analyzer
from engagement.stages import watching
watching.KEEP_EVERY_S = 0.2
analyzer = Analyzer()
def told(done, total):
    sys.stdout.write(f"{done}\\n")
    sys.stdout.flush()
result = analyzer.analyze(sys.argv[1], checkpoint=sys.argv[2], on_progress=told)
sys.stdout.write(result.analysis.to_json().replace("\\n", " ") + "\\n")
"""


def test_a_run_that_was_killed_goes_on_where_it_was(
    long_video: Path, analyzer: Analyzer, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", _RUN, str(long_video), str(tmp_path / "run")]
    reached = 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            reached = float(line)
            if reached > 100:
                process.kill()
                break
    assert process.returncode == -signal.SIGKILL
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    *told, document = done.stdout.splitlines()
    assert 20 < float(told[0]) <= reached + 5
    whole = analyzer.analyze(long_video).analysis
    assert document == whole.to_json().replace("\n", " ")


def test_other_settings_do_not_go_on_with_a_run(
    analyzer: Analyzer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "KEEP_EVERY_S", 0.0)

    def stop(done: float, total: float) -> None:
        if done > 10:
            raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        analyzer.analyze(sample_path(), checkpoint=tmp_path, on_progress=stop)
    other = Analyzer(
        settings=replace(Settings(), detector=replace(Settings().detector, min_score=0.9))
    )
    told: list[float] = []
    other.analyze(
        sample_path(), checkpoint=tmp_path, on_progress=lambda done, total: told.append(done)
    )
    assert told[0] < 1


@pytest.mark.parametrize("fps", [5.0, 0.01])
def test_a_stop_takes_effect_soon_however_far_apart_the_samples_are(
    fps: float, analyzer: Analyzer, long_video: Path
) -> None:
    told: list[float] = []

    def stop(done: float, total: float) -> None:
        told.append(time.monotonic())
        if time.monotonic() - begun > 0.5:
            raise CancelledError("stopped by the test")

    threads = threading.active_count()
    begun = time.monotonic()
    with pytest.raises(CancelledError):
        analyzer.analyze(long_video, fps=fps, native=fps == 5.0, on_progress=stop)
    assert time.monotonic() - told[-1] < 2  # the product's promise
    assert threading.active_count() == threads


def test_without_its_device_a_video_is_decoded_on_the_processor() -> None:
    from av.codec.hwaccel import hwdevices_available

    ours = [frame.rgb for frame in VideoReader(sample_path(), 1.0)]
    for device in hwdevices_available():
        frames = [frame.rgb for frame in VideoReader(sample_path(), 1.0, hardware=device)]
        assert len(frames) == len(ours)
        # A device's own conversion of colours may round otherwise.
        assert max(np.abs(a.astype(int) - b).mean() for a, b in zip(ours, frames, strict=True)) < 2


def test_a_device_that_nobody_knows_is_refused() -> None:
    with pytest.raises(VideoError, match="no decoding on 'abacus' here, but on: "):
        Analyzer(settings=Settings(hardware_decoding="abacus"))


def test_frames_behind_a_position_are_those_of_one_reading(long_video: Path) -> None:
    everything = list(VideoReader(long_video, 2.0))
    for number in (0, 5, len(everything) // 2, len(everything) - 2):
        reader = VideoReader(long_video, 2.0, everything[number].position)
        rest = list(reader)
        assert [frame.t for frame in rest] == [frame.t for frame in everything[number + 1 :]]
        assert np.array_equal(rest[-1].rgb, everything[-1].rgb)
        assert rest[-1].position == everything[-1].position


def test_faces_are_recognised_alike_from_many_threads_at_once() -> None:
    from concurrent.futures import ThreadPoolExecutor

    from engagement.runtimes.base import RuntimeSettings

    recognizer = ExpressionRecognizer.open("auto", runtime=RuntimeSettings(streams=2, threads=2))
    rng = np.random.default_rng(0)
    crops = [rng.integers(0, 255, (90, 90, 3), np.uint8) for _ in range(24)]
    alone = [recognizer.recognise([crop])[0] for crop in crops]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda crop: recognizer.recognise([crop])[0], crops))
    for a, b in zip(alone, together, strict=True):
        assert np.array_equal(a.embedding, b.embedding)


_TEN = """
import sys
from pathlib import Path
from engagement.process import limit_arenas
limit_arenas()
from engagement.pipeline import Analyzer
analyzer = Analyzer()
for _ in range(10):
    analyzer.analyze(sys.argv[1], fps=2.0)
    sys.stdout.write(Path("/proc/self/statm").read_text().split()[1] + "\\n")
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory from /proc")
def test_a_process_does_not_grow_from_recording_to_recording() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TEN, str(sample_path())],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    pages = [int(line) for line in done.stdout.split()]
    assert len(pages) == 10
    assert pages[-1] < 1.06 * pages[2]
