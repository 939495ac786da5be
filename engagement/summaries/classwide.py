"""What a class has in common: stretches that most of the students in view show at once.

Each member is one person with data: a student's own recording, or one track of a recording of
the meeting. Times are those of each recording; recordings of one lesson are taken to have begun
together, which nothing in them can prove.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import mean, median

import numpy as np
from numpy.typing import NDArray

from engagement.report.schema import Analysis, Track, Window
from engagement.summaries.curves import Point, Seen, extremes, seen
from engagement.summaries.schema import ClassMoment, ClassSummary, Rules
from engagement.summaries.select import engagement_name, nothing_stands_out

# Times are looked at this often.
_GRID_S = 0.5
_LEAST_PEOPLE = 2
# A moment of a large class is shown by so many at most.
MOST_STILLS = 12
_UNSEEN, _UNCLEAR = -2, -1

Span = tuple[float, float]


@dataclass(frozen=True)
class Member:
    """One person with data."""

    analysis: Analysis
    track: Track


@dataclass(frozen=True)
class Sight:
    """A picture that shows a class moment: which member, when, and how much it shows it."""

    member: int
    t: float
    weight: float


def choose_class(
    members: Sequence[Member], rules: Rules, of: int
) -> tuple[ClassSummary, list[list[Sight]]]:
    """The class's moments in the order of time, each with who may be shown for it.

    Args:
        of: students of the lesson in all, with and without data.
    """
    if len(members) < _LEAST_PEOPLE:
        too_few = f"{len(members)} of {of} students have data: too few to speak of a class."
        return ClassSummary(people=len(members), moments=[], missing=[too_few]), []
    emotions = _emotions(members, rules, of)
    curve, missing_curve = _engagement(members, rules, of)
    missing = (
        []
        if emotions
        else [
            f"In no stretch of {rules.min_s:g} s or longer was one emotion clear in most of the "
            "students in view (at least two)."
        ]
    )
    found = sorted(emotions + curve, key=lambda one: one[0].start_s)
    summary = ClassSummary(
        people=len(members),
        moments=[moment for moment, _ in found],
        missing=missing + missing_curve,
    )
    return summary, [sights for _, sights in found]


def _emotions(
    members: Sequence[Member], rules: Rules, of: int
) -> list[tuple[ClassMoment, list[Sight]]]:
    views = [
        seen(m.track, m.analysis.step_s, m.analysis.source.duration_s, rules.smooth_s)
        for m in members
    ]
    names = sorted({name for view in views for name in view.classes})
    states = _states(views, names, rules)
    in_view = (states > _UNSEEN).sum(axis=0)
    candidates = []
    for number, name in enumerate(names):
        showing = (states == number).sum(axis=0)
        most = (in_view >= _LEAST_PEOPLE) & (showing * 2 > in_view)
        for is_most, cells in groupby(range(len(most)), key=most.__getitem__):
            inside = list(cells)
            length = len(inside) * _GRID_S
            if is_most and length >= rules.min_s:
                share = float((showing[inside] / in_view[inside]).mean())
                candidates.append((length * share, name, number, inside))
    candidates.sort(reverse=True)
    kept: list[tuple[ClassMoment, list[Sight]]] = []
    for _, name, number, inside in candidates:
        if sum(moment.emotion == name for moment, _ in kept) < rules.most:
            showing = (states[:, inside] == number).sum(axis=0)
            kept.append(_emotion_moment(views, states, name, number, inside, showing, of))
    return kept


def _states(views: Sequence[Seen], names: Sequence[str], rules: Rules) -> NDArray[np.int64]:
    """``(members, cells)``: which emotion is clear, or that none is, or that nobody is there."""
    end = max(float(view.ends[-1]) for view in views)
    grid = np.arange(0.0, end, _GRID_S) + _GRID_S / 2
    states = np.full((len(views), len(grid)), _UNSEEN, dtype=np.int64)
    for row, view in zip(states, views, strict=True):
        renumbered = np.array([*(names.index(name) for name in view.classes), _UNCLEAR])
        at = np.searchsorted(view.times, grid, side="right") - 1
        there = (at >= 0) & (grid < view.ends[at])
        row[there] = renumbered[view.clear(rules.min_probability)][at[there]]
    return states


def _emotion_moment(
    views: Sequence[Seen],
    states: NDArray[np.int64],
    name: str,
    number: int,
    inside: Sequence[int],
    showing: NDArray[np.int64],
    of: int,
) -> tuple[ClassMoment, list[Sight]]:
    start, end = inside[0] * _GRID_S, (inside[-1] + 1) * _GRID_S
    there = states[:, inside]
    people = round(median(showing.tolist()))
    in_view = round(median((there > _UNSEEN).sum(axis=0).tolist()))
    sights, probabilities = [], []
    for member in np.flatnonzero((there == number).any(axis=1)).tolist():
        view = views[member]
        column = view.classes.index(name)
        during = np.flatnonzero((view.times >= start) & (view.times < end))
        clear = during[view.clear(0.0)[during] == column]
        if clear.size:
            probabilities.append(float(view.raw[clear, column].mean()))
            best = clear[int(view.smoothed[clear, column].argmax())]
            clearest = float(view.smoothed[best, column])
            sights.append(Sight(member, float(view.times[best]), clearest))
    moment = ClassMoment(
        kind="emotion",
        emotion=name,
        start_s=start,
        end_s=end,
        probability=round(mean(probabilities), 4),
        coverage=round(float((there > _UNSEEN).mean()), 4),
        people=people,
        in_view=in_view,
        of=of,
        why=(
            f"{name.capitalize()} was clear in {people} of the {in_view} students in view "
            f"(of {of}) for {end - start:.1f} s."
        ),
    )
    return moment, _shown(sights)


def _engagement(
    members: Sequence[Member], rules: Rules, of: int
) -> tuple[list[tuple[ClassMoment, list[Sight]]], list[str]]:
    """Dips and peaks of the mean departure from each person's own mean.

    People come and go, and their levels differ; a mean of plain values would jump as they do.
    """
    judged = [_judged(member.track) for member in members]
    own = [mean(w.engagement for w in windows.values()) if windows else 0.0 for windows in judged]
    rows = _shared_rows(judged)
    points = [
        Point(*span, mean(w.engagement - own[n] for n, w in row.items())) for span, row in rows
    ]
    found, _, spread = extremes(points)
    moments: list[tuple[ClassMoment, list[Sight]]] = []
    for one in found:
        sign = 1 if one.kind == "peak" else -1
        row = rows[one.first][1]
        with_it = {
            n: abs(w.engagement - own[n])
            for n, w in row.items()
            if sign * (w.engagement - own[n]) > 0
        }
        full = sum(moment.kind == one.kind for moment, _ in moments) >= rules.most
        if full or len(with_it) * 2 <= len(row):
            continue
        span = (points[one.first].start_s, points[one.last].end_s)
        name = engagement_name(members[0].analysis.models.engagement)
        moment = ClassMoment(
            kind=one.kind,
            measure=name,
            start_s=span[0],
            end_s=span[1],
            engagement=round(mean(w.engagement for w in row.values()), 4),
            mean_engagement=round(mean(own[n] for n in row), 4),
            spread=round(spread, 4),
            coverage=round(sum(w.coverage for w in row.values()) / len(members), 4),
            people=len(with_it),
            in_view=len(row),
            of=of,
            why=(
                f"{name} of {len(with_it)} of the {len(row)} students in view (of {of}) was "
                f"{'above' if sign > 0 else 'below'} their own means; of all in view it was so by "
                f"{abs(one.value):.2f} on average, and the class curve's spread is {spread:.2f}."
            ),
        )
        moments.append((moment, _sights(members, with_it, *span)))
    return moments, [] if moments else [nothing_stands_out(len(points), spread)]


def _shared_rows(
    judged: Sequence[Mapping[Span, Window]],
) -> list[tuple[Span, dict[int, Window]]]:
    """The windows that enough people have, in the order of time, with whose they are."""
    counts = Counter(span for windows in judged for span in windows)
    return [
        (span, {n: windows[span] for n, windows in enumerate(judged) if span in windows})
        for span in sorted(span for span, count in counts.items() if count >= _LEAST_PEOPLE)
    ]


def _judged(track: Track) -> dict[Span, Window]:
    return {(w.start_s, w.end_s): w for w in track.windows if w.level is not None}


def _sights(
    members: Sequence[Member], departures: Mapping[int, float], start_s: float, end_s: float
) -> list[Sight]:
    sights = []
    for number, departure in departures.items():
        times = [o.t for o in members[number].track.observations if start_s <= o.t < end_s]
        if times:
            middle = min(times, key=lambda t: abs(t - (start_s + end_s) / 2))
            sights.append(Sight(number, middle, departure))
    return _shown(sights)


def _shown(sights: Sequence[Sight]) -> list[Sight]:
    """Those who show it most, in the members' order."""
    most = sorted(sights, key=lambda one: -one.weight)[:MOST_STILLS]
    return sorted(most, key=lambda one: one.member)
