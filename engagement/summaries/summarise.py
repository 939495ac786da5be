"""Make a lesson summary: of one recording, or of several of one lesson."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engagement.errors import VideoError
from engagement.files import make_out_folder, sha256_of, written_whole
from engagement.report.build import main_track
from engagement.report.schema import Analysis, Track
from engagement.summaries.classwide import MOST_STILLS, Member, Sight, choose_class
from engagement.summaries.contact_sheet import Row, Tile, contact_sheet
from engagement.summaries.drawing import clock, figure, plain
from engagement.summaries.render import ClipMaker, Look, names, write_jpeg
from engagement.summaries.schema import (
    ClassMoment,
    ClassSummary,
    LessonSummary,
    PersonSummary,
    Rules,
    Still,
)
from engagement.summaries.select import Chosen, choose, engagement_name
from engagement.types import Pixels
from engagement.video.container import shown_name

SUMMARY, SHEET = "summary.json", "contact-sheet.jpg"

#: Called with (pieces done, pieces in all). May raise to stop.
OnProgress = Callable[[float, float], None]

_UNKNOWN_FACES = (
    "Faces that were in view for less than three samples belong to nobody in the analysis, and "
    "may be seen."
)
_SEVERAL = (
    "Several people are in the recording: in each clip the faces of the others, and all but the "
    "surroundings of the person shown, are blurred."
)
_CLOCK = (
    "Times count from the start of each recording. Where students began at different moments, "
    "what is shown at one time did not happen at one time."
)
_FEW_STILLS = (
    f"At most {MOST_STILLS} students are pictured for each moment: those in whom it is clearest."
)


@dataclass(frozen=True)
class Recorded:
    """A video with the analysis that was made of it."""

    video: Path
    analysis: Analysis


def check_pair(video: Path, analysis: Analysis) -> None:
    """Make sure that the analysis speaks of this video.

    Raises:
        VideoError: it was made of another file.
    """
    if sha256_of(video) != analysis.source.sha256:
        raise VideoError(
            f"The analysis was not made of {shown_name(video)}, but of "
            f"{shown_name(Path(analysis.source.file))} with other bytes. Name that video, or "
            "analyse this one.",
            code="video_other",
        )


def summarise(
    recorded: Recorded,
    out: Path,
    *,
    rules: Rules | None = None,
    look: Look | None = None,
    track: int | None = None,
    on_progress: OnProgress | None = None,
) -> LessonSummary:
    """Clips, a contact sheet and ``summary.json`` of one recording, in the folder `out`.

    Args:
        track: only this person; None for everybody, and for what they have in common.

    Raises:
        VideoError: the video cannot be read, or there is no such track.
        OutputError: the folder cannot be written.
    """
    analysis, rules = recorded.analysis, rules or Rules()
    people = _people(analysis, track)
    chosen = [choose(analysis, one, rules) for one in people]
    make_out_folder(out)
    maker = ClipMaker(recorded.video, analysis, out, look or Look())
    steps = _Steps(sum(len(moments) for _, moments in chosen), on_progress)
    persons, rows = [], []
    for summary, moments in chosen:
        person, tiles = _draw_person(maker, summary, moments, steps)
        persons.append(person)
        if tiles:
            who = f"Person {summary.track}, face seen {summary.coverage:.0%} of the time"
            rows.append(Row(who if len(people) > 1 else "", tiles))
    whole_class = None
    if track is None and len(people) > 1:
        whole_class, sights = choose_class(
            [Member(analysis, one) for one in people], rules, len(people)
        )
        whole_class, row = _draw_class(whole_class, sights, [maker] * len(people), people, out)
        rows += row
    result = LessonSummary(
        sources=[analysis.source],
        expression=analysis.models.expression,
        engagement=analysis.models.engagement,
        rules=rules,
        people=persons,
        whole_class=whole_class,
        contact_sheet=SHEET if rows else None,
        notes=([_SEVERAL] if len(analysis.tracks) > 1 else [_UNKNOWN_FACES]) if rows else [],
    )
    _write(out, result, rows, f"{plain(analysis.source.file)}, {clock(analysis.source.duration_s)}")
    return result


def summarise_class(
    recordings: Sequence[Recorded],
    out: Path,
    *,
    of: int,
    rules: Rules | None = None,
    on_progress: OnProgress | None = None,
) -> LessonSummary:
    """What the students' own recordings of one lesson have in common; stills, not clips.

    Args:
        recordings: at least one.
        of: students of the lesson in all, with and without a recording.

    Raises:
        VideoError: a video cannot be read.
        OutputError: the folder cannot be written.
    """
    rules = rules or Rules()
    kept = _comparable(recordings)
    with_face = [(one, main) for one in kept if (main := main_track(one.analysis.tracks))]
    summary, sights = choose_class(
        [Member(one.analysis, main) for one, main in with_face], rules, of
    )
    make_out_folder(out)
    steps = _Steps(sum(len(row) for row in sights), on_progress)
    makers = [ClipMaker(one.video, one.analysis, out, Look()) for one, _ in with_face]
    tracks = [main for _, main in with_face]
    summary, rows = _draw_class(summary, sights, makers, tracks, out, steps, several=True)
    models = kept[0].analysis.models
    result = LessonSummary(
        sources=[one.analysis.source for one, _ in with_face],
        expression=models.expression,
        engagement=models.engagement,
        rules=rules,
        people=[],
        whole_class=summary,
        contact_sheet=SHEET if rows else None,
        notes=[_CLOCK, _FEW_STILLS, *_left_out(len(recordings), len(kept), len(with_face))],
    )
    _write(out, result, rows, f"{summary.people} of {of} students with data")
    return result


class _Steps:
    """Counts pieces of work for whoever watches."""

    def __init__(self, total: int, tell: OnProgress | None) -> None:
        self._done, self._total, self._tell = 0, total, tell

    def one(self) -> None:
        self._done += 1
        if self._tell:
            self._tell(float(self._done), float(self._total))


def _people(analysis: Analysis, wanted: int | None) -> list[Track]:
    if wanted is None:
        return analysis.tracks
    found = [track for track in analysis.tracks if track.id == wanted]
    if not found:
        known = ", ".join(str(track.id) for track in analysis.tracks) or "none"
        raise VideoError(
            f"There is no track {wanted} in {shown_name(Path(analysis.source.file))}; there are: "
            f"{known}. Choose another --track.",
            code="track_absent",
        )
    return found


def _draw_person(
    maker: ClipMaker, summary: PersonSummary, moments: Sequence[Chosen], steps: _Steps
) -> tuple[PersonSummary, list[Tile]]:
    drawn, tiles = [], []
    for one, name in zip(moments, names(moments, summary.track), strict=True):
        clip, still = maker.clip(one, summary.track, name)
        drawn.append(one.moment.model_copy(update={"clip": clip}))
        tiles.append(Tile(one.moment, still))
        steps.one()
    return summary.model_copy(update={"moments": drawn}), tiles


def _draw_class(
    summary: ClassSummary,
    sights: Sequence[Sequence[Sight]],
    makers: Sequence[ClipMaker],
    tracks: Sequence[Track],
    out: Path,
    steps: _Steps | None = None,
    *,
    several: bool = False,
) -> tuple[ClassSummary, list[Row]]:
    """Writes the stills; member n of the class has maker n and track n."""
    drawn, rows = [], []
    for number, (moment, shown) in enumerate(zip(summary.moments, sights, strict=True), start=1):
        stills, tiles = [], []
        for sight in shown:
            picture: Pixels = makers[sight.member].still(tracks[sight.member].id, sight.t)
            name = f"class-{number}-{moment.emotion or moment.kind}-{sight.member + 1}.jpg"
            write_jpeg(out / name, picture)
            stills.append(
                Still(
                    file=name,
                    source=sight.member if several else 0,
                    track=tracks[sight.member].id,
                    t=round(sight.t, 3),
                )
            )
            who = f"Student {sight.member + 1}" if several else f"Person {stills[-1].track}"
            tiles.append(Tile(moment, picture, who, sight.t))
            if steps:
                steps.one()
        drawn.append(moment.model_copy(update={"stills": stills}))
        rows.append(Row(_class_title(moment), tiles))
    return summary.model_copy(update={"moments": drawn}), rows


def _class_title(moment: ClassMoment) -> str:
    return (
        f"Class, {clock(moment.start_s)} to {clock(moment.end_s)}: {moment.title}, "
        f"{moment.people} of {moment.in_view} in view (of {moment.of}), {figure(moment)}"
    )


def _comparable(recordings: Sequence[Recorded]) -> list[Recorded]:
    """Those that most have their models and windows in common with."""

    def setting(one: Recorded) -> tuple[str, str, float, float]:
        models = one.analysis.models
        return (
            models.expression.name,
            models.engagement.name,
            models.engagement.window_s,
            models.engagement.stride_s,
        )

    most, _ = Counter(setting(one) for one in recordings).most_common(1)[0]
    return [one for one in recordings if setting(one) == most]


def _left_out(recordings: int, comparable: int, with_face: int) -> list[str]:
    notes = []
    if comparable < recordings:
        notes.append(
            f"{recordings - comparable} of {recordings} recordings were analysed with other models "
            "or windows than most, and are left out. Analyse them again to have them."
        )
    if with_face < comparable:
        notes.append(
            f"{comparable - with_face} of {recordings} recordings show no face, and are left out."
        )
    return notes


def _write(out: Path, result: LessonSummary, rows: Sequence[Row], what: str) -> None:
    if rows:
        made_by = (
            f"{result.expression.name}; {engagement_name(result.engagement).lower()}: "
            f"{result.engagement.name}"
        )
        write_jpeg(out / SHEET, contact_sheet("Lesson summary", f"{what}. {made_by}", rows))
    with written_whole(out / SUMMARY) as partial:
        partial.write_text(result.to_json(), encoding="utf-8")
