"""What an analysis says of the classifier or the rule that made its engagement."""

from collections.abc import Sequence
from typing import Literal, get_args

from engagement.errors import ModelError
from engagement.report import schema
from engagement.report.estimates import level_named, window_length_s
from engagement.report.sampled import ReportSettings
from engagement.windows import concentration
from engagement.windows.classifier import ClassifierCard
from engagement.windows.estimators import TrainedEngagement

# A classifier that is given this many times more or fewer observations a second than it was
# trained on sees windows of another kind.
_OTHER_RATE = 1.25


def check_levels(trained: TrainedEngagement) -> None:
    """See that the contract has the classifier's levels.

    Raises:
        ModelError: it has not.
    """
    known = get_args(schema.Level)
    unknown = [name for name in trained.card.levels if name not in known]
    if unknown:
        raise ModelError(
            f"The engagement classifier {trained.card.name} tells levels that no report has: "
            f"{', '.join(unknown)}. Train it with levels among {', '.join(known)}.",
            code="engagement_misfit",
        )


def engagement_model(settings: ReportSettings, *, native: bool) -> schema.Engagement:
    """Which classifier or rule, on which frames and windows, and how good it was found to be."""
    window_s, stride_s = round(window_length_s(settings), 3), settings.windows.stride_s
    rate: Literal["native", "sampled"] = "native" if native else "sampled"
    trained = settings.trained
    if trained is None:
        return schema.Engagement(
            name=concentration.NAME, kind="index", window_s=window_s, stride_s=stride_s, rate=rate
        )
    card = trained.card
    return schema.Engagement(
        name=card.name,
        kind="trained",
        window_s=window_s,
        stride_s=stride_s,
        rate=rate,
        levels=[level_named(name) for name in card.levels],
        weights_sha256=trained.weights_sha256,
        scope=card.scope,
        trained_on=card.trained_on or None,
        skill=_skill(card),
    )


def _skill(card: ClassifierCard) -> schema.Skill | None:
    recall = card.metrics.get("balanced_recall")
    if recall is None:
        return None
    return schema.Skill(
        balanced_recall=round(recall.value, 4),
        low=round(recall.low, 4),
        high=round(recall.high, 4),
        guessing=round(card.guessing.get("balanced_recall", 1 / len(card.levels)), 4),
        people=card.people,
        windows=card.windows,
    )


def engagement_warnings(
    settings: ReportSettings, tracks: Sequence[schema.Track], rate_fps: float, *, native: bool
) -> list[schema.AnalysisWarning]:
    """What a reader should know of how the classifier was used here.

    Args:
        rate_fps: frames looked at a second.
        native: whether that is every frame.
    """
    trained = settings.trained
    if trained is None:
        return []
    found = []
    if trained.frames is not None and tracks and not any(track.windows for track in tracks):
        found.append(
            (
                "too_few_frames",
                f"Nobody's face was seen in more than {trained.frames} frames, which the "
                "engagement classifier needs, so there is no engagement estimate.",
            )
        )
    taught = trained.card.sampling_fps
    if not taught and not native:
        found.append(
            (
                "not_every_frame",
                "The engagement classifier was made for every frame and given "
                f"{rate_fps:.3g} a second here, so its curve departs from the published use.",
            )
        )
    if taught and not 1 / _OTHER_RATE <= rate_fps / taught <= _OTHER_RATE:
        found.append(
            (
                "other_rate",
                f"The engagement classifier was trained on {taught:g} frames a second and given "
                f"{rate_fps:.3g} here, so its figures may be further off than it was found to be.",
            )
        )
    return [schema.AnalysisWarning(code=code, text=text) for code, text in found]
