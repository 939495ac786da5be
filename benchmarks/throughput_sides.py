"""The processes that `benchmarks.throughput` lets take turns."""

import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.measuring import B0, Player, Told

FP32, INT8 = "ours, fp32", "ours, int8"
_ORACLE = Path(__file__).parents[1] / "var" / "oracle" / "venv" / "bin" / "python"

_FAR_SLOWER = 3
#: Blocks, the next one that it has again included.
_REST = 3


class Loop:
    """One kind of the reference's loop, with its threads waiting one way and the other.

    Args:
        kind: as `benchmarks.reference_loop` names it.
        ways: of waiting, ``sleep`` and ``spin``.
        python: another interpreter.
    """

    def __init__(
        self, stack: ExitStack, folder: Path, kind: str, weights: str, ways: Sequence[str],
        python: Path | None = None,
    ) -> None:  # fmt: skip
        self.won = dict.fromkeys(ways, 0)
        self._rests = dict.fromkeys(ways, 0)
        self._players = {}
        for way in ways:
            own = folder / f"{kind}-{way}"
            own.mkdir()
            settings = {"OMP_WAIT_POLICY": "PASSIVE" if way == "sleep" else None}
            if python is not None:  # it finds its weights where it would have put them
                settings["HOME"] = str(own)
            arguments = ("benchmarks.reference_loop", kind, weights, own)
            player = Player(*arguments, python=python, environment=settings)
            self._players[way] = stack.enter_context(player)
            player.wait()

    def block(self, **block: object) -> Told:
        """The faster way's answer.

        A way that was far slower is left out of the next blocks, since on a busy machine spinning
        takes minutes; then it has another chance.
        """
        turns = {}
        for way, player in self._players.items():
            self._rests[way] = max(0, self._rests[way] - 1)
            if not self._rests[way]:
                turns[way] = player.ask("block", **block)
        won = min(turns, key=lambda way: turns[way]["seconds"])
        for way, turn in turns.items():
            if turn["seconds"] > _FAR_SLOWER * turns[won]["seconds"]:
                self._rests[way] = _REST
        self.won[won] += 1
        return turns[won]


class Sides:
    """All that take turns, loaded before the first one.

    Args:
        weights: what `benchmarks.random_model` told.
        whole: the reference with both ways to wait.
        published: with the published package, which is installed.

    Attributes:
        published: None where it is not installed.
    """

    def __init__(
        self, stack: ExitStack, folder: Path, weights: Told, *, whole: bool, published: bool
    ) -> None:
        self._stack, self._folder = stack, folder
        exact, ways = weights["exact"], ("sleep", "spin") if whole else ("sleep",)
        self.reference = Loop(stack, folder, "timm", exact, ways)
        self.published: Loop | None = None
        if published:
            self.published = Loop(stack, folder, "emotiefflib", exact, ways, _ORACLE)
        self.ours = {FP32: self._pipeline("exact", B0, exact)}
        if weights["int8"] is not None:
            self.ours[INT8] = self._pipeline("int8", "auto", weights["int8"])

    def _pipeline(self, label: str, model: str, weights: str) -> Player:
        own = self._folder / label
        own.mkdir()
        player = Player("benchmarks.our_pipeline", model, weights, own)
        self._stack.enter_context(player).wait()
        return player


def why_not_published() -> str | None:
    """A sentence where the published package's environment cannot serve."""
    if not _ORACLE.is_file():
        return "emotiefflib is left out: its environment is not there (make oracle makes it)."
    tried = subprocess.run([_ORACLE, "-c", "import emotiefflib"], capture_output=True, check=False)
    if tried.returncode != 0:
        return "emotiefflib is left out: its environment is not complete (make oracle makes it)."
    return None
