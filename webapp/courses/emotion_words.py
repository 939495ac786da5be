"""The emotions' names as a reader sees them."""

from django.utils.translation import pgettext_lazy

from webapp.reports.templatetags.report_format import NOTHING

_WORDS = {
    "neutral": pgettext_lazy("emotion", "neutral"),
    "happiness": pgettext_lazy("emotion", "happiness"),
    "surprise": pgettext_lazy("emotion", "surprise"),
    "sadness": pgettext_lazy("emotion", "sadness"),
    "fear": pgettext_lazy("emotion", "fear"),
    "anger": pgettext_lazy("emotion", "anger"),
    "contempt": pgettext_lazy("emotion", "contempt"),
    "disgust": pgettext_lazy("emotion", "disgust"),
}


def emotion_word(name: str) -> str:
    """The reader's word for an emotion of the contract; an unknown one keeps its name."""
    return str(_WORDS.get(name, name or NOTHING))
