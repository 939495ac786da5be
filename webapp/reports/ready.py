"""The ready form of a report: made once from the document, read by every request.

A document holds every observation; a page shows windows, and a chart about two thousand points.
So three parts are kept beside it, each as compressed JSON: the page's (the document without its
observations, and what the page says of them), the chart's series, and the boxes of faces. The
worker writes them in the transaction that finishes the analysis; for analyses of before, and
after a change of `FORM`, the first reader makes them.
"""

import gzip
import json
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from django.db import IntegrityError, transaction

from engagement.report.schema import Analysis as Document
from engagement.report.schema import Track
from webapp.recordings.models import Analysis, AnalysisDocument
from webapp.reports import series
from webapp.reports.models import ReadyReport

#: Count up when a part's content changes: rows of other forms are made anew, caches ask again.
FORM = 1
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
    """The page's part: a document whose tracks have no observations, and their figures."""

    document: Document
    figures: dict[int, TrackFigures]


def make(document: Document) -> Parts:
    """The parts of a document. Takes about a second for an hour's: not for inside a transaction."""
    return Parts(
        page=_pack(_page(document)),
        chart=_pack(series.chart_data(document)),
        boxes=_pack(series.face_boxes(document)),
    )


def make_from_stored(document: dict[str, Any]) -> Parts:
    """The parts of a document as the database stores it."""
    return make(Document.model_validate(document))


def store(analysis: Analysis, parts: Parts) -> None:
    """Writes the parts in place of those of an older form."""
    row = ReadyReport(analysis_id=analysis.pk, form=FORM, **vars(parts))
    ReadyReport.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["analysis"],
        update_fields=["form", "page", "chart", "boxes"],
    )


def part(analysis: Analysis, name: PartName) -> bytes:
    """One part of a finished analysis as compressed JSON, made now where it is not there yet.

    Raises:
        AnalysisDocument.DoesNotExist: there is no document, or it was erased meanwhile.
    """
    kept = ReadyReport.objects.filter(analysis=analysis, form=FORM).values_list(name, flat=True)
    found = kept.first()
    if found is not None:
        return bytes(found)
    documents = AnalysisDocument.objects.values_list("document", flat=True)
    document = documents.get(analysis=analysis)
    parts = make_from_stored(document)
    try:
        with transaction.atomic():
            store(analysis, parts)
            # Analyses of before this figure had a column have it only in the document.
            spread = document["summary"]["engagement_spread"]
            Analysis.objects.filter(pk=analysis.pk, engagement_spread=None).update(
                engagement_spread=spread
            )
    except IntegrityError as error:
        raise AnalysisDocument.DoesNotExist(f"Analysis {analysis.pk} is erased.") from error
    made: bytes = getattr(parts, name)
    return made


def read_page(analysis: Analysis) -> Page:
    """The page's part of a finished analysis.

    Raises:
        AnalysisDocument.DoesNotExist: there is no document, or it was erased meanwhile.
    """
    return _read(json.loads(gzip.decompress(part(analysis, "page"))))


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
    return Page(document, figures)


def _page(document: Document) -> dict[str, Any]:
    emotions = series.emotion_order(document.models.expression.classes)
    bare = [track.model_copy(update={"observations": []}) for track in document.tracks]
    light = document.model_copy(update={"tracks": bare})
    return {
        "document": light.model_dump(mode="json", by_alias=True),
        "tracks": [_figures(track, emotions) for track in document.tracks],
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
