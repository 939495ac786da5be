"""The way to a summary, for the pages of reports and lessons; and times with tenths."""

from typing import Any

from django import template
from django.utils.translation import gettext as _

from webapp.courses.models import Lesson
from webapp.recordings.models import Recording
from webapp.reports.templatetags.report_format import NOTHING, clock
from webapp.summaries import selectors

register = template.Library()


@register.inclusion_tag("summaries/_entry.html", takes_context=True)
def summary_entry(context: dict[str, Any], subject: Recording | Lesson) -> dict[str, Any]:
    """A button that makes the summary, or the link to it."""
    is_class = isinstance(subject, Lesson)
    return {
        "newest": selectors.latest(subject),
        "subject": subject,
        "page_url": "summaries:lesson" if is_class else "summaries:recording",
        "make_url": "summaries:make_class" if is_class else "summaries:make",
        "open_words": _("Class summary") if is_class else _("Lesson summary"),
        "make_words": _("Make a class summary") if is_class else _("Make a lesson summary"),
        "csrf_token": context.get("csrf_token"),
    }


@register.filter
def tenths(seconds: float | None) -> str:
    """Minutes and seconds with one decimal.

    >>> tenths(65.44)
    '1:05.4'
    """
    if seconds is None:
        return NOTHING
    whole, tenth = divmod(round(seconds * 10), 10)
    return f"{clock(whole)}.{tenth}"
