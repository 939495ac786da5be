"""Starting, watching and stopping a group of processes, leaving no orphans."""

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

logger = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1


class StartError(RuntimeError):
    """A process did not come up; the message says which."""


@dataclass(slots=True)
class Process:
    """A running child.

    Attributes:
        name: for messages.
        popen: the child, leader of a process group of its own.
        stop_signal: asks it to stop.
        patience_s: how long it may take before it is killed.
    """

    name: str
    popen: subprocess.Popen[bytes]
    stop_signal: signal.Signals = signal.SIGTERM
    patience_s: float = 10.0

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.popen.poll() is None

    def wait_until(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Returns when `ready` says so.

        Raises:
            StartError: the process ended first, or the time is over.
        """
        end = time.monotonic() + timeout_s
        while not ready():
            if not self.running:
                raise StartError(f"{self.name} ended with exit code {self.popen.returncode}.")
            if time.monotonic() > end:
                raise StartError(f"{self.name} did not become ready in {timeout_s:.0f} s.")
            time.sleep(0.05)

    def stop(self) -> None:
        """Asks it to stop, waits, and ends whatever is left of its group."""
        if self.running:
            self.popen.send_signal(self.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(self.patience_s)
        # The group may outlive its leader: a pool's process in the middle of a video.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()


def start(
    name: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    log: IO[bytes] | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    patience_s: float = 10.0,
) -> Process:
    """Starts a child in a process group of its own, which dies with this process.

    A group of its own keeps a terminal's Ctrl-C from reaching it: the supervisor decides the
    order in which things stop.
    """
    if threading.current_thread() is not threading.main_thread():
        # Linux counts the parent's death by thread: the child would die with a short-lived one.
        raise RuntimeError("Processes are started from the main thread only.")
    popen = subprocess.Popen(  # noqa: S603  (commands are this module's callers' own)
        list(command),
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=_die_with_parent(os.getpid()) if sys.platform == "linux" else None,
    )
    logger.debug("%s started, process %d", name, popen.pid)
    return Process(name, popen, stop_signal, patience_s)


def _die_with_parent(parent: int) -> Callable[[], None]:
    library = ctypes.CDLL(None, use_errno=True)

    def ask_the_kernel() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask_the_kernel
