"""Stage 1: a face network learns to tell people apart.

As the authors' notebook ``src/train_faces_torch.ipynb`` (repository
av-savchenko/face-emotion-recognition) does on VGGFace2: cross-entropy over the identities,
sharpness-aware Adam, the head alone for one epoch, then everything for ten. What is kept is the
network without the head.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch.nn import functional as F

from engagement.datasets.vggface2 import FaceIdentities, read_identities
from engagement.errors import DataError
from engagement.networks.base import ExpressionNetwork
from engagement.networks.spec import InputSpec
from engagement.training.backbone import finished, input_of, save_backbone
from engagement.training.batches import Batch, Views
from engagement.training.loop import BatchProgress, EpochDone, LoopConfig, Phase, Task
from engagement.training.records import Row, write_json
from engagement.training.setup import Plan, Running, check_input_size, opened_run

#: The notebook's side for every architecture.
_PUBLISHED_SIZE = 224


def published_faces_loop() -> LoopConfig:
    """The notebook's phases and batch size."""
    return LoopConfig((Phase(True, 1, 1e-3), Phase(False, 10, 1e-4)), batch_size=48)


@dataclass(frozen=True)
class FacesConfig:
    """The recipe; the defaults are the published ones.

    Attributes:
        crop: least share of a face's area that a random crop keeps.
        input_size: side of the network's input; 0 for 224, or less where the architecture's own
            is less.
        val_share: share of each identity's images to measure on, where the data have no such part.
    """

    architecture: str = "efficientnet_b0"
    loop: LoopConfig = field(default_factory=published_faces_loop)
    crop: float = 0.08
    flip: bool = True
    input_size: int = 0
    val_share: float = 0.1

    def check(self) -> None:
        """Refuse values that no run can have.

        Raises:
            DataError: the first such value.
            ModelError: an unknown architecture.
        """
        self.loop.check()
        self.input()
        check_input_size(self.input_size)
        if not 0 < self.crop <= 1:
            raise DataError(f"--crop must be above 0 and at most 1, not {self.crop}.")

    def input(self) -> InputSpec:
        """What the network takes.

        Raises:
            ModelError: an unknown architecture.
        """
        size = min(input_of(self.architecture).size, _PUBLISHED_SIZE)
        return input_of(self.architecture, self.input_size or size)

    def views(self) -> Views:
        """How training faces are changed; images are resized to 256 for an input of 224."""
        return Views(resize=round(self.input().size * 256 / 224), crop=self.crop, flip=self.flip)


def read_faces(data: Path, config: FacesConfig) -> FaceIdentities:
    """The data as the recipe splits them; see `read_identities`."""
    return read_identities(data, val_share=config.val_share, seed=config.loop.seed)


def train_faces(
    faces: FaceIdentities,
    out: Path,
    config: FacesConfig,
    *,
    start: Path | None = None,
    running: Running | None = None,
    on_batch: BatchProgress | None = None,
    on_epoch: EpochDone | None = None,
) -> Row:
    """Train a backbone and write it with its record to `out`.

    Writes ``backbone.safetensors`` (the epoch with the best accuracy on val), ``checkpoint.pt``,
    ``history.csv``, ``recipe.json`` and ``metrics.json``.

    Args:
        start: file that the backbone is filled from first; the authors began at ImageNet's
            weights. None for random weights.

    Returns:
        The best epoch's row of the history.

    Raises:
        DataError: settings or data that cannot be trained on.
        ModelError: an unknown architecture, or a start that does not fit it.
        OutputError: `out` cannot be written.
    """
    config.check()
    spec = config.input()
    plan = Plan(
        task=Task(len(faces.train.classes), _identification),
        train=faces.train,
        val=faces.val,
        views=config.views(),
        loop=config.loop,
        recipe=asdict(config),
        architecture=config.architecture,
        outputs=len(faces.train.classes),
        spec=spec,
        backbone=start,
    )

    def keep(network: ExpressionNetwork, row: Row, outputs: torch.Tensor) -> None:
        del outputs  # nine thousand numbers a face, which are not kept
        save_backbone(finished(network), config.architecture, spec, out / "backbone.safetensors")
        write_json(out / "metrics.json", _metrics(faces, row))

    with opened_run(plan, out, running or Running()) as run:
        return run.finish(keep, on_batch, on_epoch)


def _identification(outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
    return F.cross_entropy(outputs, batch.labels)


def _metrics(faces: FaceIdentities, row: Row) -> dict[str, float | int | str]:
    return {
        "identities": len(faces.train.classes),
        "count": len(faces.val),
        "accuracy": row["val_accuracy"],
        "loss": row["val_loss"],
        "epoch": row["epoch"],
    }
