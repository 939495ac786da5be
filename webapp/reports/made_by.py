"""In words: what made a report's engagement curve, and how far that has been found to go."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from engagement.report.schema import ENGAGED_LEVELS, Adaptive, Engagement, Skill
from webapp.reports.templatetags.report_format import percent, two
from webapp.reports.words import level_word

_SCOPES = {
    "general": gettext_lazy("It was fitted for learners in general, not for this course."),
    "course": gettext_lazy(
        "It was fitted for this course, with windows that its instructors labelled."
    ),
    "student": gettext_lazy(
        "It was fitted for this student alone, with windows that instructors labelled."
    ),
}
# Of the authors' notebooks: DAiSEE's two classes, EngageWild's four levels.
_PUBLISHED = {
    2: gettext_lazy(
        "How good it is on people whom it has not seen was not measured with it. Classifiers of "
        "this kind agree with human raters far from always: published balanced recall for two "
        "classes lies between 0.50 and 0.70."
    ),
    4: gettext_lazy(
        "How good it is on people whom it has not seen was not measured with it. Classifiers of "
        "this kind agree with human raters far from always: published accuracy for four levels "
        "lies between 0.29 and 0.46."
    ),
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
    fps = f"{sampling_fps:.3g}"
    rate = _("%(fps)s a second.") % {"fps": fps}
    if engagement.rate == "native":
        rate = _("Every frame was taken, %(fps)s a second.") % {"fps": fps}
    if adaptive is not None:
        rate = _(
            "%(fps)s a second, of which %(share)s were looked at; where nothing changed, frames "
            "were passed over, and figures take what lies between to be in between."
        ) % {"fps": fps, "share": percent(adaptive.looked_at)}
    if engagement.kind == "index":
        return MadeBy(None, None, None, rate, _("spread inside it"), None)
    skill = engagement.skill
    return MadeBy(
        fitted_for=str(_SCOPES[engagement.scope]),
        trained_on=engagement.trained_on,
        skill=_skill(skill, engagement.scope) if skill else _no_skill(len(engagement.levels)),
        rate=rate,
        band=_("spread of shifted windows"),
        better=skill.low > skill.guessing if skill else None,
    )


def _skill(skill: Skill, scope: str) -> str:
    # One student's model is judged on recordings of theirs that were held out.
    if scope == "student":
        sentence = _(
            "On %(people)d recordings of theirs that it had not seen (%(windows)d windows) its "
            "balanced recall was %(recall)s, 95%% interval %(low)s to %(high)s; guessing gets "
            "%(guessing)s."
        )
    else:
        sentence = _(
            "On %(people)d people whom it had not seen (%(windows)d windows) its balanced recall "
            "was %(recall)s, 95%% interval %(low)s to %(high)s; guessing gets %(guessing)s."
        )
    sentence %= {
        "people": skill.people,
        "windows": skill.windows,
        "recall": two(skill.balanced_recall),
        "low": two(skill.low),
        "high": two(skill.high),
        "guessing": two(skill.guessing),
    }
    if skill.low > skill.guessing:
        return sentence
    return f"{sentence} {_('That is no better than guessing.')}"


def _no_skill(levels: int) -> str:
    return str(_PUBLISHED.get(levels, _PUBLISHED[2]))


def engaged_words(engagement: Engagement) -> tuple[str, str]:
    """The levels that count as engaged, and the others, as a reader is told.

    >>> engaged_words(Engagement(name="x", kind="trained", window_s=10, stride_s=5,
    ...     levels=["very low", "low", "high", "very high"]))
    ('high or very high', 'very low or low')
    """
    upper = [level_word(name) for name in engagement.levels if name in ENGAGED_LEVELS]
    lower = [level_word(name) for name in engagement.levels if name not in ENGAGED_LEVELS]
    either = f" {_('or')} "
    return either.join(upper), either.join(lower)
