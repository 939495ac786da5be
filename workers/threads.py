"""How many threads the numeric libraries may use. Set at a worker's start, never on import."""

import os

from engagement.allocator import limit_arenas

_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)

# OpenMP's threads spin while they wait for each other. On a machine that does anything else as
# well they then wait for threads that have no core: an analysis of 4 s was measured at 56 s.
_WAIT_POLICY = ("OMP_WAIT_POLICY", "PASSIVE")


def threads_per_process(wanted: int, processes: int, cores: int) -> int:
    """The wanted number, or with 0 an even share of the cores, at least one."""
    return wanted or max(1, cores // processes)


def limit_threads(wanted: int, processes: int) -> int:
    """Tells libraries that are not loaded yet how many threads to use; returns the number."""
    number = threads_per_process(wanted, processes, os.cpu_count() or 1)
    for variable in _VARIABLES:
        os.environ.setdefault(variable, str(number))
    os.environ.setdefault(*_WAIT_POLICY)
    limit_arenas()
    return number
