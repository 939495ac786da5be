"""Who a task is, so that others can tell whether it is still alive."""

import os
import socket
from functools import cache
from pathlib import Path


@cache
def _machine() -> str:
    """Names the host and its space of process ids: containers have one each."""
    try:
        space = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        space = "pid"
    return f"{socket.gethostname()[:48]}/{space}"


def owner_name(task_id: str) -> str:
    """The owner to write into a claimed row: machine, process, task."""
    return f"{_machine()}#{os.getpid()}#{task_id}"[:128]


def is_known_dead(owner: str) -> bool:
    """Whether the owner's process ran on this machine and is gone.

    False means only that one cannot know: another machine's owner, or a reused process id.
    """
    machine, _, rest = owner.partition("#")
    pid, _, _ = rest.partition("#")
    if machine != _machine() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _is_zombie(int(pid))


def _is_zombie(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[:1] == ["Z"]
