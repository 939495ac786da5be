"""What a report's page needs, read from its ready form. Nothing heavy is imported here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from engagement.report.corrections import CORRECTED
from engagement.report.schema import (
    ENGAGED_LEVELS,
    AnalysisWarning,
    GroupAffect,
    Signals,
    Summary,
    Track,
    Window,
)
from engagement.report.schema import Analysis as Document
from webapp.marks.models import Correction
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from webapp.reports import corrections, ready
from webapp.reports.made_by import MadeBy, engaged_words, made_by
from webapp.reports.ready import Page
from webapp.reports.series import Span, emotion_order
from webapp.reports.tables import Tables, tables_of
from webapp.reports.templatetags.report_format import NOTHING, clock, percent, two
from webapp.reports.words import emotion_word, script_texts


@dataclass(frozen=True)
class Tile:
    """One figure of the summary, never without what says how far to trust it."""

    label: str
    value: str
    beside: str
    context: str


@dataclass(frozen=True)
class WindowRow:
    """One window as a row of the tables: the estimate, and the means of its observations."""

    window: Window
    observations: int
    emotions: list[tuple[str, float | None]]
    valence: float | None
    arousal: float | None


@dataclass(frozen=True)
class TrackChoice:
    """One person of the recording, as the page offers them."""

    track: Track
    label: str
    selected: bool
    main: bool
    name: str = ""


@dataclass(frozen=True)
class Report:
    """A finished analysis, ready for the page."""

    analysis: Analysis
    page: Page
    choices: list[TrackChoice]
    track: Track | None
    tiles: list[Tile]
    rows: list[WindowRow]
    emotions: list[str]
    absent: list[Span]
    corrections: Sequence[Correction] = field(default=())
    history: Sequence[Correction] = field(default=())

    @property
    def texts(self) -> dict[str, object]:
        """What the page's script says."""
        return script_texts(self.emotions, is_index=self.is_index)

    @property
    def names(self) -> dict[str, str]:
        """What the people are called, by their tracks' numbers, for the script."""
        return {str(one.track.id): one.label for one in self.choices}

    @property
    def document(self) -> Document:
        """The document without its observations."""
        return self.page.document

    @property
    def is_index(self) -> bool:
        """Whether engagement comes from a published rule and not from a trained model."""
        return self.document.models.engagement.kind == "index"

    @property
    def made_by(self) -> MadeBy:
        """What made the engagement curve, in words."""
        document = self.document
        return made_by(document.models.engagement, document.sampling_fps, document.adaptive)

    @property
    def has_signals(self) -> bool:
        """Whether the analysis measured signals; those of older versions did not."""
        return self.track is not None and self.track.summary.signals is not None

    @cached_property
    def tables(self) -> Tables:
        """The rows of the tables behind the charts."""
        label = _("Index") if self.is_index else _("Engagement")
        return tables_of(self.rows, self.group_affect, label)

    @property
    def path(self) -> list[dict[str, float]]:
        """Mean valence and arousal of the windows in order of time, for the script."""
        return [
            {
                "start_s": row.window.start_s,
                "end_s": row.window.end_s,
                "valence": row.valence,
                "arousal": row.arousal,
            }
            for row in self.rows
            if row.valence is not None and row.arousal is not None
        ]

    @property
    def group_affect(self) -> list[GroupAffect]:
        """Group affect, where there is a group."""
        return self.document.group_affect if len(self.document.tracks) > 1 else []

    @property
    def warnings(self) -> list[AnalysisWarning]:
        """The document's warnings, save those of which the page has a section of its own."""
        told = {CORRECTED} if self.track else {CORRECTED, "no_face"}
        return [one for one in self.document.warnings if one.code not in told]


def newest_and_finished(recording: Recording) -> tuple[Analysis | None, Analysis | None]:
    """The newest analysis, and the newest one that has a report; of a recording they are few."""
    analyses = list(recording.analyses.all())
    finished = [one for one in analyses if one.state == Analysis.State.FINISHED]
    return (
        max(analyses, key=lambda one: one.created_at, default=None),
        max(
            finished,
            key=lambda one: (one.finished_at or one.created_at, one.created_at),
            default=None,
        ),
    )


def latest_finished(recording: Recording) -> Analysis | None:
    """The newest analysis of the recording that has a report.

    The document is written with the finished state, so it need not be looked for.
    """
    return (
        recording.analyses.filter(state=Analysis.State.FINISHED)
        .order_by("-finished_at", "-created_at")
        .first()
    )


def stored_document(analysis: Analysis) -> dict[str, Any]:
    """The document exactly as the worker stored it."""
    rows = AnalysisDocument.objects.values_list("document", flat=True)
    document: dict[str, Any] = rows.get(analysis=analysis)
    return document


def read_document(analysis: Analysis) -> Document:
    """The document as it is corrected by hand, checked against the contract."""
    document = Document.model_validate(stored_document(analysis))
    return corrections.corrected(document, corrections.in_force(analysis))


def read_report(analysis: Analysis, wanted_track: str = "") -> Report:
    """The report of a finished analysis, for the wanted track or the main one.

    Raises:
        AnalysisDocument.DoesNotExist: it was erased meanwhile.
    """
    history = corrections.history(analysis)
    rows = corrections.still_in_force(history)
    page = ready.read_page(analysis, rows)
    document = page.document
    main = main_track(document)
    names = corrections.names(rows)
    track = next((one for one in document.tracks if str(one.id) == wanted_track), main)
    return Report(
        analysis=analysis,
        page=page,
        choices=[
            TrackChoice(
                track=one,
                label=names.get(one.id) or _("Person %(number)d") % {"number": one.id},
                selected=one is track,
                main=one is main,
                name=names.get(one.id, ""),
            )
            for one in document.tracks
        ],
        track=track,
        tiles=summary_tiles(page, track),
        rows=window_rows(page, track) if track else [],
        emotions=emotion_order(document.models.expression.classes),
        absent=list(document.presence.absent),
        corrections=rows,
        history=history,
    )


