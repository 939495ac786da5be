"""Graphs that were exported before, kept so that it is done once a model."""

import json
import logging
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from engagement.errors import OutputError
from engagement.files import written_whole
from engagement.networks.spec import ExpressionSpec

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptGraph:
    """A graph in `folder`, and beside it what it is and its sha256.

    Attributes:
        key: tells apart what was exported.
    """

    folder: Path
    key: str

    def read(self) -> tuple[bytes, ExpressionSpec] | None:
        """The graph and its description; None where it is absent or not what was written."""
        try:
            note = json.loads((self.folder / f"{self.key}.json").read_text(encoding="utf-8"))
            graph = (self.folder / f"{self.key}.onnx").read_bytes()
            if sha256(graph).hexdigest() != note["graph_sha256"]:
                return None
            return graph, ExpressionSpec.from_json(note["spec"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, graph: bytes, spec: ExpressionSpec) -> None:
        """Keep a graph. A folder that cannot be written only means that nothing is kept."""
        note = {"graph_sha256": sha256(graph).hexdigest(), "spec": spec.to_json()}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with written_whole(self.folder / f"{self.key}.onnx") as partial:
                partial.write_bytes(graph)
            with written_whole(self.folder / f"{self.key}.json") as partial:
                partial.write_text(json.dumps(note), encoding="utf-8")
        except (OSError, OutputError) as error:
            _log.warning("The model's graph is not kept for the next time: %s", error)
