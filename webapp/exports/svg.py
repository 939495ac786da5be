"""Charts as SVG, drawn on the server for PDF reports: no script, and light colours only.

Every chart takes its values as they are and draws a gap where there is none. Each has a title,
which is what a screen reader says of it; the table beside it has the numbers. Coordinates are in
pixels of 1/96 inch, so that `WIDTH` is what an A4 page has between its margins.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from webapp.reports.templatetags.report_format import clock

WIDTH = 660.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 34.0, 6.0, 6.0, 20.0
_LINE, _WORDS = "#dbe0e8", "#536074"
ACCENT = "#0d656b"
BAND = "#a9d3d2"
COVERAGE = "#7d5b00"
#: As the pages draw them in the light theme.
EMOTIONS = {
    "neutral": "#a9b3c2",
    "happiness": "#e6a817",
    "surprise": "#2ba3b4",
    "sadness": "#3d74c7",
    "fear": "#7d5bc6",
    "anger": "#cc4141",
    "contempt": "#9c5680",
    "disgust": "#5b8f3e",
}
#: From little to much engagement; equal steps of lightness, told apart without colour.
HEAT = ("#f3e6b8", "#d9d7a0", "#b3c79b", "#86b59a", "#599f98", "#338692", "#1a6a82", "#134b69")
LEFT_OUT = "#c3b7df"
UNSEEN = "#ffffff"

Points = Sequence[tuple[float, float | None]]


@dataclass(frozen=True)
class Axis:
    """From where to where an axis goes, and what is written beside it as (value, words)."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]

    def place(self, value: float) -> float:
        """Where a value lies, 0 to 1; values beyond the ends lie on them."""
        span = (self.high - self.low) or 1.0
        return min(1.0, max(0.0, (value - self.low) / span))


UNIT = Axis(0.0, 1.0, [(0.0, "0"), (0.5, "0.5"), (1.0, "1")])
SIGNED = Axis(-1.0, 1.0, [(-1.0, "\N{MINUS SIGN}1"), (0.0, "0"), (1.0, "+1")])


@dataclass(frozen=True)
class Line:
    """A line that breaks where a value is None; `dots` marks the values themselves."""

    points: Points
    colour: str = ACCENT
    dashed: bool = False
    dots: bool = False


@dataclass(frozen=True)
class Band:
    """A band between two values; a point without them breaks it."""

    points: Sequence[tuple[float, tuple[float, float] | None]]
    colour: str = BAND


@dataclass(frozen=True)
class Stack:
    """Shares on top of each other, the first at the bottom.

    Attributes:
        runs: stretches without a gap, each a list of (x, shares).
        colours: one a share.
    """

    runs: Sequence[Sequence[tuple[float, Sequence[float]]]]
    colours: Sequence[str]


@dataclass(frozen=True)
class Bars:
    """Bars from the bottom: (from, to, value)."""

    bars: Sequence[tuple[float, float, float]]
    colour: str = ACCENT


Layer = Line | Band | Stack | Bars


@dataclass(frozen=True)
class Chart:
    """A drawn chart with its heading, its legend as (kind of swatch, words), and a note."""

    heading: str
    picture: SafeString
    legend: Sequence[tuple[str, str]] = ()
    note: str = ""


def plot(title: str, x: Axis, y: Axis, layers: Iterable[Layer], height: float = 130) -> SafeString:
    """A chart of layers over two axes, drawn in their order."""
    frame = _Frame(x, y, height)
    drawn = "".join(frame.layer(one) for one in layers)
    return _svg(title, height, frame.grid() + drawn)


def strip(
    title: str,
    x: Axis,
    spans: Sequence[tuple[float, float]],
    left_out: Sequence[tuple[float, float]] = (),
    height: float = 30,
) -> SafeString:
    """When something was there: dark where it was, empty where it was not, or does not count."""
    frame = _Frame(x, Axis(0, 1, []), height)
    full = height - _TOP - _BOTTOM
    drawn = [
        _rect(frame.x(x.low), _TOP, frame.x(x.high) - frame.x(x.low), full, UNSEEN, _LINE),
        *(_rect(frame.x(a), _TOP, frame.x(b) - frame.x(a), full, ACCENT) for a, b in spans),
        *(_rect(frame.x(a), _TOP, frame.x(b) - frame.x(a), full, LEFT_OUT) for a, b in left_out),
    ]
    return _svg(title, height, "".join(drawn) + frame.grid())


Cell = tuple[float, float] | None


def heat_map(
    title: str, x: Axis, rows: Sequence[tuple[str, Sequence[Cell]]], row_height: float = 11
) -> SafeString:
    """A row a person and a cell a stretch, as (estimate, coverage).

    A cell is as high as its coverage, in quarters, and nothing is drawn for None. Neighbours that
    look alike are drawn as one, so that a large class stays a small file.
    """
    left = 96.0
    height = _TOP + row_height * len(rows) + _BOTTOM
    cells = max((len(values) for _, values in rows), default=0)
    width = (WIDTH - left - _RIGHT) / max(1, cells)
    parts = []
    for number, (name, values) in enumerate(rows):
        bottom = _TOP + (number + 1) * row_height - 1
        size = min(7.5, row_height - 0.5)
        parts.append(_text(left - 5, bottom - (row_height - size) / 2, _clipped(name), "end", size))
        looks = [
            None if one is None else (heat_colour(one[0]), _quarters(one[1])) for one in values
        ]
        place = 0
        for look, run in groupby(looks):
            length = len(list(run))
            if look:
                shade, share = look
                tall = share * (row_height - 1)
                parts.append(
                    _rect(left + place * width, bottom - tall, length * width, tall, shade)
                )
            place += length
    bottom = height - _BOTTOM + 12
    for value, words in x.ticks:
        at = left + x.place(value) * (WIDTH - left - _RIGHT)
        parts.append(_text(at, bottom, words, _anchor(x.place(value))))
    return _svg(title, height, "".join(parts))


