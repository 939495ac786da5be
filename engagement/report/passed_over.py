"""Frames that adaptive sampling passed over, put back for the arithmetic alone.

They are no observations and stand in no report. But windows, shares and classifiers are made for
frames at an even rate. So in between two frames in a row that were looked at, each face that is in
both is taken to have changed evenly: its box, angles and probabilities are interpolated. Its
embedding is the nearer one's, since a mean of two embeddings is that of no face.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import overload

import numpy as np
from numpy.typing import NDArray

from engagement.report import schema
from engagement.report.sampled import Sampled
from engagement.types import Expression, Face, Floats, Observation
from engagement.windows.adaptive import AdaptiveSettings


class _Between(Expression):
    """What an expression is taken to have been between two that were seen."""

    __slots__ = ("_nearer",)
    _nearer: Expression

    def __init__(self, before: Expression, after: Expression, share: float) -> None:
        for name, value in (
            ("probabilities", _mixed(before.probabilities, after.probabilities, share)),
            ("valence", (1 - share) * before.valence + share * after.valence),
            ("arousal", (1 - share) * before.arousal + share * after.arousal),
            ("_nearer", before if share < 0.5 else after),
        ):
            object.__setattr__(self, name, value)

    @property
    def embedding(self) -> Floats:
        """``(d,)`` of the nearer expression."""
        return self._nearer.embedding


class _Filled(Sequence[Observation]):
    """Observations and what lies between them, made when they are asked for.

    Args:
        seen: what was observed.
        rows: ``(n,)`` which of them each entry is, or comes behind.
        times: ``(n,)`` of the entries.
    """

    def __init__(
        self,
        seen: Sequence[Observation],
        rows: NDArray[np.int64],
        times: NDArray[np.float64],
    ) -> None:
        self._seen = seen
        self._rows = rows
        self._times = times

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Observation: ...
    @overload
    def __getitem__(self, index: slice) -> "_Filled": ...
    def __getitem__(self, index: int | slice) -> "Observation | _Filled":
        if isinstance(index, slice):
            return _Filled(self._seen, self._rows[index], self._times[index])
        row, t = int(self._rows[index]), float(self._times[index])
        before = self._seen[row]
        return before if before.t == t else _between(before, self._seen[row + 1], t)


def with_passed_over(sampled: Sampled, passed_s: NDArray[np.float64]) -> Sampled:
    """The recording as if the frames that were passed over had been looked at, too.

    Args:
        sampled: what was looked at.
        passed_s: times of the frames that were not, in order.

    Returns:
        A recording whose `looked_at` tells which of its times are those of `sampled`.
    """
    if not len(passed_s) or not len(sampled.observations):
        times = np.union1d(sampled.times, passed_s).tolist()
        return replace(sampled, times=tuple(times), looked_at=frozenset(sampled.times))
    seen = sampled.observations
    times = np.array([o.t for o in seen], np.float64)
    tracks = np.array([o.track_id for o in seen], np.int64)
    frames = np.searchsorted(sampled.times, times)
    # A face is in this frame and in the next one that was looked at.
    goes_on = (np.diff(tracks) == 0) & (np.diff(frames) == 1)
    low = np.searchsorted(passed_s, times)
    counts = np.ones(len(seen), np.int64)
    counts[:-1] += np.where(goes_on, np.diff(low), 0)
    rows = np.repeat(np.arange(len(seen)), counts)
    step = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    between = passed_s[np.minimum(low[rows] + np.maximum(step - 1, 0), len(passed_s) - 1)]
    return replace(
        sampled,
        times=tuple(np.union1d(sampled.times, passed_s).tolist()),
        observations=_Filled(seen, rows, np.where(step == 0, times[rows], between)),
        looked_at=frozenset(sampled.times),
    )


def adaptive_sampling(
    sampled: Sampled, settings: AdaptiveSettings | None
) -> schema.Adaptive | None:
    """What the contract says of frames that were passed over; None where all were looked at."""
    if settings is None or sampled.looked_at is None:
        return None
    return schema.Adaptive(
        coarse_s=settings.coarse_s,
        q=settings.q,
        looked_at=round(len(sampled.looked_at) / len(sampled.times), 4),
    )


def _between(before: Observation, after: Observation, t: float) -> Observation:
    share = (t - before.t) / (after.t - before.t)
    return Observation(
        before.track_id,
        t,
        Face(
            _mixed(before.face.xyxy, after.face.xyxy, share),
            _mixed(before.face.landmarks, after.face.landmarks, share),
            (1 - share) * before.face.score + share * after.face.score,
        ),
        _Between(before.expression, after.expression, share),
        (1 - share) * before.yaw + share * after.yaw,
        (1 - share) * before.pitch + share * after.pitch,
    )


def _mixed(before: Floats, after: Floats, share: float) -> Floats:
    return np.asarray((1 - share) * before + share * after, np.float32)
