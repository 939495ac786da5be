"""What a process tells its libraries before they load. Called at its start, never on import."""

import ctypes
import os
import sys

#: Read by libraries when they load. Analyses keep the cores busy with several faces and frames at a
#: time. OpenMP's threads spin while they wait for each other: on a machine that does anything else
#: as well they wait for threads that have no core, and an analysis of 4 s was measured at 56 s.
#: OpenCV's share out work of a fraction of a millisecond: 3 % more processor time, and no gain.
VARIABLES = {"OMP_WAIT_POLICY": "PASSIVE", "OPENCV_FOR_THREADS_NUM": "1"}

_M_ARENA_MAX = -8  # malloc.h
_ARENAS = 2


def prepare_process() -> None:
    """Have libraries share the cores and memory well; what the environment says already, stays."""
    for name, value in VARIABLES.items():
        os.environ.setdefault(name, value)
    limit_arenas()


def limit_arenas() -> None:
    """Have all threads share two pools of memory; elsewhere than on glibc, nothing.

    By itself glibc gives each new thread a pool until there are eight a core, and returns little of
    what was freed in them: a process that analysed recording after recording, with new threads, was
    seen to grow by 13 MB with every one. With two pools it stayed as it was, at the same speed.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)
