"""What stands beside the figures of every export: their source, and how far to trust them."""

import datetime as dt
from collections.abc import Iterable

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webapp.courses.models import Course, Lesson
from webapp.reports.templatetags.report_format import NOTHING
from webapp.reports.words import is_simulated

#: The sentence that goes with every figure, whatever the format.
EVIDENCE = gettext_lazy(
    "These figures are estimates from a face on camera: evidence with an error, never a verdict. "
    "They do not show what somebody felt, understood or attended to, and they are wrong often "
    "enough that none may be used to grade, rank or discipline. Read each figure together with "
    "its coverage and spread."
)
Facts = list[tuple[str, str]]


def moment(at: dt.datetime | None) -> str:
    """A date and time in the reader's own zone, with the zone's name."""
    if at is None:
        return NOTHING
    local = timezone.localtime(at)
    return f"{date_format(local, 'DATETIME_FORMAT')} {local.tzname()}"


def of_course(course: Course) -> Facts:
    """The course in a line."""
    return [(_("Course"), f"{course.title} ({course.code})")]


def of_lesson(lesson: Lesson) -> Facts:
    """The lesson and its course."""
    return [
        *of_course(lesson.course),
        (_("Lesson"), lesson.title),
        (_("Lesson held"), moment(lesson.starts_at)),
    ]


def engagement_model(name: str, kind: str) -> str:
    """A model's name and what it is; an index is never taken for a trained model."""
    if is_simulated(name):
        return _("%(name)s, drawn by a program: no model was run") % {"name": name}
    if kind == "index":
        return _("%(name)s, a published rule and not a trained model") % {"name": name}
    return _("%(name)s, a trained classifier") % {"name": name}


def of_models(models: Iterable[tuple[str, str]]) -> Facts:
    """The models that made engagement estimates, each (name, kind)."""
    words = [engagement_model(name, kind) for name, kind in models if name]
    if not words:
        return []
    facts = [(_("Engagement by"), "; ".join(words))]
    if len(words) > 1:
        facts.append(
            (_("Several models"), _("Estimates of different models are not to be compared."))
        )
    return facts


def of_others(fewest: int) -> tuple[str, str]:
    """From how many others on their median is told to the reader of the file."""
    words = _("Shown from %(fewest)s others on.")
    return _("Median of the others"), words % {"fewest": fewest}


def closing() -> Facts:
    """What ends the facts of every export."""
    return [
        (_("Evidence"), str(EVIDENCE)),
        (_("Times"), _("Columns with times are in UTC; columns that end in _s are seconds.")),
        (_("Exported"), moment(timezone.now())),
    ]


def of_naming(*, names: bool) -> Facts:
    """How a class file calls its students."""
    words = (
        _("By their names. This download is kept in the access log.")
        if names
        else _(
            "By a pseudonym that is the same in every export of this course; only this site can "
            "lead it back to a person."
        )
    )
    return [(_("Students"), words)]
