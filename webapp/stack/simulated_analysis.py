"""Simulated analyses: documents of the contract `engagement.analysis/1` that no model made.

Plausible rather than true: students differ, a class has moments in common, faces leave the view.
Everything is drawn from the random numbers that are passed in, so that the same seed gives the same
documents. Each says that it is simulated: by the names of its models and by a warning.
"""

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from engagement.sample.simulated_figure import HEIGHT, WIDTH, head_box

#: Names of models that begin with this belong to simulated analyses.
MODEL = "simulated"
OTHER_MODEL = "simulated_classifier"
WARNING = {
    "code": "simulated",
    "text": "Simulated: nobody was recorded, no model was run, and every figure was drawn by a "
    "program so that this page can be looked at.",
}
EMOTIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
#: One observation in two seconds keeps documents small.
SAMPLING_FPS = 0.5
STEP_S = 1 / SAMPLING_FPS
WINDOW_S, STRIDE_S = 20.0, 10.0
_LEAST_COVERAGE = 0.3
_ENGAGED_FROM = 0.5
_FACING_DEG, _DOWN_DEG = 30.0, -25.0
# What an emotion adds to valence and arousal.
_VALENCE = {"happiness": 0.8, "surprise": 0.3, "neutral": 0.05, "sadness": -0.6, "anger": -0.5}
_AROUSAL = {"happiness": 0.5, "surprise": 0.7, "neutral": -0.1, "sadness": -0.3, "anger": 0.6}

Span = tuple[float, float]
Json = dict[str, Any]


@dataclass(frozen=True)
class Temper:
    """How one student differs from another; shares and levels in 0..1.

    Attributes:
        level: what engagement is about in the long run.
        sway: how far it moves by itself.
        echo: how strongly the class's common moments show.
        cheer: how easily they smile.
        seen: how often the face is found while it is there.
        leaves: how many times they leave the view in a lesson, on average.
        resting: the emotion that their face shows by itself.
    """

    level: float
    sway: float
    echo: float
    cheer: float
    seen: float
    leaves: float
    resting: str = "neutral"


@dataclass(frozen=True)
class Moment:
    """Something that a class has in common: a dip (below 0) or a lift of engagement.

    `laugh` is how much more often people smile in it.
    """

    at_s: float
    width_s: float
    change: float
    laugh: float = 0.0


@dataclass(frozen=True)
class Meeting:
    """A lesson as far as its recordings share it; `lift` is of everybody's engagement."""

    duration_s: float
    moments: tuple[Moment, ...]
    lift: float = 0.0


def temper(chance: random.Random) -> Temper:
    """Somebody."""
    return Temper(
        level=min(0.85, max(0.35, chance.gauss(0.64, 0.1))),
        sway=chance.uniform(0.03, 0.1),
        echo=chance.uniform(0.5, 1.3),
        cheer=chance.uniform(0.0, 1.0),
        seen=chance.uniform(0.985, 1.0),
        leaves=chance.choice((0.0, 0.5, 0.5, 1.0, 2.0)),
        resting=chance.choices(("neutral", "happiness", "sadness", "surprise"), (12, 4, 3, 1))[0],
    )


def meeting(number: int, duration_s: float, chance: random.Random) -> Meeting:
    """A lesson: a dip at minute 12 and a laugh at minute 20, and one or two moments of its own."""
    common = [Moment(720.0, 75.0, -0.34), Moment(1200.0, 22.0, 0.12, laugh=4.0)]
    for _ in range(1 + number % 2):
        at_s = chance.uniform(240.0, duration_s - 180.0)
        common.append(
            Moment(at_s, chance.uniform(40.0, 90.0), chance.choice((-0.2, 0.12)), laugh=0.5)
        )
    shared = tuple(one for one in common if one.at_s < duration_s)
    return Meeting(duration_s, shared, lift=chance.uniform(-0.09, 0.09))


def simulated_document(
    who: Temper,
    lesson: Meeting,
    chance: random.Random,
    *,
    file: str,
    sha256: str,
    second_person: Span | None = None,
    by_classifier: bool = False,
) -> Json:
    """A whole analysis of one recording.

    Args:
        second_person: when somebody else is in view, too.
        by_classifier: the engagement is said to be a trained classifier's, not an index's.
    """
    away = list(_away(who, lesson, chance))
    times = [step * STEP_S for step in range(math.ceil(lesson.duration_s / STEP_S))]
    seen = [t for t in times if not _inside(t, away) and chance.random() < who.seen]
    tracks = [_track(1, seen, _engagement(who, lesson, seen, chance), lesson, who, chance)]
    if second_person is not None:
        other = temper(chance)
        there = [t for t in times if _inside(t, [second_person])]
        values = _engagement(other, lesson, there, chance)
        tracks.append(_track(2, there, values, lesson, other, chance))
    low = tracks[0]["summary"]["coverage"] < 0.5
    return {
        "schema": "engagement.analysis/1",
        "source": {
            "file": file,
            "sha256": sha256,
            "duration_s": lesson.duration_s,
            "width": WIDTH,
            "height": HEIGHT,
            "fps": 1.0,
        },
        "sampling_fps": SAMPLING_FPS,
        "models": _models(by_classifier),
        "tracks": tracks,
        "presence": _presence(times, set(seen) | _times(tracks[1:]), lesson.duration_s),
        "group_affect": _group_affect(tracks) if len(tracks) > 1 else [],
        "summary": tracks[0]["summary"],
        "warnings": [WARNING, *_warnings(tracks, low)],
    }


