"""A recording's report as a row of bins, so that a class is read without reading its documents.

A bin is `BIN_S` seconds of the recording with the mean engagement, its spread, the share of the
time with a usable face, and the emotion that is strongest on the mean. Rows are made with the
ready form of a report and with every correction of it; for reports of before, the first page that
wants them makes them of that form, a few at a time, and where there is none yet a worker makes both
in the background (`workers/reports.py`).

Windows overlap. So that no time counts twice, a window stands for the stretch of one stride around
its middle, the first one also for what lies before it and the last one for what lies after it.
"""

import gzip
import json
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import IntegrityError, transaction

from engagement.report.corrections import CORRECTED
from webapp.courses.models import Strip
from webapp.recordings.models import Analysis
from webapp.reports.models import ReadyReport
from webapp.reports.series import EMOTION_ORDER, emotion_order

BIN_S = 30.0
#: Count up when a row's content changes: rows of other forms are made anew.
FORM = 1
#: So many rows of before are made for one page; the rest by the next ones.
AT_ONCE = 20

_STEPS = 10_000
_NOTHING = 0xFFFF
_NO_EMOTION = len(EMOTION_ORDER)


@dataclass(frozen=True)
class Bins:
    """A row of bins, read.

    Attributes:
        engagement: 0 to 1; None where no window was judged.
        spread: mean of the windows' spreads.
        coverage: share of the bin's time with a usable face, 0 to 1.
        emotion: the strongest one's name; empty where there was nothing to see.
    """

    engagement: Sequence[float | None]
    spread: Sequence[float | None]
    coverage: Sequence[float]
    emotion: Sequence[str]

    def __len__(self) -> int:
        return len(self.coverage)

    @cached_property
    def seen(self) -> int:
        """Bins with an estimate."""
        return sum(one is not None for one in self.engagement)


EMPTY = Bins((), (), (), ())


