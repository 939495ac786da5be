"""An analysis corrected by hand: stretches left out of the figures, and tracks that are one person.

The analysis itself is never changed; `corrected` returns another one, as if the stretches had not
been recorded. Excluded time counts neither as present nor as absent. What cannot be judged anew
without the face itself is not: a window that touches an excluded stretch is left out whole, since
its estimate rests on it. Light on purpose, as `engagement.report.schema` is.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from engagement.report.nothing_seen import EMPTY_SUMMARY, low_coverage
from engagement.report.schema import (
    ENGAGED_LEVELS,
    Analysis,
    AnalysisWarning,
    GroupAffect,
    Observation,
    Presence,
    Signals,
    Summary,
    Track,
    Window,
)

#: The code of the warning that a corrected analysis carries.
CORRECTED = "corrected_by_hand"
_DIGITS = 4
# As in the analysis: shorter stretches without a face are no absence, a sampled frame stands for a
# second at most, and below this share of the time a recording deserves a warning.
_LEAST_ABSENCE_S = 1.0
_MOST_HOLD_S = 1.0

Stretch = tuple[float, float]


@dataclass(frozen=True)
class Corrections:
    """What somebody who watched the recording says of it.

    Attributes:
        excluded: stretches in seconds that do not count, in any order; they may overlap.
        merged: by the number of a track that of the track which is the same person.
        subject: the track of the person whom the recording is about; None leaves it to the
            analysis, which takes the one seen most.
    """

    excluded: tuple[Stretch, ...] = ()
    merged: Mapping[int, int] = field(default_factory=dict)
    subject: int | None = None

    def __bool__(self) -> bool:
        return bool(self.excluded or self.merged or self.subject is not None)

    def target(self, track: int) -> int:
        """The number under which a track is shown, however often it was merged; never loops."""
        met = {track}
        while (into := self.merged.get(track)) is not None and into not in met:
            met.add(into)
            track = into
        return track


def union(stretches: Iterable[Stretch], duration_s: float) -> list[Stretch]:
    """The stretches within ``0..duration_s``, in order and joined where they touch.

    >>> union([(5.0, 8.0), (7.0, 30.0), (1.0, 2.0)], 20.0)
    [(1.0, 2.0), (5.0, 20.0)]
    """
    joined: list[Stretch] = []
    for start, end in sorted((max(0.0, a), min(b, duration_s)) for a, b in stretches):
        if end <= start:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def excluded_s(analysis: Analysis, corrections: Corrections) -> float:
    """Seconds of the recording that the corrections leave out."""
    return _length(union(corrections.excluded, analysis.source.duration_s))


def corrected(analysis: Analysis, corrections: Corrections) -> Analysis:
    """The analysis as it would read with the corrections; itself where there are none.

    Tracks keep their numbers; one of which nothing is left is gone. A track that is merged goes
    into its target's observations and windows; of two observations of one time the one with the
    surer face stays, and two estimates of one window are weighed by their coverage. Shares of time
    are of the time that is left. Group affect keeps its estimates and counts its people anew.
    """
    if not corrections:
        return analysis
    gone = union(corrections.excluded, analysis.source.duration_s)
    left_s = analysis.source.duration_s - _length(gone)
    persons: dict[int, list[Track]] = {}
    for track in analysis.tracks:
        persons.setdefault(corrections.target(track.id), []).append(track)
    tracks = [
        made
        for number, parts in sorted(persons.items())
        if (made := _person(number, parts, analysis, gone, left_s)) is not None
    ]
    main = _main(analysis, tracks, corrections)
    summary = main.summary if main else EMPTY_SUMMARY
    return analysis.model_copy(
        update={
            "tracks": tracks,
            "presence": _presence(analysis, gone, left_s),
            "group_affect": _group(analysis, tracks, gone),
            "summary": summary,
            "warnings": _warnings(analysis, tracks, summary, _length(gone)),
        }
    )


def _person(
    number: int, parts: Sequence[Track], analysis: Analysis, gone: Sequence[Stretch], left_s: float
) -> Track | None:
    """One person's track of all its parts; None where nothing of it is left."""
    if len(parts) == 1 and not gone:
        return parts[0]
    first = max(parts, key=lambda one: (one.id == number, one.summary.coverage))
    held: dict[float, tuple[Observation, float]] = {}
    for part in parts:
        for one, seconds in _held(part, analysis, gone):
            if one.t not in held or held[one.t][0].score < one.score:
                held[one.t] = one, seconds
    rows = [held[t] for t in sorted(held) if not _inside(t, gone)]
    if not rows:
        return None
    windows = _windows(parts, gone)
    observations = [one for one, _ in rows]
    # Where frames were passed over, those that were looked at stand for different lengths of time.
    weights = [seconds if analysis.adaptive else 1.0 for _, seconds in rows]
    return first.model_copy(
        update={
            "id": number,
            "first_s": observations[0].t,
            "last_s": observations[-1].t,
            "observations": observations,
            "windows": windows,
            "summary": _summary(
                observations,
                weights,
                windows,
                min(1.0, sum(seconds for _, seconds in rows) / left_s) if left_s > 0 else 0.0,
                analysis.models.expression.classes,
            ),
            "name_tag": first.name_tag or next((p.name_tag for p in parts if p.name_tag), None),
        }
    )


