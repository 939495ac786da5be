"""The panels of marks and corrections on a report's page."""

import uuid
from collections.abc import Sequence
from typing import Any

from django import template
from django.utils.translation import gettext as _

from webapp import access
from webapp.marks.forms import ExclusionForm
from webapp.marks.models import Correction
from webapp.marks.panel import left_out_of, read_panel, who

register = template.Library()
Kind = Correction.Kind


@register.inclusion_tag("marks/_marks.html", takes_context=True)
def marks_panel(context: template.Context) -> dict[str, Any]:
    """Markers and notes that the reader may see, and a form for a new one."""
    request, recording, report = context["request"], context["recording"], context["report"]
    panel = read_panel(
        request.user,
        recording,
        report.document.source.duration_s,
        tag=request.GET.get("tag", ""),
        editing_id=_uuid(request.GET.get("mark", "")),
    )
    return {"panel": panel, "csrf_token": context.get("csrf_token")}


@register.inclusion_tag("marks/_corrections.html", takes_context=True)
def corrections_panel(context: template.Context) -> dict[str, Any]:
    """What was corrected by hand, and forms for who may correct."""
    request, recording, report = context["request"], context["recording"], context["report"]
    return {
        "recording": recording,
        "is_own": context["is_own"],
        "may_correct": access.can_correct(request.user, recording, context.get("standing")),
        "history": report.history,
        "people": report.choices,
        "exclusion": ExclusionForm(
            duration_s=report.document.source.duration_s, auto_id="exclude_%s"
        ),
        "csrf_token": context.get("csrf_token"),
    }


@register.inclusion_tag("marks/_left_out.html", takes_context=True)
def left_out(context: template.Context) -> dict[str, Any]:
    """One notice before the figures: which time they leave out, why, and who said so."""
    report = context["report"]
    rows = report.corrections
    return {
        **left_out_of(rows, report.page.excluded),
        "merges": sum(one.kind == Kind.MERGE for one in rows),
        "named": any(one.kind == Kind.NAME for one in rows),
    }


@register.filter
def made_by_name(one: Correction) -> str:
    """Who made a correction."""
    return who(one)


@register.filter
def person(track: int, people: Sequence[Any]) -> str:
    """How the page calls a person; one who was merged away keeps the number of the analysis."""
    for choice in people:
        if choice.track.id == track:
            return str(choice.label)
    return _("Person %(number)d") % {"number": track}


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
