"""When work will be done, told by how fast it went lately."""

import math
from collections import deque

_WINDOW_S = 120.0
_LEAST_S = 5.0
_LEAST_SHARE = 0.005
_SETTLING_S = 10.0


class Pace:
    """Estimates the time that is left from the progress of one attempt.

    The pace is the average of the last two minutes, or of the last half percent where that took
    longer (a stall so counts for what it is), so that what came before this attempt (a
    checkpoint's progress, loading the models) says nothing, and a neighbour that begins or ends
    its own work is soon noticed. The expected end then moves only a part of the way to where the
    newest pace puts it, with a time constant of ten seconds: one slow or quick second hardly
    shows. Nothing is told before the work has moved for five seconds and by half a percent.
    """

    def __init__(self) -> None:
        self._last: float | None = None
        self._seen: deque[tuple[float, float]] = deque()
        self._end_s: float | None = None
        self._told_at_s = 0.0

    def left_s(self, progress: float, now_s: float) -> float | None:
        """Seconds that the work still needs, or None where that cannot be told.

        Args:
            progress: how much of the work is done, 0..1. What the first calls repeat is where the
                attempt began; the pace is taken from the first change on.
            now_s: a clock that only goes forward.
        """
        if self._last is None or (not self._seen and progress == self._last):
            self._last = progress
            return None
        self._seen.append((now_s, progress))
        while len(self._seen) > 2 and self._is_enough(*self._seen[1]):
            self._seen.popleft()
        since_s, since = self._seen[0]
        if now_s - since_s < _LEAST_S or progress - since < _LEAST_SHARE:
            return self._so_far(now_s)
        end_s = now_s + (1.0 - progress) * (now_s - since_s) / (progress - since)
        if self._end_s is not None:
            share = -math.expm1((self._told_at_s - now_s) / _SETTLING_S)
            end_s = self._end_s + share * (end_s - self._end_s)
        self._end_s, self._told_at_s = end_s, now_s
        return self._so_far(now_s)

    def _is_enough(self, since_s: float, since: float) -> bool:
        """Whether a pace measured from there needs nothing that is older."""
        now_s, progress = self._seen[-1]
        return now_s - since_s > _WINDOW_S and progress - since > _LEAST_SHARE

    def _so_far(self, now_s: float) -> float | None:
        return None if self._end_s is None else max(0.0, self._end_s - now_s)
