"""The charts of a recording's report, of the series that its page draws."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from webapp.exports import svg
from webapp.exports.svg import Axis, Band, Chart, Line, Stack
from webapp.reports.selectors import Report
from webapp.reports.templatetags.report_format import NOTHING, percent, two, zero_words
from webapp.reports.words import emotion_word, means_words

Series = dict[str, Any]
# As the page draws them in the light theme.
_POSES = {"facing": "#0d656b", "turned_away": "#c9772f", "head_down": "#6a4bb0"}
_AFFECT = {"positive": "#e6a817", "neutral": "#a9b3c2", "negative": "#cc4141"}
_VALENCE, _AROUSAL = "#0d656b", "#b0541e"


def charts(report: Report, series: Series) -> list[Chart]:
    """Every chart of the page that the report has figures for; none without a face."""
    if report.track is None:
        return []
    track = next(one for one in series["tracks"] if one["id"] == report.track.id)
    x = svg.time_axis(series["duration_s"])
    windows = _with_holes(track["windows"], series["engagement"]["stride_s"])
    made = [_presence(report, series, track, x), _engagement(report, windows, x)]
    if report.has_signals:
        made += [_poses(report, track, x), _movement(windows, x)]
    made += [_emotions(report, series, track, x)]
    if report.group_affect:
        made += [_group(series, x)]
    return [*made, _affect(series, track, x)]


def _presence(report: Report, series: Series, track: Series, x: Axis) -> Chart:
    seen, at = [], 0.0
    for start, end in _breaks(series, track):
        seen.append((at, start))
        at = max(at, end)
    seen.append((at, series["duration_s"]))
    share = percent(report.track.summary.coverage) if report.track else ""
    title = _("When the face was in view: usable in %(share)s of the time.") % {"share": share}
    spans = [(a, b) for a, b in seen if b > a]
    return Chart(
        _("Presence"),
        svg.strip(title, x, spans, series["excluded"]),
        [
            ("present", _("this face in view")),
            ("absent", _("not in view")),
            *([("left-out", _("left out of the figures"))] if series["excluded"] else []),
        ],
    )


def _engagement(report: Report, windows: Sequence[Series | None], x: Axis) -> Chart:
    values = _over(windows, "engagement")
    band = [
        (
            at,
            None
            if one is None
            else (
                max(0.0, one["engagement"] - one["spread"]),
                min(1.0, one["engagement"] + one["spread"]),
            ),
        )
        for (at, _value), one in zip(values, windows, strict=True)
    ]
    unsure = [
        (at, value if one and one["level"] is None else None)
        for (at, value), one in zip(values, windows, strict=True)
    ]
    summary = report.track.summary if report.track else report.document.summary
    title = _("Engagement over the recording: mean %(mean)s, spread %(spread)s.") % {
        "mean": two(summary.mean_engagement),
        "spread": two(summary.engagement_spread),
    }
    layers = [Band(band), Line(values), *_dots(unsure)]
    window_s = f"{report.document.models.engagement.window_s:g}"
    return Chart(
        _("Engagement index") if report.is_index else _("Engagement"),
        svg.plot(title, x, svg.UNIT, layers, height=150),
        [
            ("line", _("a window of %(window_s)s s") % {"window_s": window_s}),
            ("band", report.made_by.band),
            ("dot", _("too little face for a level")),
        ],
    )


def _dots(points: Sequence[tuple[float, float | None]]) -> list[Line]:
    """Each value as a dot of its own, without a line."""
    return [Line([point], svg.COVERAGE) for point in points if point[1] is not None]


def _poses(report: Report, track: Series, x: Axis) -> Chart:
    """As on the page each window is a bar from its beginning to the next one's."""
    bars = []
    windows = track["windows"]
    for number, one in enumerate(windows):
        if not one["signals"]:
            continue
        after = windows[number + 1]["start_s"] if number + 1 < len(windows) else one["end_s"]
        shares = [one["signals"][name] for name in _POSES]
        bars.append([(one["start_s"], shares), (min(after, one["end_s"]), shares)])
    zero = zero_words(report.track.zero) if report.track else ""
    note = _(
        "Share of each window's time with a usable face. It says where a head points, not what "
        "anybody attends to."
    )
    return Chart(
        _("Where the head points"),
        svg.plot(
            _("Share of the time facing the screen, turned away and with the head down."),
            x,
            svg.UNIT,
            [Stack(bars, list(_POSES.values()))],
            height=84,
        ),
        [
            ("facing", _("facing the screen")),
            ("away", _("turned away")),
            ("down", _("head down")),
        ],
        f"{note} {zero}",
    )


def _movement(windows: Sequence[Series | None], x: Axis) -> Chart:
    points = [
        (at, one["signals"]["movement"] if one and one["signals"] else None)
        for (at, _value), one in zip(_over(windows, "engagement"), windows, strict=True)
    ]
    most = max((value for _at, value in points if value is not None), default=1.0) or 1.0
    y = Axis(0.0, most, [(0.0, "0"), (most, f"{most:.2f}")])
    title = _("Movement over the recording, at most %(most)s face widths a second.")
    return Chart(
        _("Movement"),
        svg.plot(title % {"most": f"{most:.2f}"}, x, y, [Line(points)], height=84),
        [("line", _("face widths a second, median of a window"))],
    )