def _held(
    track: Track, analysis: Analysis, gone: Sequence[Stretch]
) -> list[tuple[Observation, float]]:
    """Each observation with the seconds that it stands for and that still count.

    The document does not list the frames without a face, so the lengths are scaled to add up to
    what the analysis found: `coverage` of the recording.
    """
    times = [one.t for one in track.observations]
    duration_s = analysis.source.duration_s
    most = max(_MOST_HOLD_S, analysis.step_s) if analysis.adaptive else analysis.step_s
    ends = [min(after, t + most) for t, after in zip(times, [*times[1:], duration_s], strict=True)]
    total = sum(max(0.0, end - t) for t, end in zip(times, ends, strict=True))
    scale = track.summary.coverage * duration_s / total if total > 0 else 0.0
    return [
        (one, scale * max(0.0, end - one.t - _overlap((one.t, end), gone)))
        for one, end in zip(track.observations, ends, strict=True)
    ]


def _windows(parts: Sequence[Track], gone: Sequence[Stretch]) -> list[Window]:
    """The windows that touch no excluded stretch, one for each time, in order."""
    at: dict[Stretch, list[Window]] = {}
    for part in parts:
        for one in part.windows:
            if _overlap((one.start_s, one.end_s), gone) <= 0:
                at.setdefault((one.start_s, one.end_s), []).append(one)
    return [_joined(at[span]) for span in sorted(at)]


def _joined(windows: Sequence[Window]) -> Window:
    """Estimates of one window from several parts of a person, weighed by their coverage."""
    if len(windows) == 1:
        return windows[0]
    weights = [max(one.coverage, 1e-6) for one in windows]
    mean = _weighted([one.engagement for one in windows], weights)
    # Within each and between them: the variance of the mixture.
    variance = _weighted([one.spread**2 + (one.engagement - mean) ** 2 for one in windows], weights)
    judged = [one for one in windows if one.level is not None]
    surest = max(judged or windows, key=lambda one: one.coverage)
    return surest.model_copy(
        update={
            "engagement": round(min(1.0, mean), _DIGITS),
            "spread": round(math.sqrt(variance), _DIGITS),
            "coverage": round(min(1.0, sum(one.coverage for one in windows)), _DIGITS),
            "signals": _signals(windows),
        }
    )


def _signals(windows: Sequence[Window]) -> Signals | None:
    """Shares weighed by the seconds that were seen of each window; the median of the movement."""
    rows = [(one.signals, one.coverage * (one.end_s - one.start_s)) for one in windows]
    known = [(signals, max(seconds, 1e-6)) for signals, seconds in rows if signals is not None]
    if not known:
        return None
    weights = [seconds for _, seconds in known]
    facing = round(_weighted([one.facing for one, _ in known], weights), _DIGITS)
    down = round(min(1 - facing, _weighted([one.head_down for one, _ in known], weights)), _DIGITS)
    closed = [(one.eyes_closed, w) for one, w in known if one.eyes_closed is not None]
    moves = sorted(one.movement for one, _ in known if one.movement is not None)
    return Signals(
        facing=facing,
        turned_away=round(max(0.0, 1 - facing - down), _DIGITS),
        head_down=down,
        eyes_closed=(
            round(_weighted([v for v, _ in closed], [w for _, w in closed]), _DIGITS)
            if closed
            else None
        ),
        movement=round(_median(moves), _DIGITS) if moves else None,
    )


