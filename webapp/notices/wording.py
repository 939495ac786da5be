"""The sentence and the link of each notice, in the language that is active."""

from django.urls import reverse
from django.utils.translation import gettext, ngettext

from webapp.notices.models import Kind, Notice

#: Which of the preferences each kind belongs to.
PREFERENCE_OF = {
    Kind.ANALYSED: "analyses",
    Kind.FAILED: "analyses",
    Kind.CLASS_ANALYSED: "analyses",
    Kind.CLASS_FAILED: "analyses",
    Kind.DISPUTED: "disputes",
    Kind.ANSWERED: "disputes",
    Kind.CLOSED: "disputes",
}


def sentence(notice: Notice) -> str:
    """What happened, and to what. Its rows must be loaded: see `selectors.loaded`."""
    if notice.kind == Kind.CLASS_ANALYSED:
        text = ngettext(
            "A recording of “%(lesson)s” is analysed.",
            "%(count)d recordings of “%(lesson)s” are analysed.",
            notice.count,
        )
    elif notice.kind == Kind.CLASS_FAILED:
        text = ngettext(
            "The analysis of a recording of “%(lesson)s” failed.",
            "The analyses of %(count)d recordings of “%(lesson)s” failed.",
            notice.count,
        )
    else:
        text = {
            Kind.ANALYSED: gettext("Your recording “%(recording)s” of “%(lesson)s” is analysed."),
            Kind.FAILED: gettext(
                "The analysis of your recording “%(recording)s” of “%(lesson)s” failed."
            ),
            Kind.DISPUTED: gettext("%(actor)s disputes their report of “%(lesson)s”."),
            Kind.ANSWERED: gettext("%(actor)s wrote in the dispute of a report of “%(lesson)s”."),
            Kind.CLOSED: gettext("%(actor)s closed the dispute of a report of “%(lesson)s”."),
        }[Kind(notice.kind)]
    lesson = notice.lesson or (notice.recording and notice.recording.lesson)
    return text % {
        "lesson": lesson.title if lesson else "",
        "recording": notice.recording.original_name if notice.recording else "",
        "actor": str(notice.actor) if notice.actor else "",
        "count": notice.count,
    }


def link(notice: Notice) -> str:
    """The page of this site that it leads to."""
    if notice.dispute_id and notice.recording_id:
        return reverse("reports:recording", args=[notice.recording_id]) + "#disputes"
    if notice.recording_id:
        return reverse("reports:recording", args=[notice.recording_id])
    if notice.lesson_id:
        return reverse("courses:lesson", args=[notice.lesson_id])
    return reverse("notices:list")
