"""The tables of one recording's report: what its page shows, and the observations behind it.

Windows and observations are those of `webapp.reports.exports`, so that a cell is the same in every
format. The figures are of the analysis as it is corrected by hand.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from engagement.report.schema import Track
from webapp.engine_words import in_readers_words
from webapp.exports import about, remarks
from webapp.exports.gathering import Called
from webapp.exports.remarks import Remarks
from webapp.exports.tables import Column, ColumnType, Export, Table
from webapp.recordings.models import Analysis, Recording
from webapp.reports import exports, ready, selectors
from webapp.reports.ready import Page
from webapp.reports.series import emotion_order
from webapp.reports.words import emotion_word

_SHARE = gettext_lazy("share, 0 to 1")
_SPREAD = gettext_lazy(
    "Spread (one standard deviation) of the estimate inside the window: of single frames' "
    "estimates for an index, of shifted windows for a trained classifier."
)
_TEXTS: dict[str, tuple[ColumnType, str | Promise, str | Promise]] = {
    "track": ("integer", "", gettext_lazy("Number of the person's track in the recording.")),
    "start_s": ("number", "s", gettext_lazy("Begin, from the recording's beginning.")),
    "end_s": ("number", "s", gettext_lazy("End, from the recording's beginning.")),
    "first_s": ("number", "s", gettext_lazy("When the face was seen first.")),
    "last_s": ("number", "s", gettext_lazy("When the face was seen last.")),
    "t_s": ("number", "s", gettext_lazy("Time of the frame, from the recording's beginning.")),
    "x1": ("number", "px", gettext_lazy("Left edge of the face's box in the upright frame.")),
    "y1": ("number", "px", gettext_lazy("Upper edge of the face's box in the upright frame.")),
    "x2": ("number", "px", gettext_lazy("Right edge of the face's box in the upright frame.")),
    "y2": ("number", "px", gettext_lazy("Lower edge of the face's box in the upright frame.")),
    "score": ("number", _SHARE, gettext_lazy("Detector's probability that the box has a face.")),
    "valence": ("number", "-1 to 1", gettext_lazy("Unpleasant to pleasant expression.")),
    "arousal": ("number", "-1 to 1", gettext_lazy("Calm to excited expression.")),
    "yaw": ("number", "degree", gettext_lazy("Head turned towards the image's right.")),
    "pitch": ("number", "degree", gettext_lazy("Head looking up.")),
    "engagement": ("number", "0 to 1", gettext_lazy("Engagement estimate of the window.")),
    "spread": ("number", "0 to 1", _SPREAD),
    "level": ("text", "", gettext_lazy("Level; empty with too little face to say.")),
    "coverage": ("number", _SHARE, gettext_lazy("Share of the time with a usable face.")),
    "model": ("text", "", gettext_lazy("What made the engagement estimate.")),
    "kind": ("text", "", gettext_lazy("trained: a classifier; index: a published rule.")),
    "facing": ("number", _SHARE, gettext_lazy("Share of the time seen facing the screen.")),
    "turned_away": ("number", _SHARE, gettext_lazy("Share of the time seen turned away.")),
    "head_down": ("number", _SHARE, gettext_lazy("Share of the time seen with the head down.")),
    "eyes_closed": ("number", _SHARE, gettext_lazy("Share with eyes closed, where eyes show it.")),
    "movement": ("number", "face widths/s", gettext_lazy("Median speed of the face.")),
    "observations": ("integer", "", gettext_lazy("Number of observations that went into it.")),
    "windows": ("integer", "", gettext_lazy("Number of windows with an estimate.")),
    "mean_engagement": ("number", "0 to 1", gettext_lazy("Mean of the windows' estimates.")),
    "engagement_spread": ("number", "0 to 1", gettext_lazy("Standard deviation over windows.")),
    "engaged_share": ("number", _SHARE, gettext_lazy("Share of windows in an engaged level.")),
    "dominant_emotion": ("text", "", gettext_lazy("Strongest in most observations.")),
    "main": ("integer", "", gettext_lazy("1: the person whom the summary speaks of.")),
    "positive": ("number", _SHARE, gettext_lazy("Positive expression over all faces.")),
    "neutral": ("number", _SHARE, gettext_lazy("Neutral expression over all faces.")),
    "negative": ("number", _SHARE, gettext_lazy("Negative expression over all faces.")),
    "people": ("integer", "", gettext_lazy("How many people of the recording were seen.")),
    "face_share": ("number", _SHARE, gettext_lazy("Share of the recording's people seen.")),
    "code": ("text", "", gettext_lazy("Short name of the warning.")),
    "text": ("text", "", gettext_lazy("What to know before trusting the figures.")),
}
_SIGNALS = ("facing", "turned_away", "head_down", "eyes_closed", "movement")


def report_export(
    recording: Recording, analysis: Analysis, called: Called, said: Remarks
) -> Export:
    """Everything that the report has as tables, with what the reader sees of what was said.

    Raises:
        AnalysisDocument.DoesNotExist: the report was erased meanwhile.
    """
    page = ready.read_page(analysis)
    tables = [
        _table("summary", _("Each person's summary"), _track_names(page), lambda: _tracks(page)),
        _windows(page),
        _table(
            "emotions",
            _("Means over the observations of each window"),
            _emotion_names(page),
            lambda: _means(page),
            _classes(page),
        ),
        _table(
            "absence",
            _("Stretches without any face"),
            ["start_s", "end_s"],
            lambda: iter(page.document.presence.absent),
        ),
        *_group_affect(page),
        _table("warnings", _("Warnings"), ["code", "text"], lambda: _warnings(page)),
        *remarks.tables(said, called),
        _observations(page, analysis),
    ]
    return Export(
        stem=f"engagement-{str(recording.pk)[:8]}",
        title=_("Engagement report of one recording"),
        about=[
            *facts(recording, analysis, page, called(recording.student_id)),
            *remarks.facts(said, called),
            *about.closing(),
        ],
        tables=tables,
    )


def facts(recording: Recording, analysis: Analysis, page: Page, student: str) -> about.Facts:
    """What the report is of and what made it."""
    document = page.document
    expression, judged_by = document.models.expression, document.models.engagement
    derived = (
        _("derived from the emotions, not predicted")
        if expression.valence_arousal == "derived"
        else _("predicted by the same network")
    )
    return [
        *about.of_lesson(recording.lesson),
        (_("Student"), student),
        (_("Recording"), str(recording.pk)),
        (_("Uploaded"), about.moment(recording.created_at)),
        (_("Length"), _("%(seconds).0f seconds") % {"seconds": document.source.duration_s}),
        (_("Analysed"), about.moment(analysis.finished_at)),
        (_("Faces by"), document.models.detector.name),
        (_("Emotions by"), expression.name),
        (_("Valence and arousal"), derived),
        *about.of_models([(judged_by.name, judged_by.kind)]),
        (
            _("Frames"),
            _("%(rate)s a second were sampled") % {"rate": f"{document.sampling_fps:g}"},
        ),
        *((_("Warning"), in_readers_words(one.text)) for one in document.warnings),
    ]


def _column(name: str, emotions: Sequence[str]) -> Column:
    if name in emotions:
        words = _("Probability of %(emotion)s, of one to all together.")
        return Column(name, "number", words % {"emotion": emotion_word(name)}, str(_SHARE))
    if name.startswith("share_"):
        words = _("Share of the observations in which %(emotion)s is the strongest.")
        emotion = emotion_word(name.removeprefix("share_"))
        return Column(name, "number", words % {"emotion": emotion}, str(_SHARE))
    kind, unit, text = _TEXTS[name]
    return Column(name, kind, str(text), str(unit))


def _table(
    name: str,
    title: str,
    columns: Sequence[str],
    make: Callable[[], Iterable[Sequence[Any]]],
    emotions: Sequence[str] = (),
) -> Table:
    return Table(name, title, [_column(one, emotions) for one in columns], make)


def _windows(page: Page) -> Table:
    header = next(exports.window_rows(page.document))

    def rows() -> Iterator[list[Any]]:
        return islice(exports.window_rows(page.document), 1, None)

    return _table("windows", _("Engagement by window"), header, rows)


def _observations(page: Page, analysis: Analysis) -> Table:
    header = next(exports.observation_rows(page.document))

    def rows() -> Iterator[list[Any]]:
        # The whole document is read only here, when its rows are wanted.
        return islice(exports.observation_rows(selectors.read_document(analysis)), 1, None)

    return _table(
        "observations", _("Each face in each sampled frame"), header, rows, _classes(page)
    )


def _classes(page: Page) -> list[str]:
    return emotion_order(page.document.models.expression.classes)


def _emotion_names(page: Page) -> list[str]:
    names = ["track", "start_s", "end_s", "observations", "coverage"]
    return [*names, *_classes(page), "valence", "arousal"]


def _means(page: Page) -> Iterator[list[Any]]:
    for track in page.document.tracks:
        for row in selectors.window_rows(page, track):
            window = row.window
            yield [
                track.id,
                window.start_s,
                window.end_s,
                row.observations,
                window.coverage,
                *(mean for _, mean in row.emotions),
                row.valence,
                row.arousal,
            ]


def _track_names(page: Page) -> list[str]:
    return [
        "track",
        "main",
        "first_s",
        "last_s",
        "coverage",
        "windows",
        "mean_engagement",
        "engagement_spread",
        "engaged_share",
        "model",
        "kind",
        "observations",
        "dominant_emotion",
        *(f"share_{name}" for name in _classes(page)),
        *_SIGNALS,
    ]


def _tracks(page: Page) -> Iterator[list[Any]]:
    main = selectors.main_track(page.document)
    for track in page.document.tracks:
        yield _track(page, track, is_main=track is main)


def _track(page: Page, track: Track, *, is_main: bool) -> list[Any]:
    summary, judged_by = track.summary, page.document.models.engagement
    return [
        track.id,
        int(is_main),
        track.first_s,
        track.last_s,
        summary.coverage,
        len(track.windows),
        summary.mean_engagement,
        summary.engagement_spread,
        summary.engaged_share,
        judged_by.name,
        judged_by.kind,
        page.figures[track.id].observations,
        summary.dominant_emotion,
        *(summary.emotion_share.get(name) for name in _classes(page)),
        *(getattr(summary.signals, name, None) for name in _SIGNALS),
    ]


def _group_affect(page: Page) -> list[Table]:
    """As on the page: only where there is more than one person."""
    if len(page.document.tracks) < 2:
        return []
    names = ["start_s", "end_s", "positive", "neutral", "negative", "people", "face_share"]
    return [
        _table(
            "group_affect",
            _("All people in view together"),
            names,
            lambda: ([getattr(one, name) for name in names] for one in page.document.group_affect),
        )
    ]


def _warnings(page: Page) -> Iterator[list[str]]:
    return ([one.code, one.text] for one in page.document.warnings)
