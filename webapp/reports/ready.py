"""The ready form of a report: made once from the document, read by every request.

A document holds every observation; a page shows windows, and a chart about two thousand points.
So three parts are kept beside it, each as compressed JSON: the page's (the document without its
observations, and what the page says of them), the chart's series, and the boxes of faces. The
worker writes them in the transaction that finishes the analysis; for analyses of before, and
after a change of `FORM`, workers make them in the background (`workers/reports.py`), newest first,
or whoever reads one earlier does. They are of the document as it is corrected
by hand (`corrections.py`), and so are the columns of `Analysis` that lists read.
"""

import gzip
import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet

from engagement.report.schema import Analysis as Document
from engagement.report.schema import Track
from webapp.courses import strips
from webapp.courses.models import Strip
from webapp.marks.models import Correction
from webapp.recordings.models import Analysis, AnalysisDocument
from webapp.reports import corrections, series
from webapp.reports.models import ReadyReport
from webapp.reports.series import Span

#: Count up when a part's content changes: rows of other forms are made anew, caches ask again.
FORM = 3
#: Observations are counted in stretches of this length, in seconds.
COUNT_S = 10.0
#: Six digits are more than a page shows, and half of a float's text.
_DIGITS = 6

PartName = Literal["page", "chart", "boxes"]


@dataclass(frozen=True)
class Parts:
    """The three parts as compressed JSON."""

    page: bytes
    chart: bytes
    boxes: bytes


@dataclass(frozen=True)
class WindowMeans:
    """Means over the observations of one window; None where there are none."""

    observations: int
    emotions: list[float | None]
    valence: float | None
    arousal: float | None


@dataclass(frozen=True)
class TrackFigures:
    """What the page says of one track's observations.

    `windows` are in the order of the track's windows, their emotions in drawing order;
    `counts` are observations by stretch of `COUNT_S` seconds, the first one numbered 0.
    """

    observations: int
    windows: list[WindowMeans]
    counts: dict[int, int]


@dataclass(frozen=True)
class Page:
    """The page's part: a document whose tracks have no observations, and their figures.

    `excluded` are the stretches that were left out by hand: no time in which a face was away.
    """

    document: Document
    figures: dict[int, TrackFigures]
    excluded: list[Span]


def make(document: Document, excluded: Sequence[Span] = ()) -> Parts:
    """The parts of a document, which was corrected already: `excluded` is what it left out.

    Takes about a second for an hour's: not for inside a transaction.
    """
    return Parts(
        page=_pack(_page(document, excluded)),
        chart=_pack(series.chart_data(document, excluded=excluded)),
        boxes=_pack(series.face_boxes(document)),
    )


def make_from_stored(document: dict[str, Any]) -> Parts:
    """The parts of a document as the database stores it."""
    return make(Document.model_validate(document))


@dataclass(frozen=True)
class Made:
    """What is made of an analysis: its parts, of which corrections, and the columns of its row."""

    parts: Parts
    stamp: str
    columns: dict[str, Any]


def make_for(
    analysis: Analysis, document: dict[str, Any], rows: Sequence[Correction] | None = None
) -> Made:
    """What is made of a stored document with the corrections in force, or with `rows`."""
    if rows is None:
        rows = corrections.in_force(analysis)
    shown = corrections.corrected(Document.model_validate(document), rows)
    parts = make(shown, corrections.excluded(shown, rows))
    return Made(parts, corrections.stamp_of(rows), columns_of(shown))


def columns_of(document: Document) -> dict[str, Any]:
    """The figures that a row of `Analysis` carries, so that lists need no document."""
    summary = document.summary
    return {
        "mean_engagement": summary.mean_engagement,
        "engagement_spread": summary.engagement_spread,
        "engaged_share": summary.engaged_share,
        "coverage": summary.coverage,
        "dominant_emotion": summary.dominant_emotion or "",
        "face_share": document.presence.face_share,
    }


def store(analysis: Analysis, parts: Parts, stamp: str = corrections.UNTOUCHED) -> None:
    """Writes the parts in place of those of an older form, or of other corrections."""
    row = ReadyReport(analysis_id=analysis.pk, form=FORM, corrections=stamp, **vars(parts))
    ReadyReport.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["analysis"],
        update_fields=["form", "corrections", *vars(parts)],
    )
    strips.store(analysis, parts.page)


def write(analysis: Analysis, made: Made) -> None:
    """Writes the parts and the columns; call inside a transaction."""
    store(analysis, made.parts, made.stamp)
    Analysis.objects.filter(pk=analysis.pk).update(**made.columns)


