"""Who may write to an analysis' checkpoint: one run at a time, whatever became of the one before.

A claim that has gone stale does not prove that its owner is dead: one that cannot reach the
database goes on working for a while, and two runs in one folder would spoil each other's files. So
a run holds a lock on the folder, which the system takes back from a process that is killed.
"""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)

# Side by side: the run's folder holds what the analysis keeps, and nothing else.
_LOCK, _RUN = "lock", "run"


@contextmanager
def locked(folder: Path) -> Iterator[Path | None]:
    """A folder in `folder` for this run alone; None while another run writes there.

    It is the same for every run, and need not be there yet; `folder` is made where it is absent.

    Raises:
        OSError: the folder cannot be made; its recording may have been erased.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / _LOCK).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.warning("%s is still written to: this run keeps nothing for later", folder)
            yield None
        else:
            yield folder / _RUN
