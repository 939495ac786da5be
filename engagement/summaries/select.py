"""What a lesson summary shows: chosen from an analysis, and nothing invented.

A stretch is clear where one emotion's smoothed probability is at least `Rules.min_probability`
for at least `Rules.min_s`; the loss of the face ends it. Stretches are ranked by length times
mean probability. A dip or peak of engagement is a local extreme of the windows' curve that is
farther from its mean than its spread. Where nothing qualifies, nothing is shown and that is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from engagement.report.schema import Analysis, Engagement, Track, Window
from engagement.summaries.curves import (
    LEAST_POINTS,
    LEAST_SPREAD,
    Extreme,
    Point,
    Stretch,
    best_part,
    clear_stretches,
    extremes,
    middle,
    seen,
)
from engagement.summaries.schema import Moment, PersonSummary, Rules


@dataclass(frozen=True)
class Chosen:
    """A moment, the part of it to show, and the instant that shows it best."""

    moment: Moment
    start_s: float
    end_s: float
    key_s: float


def choose(analysis: Analysis, track: Track, rules: Rules) -> tuple[PersonSummary, list[Chosen]]:
    """One person's moments, in the order of time, and what to show of each."""
    emotions = _emotions(analysis, track, rules)
    curve, missing = _engagement(analysis, track, rules)
    if not emotions:
        missing.insert(
            0,
            f"No emotion was clear for {rules.min_s:g} s or longer (a smoothed probability of "
            f"{rules.min_probability:.0%} or more).",
        )
    chosen = sorted(chain(emotions, curve), key=lambda one: (one.start_s, one.end_s))
    summary = PersonSummary(
        track=track.id,
        coverage=track.summary.coverage,
        moments=[one.moment for one in chosen],
        missing=missing,
    )
    return summary, chosen


def engagement_name(engagement: Engagement) -> str:
    """What its figures are called: a published rule gives an index."""
    return "Engagement index" if engagement.kind == "index" else "Engagement"


def best_of_each(stretches: Sequence[Stretch], most: int) -> list[Stretch]:
    """The longest and clearest stretches of each emotion."""
    ranked = sorted(stretches, key=lambda one: one.length_s * one.probability, reverse=True)
    kept: list[Stretch] = []
    for one in ranked:
        if sum(other.emotion == one.emotion for other in kept) < most:
            kept.append(one)
    return kept


def _emotions(analysis: Analysis, track: Track, rules: Rules) -> list[Chosen]:
    of = seen(track, analysis.step_s, analysis.source.duration_s, rules.smooth_s)
    chosen = []
    for one in best_of_each(clear_stretches(of, rules), rules.most):
        start, end = best_part(of, one, rules.longest_clip_s)
        emotion = of.classes.index(one.emotion)
        inside = [n for n in range(one.first, one.last + 1) if start <= of.times[n] < end]
        key = max(inside, key=lambda n: of.smoothed[n, emotion])
        moment = Moment(
            kind="emotion",
            emotion=one.emotion,
            start_s=round(one.start_s, 3),
            end_s=round(one.end_s, 3),
            probability=round(one.probability, 4),
            coverage=round(one.coverage, 4),
            why=(
                f"{one.emotion.capitalize()} was clearly the strongest emotion for "
                f"{one.length_s:.1f} s, with a mean probability of {one.probability:.0%}."
            ),
        )
        chosen.append(Chosen(moment, start, end, float(of.times[key])))
    return chosen


def _engagement(analysis: Analysis, track: Track, rules: Rules) -> tuple[list[Chosen], list[str]]:
    windows = [w for w in track.windows if w.level is not None]
    points = [Point(w.start_s, w.end_s, w.engagement) for w in windows]
    found, mean, spread = extremes(points)
    missing = [] if found else [nothing_stands_out(len(points), spread)]
    name = engagement_name(analysis.models.engagement)
    chosen = []
    for kind in ("dip", "peak"):
        for one in [one for one in found if one.kind == kind][: rules.most]:
            moment = _extreme_moment(one, windows, name, mean, spread)
            # Windows reach beyond the face; an empty chair shows nothing.
            times = [o.t for o in track.observations if moment.start_s <= o.t < moment.end_s]
            last = min(times[-1] + analysis.step_s, moment.end_s)
            start, end = middle(times[0], last, rules.longest_clip_s)
            key = min(times, key=lambda t: abs(t - (start + end) / 2))
            chosen.append(Chosen(moment, start, end, key))
    return chosen, missing


def _extreme_moment(
    one: Extreme, windows: Sequence[Window], name: str, mean: float, spread: float
) -> Moment:
    inside = windows[one.first : one.last + 1]
    return Moment(
        kind=one.kind,
        measure=name,
        start_s=inside[0].start_s,
        end_s=inside[-1].end_s,
        engagement=round(one.value, 4),
        mean_engagement=round(mean, 4),
        spread=round(spread, 4),
        coverage=round(sum(w.coverage for w in inside) / len(inside), 4),
        why=(
            f"{name} {one.value:.2f}, {abs(one.value - mean):.2f} "
            f"{'above' if one.kind == 'peak' else 'below'} the mean of {mean:.2f}; the curve's "
            f"spread is {spread:.2f}."
        ),
    )


def nothing_stands_out(points: int, spread: float) -> str:
    """Why there is no dip and no peak to show."""
    if points < LEAST_POINTS:
        count = {0: "No window has", 1: "Only 1 window has"}.get(
            points, f"Only {points} windows have"
        )
        return f"{count} enough of the face: too few to tell dips and peaks of engagement."
    return (
        "Engagement has no dip or peak that stands out by more than its spread "
        f"({max(spread, LEAST_SPREAD):.2f})."
    )
