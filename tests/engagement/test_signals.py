"""The person's own zero of yaw and pitch, and the signals that are measured from it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from engagement.faces.pose_zero import PoseZero, estimate_zero
from engagement.report import build, schema
from engagement.report.sampled import ReportSettings, Sampled, WindowSettings
from engagement.types import Observation
from engagement.windows.concentration import ConcentrationSettings
from tests.engagement.conftest import CLASSES, face_at

Observe = Callable[..., Observation]
SETTINGS = ReportSettings(WindowSettings(), ConcentrationSettings())


def angles(*stretches: tuple[float, float, float], seed: int = 1) -> np.ndarray:
    """Yaw and pitch ``(n, 2)`` at five a second: stretches of (seconds, yaw, pitch), trembling."""
    random = np.random.default_rng(seed)
    rows = [[(yaw, pitch)] * round(seconds * 5) for seconds, yaw, pitch in stretches]
    centres = np.concatenate([np.array(part, dtype=float) for part in rows])
    return centres + random.normal(0, 3, centres.shape)


def zero_of(*stretches: tuple[float, float, float]) -> PoseZero:
    both = angles(*stretches)
    return estimate_zero(both[:, 0], both[:, 1], np.full(len(both), 0.2))


def near(yaw: float, pitch: float) -> PoseZero:
    return PoseZero(pytest.approx(yaw, abs=3), pytest.approx(pitch, abs=3), estimated=True)


AXIS = PoseZero(0.0, 0.0, estimated=False)


@pytest.mark.parametrize(
    ("stretches", "zero"),
    [
        ([(60, 0, -12)], near(0, -12)),
        ([(60, 35, -8)], near(35, -8)),
        ([(36, -35, 5), (24, 10, 5)], near(10, 5)),
        ([(50, 35, -8), (10, 0, 0)], near(35, -8)),
        ([(24, 0, -10), (36, 5, -42)], near(0, -10)),
        ([(24, 2, -10), (36, 60, 0)], near(2, -10)),
        ([(60, 60, 0)], AXIS),
        ([(60, 0, -45)], AXIS),
        ([(9, 20, 0)], AXIS),
        ([(8, yaw, pitch) for yaw in (-75, -30, 30, 75) for pitch in (-20, 15)], AXIS),
    ],
    ids=[
        "a camera above the screen",
        "a camera beside the screen",
        "a second screen and the one below the camera",
        "a camera beside the screen, looked into now and then",
        "mostly looking down",
        "mostly looking away",
        "always looking away",
        "always looking down",
        "too short to say",
        "looking everywhere",
    ],
)
def test_the_zero_is_where_a_person_looks_most_within_reason(
    stretches: list[tuple[float, float, float]], zero: PoseZero
) -> None:
    assert zero_of(*stretches) == zero


def test_a_person_without_observations_has_the_cameras_axis() -> None:
    nothing = np.empty(0)
    assert estimate_zero(nothing, nothing, nothing) == AXIS


def track_of(observe: Observe, turned: np.ndarray, emotion: str = "neutral") -> schema.Track:
    """The track of a person whose head shows the given angles, five a second."""
    times = np.round(np.arange(len(turned)) / 5, 3).tolist()
    observations = tuple(
        observe(t, emotion, yaw=yaw, pitch=pitch)
        for t, (yaw, pitch) in zip(times, turned.tolist(), strict=True)
    )
    [track] = build.build_tracks(
        Sampled(tuple(times), len(times) / 5, observations, CLASSES), SETTINGS
    )
    return track


def signals_of(window: schema.Window | schema.Summary) -> schema.Signals:
    assert window.signals is not None
    return window.signals


def test_a_camera_beside_the_screen_still_reads_as_facing(observe: Observe) -> None:
    track = track_of(observe, angles((30, 35, -10)))
    assert track.zero is not None
    assert track.zero.estimated
    assert (track.zero.yaw, track.zero.pitch) == pytest.approx((35, -10), abs=2)
    assert signals_of(track.summary).facing > 0.99
    assert {window.level for window in track.windows} == {"engaged"}
    assert track.summary.mean_engagement == pytest.approx(1.0, abs=0.01)
    # What was measured is kept as it was.
    assert track.observations[0].yaw > 25


def test_turning_away_from_a_camera_beside_the_screen_counts_from_the_zero(
    observe: Observe,
) -> None:
    track = track_of(observe, angles((25, 35, 0), (5, -5, 0)))
    by_start = {window.start_s: window for window in track.windows}
    assert signals_of(by_start[25.0]).turned_away > 0.9
    assert signals_of(by_start[0.0]).facing > 0.99
    assert by_start[25.0].engagement < 0.5


def test_a_head_that_goes_down_for_five_seconds_shows_in_those_windows(observe: Observe) -> None:
    track = track_of(observe, angles((20, 0, -8), (5, 0, -45), (15, 0, -8)))
    down = {window.start_s: signals_of(window).head_down for window in track.windows}
    assert down[20.0] > 0.95
    assert down[17.5] == pytest.approx(0.5, abs=0.05)
    assert max(share for start, share in down.items() if not 15 < start < 25) < 0.02
    assert signals_of(track.summary).head_down == pytest.approx(5 / 40, abs=0.01)


def test_looking_up_is_turned_away_and_not_head_down(observe: Observe) -> None:
    track = track_of(observe, angles((20, 0, 0), (5, 0, 40)))
    last = signals_of(track.windows[-1])
    assert (last.turned_away, last.head_down) == (pytest.approx(1.0), 0.0)


def test_the_three_shares_add_up_to_one_everywhere(observe: Observe) -> None:
    track = track_of(observe, angles((7, 0, 0), (3, 50, 0), (3, 0, -40), (7, 20, -20)))
    for one in [*track.windows, track.summary]:
        found = signals_of(one)
        assert found.facing + found.turned_away + found.head_down == pytest.approx(1, abs=2e-4)


def test_shares_are_of_the_time_with_a_face(observe: Observe) -> None:
    """Two seconds straight, one second turned, and then nobody."""
    times = tuple(np.round(np.arange(0, 20, 0.2), 3).tolist())
    seen = [observe(t, yaw=0.0 if t < 2 else 60.0) for t in times if t < 3]
    [track] = build.build_tracks(Sampled(times, 20.0, tuple(seen), CLASSES), SETTINGS)
    assert signals_of(track.summary).facing == pytest.approx(2 / 3, abs=0.01)
    assert signals_of(track.windows[0]).facing == pytest.approx(2 / 3, abs=0.01)


def walking(
    observe: Observe, speed: float, *, fps: float = 5.0, seconds: float = 20.0, jitter: float = 0.0
) -> schema.Track:
    """A face 100 pixels wide that moves by `speed` widths a second; `jitter` in widths."""
    random = np.random.default_rng(3)
    times = np.round(np.arange(0, seconds, 1 / fps), 3).tolist()
    seen = []
    for t in times:
        face = face_at(10 + 100 * speed * t, 10)
        shaken = face.xyxy + random.normal(0, 100 * jitter, 4)
        seen.append(replace(observe(t), face=replace(face, xyxy=shaken.astype(np.float32))))
    [track] = build.build_tracks(Sampled(tuple(times), seconds, tuple(seen), CLASSES), SETTINGS)
    return track


@pytest.mark.parametrize("fps", [2.0, 5.0, 25.0])
def test_a_still_face_hardly_moves_however_its_box_trembles(observe: Observe, fps: float) -> None:
    track = walking(observe, 0.0, fps=fps, jitter=0.02)
    assert signals_of(track.summary).movement < 0.06
    assert walking(observe, 0.0).summary.signals.movement == 0.0


@pytest.mark.parametrize("fps", [1.0, 5.0, 25.0])
def test_a_moving_face_has_its_speed_at_any_frame_rate(observe: Observe, fps: float) -> None:
    track = walking(observe, 0.5, fps=fps, jitter=0.01)
    assert signals_of(track.summary).movement == pytest.approx(0.5, abs=0.05)
    assert signals_of(track.windows[2]).movement == pytest.approx(0.5, abs=0.05)


def test_movement_is_not_told_of_one_sight_or_over_an_absence(observe: Observe) -> None:
    times = tuple(np.round(np.arange(0, 20, 0.2), 3).tolist())
    for seen in ([0.0], [0.0, 10.0]):
        faces = tuple(replace(observe(t), face=face_at(100 * t, 10)) for t in seen)
        [track] = build.build_tracks(Sampled(times, 20.0, faces, CLASSES), SETTINGS)
        assert [signals_of(window).movement for window in track.windows] == [None] * len(
            track.windows
        )


def test_eyelids_are_never_claimed(observe: Observe) -> None:
    track = track_of(observe, angles((15, 0, 0)))
    assert {signals_of(window).eyes_closed for window in track.windows} == {None}
    assert {one.eyes_closed for one in track.observations} == {None}
