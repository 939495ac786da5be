"""Words of the contract in the reader's language, and the sentences that the report's script says.

The contract lists its emotions and levels in English; what is shown goes through here. The script
has no texts of its own: the page hands it `script_texts`, with gaps such as ``{time}`` that it
fills.
"""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

_EMOTIONS = {
    "anger": gettext_lazy("anger"),
    "contempt": gettext_lazy("contempt"),
    "disgust": gettext_lazy("disgust"),
    "fear": gettext_lazy("fear"),
    "happiness": gettext_lazy("happiness"),
    "neutral": pgettext_lazy("emotion", "neutral"),
    "sadness": gettext_lazy("sadness"),
    "surprise": gettext_lazy("surprise"),
}
_LEVELS = {
    "distracted": pgettext_lazy("level of engagement", "distracted"),
    "engaged": pgettext_lazy("level of engagement", "engaged"),
    "very low": pgettext_lazy("level of engagement", "very low"),
    "low": pgettext_lazy("level of engagement", "low"),
    "high": pgettext_lazy("level of engagement", "high"),
    "very high": pgettext_lazy("level of engagement", "very high"),
}


def emotion_word(name: str) -> str:
    """An emotion of the contract, as a lower-case noun."""
    return str(_EMOTIONS.get(name, name))


def level_word(level: str | None) -> str:
    """A level of the contract; of none, why there is none."""
    return str(_LEVELS.get(level, level)) if level else _("too little face")


def is_simulated(model: str) -> bool:
    """Whether a program drew what the model of this name is said to have made."""
    return model.startswith("simulated")


def means_words(stretch_s: str) -> str:
    """What each point of a chart is that draws means of stretches of so many seconds."""
    return _("Each point is the mean of %(seconds)s s.") % {"seconds": stretch_s}


def script_texts(emotions: list[str], *, is_index: bool) -> dict[str, object]:
    """Everything that the report's script says."""
    return {
        "emotions": {name: emotion_word(name) for name in emotions},
        "levels": {name: str(words) for name, words in _LEVELS.items()},
        "label": _("Index") if is_index else _("Engagement"),
        "label_long": _("engagement index") if is_index else _("engagement"),
        "level_of": _("{level} engagement"),
        "no_level": _("too little face for a level"),
        "no_window": _("no face to judge"),
        "left_out": _("left out of the figures"),
        "not_in_view": _("face not in view"),
        "facing": _("Facing {facing}, away {away}, down {down}"),
        "coverage": _("Coverage of the window {coverage}"),
        "under": _("under 1%"),
        "over": _("over 99%"),
        "positive": pgettext("group affect", "positive"),
        "neutral": pgettext("group affect", "neutral"),
        "negative": pgettext("group affect", "negative"),
        "valence": _("Valence"),
        "arousal": _("Arousal"),
        "present": _("now"),
        "means": means_words("{seconds}"),
        "step": _("Window {start} to {end}"),
        "unreadable": _("The charts could not be loaded."),
        "speed": _("{speed} times"),
        "save_png": _("Save as PNG"),
        "save_svg": _("Save as SVG"),
    }
