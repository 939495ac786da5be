"""How many threads the numeric libraries may use. Set at a worker's start, never on import."""

import os

from engagement.process import prepare_process

_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def threads_per_process(wanted: int, processes: int, cores: int) -> int:
    """The wanted number, or with 0 an even share of the cores, at least one."""
    return wanted or max(1, cores // processes)


def limit_threads(wanted: int, processes: int) -> int:
    """Tells libraries that are not loaded yet how many threads to use; returns the number."""
    number = threads_per_process(wanted, processes, os.cpu_count() or 1)
    for variable in _VARIABLES:
        os.environ.setdefault(variable, str(number))
    prepare_process()
    return number