def _emotions(report: Report, series: Series, track: Series, x: Axis) -> Chart:
    names = series["emotions"]
    drawn = track["means"] or track
    shares = zip(*(drawn["emotions"][name] for name in names), strict=True)
    runs = _runs(series, track, list(zip(drawn["t"], shares, strict=True)))
    summary = report.track.summary if report.track else report.document.summary
    title = _("Probabilities of the emotions over the recording; strongest most often: %(name)s.")
    return Chart(
        _("Emotions"),
        svg.plot(
            title % {"name": emotion_word(summary.dominant_emotion or NOTHING)},
            x,
            svg.UNIT,
            [Stack(runs, [svg.EMOTIONS.get(name, "#444444") for name in names])],
            height=170,
        ),
        [(name, emotion_word(name)) for name in names],
        _means_note(track),
    )


def _means_note(track: Series) -> str:
    if not track["means"]:
        return ""
    return means_words(f"{track['means']['stretch_s']:g}")


def _group(series: Series, x: Axis) -> Chart:
    run = [
        ((one["start_s"] + one["end_s"]) / 2, [one[name] for name in _AFFECT])
        for one in series["group_affect"]
    ]
    return Chart(
        _("Group affect"),
        svg.plot(
            _("Positive, neutral and negative expression of all people in view."),
            x,
            svg.UNIT,
            [Stack([run], list(_AFFECT.values()))],
            height=100,
        ),
        [("positive", _("positive")), ("neutral", _("neutral")), ("negative", _("negative"))],
        _("Of everybody in the recording together."),
    )


def _affect(series: Series, track: Series, x: Axis) -> Chart:
    derived = series["valence_arousal"] == "derived"
    lines = []
    for name, colour, dashed in (("valence", _VALENCE, False), ("arousal", _AROUSAL, True)):
        drawn = track["means"] or track
        rows = list(zip(drawn["t"], drawn[name], strict=True))
        lines += [Line(run, colour, dashed) for run in _runs(series, track, rows)]
    note = _("Valence: unpleasant −1 to pleasant +1. Arousal: calm −1 to excited +1.")  # noqa: RUF001
    if derived:
        note = f"{note} {_('Derived from the emotions, not predicted.')}"
    return Chart(
        _("Valence and arousal"),
        svg.plot(_("Valence and arousal over the recording."), x, svg.SIGNED, lines, height=120),
        [("valence", _("valence")), ("arousal", _("arousal"))],
        f"{note} {_means_note(track)}".strip(),
    )


def _with_holes(windows: Sequence[Series], stride_s: float) -> list[Series | None]:
    """Windows in order, with None wherever one is missing because the face was away."""
    row: list[Series | None] = []
    before = None
    for one in windows:
        if before is not None and one["start_s"] - before > 1.5 * stride_s:
            row.append(None)
        row.append(one)
        before = one["start_s"]
    return row


def _over(windows: Sequence[Series | None], name: str) -> list[tuple[float, float | None]]:
    """(middle of the window, value); where there is a hole, no value at the time before."""
    points: list[tuple[float, float | None]] = []
    for one in windows:
        if one is None:
            points.append((points[-1][0] if points else 0.0, None))
        else:
            points.append(((one["start_s"] + one["end_s"]) / 2, one[name]))
    return points


def _breaks(series: Series, track: Series) -> list[tuple[float, float]]:
    """Stretches without figures of a track: the face was away, or they were left out by hand."""
    return sorted((start, end) for start, end in [*track["unseen"], *series["excluded"]])


def _runs(
    series: Series, track: Series, rows: Sequence[tuple[float, Any]]
) -> list[list[tuple[float, Any]]]:
    """What is drawn of a track, in runs, broken wherever there are no figures."""
    if not track["means"]:
        return _between(rows, _breaks(series, track))
    half_s = track["means"]["stretch_s"] / 2
    runs: list[list[tuple[float, Any]]] = []
    for at_s, value in rows:
        if not runs or at_s - runs[-1][-1][0] > 2 * half_s:
            runs.append([(at_s - half_s, value)])
        runs[-1].append((at_s, value))
    # A mean is of its whole stretch, so that a run begins and ends with one.
    end_s = series["duration_s"]
    return [[*run, (min(run[-1][0] + half_s, end_s), run[-1][1])] for run in runs]


def _between(
    rows: Sequence[tuple[float, Any]], unseen: Sequence[tuple[float, float]]
) -> list[list[tuple[float, Any]]]:
    """The rows in runs, broken wherever the face was away."""
    runs: list[list[tuple[float, Any]]] = [[]]
    breaks = [start for start, _end in unseen]
    place = 0
    for row in rows:
        while place < len(breaks) and breaks[place] < row[0]:
            runs.append([])
            place += 1
        runs[-1].append(row)
    return [run for run in runs if run]
