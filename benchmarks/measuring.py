"""What the benchmarks share: processes of their own, the machine's description, a table, a line.

Each side of a comparison lives in a process of its own, so that its threads, its memory and its
libraries' settings are its own. A `Player` takes orders, so that sides can take turns and whatever
else the machine does falls on all of them alike; `run_alone` runs one thing once, and tells its
peak of memory.
"""

import json
import os
import platform
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from engagement.process import VARIABLES
from engagement.runtimes.base import RuntimeSettings, thread_count
from engagement.weights.cache import CACHE_VARIABLE

#: As the command and the workers set it; read by libraries when they load.
OUR_ENVIRONMENT = VARIABLES
#: The published model whose architecture, EfficientNet-B0, most figures are of.
B0 = "enet_b0_8_best_vgaf"
_PACKAGES = (
    "engagement-analytics",
    "torch",
    "onnxruntime",
    "openvino",
    "timm",
    "facenet-pytorch",
    "av",
    "numpy",
)
_ROOT = Path(__file__).parents[1]
_WIDTH = 150
Told = dict[str, Any]


class Player:
    """A process that does what it is told, one order at a time; see `play`.

    Args:
        module: is run with ``python -m``.
        arguments: of its command line.
        python: another interpreter.
        environment: added to this process' own; None takes a variable away.

    Attributes:
        start_s: from its start until it was ready, once it is.
    """

    def __init__(
        self,
        module: str,
        *arguments: object,
        python: Path | None = None,
        environment: Mapping[str, str | None] = OUR_ENVIRONMENT,
    ) -> None:
        self._module = module
        # A session of its own: Ctrl-C is for the parent, which ends its players.
        self._process = subprocess.Popen(
            [python or sys.executable, "-W", "ignore", "-m", module, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            env=_environment(environment),
            start_new_session=True,
        )
        self._started = time.perf_counter()
        self.start_s = float("nan")
        self.ready = False

    def __enter__(self) -> "Player":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process; more than once does nothing."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.kill()
        self._process.wait()

    def wait(self) -> None:
        """Wait until it has loaded what it needs."""
        if not self.ready:
            self._answer()
            self.start_s = time.perf_counter() - self._started
            self.ready = True

    def ask(self, order: str, **details: object) -> Told:
        """Give an order and wait for its answer.

        Raises:
            SystemExit: the process ended instead; it has written why.
        """
        self.wait()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"order": order, **details}, default=str) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Told:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self._module} ended with {self._process.wait()}; see above.")
        answer: Told = json.loads(line)
        return answer


def play(load: Callable[[], Mapping[str, Callable[..., Told]]]) -> None:
    """Be a `Player`'s process: load, then obey until the other side is gone.

    Args:
        load: gives the orders that are understood. What it or they print goes to standard error.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    orders = load()
    answer: Told = {"ready": True}
    line = "first"
    while line:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
        line = sys.stdin.readline()
        if line:
            details = json.loads(line)
            answer = orders[details.pop("order")](**details)


@dataclass(frozen=True)
class Clocked:
    """Wall and processor seconds, the latter over all threads."""

    wall_s: float = 0.0
    cpu_s: float = 0.0

    def __add__(self, other: "Clocked") -> "Clocked":
        return Clocked(self.wall_s + other.wall_s, self.cpu_s + other.cpu_s)

    def __sub__(self, other: "Clocked") -> "Clocked":
        return Clocked(self.wall_s - other.wall_s, self.cpu_s - other.cpu_s)


def now() -> Clocked:
    """The clocks' present time; differences count. Ended child processes are included."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = time.process_time() + children.ru_utime + children.ru_stime
    return Clocked(time.perf_counter(), cpu_s)


@dataclass(frozen=True)
class Alone:
    """What a process took from its start to its end, and what it told of itself."""

    wall_s: float
    told: Told


def run_alone(module: str, *arguments: object) -> Alone:
    """Run ``python -m module`` to its end; what it writes is one line of JSON.

    Raises:
        SystemExit: it failed; it has written why.
    """
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
        env=_environment(OUR_ENVIRONMENT),
        start_new_session=True,
    ) as process:
        try:
            written, _ = process.communicate()
        except BaseException:
            process.kill()
            raise
    wall_s = time.perf_counter() - started
    if process.returncode != 0:
        raise SystemExit(f"{module} ended with {process.returncode}; see above.")
    return Alone(wall_s, json.loads(written))


def peak_mb() -> float:
    """Most memory that this process has had at one time (resident), in 10^6 bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        # What wait4 and getrusage tell begins with the size of the process that started this one.
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    changed = {**os.environ, **changes}
    return {name: value for name, value in changed.items() if value is not None}


@contextmanager
def workplace(prefix: str) -> Iterator[Path]:
    """A folder that is removed in the end, also when the benchmark is stopped.

    Converted models are kept in it, never in the user's own cache.
    """
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    cache = os.environ.get(CACHE_VARIABLE)
    try:
        with TemporaryDirectory(prefix=f"engagement-{prefix}-") as folder:
            os.environ[CACHE_VARIABLE] = str(Path(folder) / "cache")
            yield Path(folder)
    finally:
        signal.signal(signal.SIGTERM, before)
        os.environ.pop(CACHE_VARIABLE, None)
        if cache is not None:
            os.environ[CACHE_VARIABLE] = cache


def environment() -> Told:
    """The machine, the versions, and how busy it is; for the line of JSON."""
    return {
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "threads": thread_count(RuntimeSettings()),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "load_average": load_average(),
        **{name: found for name in _PACKAGES if (found := _version(name))},
    }


def load_average() -> list[float]:
    """Of the last 1, 5 and 15 minutes."""
    return [round(load, 1) for load in os.getloadavg()]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def cpu() -> str:
    """The processor's name, and what it has for small numbers."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return platform.processor()
    lines = dict(
        (part.strip() for part in line.split(":", 1))
        for line in info.read_text().splitlines()
        if ":" in line
    )
    flags = set(lines.get("flags", "").split())
    known = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16") if flag in flags]
    return f"{lines.get('model name', platform.processor())} ({', '.join(known)})"


@dataclass(frozen=True)
class Bound:
    """What a figure has to keep."""

    what: str
    value: float
    least: float | None = None
    most: float | None = None

    def shortfall(self) -> str | None:
        """A sentence where it is not kept; what is no number never is."""
        if self.least is not None and not self.value >= self.least:
            return f"{self.what}: {self.value:.4g}, at least {self.least:g} is wanted."
        if self.most is not None and not self.value <= self.most:
            return f"{self.what}: {self.value:.4g}, at most {self.most:g} is wanted."
        return None


def table(title: str, columns: Sequence[str], left: int = 1) -> Table:
    """An empty table; all but the first `left` columns hold numbers."""
    made = Table(title=title)
    for place, column in enumerate(columns):
        made.add_column(column, justify="left" if place < left else "right")
    return made


def finish(table: Table, told: Told, bounds: Sequence[Bound] = ()) -> int:
    """Print a table, a line of JSON for machines, and what falls short; the exit code."""
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    shortfalls = [sentence for bound in bounds if (sentence := bound.shortfall())]
    console.print(table)
    line = told | {"shortfalls": shortfalls}
    console.print(json.dumps(line), highlight=False, soft_wrap=True, markup=False)
    for sentence in shortfalls:
        sys.stderr.write(sentence + "\n")
    return 1 if shortfalls else 0


def say(text: str) -> None:
    """Tell somebody who waits how far it is."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
