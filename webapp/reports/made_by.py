"""In words: what made a report's engagement curve, and how far that has been found to go."""

from dataclasses import dataclass

from engagement.report.schema import ENGAGED_LEVELS, Adaptive, Engagement, Skill
from webapp.reports.templatetags.report_format import two

_SCOPES = {
    "general": "It was fitted for learners in general, not for this course.",
    "course": "It was fitted for this course, with windows that its instructors labelled.",
    "student": "It was fitted for this student alone, with windows that instructors labelled.",
}
# Of the authors' notebooks: DAiSEE's two classes, EngageWild's four levels.
_PUBLISHED = {
    2: "published balanced recall for two classes lies between 0.50 and 0.70",
    4: "published accuracy for four levels lies between 0.29 and 0.46",
}


@dataclass(frozen=True)
class MadeBy:
    """Sentences about a classifier or a rule, for the page.

    Attributes:
        fitted_for, trained_on, skill: None of a rule.
        rate: which frames it was given.
        band: what the curve's band is, for the legend.
        better: whether it was better than guessing beyond its interval; None where nobody knows.
    """

    fitted_for: str | None
    trained_on: str | None
    skill: str | None
    rate: str
    band: str
    better: bool | None


def made_by(
    engagement: Engagement, sampling_fps: float, adaptive: Adaptive | None = None
) -> MadeBy:
    """The sentences of one analysis."""
    frames = f"{sampling_fps:.3g} a second"
    rate = f"Every frame was taken, {frames}." if engagement.rate == "native" else f"{frames}."
    if adaptive is not None:
        rate = (
            f"{frames}, of which {adaptive.looked_at:.0%} were looked at; where nothing changed, "
            "frames were passed over, and figures take what lies between to be in between."
        )
    if engagement.kind == "index":
        return MadeBy(None, None, None, rate, "spread inside it", None)
    skill = engagement.skill
    return MadeBy(
        fitted_for=_SCOPES[engagement.scope],
        trained_on=engagement.trained_on,
        skill=_skill(skill, engagement.scope) if skill else _no_skill(len(engagement.levels)),
        rate=rate,
        band="spread of shifted windows",
        better=skill.low > skill.guessing if skill else None,
    )


def _skill(skill: Skill, scope: str) -> str:
    # One student's model is judged on recordings of theirs that were held out.
    unseen = "recordings of theirs that" if scope == "student" else "people whom"
    sentence = (
        f"On {skill.people} {unseen} it had not seen ({skill.windows} windows) its balanced recall "
        f"was {two(skill.balanced_recall)}, 95% interval {two(skill.low)} to "
        f"{two(skill.high)}; guessing gets {two(skill.guessing)}."
    )
    if skill.low > skill.guessing:
        return sentence
    return f"{sentence} That is no better than guessing."


def _no_skill(levels: int) -> str:
    published = _PUBLISHED.get(levels, _PUBLISHED[2])
    return (
        "How good it is on people whom it has not seen was not measured with it. Classifiers of "
        f"this kind agree with human raters far from always: {published}."
    )


def engaged_words(engagement: Engagement) -> tuple[str, str]:
    """The levels that count as engaged, and the others, as a reader is told.

    >>> engaged_words(Engagement(name="x", kind="trained", window_s=10, stride_s=5,
    ...     levels=["very low", "low", "high", "very high"]))
    ('high or very high', 'very low or low')
    """
    upper = [name for name in engagement.levels if name in ENGAGED_LEVELS]
    lower = [name for name in engagement.levels if name not in ENGAGED_LEVELS]
    return " or ".join(upper), " or ".join(lower)
