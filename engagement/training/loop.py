"""The training loop of the published models: phases, sharpness-aware Adam, the best state kept.

A run is a sequence of phases (the head alone, then everything). Each begins at the best state so
far with a fresh optimiser, as the authors' notebooks do. A checkpoint is written after every epoch
and every `LoopConfig.checkpoint_steps` steps; a run that goes on from it takes the same steps as
one that was never interrupted.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from engagement.errors import DataError
from engagement.networks.base import ExpressionNetwork
from engagement.networks.spec import InputSpec
from engagement.training.batches import Batch, Batches, network_input
from engagement.training.checkpoint import read_state
from engagement.training.device import Device, explained
from engagement.training.records import EventLog, NoEvents, Row, write_checkpoint, write_history
from engagement.training.sam import sharpness_aware_gradient

#: Called now and then with (epochs done, share of this epoch done, mean loss in it so far).
BatchProgress = Callable[[int, float, float], None]
#: Called after every epoch with its row of the history.
EpochDone = Callable[[Row], None]
#: Called with the network, its row and its outputs on val, empty where those are not kept.
BestFound = Callable[[ExpressionNetwork, Row, torch.Tensor], None]
#: Loss of a batch's outputs ``(n, k)``, float32.
Loss = Callable[[torch.Tensor, Batch], torch.Tensor]
#: Further figures of the outputs on the whole of val, ``(n, k)`` on the CPU.
Figures = Callable[[torch.Tensor], Mapping[str, float]]

#: Steps between two looks at the loss: each makes a CUDA device wait.
_LOOK = 10
#: Adam moves every weight by about the rate in a step; far above, float32 overflows.
_FASTEST = 10


@dataclass(frozen=True)
class Phase:
    """Some epochs of one kind.

    Attributes:
        head_only: whether the backbone's weights stay as they are. Its batch norms see the new
            data nevertheless, as in the authors' notebooks.
    """

    head_only: bool
    epochs: int
    learning_rate: float

    @property
    def name(self) -> str:
        """The phase in the history."""
        return "head" if self.head_only else "all"


@dataclass(frozen=True)
class LoopConfig:
    """How to train, whatever the task. Everything here changes the result.

    Attributes:
        phases: in order; those of no epochs are left out.
        sam_rho: radius of the sharpness-aware step, 0 for plain Adam.
        patience: epochs without a better val accuracy that end a phase, 0 for none.
        precision: see `engagement.training.device.choose_device`.
        checkpoint_steps: steps between checkpoints within an epoch, 0 for none.
    """

    phases: tuple[Phase, ...]
    batch_size: int
    sam_rho: float = 0.05
    patience: int = 0
    seed: int = 0
    precision: str = "auto"
    checkpoint_steps: int = 2000

    def check(self) -> None:
        """Refuse values that no run can have.

        Raises:
            DataError: the first such value.
        """
        whole = {
            "--batch-size": (self.batch_size, 2),
            "--patience": (self.patience, 0),
            "--seed": (self.seed, 0),
            "--checkpoint-steps": (self.checkpoint_steps, 0),
        }
        for name, (value, least) in whole.items():
            if value < least:
                raise DataError(f"{name} must be at least {least}, not {value}.")
        if not 0 <= self.sam_rho < math.inf:
            raise DataError(f"--sam-rho must be 0 or more, not {self.sam_rho}.")
        if any(phase.epochs < 0 for phase in self.phases) or not self.epochs:
            raise DataError("A run needs one epoch or more in all, and no phase less than none.")
        for phase in self.phases:
            if not 0 < phase.learning_rate <= _FASTEST:
                raise DataError(
                    f"A learning rate must be above 0 and at most {_FASTEST}, not "
                    f"{phase.learning_rate}."
                )

    @property
    def epochs(self) -> int:
        """Epochs in all, where no phase ends early."""
        return sum(phase.epochs for phase in self.phases)


@dataclass(frozen=True, eq=False)
class Task:
    """What is learnt.

    Attributes:
        classes: number of classes, the first outputs.
        loss: what is made small.
        figures: further columns of the history; None where the outputs on val are not to be kept.
    """

    classes: int
    loss: Loss
    figures: Figures | None = None


@dataclass(frozen=True, eq=False)
class Setting:
    """What a run works on and with.

    Attributes:
        out: folder for ``history.csv`` and ``checkpoint.pt``.
        fingerprint: of the data.
        recipe: every setting that changes the result, as JSON.
    """

    train: Batches
    val: Batches
    spec: InputSpec
    device: Device
    out: Path
    fingerprint: str
    recipe: str


class Run:
    """One training run: its network, where it is, and what it has seen.

    Attributes:
        events: takes every epoch's row too.
    """

    def __init__(
        self, network: ExpressionNetwork, task: Task, config: LoopConfig, setting: Setting
    ) -> None:
        self.network = network.to(setting.device.torch)
        self.task, self.config, self.setting = task, config, setting
        self.phases = [phase for phase in config.phases if phase.epochs]
        self.phase = 0
        self.history: list[Row] = []
        self.best: dict[str, torch.Tensor] = {}
        self.events: EventLog = NoEvents()
        self._sums = torch.zeros(2, device=setting.device.torch)  # of the losses, of the hits
        self._step = 0
        self._enter_phase()

    def restore(self) -> None:
        """Go on from ``checkpoint.pt``, if there is one.

        Raises:
            DataError: it is damaged, or of other settings or data.
        """
        path = self.setting.out / "checkpoint.pt"
        if not path.is_file():
            return
        state = read_state(path, self.setting.recipe)
        if state["data"] != self.setting.fingerprint:
            raise DataError(
                f"{path} was made on other data. Resume with the same data, or name another --out."
            )
        self.phase, self._step = state["phase"], state["step"]
        self.history, self.best = state["history"], state["best"]
        self._enter_phase()
        self.network.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._scaler.load_state_dict(state["scaler"])
        self._sums.copy_(state["sums"])
        if self._step:
            torch.set_rng_state(state["random"])

    def finish(
        self,
        on_best: BestFound,
        on_batch: BatchProgress | None = None,
        on_epoch: EpochDone | None = None,
    ) -> Row:
        """Train to the end.

        Args:
            on_best: called after each epoch that is the best so far.
            on_batch, on_epoch: told of progress.

        Returns:
            The best epoch's row of the history. The network holds its weights.

        Raises:
            DataError: a face cannot be read, the loss is not finite, or memory runs out.
            OutputError: `out` cannot be written.
        """
        while self.phase < len(self.phases):
            while not self._phase_is_over():
                with explained(self.config.batch_size):
                    row, outputs = self._run_epoch(on_batch)
                self._note(row, outputs, on_best)
                if on_epoch:
                    on_epoch(row)
            self.phase += 1
            self.network.load_state_dict(self.best)
            if self.phase < len(self.phases):
                self._enter_phase()
        return best_row(self.history)

    def _enter_phase(self) -> None:
        phase = self.phases[self.phase]
        self.network.requires_grad_(not phase.head_only)
        self.network.classifier.requires_grad_(True)
        trained = [p for p in self.network.parameters() if p.requires_grad]
        self._optimiser = torch.optim.Adam(trained, lr=phase.learning_rate)
        self._scaler = self.setting.device.scaler()

    def _phase_is_over(self) -> bool:
        rows = [row for row in self.history if row["phase"] == self._phase_name]
        if len(rows) >= self.phases[self.phase].epochs:
            return True
        accuracies = [row["val_accuracy"] for row in rows]
        patience = self.config.patience
        return bool(
            patience and rows and len(rows) - 1 - accuracies.index(max(accuracies)) >= patience
        )

    @property
    def _phase_name(self) -> str:
        return f"{self.phase + 1} {self.phases[self.phase].name}"

    def _run_epoch(self, on_batch: BatchProgress | None) -> tuple[Row, torch.Tensor]:
        started, first = time.monotonic(), self._step
        epoch, steps = len(self.history), len(self.setting.train)
        if not first:
            torch.manual_seed(self.config.seed * 100_003 + epoch)
            self._sums.zero_()
        self.network.train()
        for batch in self.setting.train.epoch(epoch, first):
            self._train_on(batch.to(self.setting.device.torch))
            self._step += 1
            if self._step % _LOOK == 0 or self._step == steps:
                loss = float(self._sums[0]) / self._step
                self._check_finite(loss, epoch)
                if on_batch:
                    on_batch(epoch, self._step / steps, loss)
            every = self.config.checkpoint_steps
            if every and self._step % every == 0 and self._step < steps:
                self._save()
        loss, hits = (self._sums / steps).tolist()
        phase = self.phases[self.phase]
        row: Row = {"epoch": epoch + 1, "phase": self._phase_name}
        row |= {"learning_rate": phase.learning_rate, "train_loss": loss, "train_accuracy": hits}
        figures, outputs = self._validate()
        row |= figures
        row["seconds"] = round(time.monotonic() - started, 1)
        return row, outputs

    def _check_finite(self, loss: float, epoch: int) -> None:
        if not math.isfinite(loss):
            raise DataError(
                f"The loss is not a number any more in epoch {epoch + 1}. Lower the learning rate, "
                "or train with --precision fp32."
            )

    def _train_on(self, batch: Batch) -> None:
        inputs = network_input(batch.pixels, self.setting.spec)
        passed = inputs
        head_only = self.phases[self.phase].head_only
        if head_only:  # the backbone gives both passes the same embeddings
            with torch.no_grad(), self.setting.device.autocast():
                passed = self.network.embed(inputs)
        first: list[torch.Tensor] = []

        def loss() -> torch.Tensor:
            with self.setting.device.autocast():
                outputs = self.network.classifier(passed) if head_only else self.network(passed)
            outputs = outputs.float()
            value = self.task.loss(outputs, batch)
            if not first:
                correct = outputs[:, : self.task.classes].argmax(1) == batch.labels
                first.extend([value.detach(), correct.float().mean()])
            scaled: torch.Tensor = self._scaler.scale(value)
            return scaled

        self._optimiser.zero_grad(set_to_none=True)
        sharpness_aware_gradient(self.network, loss, self.config.sam_rho)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self._sums += torch.stack(first)

    @torch.inference_mode()
    def _validate(self) -> tuple[Row, torch.Tensor]:
        self.network.eval()
        losses, hits, count = 0.0, 0, 0
        kept: list[torch.Tensor] = []
        for batch in self.setting.val.epoch():
            batch = batch.to(self.setting.device.torch)
            with self.setting.device.autocast():
                outputs = self.network(network_input(batch.pixels, self.setting.spec)).float()
            losses += float(self.task.loss(outputs, batch)) * len(batch)
            hits += int((outputs[:, : self.task.classes].argmax(1) == batch.labels).sum())
            count += len(batch)
            if self.task.figures:
                kept.append(outputs.cpu())
        row: Row = {"val_loss": losses / count, "val_accuracy": hits / count}
        if not self.task.figures:
            return row, torch.empty(0)
        every = torch.cat(kept)
        return {**row, **self.task.figures(every)}, every

    def _note(self, row: Row, outputs: torch.Tensor, on_best: BestFound) -> None:
        """Put an epoch into the history, keep its state where it is the best, and save."""
        self.history.append(row)
        self._step = 0
        if best_row(self.history) is row:
            state = self.network.state_dict()
            self.best = {name: tensor.detach().clone() for name, tensor in state.items()}
            on_best(self.network, row, outputs)
        write_history(self.setting.out / "history.csv", self.history)
        self._save()
        self.events.write(row)

    def _save(self) -> None:
        state = {
            "config": self.setting.recipe,
            "data": self.setting.fingerprint,
            "phase": self.phase,
            "step": self._step,
            "sums": self._sums,
            "network": self.network.state_dict(),
            "best": self.best,
            "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
            "random": torch.get_rng_state(),
            "history": self.history,
        }
        write_checkpoint(self.setting.out / "checkpoint.pt", state)


def best_row(history: list[Row]) -> Row:
    """The first row with the highest accuracy on val."""
    return max(history, key=lambda row: float(row["val_accuracy"]))
