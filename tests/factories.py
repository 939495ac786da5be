"""Builds valid analyses for tests, without a model or a video: the contract's own types, filled
with curves that have peaks, absences and more than one person where a test wants them."""

import math
from collections.abc import Sequence
from typing import Any

from engagement.report.nothing_seen import EMPTY_SUMMARY
from engagement.report.schema import (
    ENGAGED_LEVELS,
    Analysis,
    AnalysisWarning,
    Detector,
    Engagement,
    Expression,
    GroupAffect,
    Level,
    Models,
    Observation,
    PoseZero,
    Presence,
    Signals,
    Skill,
    Source,
    Summary,
    Track,
    Window,
)

FOUR_LEVELS: list[Level] = ["very low", "low", "high", "very high"]
EMOTIONS = ["anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]
Span = tuple[float, float]


def build_analysis(
    *,
    duration_s: float = 20.0,
    fps: float = 5.0,
    people: int = 1,
    absent: Sequence[Span] = ((8.0, 11.0),),
    window_s: float = 4.0,
    stride_s: float = 2.0,
    kind: str = "index",
    levels: Sequence[Level] = ("distracted", "engaged"),
    made_by: dict[str, Any] | None = None,
    emotions: Sequence[str] = EMOTIONS,
    warnings: Sequence[tuple[str, str]] = (),
    file: str = "lesson.mp4",
) -> Analysis:
    """A whole analysis; `people=0` is a recording without a face.

    `made_by` are further fields of what judged engagement.
    """
    frames = [step / fps for step in range(math.ceil(duration_s * fps))]
    gone = [(0.0, duration_s)] if people == 0 else list(absent)
    tracks = [
        _track(number, frames, duration_s, gone, (window_s, stride_s), emotions, levels)
        for number in range(1, people + 1)
    ]
    seen = [t for t in frames if not _inside(t, gone)]
    return Analysis(
        source=Source(
            file=file, sha256="a1" * 32, duration_s=duration_s, width=640, height=360, fps=25.0
        ),
        sampling_fps=fps,
        models=Models(
            detector=Detector(name="mtcnn", min_face_px=40, max_side_px=640),
            expression=Expression(
                name="mobilenet_7_fer",
                weights_sha256="0123456789abcdef" * 4,
                classes=list(emotions),
                valence_arousal="derived",
            ),
            engagement=Engagement(
                name="concentration_index" if kind == "index" else "single_attention",
                kind=kind,
                window_s=window_s,
                stride_s=stride_s,
                levels=list(levels),
                **(made_by or {}),
            ),
        ),
        tracks=tracks,
        presence=Presence(face_share=len(seen) / len(frames) if frames else 0.0, absent=gone),
        group_affect=_group_affect(tracks),
        summary=tracks[0].summary if tracks else EMPTY_SUMMARY,
        warnings=[AnalysisWarning(code=code, text=text) for code, text in warnings]
        or ([] if people else [AnalysisWarning(code="no_face", text="No face was found.")]),
    )


def skill(balanced_recall: float, low: float, high: float, guessing: float = 0.5) -> Skill:
    """What a trained classifier was found to be worth, on 24 people."""
    return Skill(
        balanced_recall=balanced_recall,
        low=low,
        high=high,
        guessing=guessing,
        people=24,
        windows=310,
    )


def build_document(**options: Any) -> dict[str, Any]:
    """`build_analysis` as the database stores it."""
    return build_analysis(**options).model_dump(mode="json", by_alias=True)


def _track(
    number: int,
    frames: Sequence[float],
    duration_s: float,
    gone: Sequence[Span],
    windows: Span,
    emotions: Sequence[str],
    levels: Sequence[Level],
) -> Track:
    times = [t for t in frames if not _inside(t, gone)]
    observations = [_observation(number, t, emotions) for t in times]
    made = _windows(frames, observations, duration_s, windows, levels)
    return Track(
        id=number,
        first_s=times[0],
        last_s=times[-1],
        observations=observations,
        windows=made,
        summary=_summary(observations, made, emotions, len(frames)),
        zero=PoseZero(yaw=11.8, pitch=-3.5, estimated=True),
    )


def _group_affect(tracks: Sequence[Track]) -> list[GroupAffect]:
    """One row a window of the first track, everybody in it."""
    return [
        GroupAffect(
            start_s=one.start_s,
            end_s=one.end_s,
            positive=round(0.4 + 0.2 * math.sin(one.start_s / 5), 4),
            neutral=0.3,
            negative=round(0.3 - 0.2 * math.sin(one.start_s / 5), 4),
            people=len(tracks),
            face_share=1.0,
        )
        for one in (tracks[0].windows if tracks else [])
    ]


def _signals(start_s: float) -> Signals:
    away = round(0.2 + 0.15 * math.sin(start_s / 4), 4)
    return Signals(
        facing=round(0.9 - away, 4),
        turned_away=away,
        head_down=0.1,
        eyes_closed=None,
        movement=round(0.1 + 0.05 * math.sin(start_s / 3), 4),
    )


def _observation(number: int, t: float, emotions: Sequence[str]) -> Observation:
    raw = [
        math.exp(2.2 * math.sin(0.35 * t * (1 + 0.15 * rank) + 1.7 * rank + number))
        for rank in range(len(emotions))
    ]
    shares = [round(value / sum(raw), 6) for value in raw]
    left = 120.0 + 20 * math.sin(t / 3) + 180 * (number - 1)
    return Observation(
        t=round(t, 3),
        box=(left, 80.0, left + 140, 250.0),
        score=0.99,
        emotions=dict(zip(emotions, shares, strict=True)),
        valence=round(0.6 * math.sin(t / 4), 4),
        arousal=round(0.4 * math.cos(t / 5), 4),
        yaw=round(12 * math.sin(t / 2), 2),
        pitch=-3.5,
    )


def _windows(
    frames: Sequence[float],
    seen: Sequence[Observation],
    duration_s: float,
    windows: Span,
    levels: Sequence[Level],
) -> list[Window]:
    length, stride = windows
    made, start = [], 0.0
    while start < duration_s:
        end = min(start + length, duration_s)
        sampled = sum(start <= t < end for t in frames)
        inside = [0.5 + 0.4 * math.sin(one.t / 6) for one in seen if start <= one.t < end]
        if inside:
            made.append(_window((start, end), inside, len(inside) / sampled, levels))
        if end >= duration_s:
            break
        start += stride
    return made


def _window(
    span: Span, inside: Sequence[float], coverage: float, levels: Sequence[Level]
) -> Window:
    mean = sum(inside) / len(inside)
    level = levels[min(int(mean * len(levels)), len(levels) - 1)]
    return Window(
        start_s=span[0],
        end_s=span[1],
        engagement=mean,
        spread=_deviation(inside),
        level=level if coverage >= 0.3 else None,
        coverage=coverage,
        signals=_signals(span[0]),
    )


def _summary(
    seen: Sequence[Observation], windows: Sequence[Window], emotions: Sequence[str], sampled: int
) -> Summary:
    strongest = [max(one.emotions, key=one.emotions.__getitem__) for one in seen]
    shares = {name: strongest.count(name) / len(seen) for name in emotions}
    estimates = [one.engagement for one in windows]
    levels = [one.level for one in windows if one.level is not None]
    return Summary(
        dominant_emotion=max(shares, key=shares.__getitem__),
        emotion_share=shares,
        mean_engagement=sum(estimates) / len(estimates),
        engagement_spread=_deviation(estimates),
        engaged_share=(
            sum(level in ENGAGED_LEVELS for level in levels) / len(levels) if levels else None
        ),
        coverage=len(seen) / sampled,
        signals=_signals(0.0),
    )


def _deviation(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))


def _inside(t: float, spans: Sequence[Span]) -> bool:
    return any(start <= t < end for start, end in spans)
