"""The network that the site will use, in plain words."""

import re
from dataclasses import dataclass

from django.utils.translation import gettext

_HSEMOTION = re.compile(r"^(enet_b[02]|mobilenet_7|mbf_va_mtl|mobilevit_va_mtl)")
_BUNDLED = "mobilenet_7_fer"


@dataclass(frozen=True)
class ModelWords:
    """A model for a reader who knows none.

    Attributes:
        name: its name as reports show it; empty where the workers choose.
        words: what it is, a sentence or two.
    """

    name: str
    words: str


def model_in_words(setting: str) -> ModelWords:
    """What `EXPRESSION_MODEL` means: `auto`, a known name, or a file of the site's own."""
    if setting == "auto":
        return ModelWords(
            "",
            gettext(
                "The best network that is installed on the site's workers: one of the published "
                "HSEmotion networks where there is one, otherwise mobilenet_7_fer, which comes "
                "with this program and was trained with the public pictures of FER2013."
            ),
        )
    if setting == _BUNDLED:
        return ModelWords(
            setting,
            gettext(
                "A small network that comes with this program. It was trained with the public "
                "pictures of FER2013 to tell seven expressions apart."
            ),
        )
    if _HSEMOTION.match(setting):
        return ModelWords(
            setting,
            gettext(
                "One of the published HSEmotion networks, trained with the pictures of AffectNet "
                "to tell seven or eight expressions apart."
            ),
        )
    # A path of the server says more than a reader should know.
    return ModelWords(
        re.split(r"[\\/]", setting)[-1],
        gettext("A network that was trained for this site by those who run it."),
    )
