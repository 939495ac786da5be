"""An analysis as CSV: one row an observation, or one row a window.

Spreadsheets run a cell that starts like a formula. Every text cell goes through `inert`, so that
neither a name nor a future field can carry one; numbers stay numbers.
"""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from engagement.report.schema import Analysis

_SIGNALS = ("facing", "turned_away", "head_down", "eyes_closed", "movement")
# Rows are sent together: a packet a row would be slower than making it.
_BLOCK_CHARACTERS = 64 * 1024
_FORMULA_STARTS = frozenset("=+-@\t\r\n|%")


class _Echo:
    """A file whose `write` gives the text back, so that rows can be streamed."""

    def write(self, text: str) -> str:
        return text


def inert(value: Any) -> Any:
    """The value as a spreadsheet may safely read it: formula-like text gets a leading quote."""
    if isinstance(value, str):
        return f"'{value}" if value[:1] in _FORMULA_STARTS else value
    return "" if value is None else value


def observation_rows(analysis: Analysis) -> Iterator[list[Any]]:
    """A header, then one row an observation, by track and time."""
    emotions = analysis.models.expression.classes
    yield [
        "track", "t_s", "x1", "y1", "x2", "y2", "score",
        *emotions, "valence", "arousal", "yaw", "pitch",
    ]  # fmt: skip
    for track in analysis.tracks:
        for one in track.observations:
            yield [
                track.id,
                one.t,
                *one.box,
                one.score,
                *(one.emotions.get(name) for name in emotions),
                one.valence,
                one.arousal,
                one.yaw,
                one.pitch,
            ]


def window_rows(analysis: Analysis) -> Iterator[list[Any]]:
    """A header, then one row a window, with the model that made the estimate."""
    made_by = analysis.models.engagement
    yield [
        "track", "start_s", "end_s", "engagement", "spread", "level", "coverage", "model", "kind",
        *_SIGNALS,
    ]  # fmt: skip
    for track in analysis.tracks:
        for window in track.windows:
            yield [
                track.id,
                window.start_s,
                window.end_s,
                window.engagement,
                window.spread,
                window.level,
                window.coverage,
                made_by.name,
                made_by.kind,
                *(getattr(window.signals, name, None) for name in _SIGNALS),
            ]


def csv_lines(rows: Iterable[list[Any]]) -> Iterator[str]:
    """The rows as CSV text, a line at a time."""
    writer = csv.writer(_Echo())
    for row in rows:
        yield writer.writerow([inert(cell) for cell in row])


def csv_blocks(rows: Iterable[list[Any]]) -> Iterator[str]:
    """The rows as CSV text, in blocks large enough to be worth sending."""
    block: list[str] = []
    length = 0
    for line in csv_lines(rows):
        block.append(line)
        length += len(line)
        if length >= _BLOCK_CHARACTERS:
            yield "".join(block)
            block, length = [], 0
    if block:
        yield "".join(block)