def _away(who: Temper, lesson: Meeting, chance: random.Random) -> Iterator[Span]:
    """When the student is not in view."""
    for _ in range(int(who.leaves + chance.random())):
        length_s = chance.uniform(20.0, 0.12 * lesson.duration_s)
        start_s = chance.uniform(0.0, max(1.0, lesson.duration_s - length_s))
        yield start_s, start_s + length_s


def _engagement(
    who: Temper, lesson: Meeting, times: Sequence[float], chance: random.Random
) -> list[float]:
    """The level of each observation: a slow walk around the student's own, and the moments."""
    drift, values = 0.0, []
    for t in times:
        drift += -0.02 * drift + chance.gauss(0.0, who.sway * 0.2)
        tired = 0.08 * t / lesson.duration_s
        shared = sum(
            one.change * math.exp(-(((t - one.at_s) / one.width_s) ** 2)) for one in lesson.moments
        )
        value = (
            who.level + lesson.lift + drift - tired + who.echo * shared + chance.gauss(0.0, 0.05)
        )
        values.append(min(1.0, max(0.02, value)))
    return values


def _track(
    number: int,
    times: Sequence[float],
    values: Sequence[float],
    lesson: Meeting,
    who: Temper,
    chance: random.Random,
) -> Json:
    observations = [
        _observation(number, t, value, lesson, who, chance)
        for t, value in zip(times, values, strict=True)
    ]
    windows = list(_windows(observations, values, lesson.duration_s))
    return {
        "id": number,
        "first_s": times[0],
        "last_s": times[-1],
        "observations": observations,
        "windows": windows,
        "summary": _summary(observations, windows, lesson.duration_s),
        "zero": {"yaw": 4.0, "pitch": -6.0, "estimated": True},
        "name_tag": None,
    }


def _observation(
    number: int, t: float, value: float, lesson: Meeting, who: Temper, chance: random.Random
) -> Json:
    laugh = sum(
        one.laugh * math.exp(-(((t - one.at_s) / one.width_s) ** 2)) for one in lesson.moments
    )
    weights = {
        "anger": -2.4,
        "disgust": -3.0,
        "fear": -2.6,
        "happiness": -1.0 + 1.4 * who.cheer + (0.4 + who.cheer) * laugh,
        "neutral": 0.6,
        "sadness": -0.5 + 3.0 * max(0.0, 0.5 - value),
        "surprise": -1.6 + 0.5 * laugh,
    }
    weights[who.resting] += 1.0
    raised = {name: math.exp(weight + chance.gauss(0.0, 0.8)) for name, weight in weights.items()}
    total = sum(raised.values())
    emotions = {name: round(one / total, 4) for name, one in raised.items()}
    distracted = chance.random() > 0.35 + value
    turned = chance.choice((-1, 1)) * chance.uniform(32.0, 60.0) if distracted else 0.0
    down = chance.uniform(-40.0, -24.0) if not distracted and chance.random() < 0.04 else 0.0
    x1, y1, x2, y2 = head_box(t)
    aside = 118.0 * (number - 1)
    return {
        "t": t,
        "box": [round(x1 + aside, 1), y1, round(x2 + aside, 1), y2],
        "score": round(chance.uniform(0.95, 0.999), 4),
        "emotions": emotions,
        "valence": _expected(emotions, _VALENCE),
        "arousal": _expected(emotions, _AROUSAL),
        "yaw": round(4.0 + turned + chance.gauss(0.0, 6.0), 1),
        "pitch": round(-6.0 + down + chance.gauss(0.0, 4.0), 1),
        "eyes_closed": None,
    }


def _expected(emotions: dict[str, float], places: dict[str, float]) -> float:
    return round(sum(share * places.get(name, -0.3) for name, share in emotions.items()), 4)


def _windows(
    observations: Sequence[Json], values: Sequence[float], duration_s: float
) -> Iterator[Json]:
    """The windows in which the face was seen; `observations` are in order of time."""
    low, number = 0, 0
    while (start_s := number * STRIDE_S) < duration_s:
        end_s = min(start_s + WINDOW_S, duration_s)
        while low < len(observations) and observations[low]["t"] < start_s:
            low += 1
        high = low
        while high < len(observations) and observations[high]["t"] < end_s:
            high += 1
        if high > low:
            inside = values[low:high]
            mean = sum(inside) / len(inside)
            coverage = min(1.0, (high - low) * STEP_S / (end_s - start_s))
            yield {
                "start_s": start_s,
                "end_s": end_s,
                "engagement": round(mean, 4),
                "spread": round(_deviation(inside, mean), 4),
                "level": _level(mean) if coverage >= _LEAST_COVERAGE else None,
                "coverage": round(coverage, 4),
                "signals": _signals(observations[low:high]),
            }
        if end_s >= duration_s:
            break
        number += 1


