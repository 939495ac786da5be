"""An analysis as a readable summary in the terminal."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engagement.report.schema import Analysis, Signals, Skill, Summary, Track


def print_analysis(analysis: Analysis, console: Console) -> None:
    """Print who was seen, how engaged, how sure, by which models, and what to beware of."""
    source = analysis.source
    console.print(
        f"[bold]{escape(source.file)}[/]  {clock(source.duration_s)}, "
        f"{source.width} x {source.height}, {source.fps:g} frames a second, "
        f"sampled at {analysis.sampling_fps:g}{_passed_over(analysis)}",
        highlight=False,
    )
    if analysis.tracks:
        console.print(_tracks_table(analysis))
    absent = ", ".join(f"{clock(a)}-{clock(b)}" for a, b in analysis.presence.absent)
    console.print(
        f"A face in sight {analysis.presence.face_share:.0%} of the time"
        + (f"; none at {absent}." if absent else "."),
        highlight=False,
    )
    if len(analysis.tracks) > 1 and analysis.group_affect:
        console.print(_group_line(analysis), highlight=False)
    for warning in analysis.warnings:
        console.print(f"[yellow]Note:[/] {warning.text}", highlight=False)
    console.print(_models_line(analysis), style="dim", highlight=False)


def clock(seconds: float) -> str:
    """Seconds as ``m:ss`` or ``h:mm:ss``.

    >>> clock(75.4)
    '1:15'
    """
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _passed_over(analysis: Analysis) -> str:
    if analysis.adaptive is None:
        return ""
    return (
        f", {analysis.adaptive.looked_at:.0%} of them looked at, the others where nothing changed"
    )


def _tracks_table(analysis: Analysis) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for name in ("track", "seen", "coverage", "engagement", "engaged", "head", "emotions"):
        table.add_column(name, overflow="fold")
    for track in analysis.tracks:
        table.add_row(*_row(track))
    return table


def _row(track: Track) -> tuple[str, ...]:
    summary = track.summary
    engagement, share = "-", "-"
    if summary.mean_engagement is not None:
        engagement = f"{summary.mean_engagement:.2f} ± {summary.engagement_spread or 0:.2f}"
    if summary.engaged_share is not None:
        share = f"{summary.engaged_share:.0%} of windows"
    return (
        str(track.id),
        f"{clock(track.first_s)}-{clock(track.last_s)}",
        f"{summary.coverage:.0%}",
        engagement,
        share,
        _head(summary.signals),
        _emotions(summary),
    )


def _head(signals: Signals | None) -> str:
    """Where the head points, and how much it moves."""
    if signals is None:
        return "-"
    shares = {
        "facing": signals.facing,
        "away": signals.turned_away,
        "down": signals.head_down,
    }
    parts = [f"{name} {share:.0%}" for name, share in shares.items() if share >= 0.01]
    if signals.movement is not None:
        parts.append(f"moves {signals.movement:.2f}/s")
    return ", ".join(parts)


def _group_line(analysis: Analysis) -> str:
    """The mean of group affect over windows, and what made it."""
    rows, rule = analysis.group_affect, analysis.models.group_affect
    means = ", ".join(
        f"{name} {sum(getattr(row, name) for row in rows) / len(rows):.0%}"
        for name in ("positive", "neutral", "negative")
    )
    kind = "a rule" if rule.kind == "index" else "a trained classifier"
    return f"Group affect, mean of {len(rows)} windows: {means} ({escape(rule.name)}, {kind})."


def _emotions(summary: Summary) -> str:
    shares = sorted(summary.emotion_share.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {share:.0%}" for name, share in shares if share >= 0.01)


def _models_line(analysis: Analysis) -> str:
    models = analysis.models
    kind = (
        "a published rule, not a trained model"
        if models.engagement.kind == "index"
        else f"a trained model, {_skill(models.engagement.skill)}"
    )
    return (
        f"Emotions: {models.expression.name} ({models.expression.weights_sha256[:12]}). "
        f"Engagement: {escape(models.engagement.name)}, {kind}; ± is the spread over windows of "
        f"{models.engagement.window_s:g} s. Evidence with an error, never a verdict."
    )


def _skill(skill: Skill | None) -> str:
    if skill is None:
        return "not measured on people whom it has not seen"
    return (
        f"balanced recall {skill.balanced_recall:.2f} ({skill.low:.2f} to {skill.high:.2f}) on "
        f"{skill.people} people whom it had not seen, guessing {skill.guessing:.2f}"
    )
