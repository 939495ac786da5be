"""From observations to the contract: tracks, summaries, presence, warnings."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from engagement.faces.pose_zero import PoseZero, estimate_zero, from_zero
from engagement.report import schema
from engagement.report.estimates import engagement_windows
from engagement.report.nothing_seen import low_coverage
from engagement.report.sampled import ReportSettings, Sampled, rounded_s
from engagement.types import Observation
from engagement.windows.signals import TrackSignals, track_signals
from engagement.windows.sliding import Span, gaps, holds

# Shorter stretches without a face are blinks of the detector, not absence.
_LEAST_ABSENCE_S = 1.0


def build_tracks(sampled: Sampled, settings: ReportSettings) -> list[schema.Track]:
    """Tracks in order of their numbers, renumbered from 1 without holes."""
    spans = dict(zip(sampled.times, holds(sampled.times, sampled.duration_s), strict=True))
    ids = np.array([o.track_id for o in sampled.observations])
    starts = [0, *(np.flatnonzero(np.diff(ids)) + 1), len(ids)] if len(ids) else []
    # Slices, since observations may lie on disk and be made when they are asked for.
    return [
        _build_track(number, sampled.observations[low:high], spans, sampled, settings)
        for number, (low, high) in enumerate(pairwise(starts), start=1)
    ]


def _build_track(
    number: int,
    observations: Sequence[Observation],
    spans: dict[float, Span],
    sampled: Sampled,
    settings: ReportSettings,
) -> schema.Track:
    seen = [spans[o.t] for o in observations]
    zero = _zero(observations, seen)
    straight = from_zero(observations, zero)
    signals = track_signals(straight, seen, settings.concentration)
    windows = [
        window.model_copy(update={"signals": _signals(signals, Span(window.start_s, window.end_s))})
        for window in engagement_windows(straight, seen, sampled, settings)
    ]
    del straight  # of an hour, as much as all else
    whole = _signals(signals, Span(0.0, sampled.duration_s))
    return schema.Track(
        id=number,
        first_s=rounded_s(observations[0].t),
        last_s=rounded_s(observations[-1].t),
        observations=[
            _observation(o, sampled.classes)
            for o in observations
            if sampled.looked_at is None or o.t in sampled.looked_at
        ],
        windows=windows,
        summary=_summary(observations, seen, windows, sampled, whole),
        zero=schema.PoseZero(
            yaw=round(zero.yaw, 1), pitch=round(zero.pitch, 1), estimated=zero.estimated
        ),
    )


def _zero(observations: Sequence[Observation], seen: Sequence[Span]) -> PoseZero:
    return estimate_zero(
        np.array([o.yaw for o in observations]),
        np.array([o.pitch for o in observations]),
        np.array([span.length_s for span in seen]),
    )


def _signals(signals: TrackSignals, stretch: Span) -> schema.Signals | None:
    found = signals.over(stretch)
    if found is None:
        return None
    facing, head_down = round(found.facing, 4), round(found.head_down, 4)
    return schema.Signals(
        facing=facing,
        turned_away=round(max(0.0, 1 - facing - head_down), 4),
        head_down=head_down,
        # Five landmarks do not show eyelids: docs/figures.md has what was tried.
        eyes_closed=None,
        movement=None if found.movement is None else round(found.movement, 4),
    )


#: One set for all: an hour's observations with a set each would take half as much memory again.
_ALL_FIELDS = set(schema.Observation.model_fields)


def _observation(o: Observation, classes: Sequence[str]) -> schema.Observation:
    x1, y1, x2, y2 = (round(float(v), 1) for v in o.face.xyxy)
    return schema.Observation.model_construct(
        _ALL_FIELDS,
        t=rounded_s(o.t),
        box=(x1, y1, x2, y2),
        score=round(o.face.score, 4),
        emotions={
            name: round(float(p), 4)
            for name, p in zip(classes, o.expression.probabilities, strict=True)
        },
        valence=round(o.expression.valence, 4),
        arousal=round(o.expression.arousal, 4),
        yaw=round(o.yaw, 1),
        pitch=round(o.pitch, 1),
    )


def _summary(
    observations: Sequence[Observation],
    seen: Sequence[Span],
    windows: Sequence[schema.Window],
    sampled: Sampled,
    signals: schema.Signals | None,
) -> schema.Summary:
    top = np.array([o.expression.probabilities.argmax() for o in observations])
    counts = np.bincount(top, minlength=len(sampled.classes))
    shares = counts / counts.sum()
    estimates = np.array([w.engagement for w in windows])
    judged = [w for w in windows if w.level is not None]
    seen_s = sum(span.length_s for span in seen)
    return schema.Summary(
        dominant_emotion=sampled.classes[int(shares.argmax())],
        emotion_share={n: round(float(s), 4) for n, s in zip(sampled.classes, shares, strict=True)},
        mean_engagement=round(float(estimates.mean()), 4) if estimates.size else None,
        engagement_spread=round(float(estimates.std()), 4) if estimates.size else None,
        engaged_share=(
            round(sum(w.level in schema.ENGAGED_LEVELS for w in judged) / len(judged), 4)
            if judged
            else None
        ),
        coverage=round(min(1.0, seen_s / sampled.duration_s), 4) if sampled.duration_s else 0.0,
        signals=signals,
    )


def build_presence(sampled: Sampled) -> schema.Presence:
    """When a face of any real track was in sight."""
    with_face = {o.t for o in sampled.observations}
    seen = [
        span
        for t, span in zip(sampled.times, holds(sampled.times, sampled.duration_s), strict=True)
        if t in with_face
    ]
    share = sum(span.length_s for span in seen) / sampled.duration_s if sampled.duration_s else 0
    absent = gaps(seen, sampled.duration_s, _LEAST_ABSENCE_S)
    return schema.Presence(
        face_share=round(min(1.0, share), 4),
        absent=[(rounded_s(span.start_s), rounded_s(span.end_s)) for span in absent],
    )


def main_track(tracks: Sequence[schema.Track]) -> schema.Track | None:
    """The track that the recording is about: most seen, then largest."""

    def weight(track: schema.Track) -> tuple[float, float]:
        area = np.mean([(o.box[2] - o.box[0]) * (o.box[3] - o.box[1]) for o in track.observations])
        return track.summary.coverage, float(area)

    return max(tracks, key=weight, default=None)


def build_warnings(
    tracks: Sequence[schema.Track], summary: schema.Summary, damaged: int
) -> list[schema.AnalysisWarning]:
    """What a reader should know before trusting the figures."""
    found = []
    if not tracks:
        found.append(("no_face", "No face was found, so there is nothing to report on."))
    else:
        found += low_coverage(summary)
    if len(tracks) > 1:
        found.append(
            (
                "several_people",
                f"{len(tracks)} people were seen. The summary is of the one who was in sight "
                "longest.",
            )
        )
    if damaged:
        found.append(
            (
                "damaged_video",
                f"{damaged} parts of the video could not be decoded and are missing here.",
            )
        )
    return [schema.AnalysisWarning(code=code, text=text) for code, text in found]
