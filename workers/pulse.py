"""The sign of life of a running task.

A thread writes heartbeat and progress at most once a second, so that loading a model or a long
step is not taken for death, and a slow database never slows the analysis. It falls silent when
the work itself has made no progress for long, so that a hung decoder is.
"""

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from django.db import Error as DatabaseError
from django.db import connection

from engagement.errors import CancelledError

logger = logging.getLogger(__name__)

_SHORTEST_S = 1.0
_HUNG_AFTER_S = 900.0

Beat = Callable[[float], bool]


class Pulse:
    """Beats while a `with` block runs.

    Args:
        beat: writes a sign of life with the progress (0..1); False means the work is not ours
            any more.
        every_s: time between two signs where progress stands still; with 0, one a second, so that
            what is stopped is noticed within one.
        begun: the progress that an attempt before this one had reached; it stands until this one
            says how far it is.
    """

    def __init__(self, beat: Beat, every_s: float, begun: float = 0.0) -> None:
        self._beat = beat
        self._every_s = max(_SHORTEST_S, every_s)
        self._progress = begun
        self._moved = False
        self._moved_at = time.monotonic()
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    @property
    def lost(self) -> bool:
        """Whether the work was found to be no longer ours."""
        return self._lost.is_set()

    def progress(self, done_s: float, total_s: float) -> None:
        """The callback for `engagement.analyze`.

        Raises:
            CancelledError: the work is no longer ours and must stop.
        """
        self.check()
        self._moved_at = time.monotonic()
        if total_s > 0:
            # Never backwards, except where less was kept of the attempt before than it had done.
            least = self._progress if self._moved else 0.0
            # Only a finished state may say 1.
            self._progress = min(0.99, max(least, done_s / total_s))
            self._moved = True

    def check(self) -> None:
        """For steps that have no progress to tell.

        Raises:
            CancelledError: the work is no longer ours and must stop.
        """
        if self.lost:
            raise CancelledError("The work was stopped, or what it is about is no longer there.")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        written, written_at = 0.0, time.monotonic()
        try:
            while not self._stop.wait(_SHORTEST_S) and not self.lost:
                now = time.monotonic()
                if now - self._moved_at > _HUNG_AFTER_S:
                    logger.error("No progress for %.0f s: no further signs of life", _HUNG_AFTER_S)
                    return
                if self._progress != written or now - written_at >= self._every_s:
                    progress = self._progress
                    if self._write(progress):
                        written, written_at = progress, now
        finally:
            connection.close()

    def _write(self, progress: float) -> bool:
        try:
            if not self._beat(progress):
                self._lost.set()
        except DatabaseError as error:
            # The next beat connects anew; if the database stays away, the claim goes stale.
            logger.warning("No sign of life could be written: %s", error)
            connection.close()
            return False
        return True
