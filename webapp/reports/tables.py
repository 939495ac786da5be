"""The rows of a report's tables as HTML.

Every chart has a table behind it, and an hour has some seven hundred windows: as a template, their
twenty thousand cells take longer than everything else on the page. What stands in the cells are
numbers, and words that the contract lists; whatever is not a number is escaped all the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from engagement.report.schema import GroupAffect, Signals
from webapp.reports.templatetags.report_format import NOTHING, clock, percent, signed, two
from webapp.reports.words import emotion_word, level_word

if TYPE_CHECKING:
    from webapp.reports.selectors import WindowRow


@dataclass(frozen=True)
class Tables:
    """Rows of the tables about windows, each `<tr>...</tr>` after the other."""

    engagement: SafeString
    signals: SafeString
    emotions: SafeString
    affect: SafeString
    group_affect: SafeString


def tables_of(
    rows: Sequence["WindowRow"], group_affect: Sequence[GroupAffect], engagement_label: str
) -> Tables:
    """All tables of one track's windows; `engagement_label` heads the estimate on phones."""
    # Asked for once: a table has thousands of cells.
    between = escape(_("%(start)s to %(end)s"))
    labels = _Labels(
        engagement=escape(engagement_label),
        spread=escape(_("Spread")),
        level=escape(_("Level")),
        coverage=escape(_("Coverage")),
        strongest=escape(_("Strongest emotion")),
        between=between,
    )
    heads = [_head(_span(between, row.window.start_s, row.window.end_s)) for row in rows]
    return Tables(
        engagement=_joined(_engagement(row, labels) for row in rows),
        signals=_joined(
            _row(head, _signals(row.window.signals, row.window.coverage))
            for head, row in zip(heads, rows, strict=True)
        ),
        emotions=_joined(
            _row(head, [percent(mean) for _, mean in row.emotions])
            for head, row in zip(heads, rows, strict=True)
        ),
        affect=_joined(
            _row(head, [signed(row.valence), signed(row.arousal)])
            for head, row in zip(heads, rows, strict=True)
        ),
        group_affect=_joined(_group(one, between) for one in group_affect),
    )


@dataclass(frozen=True)
class _Labels:
    """Heads of cells on phones, escaped."""

    engagement: str
    spread: str
    level: str
    coverage: str
    strongest: str
    between: str


def _span(between: str, start_s: float, end_s: float) -> str:
    return between % {"start": clock(start_s), "end": clock(end_s)}


def _engagement(row: "WindowRow", labels: _Labels) -> str:
    window = row.window
    seek = (
        f'<button type="button" class="link-button numeric" data-seek="{window.start_s:.3f}">'
        f"{_span(labels.between, window.start_s, window.end_s)}</button>"
    )
    cells = (
        f'<td class="numeric" data-label="{labels.engagement}">{two(window.engagement)}</td>'
        f'<td class="numeric" data-label="{labels.spread}">{two(window.spread)}</td>'
        f'<td data-label="{labels.level}">{escape(level_word(window.level))}</td>'
        f'<td class="numeric" data-label="{labels.coverage}">{percent(window.coverage)}</td>'
        f'<td data-label="{labels.strongest}">{_strongest(row)}</td>'
    )
    span = f'data-start="{window.start_s:.3f}" data-end="{window.end_s:.3f}"'
    return f"<tr {span}>{_head(seek)}{cells}</tr>"


def _strongest(row: "WindowRow") -> str:
    """The emotion with the highest mean over the window, and that mean."""
    known = [(mean, name) for name, mean in row.emotions if mean is not None]
    if not known:
        return NOTHING
    mean, name = max(known)
    return f"{escape(emotion_word(name).capitalize())} {percent(mean)}"


def _signals(signals: Signals | None, coverage: float) -> list[str]:
    if signals is None:
        return [*[two(None)] * 4, percent(coverage)]
    return [
        percent(signals.facing),
        percent(signals.turned_away),
        percent(signals.head_down),
        two(signals.movement),
        percent(coverage),
    ]


def _group(one: GroupAffect, between: str) -> str:
    shares = [percent(one.positive), percent(one.neutral), percent(one.negative)]
    people = f"{one.people} ({percent(one.face_share)})"
    return _row(_head(_span(between, one.start_s, one.end_s)), [*shares, people])


def _head(words: str) -> str:
    return f'<th scope="row" class="nowrap">{words}</th>'


def _row(head: str, cells: Iterable[str]) -> str:
    numbers = "".join(f'<td class="numeric">{cell}</td>' for cell in cells)
    return f"<tr>{head}{numbers}</tr>"


def _joined(rows: Iterable[str]) -> SafeString:
    # A line a row, so that the page's source can be read.
    return mark_safe("\n".join(rows))  # noqa: S308  (made above, of numbers and escaped words)