def _summary(
    observations: Sequence[Observation],
    weights: Sequence[float],
    windows: Sequence[Window],
    coverage: float,
    classes: Sequence[str],
) -> Summary:
    totals = dict.fromkeys(classes, 0.0)
    for one, weight in zip(observations, weights, strict=True):
        if one.emotions:
            totals[max(one.emotions, key=one.emotions.__getitem__)] += weight
    whole = sum(totals.values())
    shares = (
        {name: round(total / whole, _DIGITS) for name, total in totals.items()} if whole else {}
    )
    estimates = [one.engagement for one in windows]
    mean = sum(estimates) / len(estimates) if estimates else None
    judged = [one for one in windows if one.level is not None]
    engaged = sum(one.level in ENGAGED_LEVELS for one in judged)
    return Summary(
        dominant_emotion=max(shares, key=shares.__getitem__) if shares else None,
        emotion_share=shares,
        mean_engagement=None if mean is None else round(mean, _DIGITS),
        engagement_spread=(
            None
            if mean is None
            else round(math.sqrt(sum((v - mean) ** 2 for v in estimates) / len(estimates)), _DIGITS)
        ),
        engaged_share=round(engaged / len(judged), _DIGITS) if judged else None,
        coverage=round(coverage, _DIGITS),
        signals=_signals(windows),
    )


def _main(analysis: Analysis, tracks: Sequence[Track], corrections: Corrections) -> Track | None:
    """The person whom the summary speaks of: as told, else as before, else the one seen most."""
    numbers = {one.id: one for one in tracks}
    if corrections.subject is not None:
        # Nothing left of the student is nothing to say of them, and no other person's figures.
        return numbers.get(corrections.target(corrections.subject))
    return max(tracks, key=lambda one: (one.summary.coverage, _area(one)), default=None)


def _area(track: Track) -> float:
    boxes = [one.box for one in track.observations]
    return sum((x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in boxes) / len(boxes)


def _presence(analysis: Analysis, gone: Sequence[Stretch], left_s: float) -> Presence:
    """What is left of the absences; gaps too short to be listed are taken to lie evenly."""
    duration_s, before = analysis.source.duration_s, analysis.presence
    listed = _length(before.absent)
    steady = before.face_share * duration_s / (duration_s - listed) if duration_s > listed else 0.0
    absent = [piece for one in before.absent for piece in _without(one, gone)]
    share = min(1.0, steady) * (left_s - _length(absent)) / left_s if left_s > 0 else 0.0
    return Presence(
        face_share=round(min(1.0, max(0.0, share)), _DIGITS),
        absent=[(round(a, 3), round(b, 3)) for a, b in absent if b - a >= _LEAST_ABSENCE_S],
    )


def _group(
    analysis: Analysis, tracks: Sequence[Track], gone: Sequence[Stretch]
) -> list[GroupAffect]:
    times = [[one.t for one in track.observations] for track in tracks]
    found = []
    for one in analysis.group_affect:
        if _overlap((one.start_s, one.end_s), gone) > 0:
            continue
        people = sum(bisect_left(t, one.end_s) > bisect_left(t, one.start_s) for t in times)
        if people:
            share = round(people / len(tracks), _DIGITS)
            found.append(one.model_copy(update={"people": people, "face_share": share}))
    return found


def _warnings(
    analysis: Analysis, tracks: Sequence[Track], summary: Summary, gone_s: float
) -> list[AnalysisWarning]:
    """Those that still hold, and one that says what was corrected."""
    counted = {"no_face", "low_coverage", "several_people"}
    kept = [one for one in analysis.warnings if one.code not in counted]
    made = []
    if not tracks:
        made.append(("no_face", "No face is left, so there is nothing to report on."))
    else:
        made += low_coverage(summary)
    if len(tracks) > 1:
        made.append(
            ("several_people", f"{len(tracks)} people were seen. The summary is of one of them.")
        )
    made.append(
        (CORRECTED, f"Corrected by hand: {gone_s:.1f} s are left out, {len(tracks)} people remain.")
    )
    return [*(AnalysisWarning(code=code, text=text) for code, text in made), *kept]


def _length(stretches: Iterable[Stretch]) -> float:
    return sum(end - start for start, end in stretches)


def _inside(t: float, stretches: Sequence[Stretch]) -> bool:
    return any(start <= t < end for start, end in stretches)


def _overlap(one: Stretch, stretches: Sequence[Stretch]) -> float:
    return sum(max(0.0, min(one[1], end) - max(one[0], start)) for start, end in stretches)


def _without(one: Stretch, stretches: Sequence[Stretch]) -> list[Stretch]:
    """What is left of a stretch outside of the others, which are in order and disjoint."""
    edges = [one[0]]
    for start, end in stretches:
        if _overlap(one, [(start, end)]) > 0:
            edges += [max(one[0], start), min(one[1], end)]
    edges.append(one[1])
    return [(a, b) for a, b in list(pairwise(edges))[::2] if b > a]


def _weighted(values: Sequence[float], weights: Sequence[float]) -> float:
    return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)


def _median(ordered: Sequence[float]) -> float:
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2
