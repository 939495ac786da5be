"""What a student agrees to. A change of meaning needs a new version."""

import math

from django.conf import settings
from django.utils.functional import lazy
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from webapp.courses.class_curve import FEWEST_PEERS

VERSION = "2026-3"
#: Texts that already spoke of recordings of a whole meeting and of training from labels.
COVERING_GROUPS_AND_TRAINING = frozenset({"2026-2", "2026-3"})


def _unfinished() -> str:
    """How long this site keeps what was begun to be uploaded; read anew each time it is shown."""
    words = gettext("An upload that you begin and do not finish: %(time)s after you began it.")
    return words % {"time": time_in_words(settings.UPLOAD_EXPIRES_H * 60)}


def time_in_words(minutes: float) -> str:
    """A setting's time in whole days, hours or minutes, never less than it is.

    >>> time_in_words(72 * 60), time_in_words(90), time_in_words(0.06)
    ('3 days', '90 minutes', '1 minute')
    """
    whole = max(1, math.ceil(minutes))
    if whole % 60:
        return ngettext("%(n)d minute", "%(n)d minutes", whole) % {"n": whole}
    hours = whole // 60
    if hours % 24:
        return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}
    days = hours // 24
    return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}


def _others() -> str:
    words = gettext(
        "Other students: nothing that is yours alone. Your figures are part of the class's "
        "medians, which another student is shown only where they are of at least %(fewest)d people."
    )
    return words % {"fewest": FEWEST_PEERS}


MEASURED = (
    _("When and where your face is visible in the video that you upload."),
    _(
        "The probabilities of emotional expressions of your face (for example neutral, happiness, "
        "surprise, sadness), several times a second, with how pleasant and how lively they look."
    ),
    _("Which way your head is turned, and how much it moves."),
    _(
        "An estimate of engagement for short stretches of the video, made from the figures above. "
        "Nothing that you say is listened to."
    ),
    _(
        "A numerical description of your face in each of these moments, from which the same person "
        "can be recognised within the recording. This is biometric data."
    ),
    _(
        "The same in a recording of the whole meeting that an instructor uploads, once the "
        "instructor has said which of the faces is yours. Where the course keeps face templates, a "
        "description of your face is kept, encrypted, so that it need not be said again for the "
        "next meeting."
    ),
    _(
        "Stretches of your recordings may be labelled by your instructors (engaged, distracted, "
        "cannot tell), and the labels used to fit this course's own engagement model. Instructors "
        "may also write notes on them and correct the figures."
    ),
)

MADE_BY = (
    _(
        "It runs on this site's own server. Nothing is sent to another service. Each report names "
        "the networks that made it."
    ),
    _(
        "Such estimates are often wrong. They are evidence with an error, never a verdict, and "
        "must not be used to grade or to judge you."
    ),
)

SEEN_BY = (
    _("You: exactly the report that your instructors see."),
    _(
        "The administrators of this site. Every time anybody opens your report or video, it is "
        "written to a log that you can read."
    ),
    lazy(_others, str)(),
)

KEPT = (
    _(
        "Your videos, results and the description of your face: until you delete them, or "
        "withdraw. Nothing is deleted by itself after a time."
    ),
    lazy(_unfinished, str)(),
    _(
        "After that there remains that you gave and withdrew consent, and the log of who looked "
        "when, both without any result."
    ),
)

YOUR_CHOICE = (
    _(
        "It is your choice. You may withdraw at any time, without giving a reason: your videos, "
        "results and embeddings of this course are then erased at once, with the labels and notes "
        "on them, unfinished uploads and any template of your face, and running analyses stop. In "
        "recordings of a whole meeting your face is blurred from then on."
    ),
    _(
        "You may delete a single recording, download everything that is held about you, and "
        "dispute a report that is not right: your instructors are told, and the report is marked."
    ),
)
