"""What a report is built from: the sampled recording, and what its arithmetic depends on."""

from collections.abc import Sequence
from dataclasses import dataclass

from engagement.types import Observation
from engagement.windows.concentration import ConcentrationSettings
from engagement.windows.estimators import TrainedEngagement


@dataclass(frozen=True)
class WindowSettings:
    """Length and step of windows in seconds."""

    window_s: float = 5.0
    stride_s: float = 2.5


@dataclass(frozen=True)
class Sampled:
    """The sampled recording: times of all sampled frames, and what was observed in them.

    `observations` are ordered by track and time, and belong to real tracks only. `looked_at` are
    the times of frames that were; the others were filled in (`engagement.report.passed_over`).
    None says that all were.
    """

    times: tuple[float, ...]
    duration_s: float
    observations: Sequence[Observation]
    classes: tuple[str, ...]
    looked_at: frozenset[float] | None = None


@dataclass(frozen=True)
class ReportSettings:
    """Everything that the report's arithmetic depends on.

    `trained` judges engagement; without one, the concentration index does.
    """

    windows: WindowSettings
    concentration: ConcentrationSettings
    trained: TrainedEngagement | None = None


def rounded_s(seconds: float) -> float:
    """Seconds as the contract writes them."""
    return round(seconds, 3)
