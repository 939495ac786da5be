"""A report on engagement for people: printed, drawn, and as a card to keep beside the model."""

from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from engagement.errors import DataError
from engagement.evaluation.engagement import FIGURES, EngagementReport
from engagement.files import written_whole
from engagement.windows.classifier import ClassifierCard

_TITLES = {
    "balanced_recall": "balanced recall",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "mse": "mean squared error",
    "spearman": "Spearman's correlation",
    "calibration_error": "expected calibration error",
}


def print_engagement(report: EngagementReport, title: str, console: Console) -> None:
    """A table of figures beside guessing, and what they stand on."""
    console.print(title, markup=False, style="bold")
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "measured", "95% interval", "guessing"):
        table.add_column(heading, justify="left" if not heading else "right")
    for row in _rows(report):
        table.add_row(*row)
    console.print(table)
    for line in (report.verdict.capitalize() + ".", *_stands_on(report)):
        console.print(line, highlight=False, markup=False)


def draw_reliability(report: EngagementReport, picture: Path) -> None:
    """Draw the reliability diagram as a PNG: how often right, by how sure.

    Raises:
        DataError: matplotlib, of the extra `train`, is not installed.
        OutputError: it cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DataError(
            "Drawing the reliability diagram needs matplotlib. Install the extra: pip install "
            "'.[train]'."
        ) from error
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="lightgrey", linestyle="--", label="as sure as right")
    most = max((b.count for b in report.reliability), default=1)
    axes.scatter(
        [b.confidence for b in report.reliability],
        [b.accuracy for b in report.reliability],
        s=[20 + 180 * b.count / most for b in report.reliability],
        label="windows (area: how many)",
    )
    axes.set(
        title=f"Calibration error {report.metrics['calibration_error'].value:.3f}",
        xlabel="probability of the level that was named",
        ylabel="share that was right",
        xlim=(0, 1.02),
        ylim=(-0.02, 1.02),
    )
    axes.legend(loc="upper left")
    with written_whole(picture) as partial:
        figure.savefig(partial, dpi=110, format="png")


def card_text(card: ClassifierCard, report: EngagementReport) -> str:
    """The classifier's card in Markdown."""
    lines = [
        f"# {card.name}",
        "",
        f"An engagement classifier ({card.method}) for windows of {card.window_s:g} s of the "
        f"embeddings of {card.embedding_model}, "
        + (f"{card.sampling_fps:g} a second." if card.sampling_fps else "one of every frame."),
        f"Levels, lowest first: {', '.join(card.levels)}. Fitted for: {card.scope}.",
        f"Trained on {card.trained_on}: {card.windows} windows of {card.people} people.",
        "",
        f"Cross-validated on people who were not trained on, it is **{report.verdict}**.",
        "",
        "| | measured | 95% interval | guessing |",
        "| --- | ---: | ---: | ---: |",
        *(f"| {' | '.join(row)} |" for row in _rows(report)),
        "",
        *_stands_on(report),
        "",
        "Intervals resample people. Guessing always names the commonest level. An estimate is "
        "evidence with an error; it must not be used to grade or to discipline.",
        "",
    ]
    return "\n".join(lines)


def _rows(report: EngagementReport) -> list[tuple[str, str, str, str]]:
    rows = []
    for name in FIGURES:
        figure = report.metrics[name]
        guess = report.guessing.get(name)
        rows.append(
            (
                _TITLES[name],
                f"{figure.value:.3f}",
                f"{figure.low:.3f} to {figure.high:.3f}",
                "-" if guess is None else f"{guess:.3f}",
            )
        )
    return rows


def _stands_on(report: EngagementReport) -> list[str]:
    counts = ", ".join(f"{n} {c}" for n, c in zip(report.levels, report.counts, strict=True))
    lines = [f"{report.windows} windows of {report.people} people: {counts}."]
    if report.uncalibrated_error is not None:
        lines.append(
            f"Before temperature scaling the calibration error was {report.uncalibrated_error:.3f}."
        )
    return lines
