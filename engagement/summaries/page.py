"""A page that shows a summary's folder by itself: no server, no script, nothing from elsewhere."""

from html import escape

from engagement.summaries.drawing import clock, colour_of, figure
from engagement.summaries.schema import ClassMoment, LessonSummary, Moment, PersonSummary
from engagement.summaries.select import engagement_name

_STYLE = """
:root { color-scheme: light dark;
  --canvas: light-dark(#f5f6f8, #0e131c); --card: light-dark(#fff, #161d29);
  --ink: light-dark(#18212f, #e8ecf3); --muted: light-dark(#536074, #a3afc2);
  --line: light-dark(#dbe0e8, #2a3547) }
* { box-sizing: border-box }
body { background: var(--canvas); color: var(--ink); margin: 0 auto; max-width: 76rem;
  padding: 2rem clamp(1rem, 4vw, 2rem) 3rem;
  font: .9375rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif }
h1, h2, h3, p { margin: 0 }
h1 { font-size: 1.75rem; overflow-wrap: anywhere }
h2 { font-size: 1.2rem; margin-top: 2rem }
h3 { align-items: center; display: flex; font-size: 1rem; gap: .5rem }
h3 i { border-radius: 50%; flex: none; height: .75rem; width: .75rem }
h3 span { color: var(--muted); font-variant-numeric: tabular-nums; font-weight: 400;
  margin-left: auto; white-space: nowrap }
ul { margin: .5rem 0 0; padding-left: 1.2rem }
figure, .notice { background: var(--card); border: 1px solid var(--line); border-radius: .625rem }
figure { margin: 0; overflow: hidden }
figure video, figure img { background: #000; display: block; height: auto; width: 100% }
figcaption { display: grid; gap: .25rem; padding: .75rem 1rem 1rem }
.muted { color: var(--muted) }
.notice { margin-top: 1rem; padding: .75rem 1rem }
.grid { display: grid; gap: 1rem; margin-top: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)) }
.sheet { border-radius: .625rem; display: block; height: auto; margin-top: 1rem; max-width: 100% }
"""


def index_page(summary: LessonSummary) -> str:
    """``index.html`` for the summary's folder."""
    title = ", ".join(source.file for source in summary.sources) or "no recording"
    kind = (
        "a published rule, not a trained model"
        if summary.engagement.kind == "index"
        else "a trained classifier"
    )
    parts = [
        "<header><h1>Lesson summary</h1>",
        f'<p class="muted">{escape(title)}, '
        f"{', '.join(clock(source.duration_s) for source in summary.sources)}</p></header>",
        '<p class="notice"><strong>Evidence with an error, never a verdict.</strong> '
        "Guesses from a face on camera: they do not show what somebody felt or understood, and "
        "are not for grading or discipline. Emotions: "
        f"{escape(summary.expression.name)}. {engagement_name(summary.engagement)}: "
        f"{escape(summary.engagement.name)}, {kind}.</p>",
        *[_person(one) for one in summary.people],
    ]
    if not summary.people and summary.whole_class is None:
        parts.append("<h2>No face was found</h2><p>So there is nothing to show.</p>")
    if summary.whole_class is not None:
        parts.append("<section><h2>What most have in common</h2>")
        parts += [_sentences(summary.whole_class.missing), '<div class="grid">']
        parts += [_class_moment(one) for one in summary.whole_class.moments]
        parts.append("</div></section>")
    if summary.contact_sheet:
        sheet = escape(summary.contact_sheet)
        parts.append(
            f'<h2>Contact sheet</h2><a href="{sheet}"><img class="sheet" src="{sheet}" '
            'alt="A still of each moment" loading="lazy"></a>'
        )
    parts.append(f"<h2>To know</h2>{_sentences([*summary.notes, _rule(summary)])}")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Lesson summary</title><style>{_STYLE}</style></head><body>"
        f"{''.join(parts)}</body></html>\n"
    )


def _rule(summary: LessonSummary) -> str:
    rules = summary.rules
    return (
        f"A stretch is clear where one emotion's probability, averaged over {rules.smooth_s:g} s, "
        f"is {rules.min_probability:.0%} or more for at least {rules.min_s:g} s. A dip or peak of "
        "engagement departs from the curve's mean by more than the curve's spread."
    )


def _person(person: PersonSummary) -> str:
    moments = "".join(_figure(one) for one in person.moments)
    return (
        f"<section><h2>Person {person.track}</h2>"
        f'<p class="muted">Face seen {person.coverage:.0%} of the time.</p>'
        f'{_sentences(person.missing)}<div class="grid">{moments}</div></section>'
    )


def _sentences(sentences: list[str]) -> str:
    items = "".join(f"<li>{escape(one)}</li>" for one in sentences)
    return f'<ul class="muted">{items}</ul>' if items else ""


def _figure(moment: Moment) -> str:
    clip = moment.clip
    if clip is None:
        return ""
    file, poster = escape(clip.file), escape(clip.poster)
    if file.endswith(".mp4"):
        shown = (
            f'<video controls playsinline preload="metadata" poster="{poster}" src="{file}">'
            "</video>"
        )
    else:
        shown = f'<img src="{file}" alt="{escape(moment.title)}" loading="lazy">'
    part = ""
    if clip.end_s - clip.start_s < moment.end_s - moment.start_s - 0.05:
        part = f" Shown: {clock(clip.start_s)} to {clock(clip.end_s)}."
    return f"<figure>{shown}{_caption(moment, part)}</figure>"


def _class_moment(moment: ClassMoment) -> str:
    shown = "".join(
        f'<img src="{escape(one.file)}" alt="Person {one.track} at {clock(one.t)}" loading="lazy">'
        for one in moment.stills[:1]
    )
    return f"<figure>{shown}{_caption(moment, '')}</figure>"


def _caption(moment: Moment, more: str) -> str:
    red, green, blue = colour_of(moment)
    return (
        f'<figcaption><h3><i style="background:rgb({red} {green} {blue})"></i>'
        f"{escape(moment.title)}<span>{clock(moment.start_s)} to {clock(moment.end_s)}</span></h3>"
        f"<p>{escape(moment.why)}{more}</p>"
        f'<p class="muted">{escape(figure(moment).capitalize())}.</p></figcaption>'
    )
