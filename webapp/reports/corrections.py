"""Corrections by hand, as reports read them; the arithmetic is `engagement.report.corrections`.

The ready form of a report, the figures copied to its analysis, exports and summaries are of the
corrected document. The stored document is never changed.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from engagement.report import corrections as arithmetic
from engagement.report.corrections import Corrections
from engagement.report.schema import Analysis as Document
from webapp.marks.models import Correction
from webapp.recordings.models import Analysis

Kind = Correction.Kind
#: The stamp of a report that nobody has corrected.
UNTOUCHED = ""


def in_force(analysis: Analysis) -> list[Correction]:
    """The corrections that hold for an analysis, oldest first, in one query."""
    rows = Correction.objects.filter(
        Q(analysis=analysis) | Q(analysis=None),
        recording_id=analysis.recording_id,
        withdrawn_at=None,
    )
    return list(rows.select_related("made_by"))


def stamp_of(rows: Sequence[Correction]) -> str:
    """Tells sets of corrections apart; empty where there are none.

    Rows never change, so their numbers say all. Names are no part of the figures, but of the page.
    """
    if not rows:
        return UNTOUCHED
    numbers = ",".join(str(pk) for pk in sorted(one.pk for one in rows))
    return hashlib.sha256(numbers.encode()).hexdigest()[:16]


def as_corrections(rows: Sequence[Correction]) -> Corrections:
    """The rows as the arithmetic takes them; of two sayings about one track the later one holds."""
    subject = None
    merged: dict[int, int] = {}
    for one in rows:
        if one.kind == Kind.MERGE and one.track is not None and one.into is not None:
            merged[one.track] = one.into
        elif one.kind == Kind.NAME and one.is_student:
            subject = one.track
    return Corrections(
        excluded=tuple(
            (one.start_s or 0.0, one.end_s or 0.0) for one in rows if one.kind == Kind.EXCLUSION
        ),
        merged=merged,
        subject=subject,
    )


def corrected(document: Document, rows: Sequence[Correction]) -> Document:
    """The document with the corrections; itself where there are none."""
    return arithmetic.corrected(document, as_corrections(rows))


def excluded(document: Document, rows: Sequence[Correction]) -> list[tuple[float, float]]:
    """The stretches left out, in order, joined where they touch."""
    return arithmetic.union(as_corrections(rows).excluded, document.source.duration_s)


def names(rows: Sequence[Correction]) -> dict[int, str]:
    """What people were named by hand, by the number under which they are shown."""
    applied = as_corrections(rows)
    return {
        applied.target(one.track): one.text
        for one in rows
        if one.kind == Kind.NAME and one.track is not None
    }


def still_in_force(rows: Sequence[Correction]) -> list[Correction]:
    """Of a history those that hold."""
    return [one for one in rows if one.withdrawn_at is None]


def history(analysis: Analysis) -> list[Correction]:
    """Every correction of the recording or of this analysis, withdrawn ones too, oldest first."""
    rows = Correction.objects.filter(
        Q(analysis=analysis) | Q(analysis=None), recording_id=analysis.recording_id
    )
    return list(rows.select_related("made_by", "withdrawn_by"))


def record(analysis: Analysis, rows: Sequence[Correction]) -> dict[str, Any]:
    """What was corrected, as the download beside the document writes it.

    Its figures are the columns of the analysis: what the corrections make of the document.
    """
    return {
        "schema": "engagement.corrections/1",
        "analysis": str(analysis.pk),
        "corrections": [_recorded(one) for one in rows],
        "summary": {
            "mean_engagement": analysis.mean_engagement,
            "engagement_spread": analysis.engagement_spread,
            "engaged_share": analysis.engaged_share,
            "coverage": analysis.coverage,
            "dominant_emotion": analysis.dominant_emotion or None,
        },
        "face_share": analysis.face_share,
    }


def _recorded(one: Correction) -> dict[str, Any]:
    said: dict[str, Any]
    if one.kind == Kind.EXCLUSION:
        said = {"start_s": one.start_s, "end_s": one.end_s, "reason": one.text}
    elif one.kind == Kind.NAME:
        said = {"track": one.track, "name": one.text, "is_student": one.is_student}
    else:
        said = {"track": one.track, "into": one.into, "reason": one.text}
    return {
        "kind": one.kind,
        **said,
        "made_by": str(one.made_by) if one.made_by else None,
        "made_at": one.made_at.isoformat(),
        "withdrawn_by": str(one.withdrawn_by) if one.withdrawn_by else None,
        "withdrawn_at": one.withdrawn_at.isoformat() if one.withdrawn_at else None,
    }