def _quarters(share: float) -> float:
    return min(4, max(1, round(4 * share))) / 4


def heat_colour(value: float) -> str:
    """The shade of an estimate from 0 to 1."""
    return HEAT[min(len(HEAT) - 1, int(value * len(HEAT)))]


def time_axis(duration_s: float) -> Axis:
    """An axis of a recording's time with at most eight labels, at round minutes where there are."""
    steps = (5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
    step = next((one for one in steps if duration_s / one <= 8), steps[-1])
    ticks = [float(one) for one in range(0, int(duration_s) + 1, step)]
    return Axis(0.0, max(duration_s, 1.0), [(one, clock(one)) for one in ticks])


class _Frame:
    """Where values lie on the page."""

    def __init__(self, x: Axis, y: Axis, height: float) -> None:
        self._x, self._y, self._height = x, y, height

    def x(self, value: float) -> float:
        return _LEFT + self._x.place(value) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return self._height - _BOTTOM - self._y.place(value) * (self._height - _TOP - _BOTTOM)

    def grid(self) -> str:
        parts = []
        for value, words in self._y.ticks:
            y = self.y(value)
            parts.append(_path(f"M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}", _LINE, 0.7))
            parts.append(_text(_LEFT - 5, y + 3, words, "end"))
        bottom = self._height - _BOTTOM
        for value, words in self._x.ticks:
            x = self.x(value)
            parts.append(_path(f"M{x:.1f} {bottom}v3", _WORDS, 0.7))
            parts.append(_text(x, bottom + 13, words, _anchor(self._x.place(value))))
        return "".join(parts)

    def layer(self, layer: Layer) -> str:
        if isinstance(layer, Line):
            return self._line(layer)
        if isinstance(layer, Band):
            return self._band(layer)
        if isinstance(layer, Bars):
            return self._bars(layer)
        return self._stack(layer)

    def _line(self, line: Line) -> str:
        runs = _runs(line.points)
        parts = [_path(_polyline(self._placed(run)), line.colour, 1.4, line.dashed) for run in runs]
        for run in runs:
            # A value without neighbours has no line: it must not be lost.
            if line.dots or len(run) == 1:
                parts += [
                    f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{line.colour}"/>'
                    for x, y in self._placed(run)
                ]
        return "".join(parts)

    def _band(self, band: Band) -> str:
        parts = []
        for run in _runs(band.points):
            upper = self._placed([(x, high) for x, (_, high) in run])
            lower = self._placed([(x, low) for x, (low, _) in run])
            parts.append(_area(upper, lower, band.colour))
        return "".join(parts)

    def _bars(self, bars: Bars) -> str:
        base = self.y(self._y.low)
        return "".join(
            _rect(self.x(a), self.y(v), self.x(b) - self.x(a) - 1, base - self.y(v), bars.colour)
            for a, b, v in bars.bars
            if v
        )

    def _stack(self, stack: Stack) -> str:
        parts = []
        for run in stack.runs:
            below = [0.0] * len(run)
            for number, colour in enumerate(stack.colours):
                above = [low + shares[number] for low, (_, shares) in zip(below, run, strict=True)]
                upper = self._placed([(x, v) for (x, _), v in zip(run, above, strict=True)])
                lower = self._placed([(x, v) for (x, _), v in zip(run, below, strict=True)])
                parts.append(_area(upper, lower, colour))
                below = above
        return "".join(parts)

    def _placed(self, points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(self.x(a), self.y(b)) for a, b in points]


def _runs(points: Sequence) -> list[list]:
    """The stretches in which every point has a value."""
    grouped = groupby(points, key=lambda point: point[1] is not None)
    return [list(run) for has_value, run in grouped if has_value]


def _polyline(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _area(
    upper: Sequence[tuple[float, float]], lower: Sequence[tuple[float, float]], colour: str
) -> str:
    return f'<path d="{_polyline([*upper, *reversed(lower)])}Z" fill="{colour}"/>'


def _path(data: str, colour: str, width: float, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<path d="{data}" fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>'


def _rect(x: float, y: float, width: float, height: float, colour: str, line: str = "") -> str:
    stroke = f' stroke="{line}"' if line else ""
    size = f'width="{max(width, 0.3):.1f}" height="{max(height, 0.3):.1f}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="{colour}"{stroke}/>'


def _text(x: float, y: float, words: str, anchor: str = "start", size: float = 8.5) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    style = f'font-family="DejaVu Sans, sans-serif" font-size="{size}" fill="{_WORDS}"'
    return f"<text {place} {style}>{escape(words)}</text>"


def _anchor(place: float) -> str:
    """Words at the ends of an axis stay within the chart."""
    return "start" if place < 0.02 else "end" if place > 0.98 else "middle"


def _clipped(name: str) -> str:
    return name if len(name) <= 18 else f"{name[:17]}…"


def _svg(title: str, height: float, inside: str) -> SafeString:
    size = f'viewBox="0 0 {WIDTH:.0f} {height:.0f}" width="{WIDTH:.0f}" height="{height:.0f}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size}><title>{escape(title)}</title>'
    )
    return mark_safe(f"{head}{inside}</svg>")  # noqa: S308  (numbers, own colours, escaped words)
