"""Moments of a lesson with where they lead: into reports, into the lesson's video and slides."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from webapp.courses.class_curve import Moment, estimate
from webapp.courses.lesson_class import LessonClass, Row
from webapp.courses.materials import cue_at, cues_of
from webapp.courses.models import LessonMaterial
from webapp.courses.strips import BIN_S

Kind = LessonMaterial.Kind


@dataclass(frozen=True)
class ReportLink:
    """A student's report at the moment; `t` is in seconds of that recording."""

    words: str
    recording_id: UUID
    t: int


@dataclass(frozen=True)
class SlideLink:
    """The slide that was shown when the moment began."""

    material: LessonMaterial
    slide: int
    start_s: float


@dataclass(frozen=True)
class MomentRow:
    """A moment as the page lists it. `reports` stand in order of names."""

    moment: Moment
    reports: Sequence[ReportLink]
    slides: Sequence[SlideLink]

    @property
    def is_dip(self) -> bool:
        """Whether the class was lower than in the rest."""
        return self.moment.direction == "dip"


def moments_of(shown: LessonClass, materials: Sequence[LessonMaterial]) -> list[MomentRow]:
    """The moments of a lesson in order of time."""
    slides = [one for one in materials if one.kind == Kind.SLIDES]
    return [
        MomentRow(one, _reports(shown.rows, one), _slides(slides, one.start_s))
        for one in sorted(shown.curve.moments, key=lambda moment: moment.start_s)
    ]


def _reports(rows: Sequence[Row], moment: Moment) -> list[ReportLink]:
    links = []
    first, last = int(moment.start_s // BIN_S), int(moment.end_s // BIN_S)
    for row in rows:
        own = [
            number - row.shift
            for number in range(first, last)
            if estimate(row.bins, number - row.shift) is not None
        ]
        if own and row.counts:
            links.append(ReportLink(row.words, row.report.recording_id, round(own[0] * BIN_S)))
    return links


def _slides(slides: Sequence[LessonMaterial], t: float) -> list[SlideLink]:
    found = [(one, cue_at(cues_of(one), t)) for one in slides]
    return [SlideLink(one, cue.slide, cue.start_s) for one, cue in found if cue]
