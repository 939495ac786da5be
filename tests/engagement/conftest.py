"""Shared pieces of the science's tests: where the further data are, and observations by hand."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engagement.types import Expression, Face, Observation

DATA = Path(
    os.environ.get("ENGAGEMENT_TEST_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")
)
CLASSES = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")


@pytest.fixture(scope="session")
def clips() -> Path:
    folder = DATA / "clips"
    if not folder.is_dir():
        pytest.skip(f"the real clips are not here: {folder} (set ENGAGEMENT_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def fer2013_archive() -> Path:
    archive = DATA / "fer2013.zip"
    if not archive.is_file():
        pytest.skip(f"FER2013 is not here: {archive} (set ENGAGEMENT_TEST_DATA)")
    return archive


def face_at(x: float, y: float, side: float = 100.0) -> Face:
    """A face whose box starts at (x, y), looking into the camera."""
    landmarks = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    return Face(
        np.array([x, y, x + side, y + side], dtype=np.float32),
        (landmarks * side + [x, y]).astype(np.float32),
        0.99,
    )


@pytest.fixture
def observe() -> Callable[..., Observation]:
    """Makes an observation of one dominant emotion."""

    def make(
        t: float, emotion: str = "neutral", *, track: int = 1, yaw: float = 0.0, pitch: float = 0.0
    ) -> Observation:
        probabilities = np.full(len(CLASSES), 0.05, dtype=np.float32)
        probabilities[CLASSES.index(emotion)] = 0.7
        expression = Expression(probabilities, np.full(4, t, dtype=np.float32), 0.1, 0.2)
        return Observation(track, t, face_at(10, 10), expression, yaw, pitch)

    return make
