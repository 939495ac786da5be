"""Clips and key frames of a recording's summary, on the page of its report."""

from dataclasses import dataclass
from typing import Any

from django import template

from engagement.summaries.schema import Clip, Moment
from webapp.summaries import selectors
from webapp.summaries.models import LessonSummary

register = template.Library()
State = LessonSummary.State


@dataclass(frozen=True)
class Highlight:
    """One clip with its key frame, and where in the recording it comes from."""

    title: str
    person: str
    start_s: float
    end_s: float
    seek: str
    coverage: float
    clip: Clip


@register.inclusion_tag("reports/_highlights.html", takes_context=True)
def highlights(context: template.Context) -> dict[str, Any]:
    """What was cut from this analysis, in order of time; nothing of what was left out since.

    Who looks at the pictures is written down where they are fetched.
    """
    recording, report = context["recording"], context["report"]
    finished = recording.summaries.filter(state=State.FINISHED, analyses=report.analysis)
    summary = finished.order_by("-finished_at").first()
    if summary is None:
        return {}
    moments = [
        _highlight(moment, moment.clip, person.label)
        for person in selectors.people(summary, report.page.excluded)
        for moment in person.moments
        if moment.clip is not None
    ]
    return {
        "recording": recording,
        "summary": summary,
        "moments": sorted(moments, key=lambda one: one.start_s),
    }


def _highlight(moment: Moment, clip: Clip, person: str) -> Highlight:
    return Highlight(
        title=moment.title,
        person=person,
        start_s=moment.start_s,
        end_s=moment.end_s,
        seek=f"{moment.start_s:.1f}",
        coverage=moment.coverage,
        clip=clip,
    )