def main_track(document: Document) -> Track | None:
    """The track that the recording's summary speaks of: the one seen in most frames.

    Of a corrected document there may be none, though others are left: nothing of the student is.
    """
    same = [one for one in document.tracks if one.summary == document.summary]
    is_corrected = any(one.code == CORRECTED for one in document.warnings)
    others = [] if is_corrected else document.tracks
    return max(same or others, key=lambda one: one.summary.coverage, default=None)


def summary_tiles(page: Page, track: Track | None) -> list[Tile]:
    """The figures at the top, each with its coverage and spread beside it."""
    document = page.document
    if track is None:
        return [_presence_tile(document)]
    return [
        _engagement_tile(document, track),
        _engaged_share_tile(document, track),
        _emotion_tile(track.summary, page.figures[track.id].observations),
        *([_facing_tile(track.summary, signals)] if (signals := track.summary.signals) else []),
        _presence_tile(document),
    ]


def window_rows(page: Page, track: Track) -> list[WindowRow]:
    """Every window of the track with the mean emotions of the observations inside it."""
    names = emotion_order(page.document.models.expression.classes)
    means = page.figures[track.id].windows
    return [
        WindowRow(
            window=window,
            observations=one.observations,
            emotions=list(zip(names, one.emotions, strict=True)),
            valence=one.valence,
            arousal=one.arousal,
        )
        for window, one in zip(track.windows, means, strict=True)
    ]


def _engagement_tile(document: Document, track: Track) -> Tile:
    summary, made_by = track.summary, document.models.engagement
    spread = summary.engagement_spread
    is_index = made_by.kind == "index"
    number = len(track.windows)
    means = ngettext(
        "Mean of %(number)d window with a face, and their spread (one standard deviation).",
        "Mean of %(number)d windows with a face, and their spread (one standard deviation).",
        number,
    ) % {"number": number}
    return Tile(
        label=_("Engagement index, 0 to 1") if is_index else _("Engagement, 0 to 1"),
        value=two(summary.mean_engagement),
        beside="" if spread is None else f"± {spread:.2f}",
        context=f"{means} {_usable(summary)}",
    )


def _engaged_share_tile(document: Document, track: Track) -> Tile:
    upper, lower = engaged_words(document.models.engagement)
    judged = [window for window in track.windows if window.level is not None]
    engaged = sum(window.level in ENGAGED_LEVELS for window in judged)
    unsure = len(track.windows) - len(judged)
    others = _("The others are called %(lower)s.") % {"lower": lower}
    if unsure:
        others = _("The others are called %(lower)s, save %(unsure)d with too little face to say.")
        others %= {"lower": lower, "unsure": unsure}
    beside = _("%(number)d of %(all)d") % {"number": engaged, "all": len(judged)}
    return Tile(
        label=_("Windows called %(upper)s") % {"upper": upper},
        value=percent(track.summary.engaged_share),
        beside=beside if judged else "",
        context=f"{others} {_usable(track.summary)}",
    )


def _emotion_tile(summary: Summary, observations: int) -> Tile:
    ranked = sorted(summary.emotion_share.items(), key=lambda item: -item[1])
    others = ", ".join(
        f"{emotion_word(name)} {percent(share)}" for name, share in ranked[1:4] if share > 0
    )
    name = summary.dominant_emotion
    parts = [
        ngettext(
            "Share of %(number)d observation in which it was the strongest.",
            "Share of %(number)d observations in which it was the strongest.",
            observations,
        )
        % {"number": observations},
        _("Then %(others)s.") % {"others": others} if others else "",
        _usable(summary),
    ]
    return Tile(
        label=_("Most frequent emotion"),
        value=emotion_word(name).capitalize() if name else NOTHING,
        beside=percent(summary.emotion_share.get(name)) if name else "",
        context=" ".join(filter(None, parts)),
    )


def _facing_tile(summary: Summary, signals: Signals) -> Tile:
    away = _("Turned away %(away)s, head down %(down)s.") % {
        "away": percent(signals.turned_away),
        "down": percent(signals.head_down),
    }
    moves = ""
    if signals.movement is not None:
        moves = _("Moves %(movement)s face widths a second.") % {"movement": two(signals.movement)}
    return Tile(
        label=_("Facing the screen"),
        value=percent(signals.facing),
        beside=_("of the time seen"),
        context=" ".join(filter(None, [away, moves, _usable(summary)])),
    )


def _presence_tile(document: Document) -> Tile:
    absent = document.presence.absent
    away_s = sum(end - start for start, end in absent)
    context = _("No stretch without a face.")
    if absent:
        longest = max(end - start for start, end in absent)
        context = ngettext(
            "Without a face in %(number)d stretch, %(all)s in all; the longest %(longest)s.",
            "Without a face in %(number)d stretches, %(all)s in all; the longest %(longest)s.",
            len(absent),
        ) % {"number": len(absent), "all": clock(away_s), "longest": clock(longest)}
    return Tile(
        label=_("A face in view"),
        value=percent(document.presence.face_share),
        beside=_("of the time"),
        context=context,
    )


def _usable(summary: Summary) -> str:
    return _("Face usable in %(share)s of the time.") % {"share": percent(summary.coverage)}
