"""What the scripts of the course's, lesson's and student's pages draw, as JSON, and say, as words.

Every sentence that a reading line says comes from here or from the page, in the reader's language;
the scripts hold none.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse
from django.utils.formats import date_format, localize
from django.utils.timezone import localtime
from django.utils.translation import gettext, ngettext

from webapp.courses.class_curve import ClassCurve, Point
from webapp.courses.emotion_words import emotion_word
from webapp.courses.lesson_class import LessonClass, Row
from webapp.courses.overview import LessonRow
from webapp.courses.strips import BIN_S
from webapp.reports.series import EMOTION_ORDER
from webapp.reports.templatetags.report_format import clock, percent, two

# Whole numbers are a third of the text of decimals; a cell's colour needs no more.
_SCALE = 1000


def emotions_known() -> list[dict[str, str]]:
    """Names and words of the emotions, in drawing order."""
    return [{"name": one, "words": emotion_word(one)} for one in EMOTION_ORDER]


def lesson_data(found: LessonClass, wanted: str = "") -> dict[str, Any]:
    """The class's curve, the heat map's rows, and the distribution of one lesson.

    Args:
        wanted: only students whose name has this in it get a row; the class's figures stay.
    """
    words = wanted.casefold()
    return {
        "bin_s": BIN_S,
        "bins": len(found.curve.points),
        "scale": _SCALE,
        "emotions": emotions_known(),
        "curve": curve_data(found.curve),
        "moments": [
            {"direction": one.direction, "start_s": one.start_s, "end_s": one.end_s}
            for one in found.curve.moments
        ],
        "rows": [_row(one) for one in found.rows if words in one.words.casefold()],
        "bars": [
            {
                "low": round(one.low, 2),
                "high": round(one.high, 2),
                "students": one.students,
                "words": bar_words(one.low, one.high, one.students),
            }
            for one in found.distribution.bars
        ],
    }


def _row(row: Row) -> dict[str, Any]:
    known = {name: place for place, name in enumerate(EMOTION_ORDER)}
    return {
        "name": row.words,
        "url": reverse("reports:recording", args=[row.report.recording_id]),
        "shift": row.shift,
        "ready": row.ready,
        "aligned": row.aligned,
        "counts": row.counts,
        "model": row.report.model,
        "engagement": _whole(row.bins.engagement),
        "spread": _whole(row.bins.spread),
        "coverage": _whole(row.bins.coverage),
        "emotion": [known.get(one, -1) for one in row.bins.emotion],
    }


def _whole(column: Sequence[float | None]) -> list[int | None]:
    return [None if one is None else round(_SCALE * one) for one in column]


def curve_data(curve: ClassCurve) -> list[dict[str, Any]]:
    """The points of a class's curve, each with what it is in words."""
    return [
        {
            "t": one.start_s,
            "mean": _three(one.mean),
            "spread": _three(one.spread),
            "coverage": _three(one.coverage),
            "students": one.students,
            "words": point_words(one),
        }
        for one in curve.points
    ]


def _three(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def point_words(point: Point) -> str:
    """A point in one line, for a readout and a screen reader."""
    span = gettext("%(start)s to %(end)s") % {
        "start": clock(point.start_s),
        "end": clock(point.start_s + BIN_S),
    }
    if point.mean is None:
        few = ngettext(
            "%(count)s student with a usable face, too few for a figure",
            "%(count)s students with a usable face, too few for a figure",
            point.students,
        )
        return f"{span}: {few % {'count': point.students}}"
    told = ngettext(
        "%(span)s: class mean %(mean)s ± %(spread)s, %(count)s student, face usable %(coverage)s",
        "%(span)s: class mean %(mean)s ± %(spread)s, %(count)s students, face usable %(coverage)s",
        point.students,
    )
    return told % {
        "span": span,
        "mean": two(point.mean),
        "spread": two(point.spread),
        "count": point.students,
        "coverage": percent(point.coverage),
    }


def bar_words(low: float, high: float, students: int) -> str:
    """A bar of the distribution in one line."""
    told = ngettext(
        "Mean from %(low)s to %(high)s: %(count)s student",
        "Mean from %(low)s to %(high)s: %(count)s students",
        students,
    )
    return told % {
        "low": localize(round(low, 1)),
        "high": localize(round(high, 1)),
        "count": students,
    }


def trend_data(rows: Sequence[LessonRow]) -> dict[str, Any]:
    """A course's lessons in order of time."""
    return {
        "emotions": emotions_known(),
        "lessons": [
            _lesson(one)
            for one in sorted(rows, key=lambda row: (row.lesson.starts_at, row.lesson.pk))
        ],
    }


def _lesson(row: LessonRow) -> dict[str, Any]:
    figures = row.figures
    engagement = figures.engagement if figures else None
    return {
        "title": row.lesson.title,
        "date": day(row.lesson.starts_at),
        "url": reverse("courses:lesson", args=[row.lesson.pk]),
        "mean": _three(engagement.value) if engagement else None,
        "spread": _three(engagement.spread) if engagement else None,
        "over": engagement.over if engagement else 0,
        "coverage": _three(figures.coverage.value) if figures and figures.coverage else None,
        "emotions": dict(figures.emotions) if figures else {},
        "words": lesson_words(row),
    }


def day(at: Any) -> str:
    """A day and month, short."""
    return date_format(localtime(at), "j M")


def lesson_words(row: LessonRow) -> str:
    """A lesson of the trend in one line."""
    names = {"lesson": row.lesson.title, "date": day(row.lesson.starts_at)}
    figures = row.figures
    if figures is None or figures.engagement is None:
        return gettext("%(lesson)s, %(date)s: too few reports for a figure") % names
    told = ngettext(
        "%(lesson)s, %(date)s: class mean %(mean)s ± %(spread)s, %(count)s student, "
        "face usable %(coverage)s%(emotions)s",
        "%(lesson)s, %(date)s: class mean %(mean)s ± %(spread)s, %(count)s students, "
        "face usable %(coverage)s%(emotions)s",
        figures.engagement.over,
    )
    return told % {
        **names,
        "mean": two(figures.engagement.value),
        "spread": two(figures.engagement.spread),
        "count": figures.engagement.over,
        "coverage": percent(figures.coverage.value if figures.coverage else None),
        "emotions": emotions_words(dict(figures.emotions)),
    }


def emotions_words(counts: Mapping[str, int]) -> str:
    """How many students have which emotion most of the time: the end of a sentence."""
    ordered = [name for name in EMOTION_ORDER if counts.get(name)]
    if not ordered:
        return ""
    return "; " + ", ".join(f"{emotion_word(name)} {counts[name]}" for name in ordered)