def of_page(page: Mapping[str, Any]) -> tuple[bytes, dict[str, float]]:
    """The packed bins of a report's main track, and the shares of its emotions.

    Args:
        page: the page's part of a ready report, as JSON reads it.
    """
    document = page["document"]
    duration_s = float(document["source"]["duration_s"])
    bins = max(1, -(-int(1000 * duration_s) // int(1000 * BIN_S)))
    order = emotion_order(document["models"]["expression"]["classes"])
    number = _main(document)
    if number is None:
        return pack(Bins([None] * bins, [None] * bins, [0.0] * bins, [""] * bins)), {}
    track, means = document["tracks"][number], page["tracks"][number]["windows"]
    sums = _sums(track["windows"], means, duration_s, bins, len(order))
    # What was left out by hand is no time in which a face could have been missing.
    left_out = [(float(start), float(end)) for start, end in page.get("excluded", ())]
    ends = [min(duration_s, (n + 1) * BIN_S) for n in range(bins)]
    lengths = [
        end - n * BIN_S - sum(max(0.0, min(b, end) - max(a, n * BIN_S)) for a, b in left_out)
        for n, end in enumerate(ends)
    ]
    return pack(_bins(sums, lengths, order)), dict(document["summary"]["emotion_share"])


def _main(document: Mapping[str, Any]) -> int | None:
    """The track that the document's summary is of: the longest seen, or the one said to be it.

    Corrected by hand there may be none, though others are left: nothing of the student is.
    """
    tracks = document["tracks"]
    same = [n for n, one in enumerate(tracks) if one["summary"] == document["summary"]]
    if any(one["code"] == CORRECTED for one in document["warnings"]):
        return next(iter(same), None)
    seen = sorted(range(len(tracks)), key=lambda n: -float(tracks[n]["summary"]["coverage"]))
    return next(iter([*same, *seen]), None)


def _sums(
    windows: Sequence[Mapping[str, Any]],
    means: Sequence[Sequence[Any]],
    duration_s: float,
    bins: int,
    emotions: int,
) -> list[list[float]]:
    """By bin: covered seconds, those times engagement, times spread, times each emotion."""
    sums = [[0.0] * (3 + emotions) for _ in range(bins)]
    for (start, end), window, mean in zip(
        stretches(windows, duration_s), windows, means, strict=True
    ):
        for number in range(int(start // BIN_S), min(bins, int(end // BIN_S) + 1)):
            overlap = min(end, (number + 1) * BIN_S) - max(start, number * BIN_S)
            seconds = overlap * window["coverage"]
            if seconds <= 0:
                continue
            row = sums[number]
            row[0] += seconds
            row[1] += seconds * window["engagement"]
            row[2] += seconds * window["spread"]
            for place, share in enumerate(mean[1], start=3):
                row[place] += seconds * (share or 0.0)
    return sums


def stretches(windows: Sequence[Mapping[str, Any]], duration_s: float) -> list[tuple[float, float]]:
    """The time that each window stands for; these never overlap."""
    middles = [(one["start_s"] + one["end_s"]) / 2 for one in windows]
    made = []
    for number, (window, middle) in enumerate(zip(windows, middles, strict=True)):
        start, end = window["start_s"], min(window["end_s"], duration_s)
        if number:
            start = max(start, (middles[number - 1] + middle) / 2)
        if number + 1 < len(windows):
            end = min(end, (middle + middles[number + 1]) / 2)
        made.append((start, max(start, end)))
    return made


def _bins(sums: list[list[float]], lengths: list[float], order: Sequence[str]) -> Bins:
    engagement: list[float | None] = []
    spread: list[float | None] = []
    coverage, emotion = [], []
    for row, length in zip(sums, lengths, strict=True):
        seconds = row[0]
        coverage.append(min(1.0, seconds / length) if length > 0 else 0.0)
        engagement.append(row[1] / seconds if seconds else None)
        spread.append(row[2] / seconds if seconds else None)
        shares = row[3:]
        strongest = max(range(len(shares)), key=shares.__getitem__) if any(shares) else None
        emotion.append("" if strongest is None else order[strongest])
    return Bins(engagement, spread, coverage, emotion)


def pack(bins: Bins) -> bytes:
    """Bins as bytes: three columns of 16 bits, little-endian, and one of 8."""
    numbers = array("H")
    for column in (bins.engagement, bins.spread, bins.coverage):
        numbers.extend(_NOTHING if one is None else round(_STEPS * one) for one in column)
    if sys.byteorder == "big":
        numbers.byteswap()
    known = {name: place for place, name in enumerate(EMOTION_ORDER)}
    return numbers.tobytes() + bytes(known.get(name, _NO_EMOTION) for name in bins.emotion)


def unpack(data: bytes) -> Bins:
    """What `pack` packed."""
    count = len(data) // 7
    numbers = array("H", data[: 6 * count])
    if sys.byteorder == "big":
        numbers.byteswap()
    values = [None if one == _NOTHING else one / _STEPS for one in numbers]
    names = (*EMOTION_ORDER, "")
    return Bins(
        values[:count],
        values[count : 2 * count],
        [one or 0.0 for one in values[2 * count :]],
        [names[place] for place in data[6 * count :]],
    )


def store(analysis: Analysis, packed_page: bytes) -> None:
    """Writes the row of a finished analysis in place of what there was.

    Args:
        packed_page: the page's part of its ready report, compressed as it is stored.
    """
    _write([_row(analysis.pk, packed_page)])


def _row(pk: Any, packed_page: bytes) -> Strip:
    data, shares = of_page(json.loads(gzip.decompress(packed_page)))
    return Strip(analysis_id=pk, form=FORM, bins=data, emotion_share=shares)


def _write(rows: Sequence[Strip]) -> None:
    Strip.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["analysis"],
        update_fields=["form", "bins", "emotion_share"],
    )


def read(analyses: Iterable[Any]) -> dict[Any, Bins]:
    """The bins of finished analyses by their id, in one query; two more where some are missing.

    Analyses without a ready report are left out: they have bins as soon as a worker has made it.
    """
    return {pk: unpack(data) for pk, data, _ in _rows(list(analyses))}


def shares(analyses: Iterable[Any]) -> dict[Any, dict[str, float]]:
    """The shares of emotions of finished analyses, as `read` finds them."""
    return {pk: share for pk, _, share in _rows(list(analyses))}


def _rows(wanted: list[Any]) -> list[tuple[Any, bytes, dict[str, float]]]:
    kept = Strip.objects.filter(analysis__in=wanted, form=FORM)
    rows: list[tuple[Any, bytes, dict[str, float]]] = [
        (pk, bytes(data), share)
        for pk, data, share in kept.values_list("analysis_id", "bins", "emotion_share")
    ]
    missing = set(wanted).difference(pk for pk, _, _ in rows)
    if missing:
        made = _make(sorted(missing)[:AT_ONCE])
        rows += [(one.analysis_id, bytes(one.bins), one.emotion_share) for one in made]
    return rows


def _make(missing: Sequence[Any]) -> list[Strip]:
    ready = ReadyReport.objects.filter(analysis__in=missing)
    made = [_row(pk, bytes(page)) for pk, page in ready.values_list("analysis_id", "page") if page]
    if not made:
        return []
    try:
        with transaction.atomic():
            _write(made)
    except IntegrityError:
        # One of them was erased meanwhile: the next page makes what is left.
        return []
    return made
