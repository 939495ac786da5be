"""What a run keeps while it goes on, so that one that was killed can be taken up again.

A folder with the log of observations and, every few seconds, a state that says how much of the log
counts and where every part stood. What lies there is bound to the recording, the models and the
settings: of anything else it is emptied. States are arrays and JSON; nothing is unpickled.
"""

import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engagement.errors import OutputError
from engagement.files import written_whole
from engagement.stages.log import FILES, ObservationLog
from engagement.video.decoding import Decoded
from engagement.video.reader import Position

logger = logging.getLogger(__name__)

_STATE = "state.npz"
_OURS = (*FILES, _STATE, f"{_STATE}.partial")
_FORM = 2


@dataclass(frozen=True)
class RunState:
    """Where a run stands.

    Attributes:
        position: of the last frame that was dealt with.
        parts: arrays of the parts that remember something from frame to frame, by name.
    """

    position: Position
    parts: Mapping[str, NDArray[Any]]


class KeptRun:
    """The log of a run, and the state that it can be taken up from.

    Args:
        folder: made where it is absent; None keeps nothing for later.
        bound_to: what the run is of; JSON values.

    Attributes:
        log: what was observed.
        state: of the run to go on with, None to begin at the start.

    Raises:
        OutputError: the folder cannot be written.
    """

    def __init__(self, folder: Path | None, bound_to: Mapping[str, Any]) -> None:
        self._folder = folder
        self._bound_to = json.dumps({"form": _FORM, **bound_to}, sort_keys=True)
        self.state: RunState | None = None
        if folder is None:
            self.log = ObservationLog()
            return
        _make(folder)
        self.log = ObservationLog(folder)
        try:
            self.state = self._read(folder)
        except (OSError, ValueError, KeyError, TypeError, EOFError, OutputError) as error:
            logger.info("The analysis begins anew: %s", error)
            self.log.keep(0, 0, 0, 0)

    def keep(self, state: RunState) -> None:
        """Keep the state, and all of the log as it is now.

        Raises:
            OutputError: it cannot be written.
        """
        if self._folder is None:
            return
        self.log.flush()
        classes, embedding_size = self.log.shape
        told = {
            "bound_to": self._bound_to,
            "log": [
                self.log.observations,
                self.log.times,
                classes,
                embedding_size,
                self.log.passed,
            ],
            "position": asdict(state.position),
        }
        data = BytesIO()
        arrays = {"told": np.frombuffer(json.dumps(told).encode(), np.uint8), **state.parts}
        np.savez(data, allow_pickle=False, **arrays)
        with written_whole(self._folder / _STATE) as partial, partial.open("wb") as file:
            file.write(data.getvalue())
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """Remove the folder; the log can be read as long as this process has it open."""
        if self._folder is not None:
            for name in _OURS:
                with suppress(OSError):
                    (self._folder / name).unlink(missing_ok=True)
            with suppress(OSError):  # whatever else came to lie there is not ours
                self._folder.rmdir()

    def _read(self, folder: Path) -> RunState | None:
        if not (folder / _STATE).exists():
            self.log.keep(0, 0, 0, 0)
            return None
        with np.load(folder / _STATE, allow_pickle=False) as kept:
            parts = {name: kept[name] for name in kept.files}
        told = json.loads(parts.pop("told").tobytes())
        if told["bound_to"] != self._bound_to:
            raise ValueError("what was kept is of another recording, model or setting")
        position = told["position"]
        self.log.keep(*told["log"])
        return RunState(
            Position(
                **{
                    **position,
                    "size": tuple(position["size"]),
                    "decoded": Decoded(**position["decoded"]),
                }
            ),
            parts,
        )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strangers = {path.name for path in folder.iterdir()} - {*_OURS}
        if strangers:
            raise OutputError(
                f"The folder {folder} holds other files ({min(strangers)}, for example). Name a "
                "new one for what the analysis keeps while it runs: it is removed in the end."
            )
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be made ({error.strerror}). Choose another place for what "
            "the analysis keeps while it runs."
        ) from error
