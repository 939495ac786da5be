"""What a protocol measured, beside what was published for the same model."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from engagement.evaluation.metrics import ClassificationReport
from engagement.weights.registry import MODELS

# So many names of broken files are printed; the JSON has them all.
_NAMED = 5


@dataclass(frozen=True)
class Figure:
    """One number of a result.

    Attributes:
        name: what it is.
        value: as measured here; None where there was nothing to measure it on.
        published: as published for this model; None where nothing was.
        percent: whether it is a share, shown in percent.
    """

    name: str
    value: float | None
    published: float | None = None
    percent: bool = True


@dataclass(frozen=True)
class ProtocolResult:
    """A protocol's figures, and what they stand on.

    Attributes:
        protocol: name of the protocol.
        model: name of the model.
        weights_sha256: of the file that its weights came from.
        figures: the protocol's own figure first.
        counts: of clips, images, faces, and what was missing.
        settings: everything that was chosen.
        unreadable: why items could not be read, one sentence each.
        notes: what a reader has to know before comparing the columns.
        report: recall a class and the confusion matrix, where the protocol has one answer an item.
        seconds: how long it took.
    """

    protocol: str
    model: str
    weights_sha256: str
    figures: tuple[Figure, ...]
    counts: Mapping[str, int]
    settings: Mapping[str, str | int | float]
    unreadable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    report: ClassificationReport | None = None
    seconds: float = 0.0

    def figure(self, name: str) -> float | None:
        """The measured value of a figure.

        Raises:
            KeyError: there is none of this name.
        """
        for figure in self.figures:
            if figure.name == name:
                return figure.value
        raise KeyError(name)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def published_figure(model: str, name: str) -> float | None:
    """What was published for a model, by the name of the field in the registry's `Figures`.

    As a share where the registry holds a percentage. None where nothing was published.
    """
    known = MODELS.get(model)
    value: float | None = getattr(known.figures, name) if known else None
    return value if value is None or name == "mtl" else value / 100


def print_result(result: ProtocolResult, console: Console) -> None:
    """A table of figures, then what they stand on."""
    console.print(f"{result.protocol}: {result.model}", markup=False, style="bold")
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    table.add_column("measured", justify="right")
    table.add_column("published", justify="right")
    for figure in result.figures:
        table.add_row(
            figure.name,
            _shown(figure.value, figure.percent),
            _shown(figure.published, figure.percent),
        )
    console.print(table)
    lines = [
        _listed(result.counts),
        _listed(result.settings),
        f"weights {result.weights_sha256[:12]}; {result.seconds:.0f} s",
        *result.notes,
    ]
    if result.report:
        recall = {name: _shown(share, True) for name, share in result.report.recall.items()}
        lines.insert(0, f"recall: {_listed(recall)}")
    if result.unreadable:
        lines.append(f"{len(result.unreadable)} could not be read:")
        lines += [f"  {reason}" for reason in result.unreadable[:_NAMED]]
        if len(result.unreadable) > _NAMED:
            lines.append(f"  and {len(result.unreadable) - _NAMED} more (all are in --json)")
    for line in lines:
        console.print(line, highlight=False, markup=False)


def _listed(values: Mapping[str, object]) -> str:
    return "; ".join(f"{name} {value}" for name, value in values.items())


def _shown(value: float | None, percent: bool) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.2f} %" if percent else f"{value:.3f}"
