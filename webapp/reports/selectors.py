"""What a report's page needs, read from its ready form. Nothing heavy is imported here."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

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
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from webapp.reports import corrections, ready
from webapp.reports.made_by import MadeBy, engaged_words, made_by
from webapp.reports.ready import Page
from webapp.reports.series import Span, emotion_order
from webapp.reports.tables import Tables, tables_of
from webapp.reports.templatetags.report_format import NOTHING, clock, percent, two


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
        label = "Index" if self.is_index else "Engagement"
        return tables_of(self.rows, self.group_affect, label)

    @property
    def group_affect(self) -> list[GroupAffect]:
        """Group affect, where there is a group."""
        return self.document.group_affect if len(self.document.tracks) > 1 else []

    @property
    def warnings(self) -> list[AnalysisWarning]:
        """The document's warnings; the page of a recording without a face says that at length."""
        return [one for one in self.document.warnings if self.track or one.code != "no_face"]


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
    page = ready.read_page(analysis)
    document = page.document
    main = main_track(document)
    track = next((one for one in document.tracks if str(one.id) == wanted_track), main)
    return Report(
        analysis=analysis,
        page=page,
        choices=[
            TrackChoice(one, f"Person {number}", one is track, one is main)
            for number, one in enumerate(document.tracks, start=1)
        ],
        track=track,
        tiles=summary_tiles(page, track),
        rows=window_rows(page, track) if track else [],
        emotions=emotion_order(document.models.expression.classes),
        absent=list(document.presence.absent),
    )


def main_track(document: Document) -> Track | None:
    """The track that the recording's summary speaks of: the one seen in most frames."""
    same = [one for one in document.tracks if one.summary == document.summary]
    return max(same or document.tracks, key=lambda one: one.summary.coverage, default=None)


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
    return Tile(
        label="Engagement index, 0 to 1" if made_by.kind == "index" else "Engagement, 0 to 1",
        value=two(summary.mean_engagement),
        beside="" if spread is None else f"± {spread:.2f}",
        context=(
            f"Mean of {_count(len(track.windows), 'window')} with a face, and their spread (one "
            f"standard deviation). Face usable in {percent(summary.coverage)} of the time."
        ),
    )


def _engaged_share_tile(document: Document, track: Track) -> Tile:
    upper, lower = engaged_words(document.models.engagement)
    judged = [window for window in track.windows if window.level is not None]
    engaged = sum(window.level in ENGAGED_LEVELS for window in judged)
    unsure = len(track.windows) - len(judged)
    return Tile(
        label=f"Windows called {upper}",
        value=percent(track.summary.engaged_share),
        beside=f"{engaged} of {len(judged)}" if judged else "",
        context=(
            f"The others are called {lower}"
            + (f", save {unsure} with too little face to say. " if unsure else ". ")
            + f"Face usable in {percent(track.summary.coverage)} of the time."
        ),
    )


def _emotion_tile(summary: Summary, observations: int) -> Tile:
    ranked = sorted(summary.emotion_share.items(), key=lambda item: -item[1])
    others = ", ".join(f"{name} {percent(share)}" for name, share in ranked[1:4] if share > 0)
    name = summary.dominant_emotion
    return Tile(
        label="Most frequent emotion",
        value=name.capitalize() if name else NOTHING,
        beside=percent(summary.emotion_share.get(name)) if name else "",
        context=(
            f"Share of {_count(observations, 'observation')} in which it was the strongest. "
            + (f"Then {others}. " if others else "")
            + f"Face usable in {percent(summary.coverage)} of the time."
        ),
    )


def _facing_tile(summary: Summary, signals: Signals) -> Tile:
    moves = (
        "" if signals.movement is None else f" Moves {signals.movement:.2f} face widths a second."
    )
    return Tile(
        label="Facing the screen",
        value=percent(signals.facing),
        beside="of the time seen",
        context=(
            f"Turned away {percent(signals.turned_away)}, head down {percent(signals.head_down)}."
            f"{moves} Face usable in {percent(summary.coverage)} of the time."
        ),
    )


def _presence_tile(document: Document) -> Tile:
    absent = document.presence.absent
    away_s = sum(end - start for start, end in absent)
    context = "No stretch without a face."
    if absent:
        longest = max(end - start for start, end in absent)
        context = (
            f"Without a face in {_count(len(absent), 'stretch', 'stretches')}, "
            f"{clock(away_s)} in all; the longest {clock(longest)}."
        )
    return Tile(
        label="A face in view",
        value=percent(document.presence.face_share),
        beside="of the time",
        context=context,
    )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
