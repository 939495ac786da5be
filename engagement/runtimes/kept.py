"""Graphs that were exported before, kept so that it is done once a model."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from engagement.errors import OutputError
from engagement.files import written_whole
from engagement.networks.spec import ExpressionSpec

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptBytes:
    """Something that was made, in `folder`, and beside it a note with its sha256.

    Attributes:
        key: tells apart what was made.
    """

    folder: Path
    key: str

    def read(self) -> tuple[bytes, dict[str, Any]] | None:
        """What was kept and its note; None where it is absent or not what was written."""
        try:
            note = json.loads((self.folder / f"{self.key}.json").read_text(encoding="utf-8"))
            graph = (self.folder / f"{self.key}.onnx").read_bytes()
            return (graph, note) if sha256(graph).hexdigest() == note["graph_sha256"] else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, graph: bytes, note: dict[str, Any]) -> None:
        """Keep it. A folder that cannot be written only means that nothing is kept."""
        note = {"graph_sha256": sha256(graph).hexdigest(), **note}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with written_whole(self.folder / f"{self.key}.onnx") as partial:
                partial.write_bytes(graph)
            with written_whole(self.folder / f"{self.key}.json") as partial:
                partial.write_text(json.dumps(note), encoding="utf-8")
        except (OSError, OutputError) as error:
            _log.warning("The model's graph is not kept for the next time: %s", error)

    def read_or_make(self, make: Callable[[], bytes]) -> bytes:
        """What was kept, else what `make` makes, which is then kept."""
        if (found := self.read()) is not None:
            return found[0]
        graph = make()
        self.write(graph, {})
        return graph


@dataclass(frozen=True)
class KeptGraph:
    """A graph of an expression model, and what it is.

    Attributes:
        folder, key: as `KeptBytes` takes them.
    """

    folder: Path
    key: str

    def read(self) -> tuple[bytes, ExpressionSpec] | None:
        """The graph and its description; None where it is absent or not what was written."""
        found = KeptBytes(self.folder, self.key).read()
        if found is None:
            return None
        try:
            return found[0], ExpressionSpec.from_json(found[1]["spec"])
        except (ValueError, KeyError, TypeError):
            return None

    def write(self, graph: bytes, spec: ExpressionSpec) -> None:
        """Keep a graph. A folder that cannot be written only means that nothing is kept."""
        KeptBytes(self.folder, self.key).write(graph, {"spec": spec.to_json()})
