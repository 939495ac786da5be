"""Windows that slide over a track: the same as all at once, as they come, and never all held."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from engagement.errors import DataError
from engagement.types import Floats
from engagement.windows.classifier import ClassifierCard
from engagement.windows.sequences import (
    Estimate,
    FrameWindows,
    TimeWindows,
    Windows,
    WindowStream,
    every,
    slide,
)
from engagement.windows.single_attention import AttentionClassifier, published_card
from tests.engagement.test_windows_attention import classifier_of, random_attention

SIZE = 16


@pytest.fixture(scope="module")
def classifier() -> AttentionClassifier:
    return classifier_of(random_attention(SIZE))


def track(seconds: float, fps: float, absent: tuple[float, float] = (0, 0)) -> list:
    """Times and embeddings of a track that is out of sight for a while."""
    rng = np.random.default_rng(4)
    times = [t for t in np.arange(0, seconds, 1 / fps).tolist() if not absent[0] <= t < absent[1]]
    return [(t, rng.normal(np.sin(t / 9), 1, SIZE).astype(np.float32)) for t in times]


def naive(
    classifier: AttentionClassifier, rows: list, spans: Iterable[tuple[int, int]]
) -> np.ndarray:
    """Every window cut out and judged by itself."""
    embeddings = np.stack([embedding for _, embedding in rows])
    return classifier.probabilities([embeddings[a:b] for a, b in spans])


def probabilities(estimates: Iterable[Estimate]) -> np.ndarray:
    return np.stack([one.probabilities for one in estimates])


def fed(
    classifier: AttentionClassifier, windows: Windows, rows: list, together: int = 1
) -> list[Estimate]:
    stream = WindowStream(classifier, windows, together=together)
    found = [one for t, embedding in rows for one in stream.add(t, embedding)]
    return found + stream.finish()


def test_frame_windows_are_the_published_ones(classifier: AttentionClassifier) -> None:
    """One frame apart, over a gap as if there were none, and without the last."""
    rows = track(60, 10, absent=(20, 31))
    found = list(slide(classifier, FrameWindows(128), rows))
    assert len(found) == len(rows) - 128
    expected = naive(classifier, rows, [(i, i + 128) for i in range(len(rows) - 128)])
    assert np.abs(probabilities(found) - expected).max() < 1e-6
    assert found[0].span.start_s == rows[0][0]
    assert found[0].span.end_s == rows[127][0]
    assert found[0].middle_s == rows[64][0]
    assert all(one.rows == 128 for one in found)


def test_time_windows_hold_what_was_seen_in_their_time_and_nothing_else(
    classifier: AttentionClassifier,
) -> None:
    rows = track(60, 5, absent=(18, 33))
    times = np.array([t for t, _ in rows])
    found = list(slide(classifier, TimeWindows(every(10.0, 2.5)), rows))
    starts = [one.span.start_s for one in found]
    # Nobody was seen from 18 s to 33 s: windows that lie in there do not exist.
    assert starts == [s for s in np.arange(0, 60, 2.5) if not (s >= 18 and s + 10 <= 33)]
    cut = [(int(x) for x in np.searchsorted(times, (s, s + 10))) for s in starts]
    spans = [tuple(pair) for pair in cut]
    assert [one.rows for one in found] == [stop - start for start, stop in spans]
    assert np.abs(probabilities(found) - naive(classifier, rows, spans)).max() < 1e-6


@pytest.mark.parametrize("together", [1, 7, 500])
@pytest.mark.parametrize("kind", ["frames", "time"])
def test_fed_one_by_one_equals_all_at_once(
    classifier: AttentionClassifier, kind: str, together: int
) -> None:
    rows = track(90, 8, absent=(30, 42))

    def windows() -> Windows:
        return FrameWindows(40) if kind == "frames" else TimeWindows(every(6.0, 0.5))

    at_once = list(slide(classifier, windows(), rows))
    found = fed(classifier, windows(), rows, together)
    assert [one.span for one in found] == [one.span for one in at_once]
    assert np.abs(probabilities(found) - probabilities(at_once)).max() < 1e-6


def test_a_window_is_there_as_soon_as_its_time_is_over(classifier: AttentionClassifier) -> None:
    stream = WindowStream(classifier, TimeWindows(every(4.0, 2.0)))
    for t, embedding in track(4, 5):
        assert stream.add(t, embedding) == []
    # Nobody is in sight any more; time goes on all the same.
    assert [one.span.start_s for one in stream.advance(4.0)] == [0.0]
    assert [one.span.start_s for one in stream.advance(9.0)] == [2.0]
    assert stream.finish() == []


def test_a_stream_that_goes_on_keeps_only_what_it_needs(classifier: AttentionClassifier) -> None:
    stream = WindowStream(classifier, TimeWindows(every(4.0, 2.0)))
    most = 0
    for t, embedding in track(400, 10):
        stream.add(t, embedding)
        most = max(most, len(stream._rows))
    assert most < 400, "forty rows are one window; thousands went through"


class _OneByOne:
    """A classifier that knows nothing of overlaps, as ridge and boosting."""

    def __init__(self, other: AttentionClassifier) -> None:
        self.card: ClassifierCard = other.card
        self._other = other

    def probabilities(self, windows: Iterable[Floats]) -> Floats:
        return self._other.probabilities(windows)


def test_any_classifier_slides(classifier: AttentionClassifier) -> None:
    rows = track(30, 5)
    plain = list(slide(_OneByOne(classifier), TimeWindows(every(8.0, 1.0)), rows))
    quick = list(slide(classifier, TimeWindows(every(8.0, 1.0)), rows))
    assert np.abs(probabilities(plain) - probabilities(quick)).max() < 1e-6


def test_embeddings_of_another_model_are_refused(classifier: AttentionClassifier) -> None:
    stream = WindowStream(classifier, FrameWindows())
    with pytest.raises(DataError, match=r"takes embeddings of 16 numbers, not 8\. Use"):
        stream.add(0.0, np.zeros(8, np.float32))


def test_time_never_runs_backwards(classifier: AttentionClassifier) -> None:
    stream = WindowStream(classifier, FrameWindows())
    stream.add(1.0, np.zeros(SIZE, np.float32))
    with pytest.raises(DataError, match="in order of time"):
        stream.add(1.0, np.zeros(SIZE, np.float32))


def test_a_short_track_has_no_published_window(classifier: AttentionClassifier) -> None:
    assert list(slide(classifier, FrameWindows(), track(2, 5))) == []
    assert list(slide(classifier, FrameWindows(), [])) == []


@pytest.mark.parametrize("kind", ["native", "time"])
def test_an_hour_is_judged_in_little_memory(kind: str) -> None:
    """18,000 embeddings of 1,280 numbers; all windows of the published kind would be 23 GB."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.engagement.hour_of_windows", kind, "18000"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    found = json.loads(done.stdout)
    assert found["windows"] == (17_872 if kind == "native" else 3_600)
    assert found["more_mb"] < 300
    assert found["checked"]
    assert found["worst"] < 1e-6


def test_the_card_of_the_published_weights_says_what_they_take() -> None:
    card = published_card(random_attention(1280))
    assert (card.embedding_model, card.embedding_size) == ("enet_b0", 1280)
    assert card.levels == ("distracted", "engaged")
    assert card.sampling_fps == 0
    assert card.window_s == pytest.approx(4.27, abs=0.01)
