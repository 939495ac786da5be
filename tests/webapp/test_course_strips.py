"""A report as a row of bins: what a bin says is what its windows say, and no time counts twice."""

from itertools import pairwise

import pytest

from tests.factories import build_analysis
from tests.webapp.conftest import World
from webapp.courses import strips
from webapp.courses.models import Strip
from webapp.recordings.models import Analysis, AnalysisDocument
from webapp.reports import ready


def bins_of(**options: object) -> strips.Bins:
    document = build_analysis(**options)
    page = ready._page(document)
    data, _ = strips.of_page(page)
    return strips.unpack(data)


def test_windows_that_overlap_stand_for_time_that_does_not() -> None:
    windows = [{"start_s": s, "end_s": min(s + 4.0, 11.0)} for s in (0.0, 2.0, 4.0, 6.0, 8.0)]
    stood = strips.stretches(windows, 11.0)
    assert stood[0][0] == 0.0
    assert stood[-1][1] == 11.0
    assert all(before[1] == after[0] for before, after in pairwise(stood))


def test_absence_is_no_estimate_and_no_zero() -> None:
    bins = bins_of(duration_s=150.0, absent=[(30.0, 64.0)])
    assert len(bins) == 5
    assert bins.engagement[1] is None or bins.coverage[1] < 0.1
    assert bins.coverage[0] > 0.9
    assert 0.8 < bins.coverage[2] < 0.95
    assert bins.coverage[4] > 0.9


def test_a_bins_engagement_is_the_mean_of_its_windows() -> None:
    document = build_analysis(duration_s=60.0, absent=())
    bins = bins_of(duration_s=60.0, absent=())
    windows = [one.engagement for one in document.tracks[0].windows]
    overall = sum(one for one in bins.engagement if one is not None) / 2
    assert overall == pytest.approx(sum(windows) / len(windows), abs=0.03)
    assert set(bins.emotion) <= set(document.models.expression.classes)


def test_a_recording_without_a_face_has_empty_bins() -> None:
    bins = bins_of(duration_s=70.0, people=0)
    assert list(bins.engagement) == [None] * 3
    assert list(bins.coverage) == [0.0] * 3
    assert bins.seen == 0


def test_packed_bins_come_back() -> None:
    bins = strips.Bins([0.5, None], [0.1, None], [1.0, 0.0], ["neutral", ""])
    assert strips.unpack(strips.pack(bins)) == bins


def test_bins_of_before_are_made_of_the_ready_report_and_kept(world: World) -> None:
    assert strips.read([world.analysis.pk]) == {}
    document = AnalysisDocument.objects.get(analysis=world.analysis).document
    ready.store(world.analysis, ready.make_from_stored(document))
    Strip.objects.update_or_create(analysis=world.analysis, defaults={"form": 0, "bins": b""})
    (bins,) = strips.read([world.analysis.pk]).values()
    assert len(bins) == 1
    assert Strip.objects.get().form == strips.FORM
    (shares,) = strips.shares([world.analysis.pk]).values()
    assert shares == document["summary"]["emotion_share"]


def test_bins_go_with_their_analysis(world: World) -> None:
    Strip.objects.create(analysis=world.analysis, form=1, bins=b"")
    Analysis.objects.all().delete()
    assert not Strip.objects.exists()
