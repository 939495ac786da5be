"""Analyses by hand for the tests of summaries: one face whose emotions and windows are given."""

from collections.abc import Callable, Sequence

from engagement.report.schema import Analysis, Observation, Window
from tests.factories import build_analysis

FPS = 5.0


def made(
    emotion_at: Callable[[float], str | None],
    engagement: Sequence[float | None] = (),
    *,
    sure: float = 0.8,
    duration_s: float = 40.0,
) -> Analysis:
    """An analysis of one face: the emotion at each time (None: away), and windows of 5 s."""
    blank = build_analysis(duration_s=duration_s, fps=FPS)
    face = blank.tracks[0].observations[0]
    seen: list[Observation] = []
    for step in range(round(duration_s * FPS)):
        emotion = emotion_at(step / FPS)
        if emotion is not None:
            others = (1 - sure) / (len(face.emotions) - 1)
            emotions = dict.fromkeys(face.emotions, others) | {emotion: sure}
            seen.append(face.model_copy(update={"t": step / FPS, "emotions": emotions}))
    windows = [
        Window(
            start_s=2.5 * n,
            end_s=2.5 * n + 5,
            engagement=value,
            spread=0.1,
            level="engaged",
            coverage=1.0,
        )
        for n, value in enumerate(engagement)
        if value is not None
    ]
    track = blank.tracks[0].model_copy(update={"observations": seen, "windows": windows})
    return blank.model_copy(update={"tracks": [track]})