def _level(engagement: float) -> str:
    return "engaged" if engagement >= _ENGAGED_FROM else "distracted"


def _signals(observations: Sequence[Json]) -> Json:
    total = len(observations)
    facing = sum(abs(one["yaw"] - 4.0) <= _FACING_DEG for one in observations)
    down = sum(
        abs(one["yaw"] - 4.0) <= _FACING_DEG and one["pitch"] + 6.0 < _DOWN_DEG
        for one in observations
    )
    head_down = round(down / total, 4)
    straight = round((facing - down) / total, 4)
    return {
        "facing": straight,
        "turned_away": round(max(0.0, 1.0 - straight - head_down), 4),
        "head_down": head_down,
        "eyes_closed": None,
        "movement": round(0.05 + 0.2 * (1.0 - straight), 4),
    }


def _summary(observations: Sequence[Json], windows: Sequence[Json], duration_s: float) -> Json:
    strongest = Counter(max(one["emotions"], key=one["emotions"].get) for one in observations)
    estimates = [one["engagement"] for one in windows]
    mean = sum(estimates) / len(estimates)
    levels = [one["level"] for one in windows if one["level"] is not None]
    return {
        "dominant_emotion": max(EMOTIONS, key=lambda name: strongest[name]),
        "emotion_share": {name: round(strongest[name] / len(observations), 4) for name in EMOTIONS},
        "mean_engagement": round(mean, 4),
        "engagement_spread": round(_deviation(estimates, mean), 4),
        "engaged_share": round(levels.count("engaged") / len(levels), 4) if levels else None,
        "coverage": round(min(1.0, len(observations) * STEP_S / duration_s), 4),
        "signals": _signals(observations),
    }


def _presence(times: Sequence[float], seen: set[float], duration_s: float) -> Json:
    found = sorted(seen)
    # A face that is missed for a moment is no absence.
    limit_s = 5 * STEP_S
    edges = [-STEP_S, *found, duration_s]
    absent = [
        [left + STEP_S, right] for left, right in pairwise(edges) if right - left - STEP_S > limit_s
    ]
    return {"face_share": round(len(found) / len(times), 4), "absent": absent}


def _group_affect(tracks: Sequence[Json]) -> list[Json]:
    rows = []
    for window in tracks[0]["windows"]:
        low, high = window["start_s"], window["end_s"]
        of_each = [
            [one["emotions"] for one in track["observations"] if low <= one["t"] < high]
            for track in tracks
        ]
        there = [emotions for emotions in of_each if emotions]
        positive, neutral = (
            sum(sum(sum(one[name] for name in names) for one in own) / len(own) for own in there)
            / len(there)
            for names in (("happiness", "surprise"), ("neutral",))
        )
        rows.append(
            {
                "start_s": low,
                "end_s": high,
                "positive": round(min(1.0, positive), 4),
                "neutral": round(min(1.0, neutral), 4),
                "negative": round(max(0.0, 1.0 - positive - neutral), 4),
                "people": len(there),
                "face_share": round(len(there) / len(tracks), 4),
            }
        )
    return rows


def _models(by_classifier: bool) -> Json:
    engagement: Json = {
        "name": OTHER_MODEL if by_classifier else MODEL,
        "kind": "trained" if by_classifier else "index",
        "window_s": WINDOW_S,
        "stride_s": STRIDE_S,
    }
    if by_classifier:
        engagement["trained_on"] = "nothing: it is simulated"
    return {
        "detector": {"name": MODEL, "min_face_px": 40, "max_side_px": 640},
        "expression": {
            "name": MODEL,
            "weights_sha256": "0" * 64,
            "classes": list(EMOTIONS),
            "valence_arousal": "derived",
            "runtime": MODEL,
        },
        "engagement": engagement,
    }


def _warnings(tracks: Sequence[Json], low: bool) -> Iterator[Json]:
    if low:
        coverage = tracks[0]["summary"]["coverage"]
        text = (
            f"A face could be used in only {coverage:.0%} of the time; the figures rest on that "
            "part alone."
        )
        yield {"code": "low_coverage", "text": text}
    if len(tracks) > 1:
        text = (
            f"{len(tracks)} people were seen. The summary is of the one who was in sight longest."
        )
        yield {"code": "several_people", "text": text}


def _times(tracks: Sequence[Json]) -> set[float]:
    return {one["t"] for track in tracks for one in track["observations"]}


def _deviation(values: Sequence[float], mean: float) -> float:
    return math.sqrt(sum((one - mean) ** 2 for one in values) / len(values))


def _inside(t: float, spans: Sequence[Span]) -> bool:
    return any(start <= t < end for start, end in spans)