def part(analysis: Analysis, name: PartName, rows: Sequence[Correction] | None = None) -> bytes:
    """One part of a finished analysis as compressed JSON, made now where it is not there yet.

    `rows` are the corrections in force, where they have been asked for already.

    Raises:
        AnalysisDocument.DoesNotExist: there is no document, or it was erased meanwhile.
    """
    if rows is None:
        rows = corrections.in_force(analysis)
    kept = ReadyReport.objects.filter(
        analysis=analysis, form=FORM, corrections=corrections.stamp_of(rows)
    )
    found = kept.values_list(name, flat=True).first()
    if found is not None:
        return bytes(found)
    documents = AnalysisDocument.objects.values_list("document", flat=True)
    document = documents.get(analysis=analysis)
    made = make_for(analysis, document, rows)
    try:
        with transaction.atomic():
            if rows:
                write(analysis, made)
            else:
                store(analysis, made.parts)
                # Analyses of before this figure had a column have it only in the document.
                spread = made.columns["engagement_spread"]
                Analysis.objects.filter(pk=analysis.pk, engagement_spread=None).update(
                    engagement_spread=spread
                )
    except IntegrityError as error:
        raise AnalysisDocument.DoesNotExist(f"Analysis {analysis.pk} is erased.") from error
    wanted: bytes = getattr(made.parts, name)
    return wanted


def unprepared() -> QuerySet[Analysis]:
    """Finished analyses whose parts or bins are not there in their present form, newest first."""
    of_it = OuterRef("pk")
    parts = ReadyReport.objects.filter(analysis=of_it, form=FORM)
    bins = Strip.objects.filter(analysis=of_it, form=strips.FORM)
    finished = Analysis.objects.filter(
        Exists(AnalysisDocument.objects.filter(analysis=of_it)), state=Analysis.State.FINISHED
    )
    return finished.filter(~Exists(parts) | ~Exists(bins)).order_by("-finished_at")


def prepare(analysis: Analysis) -> None:
    """Makes what is missing of a finished analysis' parts and bins.

    Raises:
        AnalysisDocument.DoesNotExist: there is no document, or it was erased meanwhile.
    """
    part(analysis, "page")
    # Bins of before, where the parts were there.
    strips.read([analysis.pk])


def read_page(analysis: Analysis, rows: Sequence[Correction] | None = None) -> Page:
    """The page's part of a finished analysis, with the corrections in force, or with `rows`.

    Raises:
        AnalysisDocument.DoesNotExist: there is no document, or it was erased meanwhile.
    """
    return _read(json.loads(gzip.decompress(part(analysis, "page", rows))))


def page_of(document: Document) -> Page:
    """The page's part of a document that is at hand."""
    return _read(json.loads(json.dumps(_page(document))))


def _read(stored: dict[str, Any]) -> Page:
    document = Document.model_validate(stored["document"])
    figures = {
        track.id: TrackFigures(
            observations=one["observations"],
            windows=[WindowMeans(*row) for row in one["windows"]],
            counts={int(number): count for number, count in one["counts"].items()},
        )
        for track, one in zip(document.tracks, stored["tracks"], strict=True)
    }
    return Page(document, figures, [(start, end) for start, end in stored["excluded"]])


def _page(document: Document, excluded: Sequence[Span] = ()) -> dict[str, Any]:
    emotions = series.emotion_order(document.models.expression.classes)
    bare = [track.model_copy(update={"observations": []}) for track in document.tracks]
    light = document.model_copy(update={"tracks": bare})
    return {
        "document": light.model_dump(mode="json", by_alias=True),
        "tracks": [_figures(track, emotions) for track in document.tracks],
        "excluded": list(excluded),
    }


def _figures(track: Track, emotions: list[str]) -> dict[str, Any]:
    times = [one.t for one in track.observations]
    columns = [[one.emotions.get(name, 0.0) for one in track.observations] for name in emotions]
    valence = [one.valence for one in track.observations]
    arousal = [one.arousal for one in track.observations]
    windows = []
    for window in track.windows:
        low, high = bisect_left(times, window.start_s), bisect_left(times, window.end_s)
        means = [_mean(column[low:high]) for column in columns]
        affect = _mean(valence[low:high]), _mean(arousal[low:high])
        windows.append([high - low, means, *affect])
    return {
        "observations": len(times),
        "windows": windows,
        "counts": Counter(int(t // COUNT_S) for t in times),
    }


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), _DIGITS) if values else None


def _pack(data: dict[str, Any]) -> bytes:
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    # The same bytes for the same document: no time of writing in the header.
    return gzip.compress(text.encode(), compresslevel=6, mtime=0)
