"""The rule of adaptive sampling: which frames are looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from engagement.windows.adaptive import (
    KINDS,
    AdaptiveSettings,
    ChangeTest,
    Look,
    blocks,
    distances,
    rejected,
    stretches,
)

D = 64
CALM = (0.8, 0.15, 0.05)


@dataclass(frozen=True)
class At:
    """A frame of which only the time counts."""

    t: float


def grid(seconds: float, fps: float = 5.0) -> list[At]:
    return [At(i / fps) for i in range(round(seconds * fps))]


def look(*faces: tuple[float, np.ndarray, Sequence[float]]) -> Look:
    """Faces of 100 pixels at so many pixels from the left, with embedding and probabilities."""
    return Look(
        np.array([[x, 50, x + 100, 150] for x, _, _ in faces], np.float32).reshape(-1, 4),
        np.array([e for _, e, _ in faces], np.float32).reshape(-1, D),
        np.array([p for _, _, p in faces], np.float32).reshape(-1, len(CALM)),
    )


NOBODY = look()


class Camera:
    """Looks at faces that differ by noise alone, unless they are told to change.

    The noise of a look is large or small by chance, as a network's answers are; looks at unchanged
    faces are exchangeable, so that the rate of false alarms is known.
    """

    def __init__(self, seed: int) -> None:
        self.dice = np.random.default_rng(seed)
        self.face = self.dice.normal(size=D)

    def look(self, turn: float = 0.0, x: float = 100.0) -> Look:
        """The face, its embedding turned by so much towards another one."""
        size = 0.05 * np.exp(0.4 * self.dice.normal())
        other = np.random.default_rng(1000).normal(size=D)
        embedding = self.face + turn * other + size * self.dice.normal(size=D)
        p = np.array(CALM) * np.exp(0.1 * self.dice.normal(size=3))
        return look((x, embedding, p / p.sum()))


def taught(camera: Camera, settings: AdaptiveSettings, pairs: int = 40) -> ChangeTest:
    """A test that knows how looks differ at a face that does not change."""
    test = ChangeTest(settings)
    for _ in range(pairs):
        test.learn(camera.look(), camera.look())
    test.last = camera.look()
    return test


def opened(test: ChangeTest, looks: Sequence[Look], size: int = 3) -> list[int]:
    """The stretches that are looked at frame by frame."""
    choices = test.choose([size] * len(looks), looks)
    return [i for i, choice in enumerate(choices) if choice.frames == size]


def test_benjamini_and_hochbergs_own_example_rejects_the_four_smallest() -> None:
    # Benjamini and Hochberg 1995, section 3.2: fifteen p-values of a trial of thrombolysis.
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240]
    p += [0.4262, 0.5719, 0.6528, 0.7590, 1.0000]

    found = rejected(p[::-1], 0.05)

    assert found.tolist() == [False] * 11 + [True] * 4


def test_a_p_value_over_its_own_limit_is_rejected_below_a_later_one_that_passes() -> None:
    # Limits at q = 0.09 are 0.03, 0.06 and 0.09: the first fails alone and passes with the third.
    assert rejected([0.031, 0.08, 0.05], 0.09).tolist() == [True, True, True]
    assert rejected([0.031, 0.10, 0.07], 0.09).tolist() == [False, False, False]
    assert rejected([], 0.1).tolist() == []


@pytest.mark.parametrize("q", [0.05, 0.2])
def test_false_alarms_on_a_face_that_does_not_change_stay_at_the_level(q: float) -> None:
    # All hypotheses are true, so a block with any alarm has a false discovery rate of one.
    alarms = []
    for seed in range(250):
        camera = Camera(seed)
        test = taught(camera, AdaptiveSettings(q=q))
        alarms.append(bool(opened(test, [camera.look() for _ in range(10)])))

    # The standard error of the mean is 0.025 at most.
    assert np.mean(alarms) <= q + 0.05


def test_a_change_in_one_stretch_is_found_there() -> None:
    found = []
    for seed in range(50):
        camera = Camera(seed)
        test = taught(camera, AdaptiveSettings(q=0.05))
        # It changes between the looks 4 and 5, and stays as it then is.
        looks = [camera.look(turn=1.0 if i >= 5 else 0.0) for i in range(10)]
        found.append(opened(test, looks))

    assert all(5 in one for one in found)
    assert np.mean([len(one) for one in found]) < 1.3


def test_the_change_is_found_with_several_faces_too() -> None:
    one, other = Camera(1), Camera(2)

    def both(turn: float) -> Look:
        left, right = one.look(), other.look(turn=turn, x=400)
        # Faces come in any order.
        return Look(
            np.concatenate([right.boxes, left.boxes])[:: 1 if turn else -1],
            np.concatenate([right.embeddings, left.embeddings])[:: 1 if turn else -1],
            np.concatenate([right.probabilities, left.probabilities])[:: 1 if turn else -1],
        )

    test = ChangeTest(AdaptiveSettings(q=0.05))
    for _ in range(50):
        test.learn(both(0), both(0))
    test.last = both(0)

    assert opened(test, [both(0), both(0), both(1), both(1)]) == [2]


def test_somebody_who_comes_or_leaves_is_a_change() -> None:
    camera = Camera(3)
    test = taught(camera, AdaptiveSettings(q=0.01))

    looks = [camera.look(), NOBODY, NOBODY, NOBODY, camera.look(), camera.look()]

    assert opened(test, looks) == [1, 4]


def test_a_box_that_jumps_or_grows_and_another_dominant_emotion_are_changes() -> None:
    face = np.ones(D)
    still = look((100, face, CALM))
    grown = Look(np.array([[75, 25, 225, 175]], np.float32), still.embeddings, still.probabilities)

    for changed in (
        look((140, face, CALM)),
        grown,
        look((100, face, (0.4, 0.55, 0.05))),
        look((100, face, CALM), (400, face, CALM)),
        NOBODY,
    ):
        assert distances(still, changed, 0.35) is None
    nearby = distances(still, look((120, face, CALM)), 0.35)
    assert nearby is not None
    assert nearby.shape == (1, KINDS)


def test_distances_are_those_of_the_two_embeddings_and_probabilities() -> None:
    a = look((100, np.eye(D)[0], (0.64, 0.36, 0.0)))
    b = look((100, 3 * np.eye(D)[1], (0.64, 0.0, 0.36)))

    found = distances(a, b, 0.35)

    assert found is not None
    np.testing.assert_allclose(found, [[np.sqrt(2), 0.6]], rtol=1e-6)


def test_everything_with_a_face_is_looked_at_until_enough_pairs_are_known() -> None:
    camera = Camera(4)
    test = ChangeTest(AdaptiveSettings(least_pairs=8))
    looks = [camera.look() for _ in range(4)]

    first = test.choose([0, 3, 3, 3], [*looks])
    for choice, before, after in zip(first, looks, looks[1:], strict=False):
        for _ in range(choice.pairs):
            test.learn(before, after)
    for _ in range(8):
        test.learn(camera.look(), camera.look())
    second = test.choose([3, 3, 3, 3], [camera.look() for _ in range(4)])

    assert [choice.frames for choice in first] == [0, 3, 3, 3]
    assert [choice.pairs for choice in first] == [0, 3, 3, 3]
    # Then one pair a block keeps the test up to date, whatever it says.
    assert [choice.pairs for choice in second] == [1, 0, 0, 0]
    assert sum(choice.frames for choice in second) < 12


def test_a_recording_of_nobody_is_passed_over_and_teaches_nothing() -> None:
    test = ChangeTest(AdaptiveSettings())

    choices = [test.choose([3] * 5, [NOBODY] * 5) for _ in range(20)]

    assert all(choice.frames == 0 for block in choices for choice in block)
    assert test.learning


def test_a_frozen_picture_is_unchanged() -> None:
    camera = Camera(5)
    frozen = camera.look()
    test = ChangeTest(AdaptiveSettings())
    for _ in range(30):
        test.learn(frozen, frozen)
    test.last = frozen

    assert opened(test, [frozen] * 10) == []


def test_what_is_remembered_can_be_put_away_and_taken_up_again() -> None:
    camera = Camera(6)
    test = taught(camera, AdaptiveSettings(most_pairs=60), pairs=100)
    looks = [camera.look(turn=0.2 * i) for i in range(8)]

    again = ChangeTest(AdaptiveSettings(most_pairs=60))
    again.restore(test.state())

    assert len(test.pairs) == 60
    assert again.choose([3] * 8, looks) == test.choose([3] * 8, looks)
    fresh = ChangeTest(AdaptiveSettings())
    fresh.restore(ChangeTest(AdaptiveSettings()).state())
    assert fresh.last is None


def test_stretches_end_at_most_a_coarse_step_apart_and_hold_every_frame() -> None:
    frames = grid(10)

    cut = list(stretches(frames, 0.8, 1000))

    assert [frame for stretch in cut for frame in stretch] == frames
    assert cut[0] == frames[:1]
    ends = [stretch[-1].t for stretch in cut]
    assert max(np.diff(ends)) == pytest.approx(0.8)
    assert [len(stretch) for stretch in cut[1:-1]] == [4] * 12
    assert ends[-1] == frames[-1].t


def test_stretches_of_frames_at_odd_times_bridge_nothing() -> None:
    # A recording that froze for three seconds, and one that has fewer frames than coarse ones.
    frames = [At(t) for t in (0.0, 0.21, 0.4, 0.62, 0.83, 3.9, 4.1, 5.3)]

    cut = [[frame.t for frame in stretch] for stretch in stretches(frames, 0.8, 1000)]

    assert cut == [[0.0], [0.21, 0.4, 0.62], [0.83], [3.9], [4.1], [5.3]]


@pytest.mark.parametrize("most", [2, 3, 7, 40])
def test_no_more_frames_are_in_hand_than_memory_allows(most: int) -> None:
    settings = AdaptiveSettings()
    pulled = 0
    done = 0
    held = []

    def frames() -> "list[At]":
        nonlocal pulled
        for frame in grid(30):
            pulled += 1
            held.append(pulled - done)
            yield frame

    for block in blocks(frames(), settings, most):
        done += sum(map(len, block))

    assert done == 150
    assert max(held) <= most + 1


def test_blocks_last_as_long_as_told_and_can_be_gone_on_with() -> None:
    settings = AdaptiveSettings(coarse_s=0.8, block_s=4.0)
    frames = grid(20)

    whole = list(blocks(frames, settings, 1000))
    end = whole[1][-1][-1]
    rest = list(blocks(frames[frames.index(end) + 1 :], settings, 1000, end.t))

    assert rest == whole[2:]
    lengths = [b[-1][-1].t - a[-1][-1].t for a, b in pairwise(whole)]
    assert max(lengths) <= 4.0 + 1e-6
    assert list(blocks([], settings, 1000)) == []
    assert list(blocks(frames[:1], settings, 1000)) == [[frames[:1]]]


@pytest.mark.parametrize("wrong", [{"coarse_s": 0.0}, {"coarse_s": 1.5}, {"q": -0.1}, {"q": 1.1}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="has to lie between"):
        AdaptiveSettings(**wrong)
