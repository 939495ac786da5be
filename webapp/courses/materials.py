"""What instructors attach to a lesson: its own video, its slides, or a link."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import User
from webapp.courses import storage
from webapp.courses.models import Lesson, LessonMaterial
from webapp.recordings.streaming import sniff_media_type
from webapp.recordings.uploads import PrivateUploadHandler, ReceivedFile
from webapp.reports.templatetags.report_format import clock

Kind = LessonMaterial.Kind
_TIME = re.compile(r"^(?:(\d{1,2}):)?(\d{1,3}):([0-5]?\d)$")
_MOST_CUES = 500
_LONGEST_S = 24 * 3600.0
#: So many bytes say what a file is.
HEAD_BYTES = 16
NO_MATERIAL = _("This file is neither an MP4 or WebM video nor a PDF. Not kept.")


@dataclass(frozen=True)
class Cue:
    """A slide and the second of the lesson from which it is shown."""

    slide: int
    start_s: float


def parse_time(text: str) -> float:
    """Seconds of ``m:ss`` or ``h:mm:ss``.

    Raises:
        ValueError: it is neither.

    >>> parse_time("1:02:05")
    3725.0
    """
    match = _TIME.match(text.strip())
    if not match:
        raise ValueError(text)
    hours, minutes, seconds = (int(one or 0) for one in match.groups())
    return float(3600 * hours + 60 * minutes + seconds)


def parse_cues(text: str) -> list[Cue]:
    """Cues of lines such as ``4 12:30``, in order of time; empty lines are passed over.

    Raises:
        ValueError: a line is no cue; its argument is the line.
    """
    cues = []
    for line in filter(None, map(str.strip, text.splitlines())):
        words = line.replace(",", " ").split()
        if len(words) != 2 or not words[0].isdecimal() or not 1 <= int(words[0]) <= 9999:
            raise ValueError(line)
        try:
            cues.append(Cue(int(words[0]), parse_time(words[1])))
        except ValueError:
            raise ValueError(line) from None
    return sorted(cues, key=lambda one: (one.start_s, one.slide))[:_MOST_CUES]


def cues_of(material: LessonMaterial) -> list[Cue]:
    """The cues of slides in order of time."""
    return [Cue(int(slide), float(start)) for slide, start in material.cues]


def cue_at(cues: Sequence[Cue], t: float) -> Cue | None:
    """The slide that is shown at a time; None before the first."""
    return next((one for one in reversed(cues) if one.start_s <= t), None)


def cues_text(material: LessonMaterial) -> str:
    """The cues as the form takes them."""
    return "\n".join(f"{one.slide} {clock(one.start_s)}" for one in cues_of(material))


class MaterialForm(forms.Form):
    """A file (video or PDF) or a link. What a file is, its first bytes say."""

    title = forms.CharField(
        label=_("Title"), max_length=120, required=False, help_text=_("Empty: the file's name.")
    )
    video = forms.FileField(
        label=_("Video or slides (PDF)"),
        required=False,
        widget=forms.FileInput(attrs={"accept": "video/mp4,video/webm,application/pdf"}),
        help_text=_("MP4, WebM or PDF."),
    )
    url = forms.CharField(
        label=_("Or a link"),
        max_length=500,
        required=False,
        help_text=_("Begins with https://. It is shown as a link and opens in a page of its own."),
    )
    starts = forms.CharField(
        label=_("A video begins at"),
        required=False,
        max_length=8,
        help_text=_("After the lesson's beginning, as minutes:seconds. Empty: 0:00."),
    )
    cues = forms.CharField(
        label=_("When slides are shown"),
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("A line each: number of the slide and time, such as “4 12:30”."),
    )

    def __init__(self, *args: Any, handler: PrivateUploadHandler | None = None, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.handler = handler

    def clean_starts(self) -> float:
        """Seconds."""
        text = self.cleaned_data["starts"]
        try:
            return parse_time(text) if text else 0.0
        except ValueError:
            raise ValidationError(
                gettext("“%(text)s” is not a time. Write minutes:seconds, such as 1:30.")
                % {"text": text}
            ) from None

    def clean_cues(self) -> list[Cue]:
        """Cues in order of time."""
        try:
            return parse_cues(self.cleaned_data["cues"])
        except ValueError as error:
            raise ValidationError(
                gettext("“%(line)s” is not a slide and a time. Write, for example, “4 12:30”.")
                % {"line": error.args[0]}
            ) from None

    def clean_url(self) -> str:
        """An address that can only be followed."""
        url: str = self.cleaned_data["url"].strip()
        if url and not is_safe_link(url):
            raise ValidationError(gettext("Only links that begin with https:// can be attached."))
        return url

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if problem := self._transfer_problem():
            self.add_error("video", problem)
        elif cleaned.get("video") and not kind_of(self.received.part):
            self.add_error("video", str(NO_MATERIAL))
        elif bool(cleaned.get("video")) == bool(cleaned.get("url")) and not self.errors:
            raise ValidationError(gettext("Choose a file or give a link, one of the two."))
        return cleaned

    def _transfer_problem(self) -> str:
        if self.handler is None:
            return ""
        if self.handler.too_large:
            return gettext("This file is larger than the site allows.")
        if self.handler.broken:
            return gettext("The file could not be stored: the server's disk refused it.")
        if self.handler.interrupted:
            return gettext("The upload ended before the whole file had arrived. Try again.")
        return ""

    @property
    def received(self) -> ReceivedFile:
        """The file on disk; only where one came."""
        received: ReceivedFile = self.cleaned_data["video"].received
        return received


class FactsForm(MaterialForm):
    """What is said about a file that comes by another way."""

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        for name in ("video", "url"):
            del self.fields[name]

    def clean(self) -> dict[str, Any]:
        return forms.Form.clean(self) or {}


class CuesForm(FactsForm):
    """What can be changed of a material that is there."""

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        del self.fields["title"]


class MaterialRefusedError(Exception):
    """It cannot be attached; the message is a sentence for the instructor."""


def is_safe_link(url: str) -> bool:
    """Whether an address leads to a page by https, names a host, and holds no password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return (
        parts.scheme == "https"
        and bool(parts.hostname)
        and "@" not in parts.netloc
        and not any(one.isspace() for one in url)
    )


def kind_of(file: Path) -> Kind | None:
    """What a file is by its first bytes; None for what browsers are not given."""
    with file.open("rb") as opened:
        head = opened.read(HEAD_BYTES)
    if head.startswith(b"%PDF-"):
        return Kind.SLIDES
    return Kind.VIDEO if sniff_media_type(head) in {"video/mp4", "video/webm"} else None


def required_kind(file: Path) -> Kind:
    """What a file is by its first bytes.

    Raises:
        MaterialRefusedError: nothing that browsers are given.
    """
    kind = kind_of(file)
    if kind is None:
        raise MaterialRefusedError(str(NO_MATERIAL))
    return kind


def media_type(material: LessonMaterial) -> str | None:
    """The type that a file is sent as; None leaves it to its first bytes."""
    return "application/pdf" if material.kind == Kind.SLIDES else None


def facts_of(said: Mapping[str, str]) -> dict[str, Any]:
    """What is said about a file: its title, when a video begins, when slides are shown.

    Raises:
        MaterialRefusedError: something of it cannot be read.
    """
    form = FactsForm(said)
    if not form.is_valid():
        raise MaterialRefusedError(next(iter(form.errors.values()))[0])
    return form.cleaned_data


def attach(lesson: Lesson, user: User, form: MaterialForm) -> LessonMaterial:
    """Keeps what a valid form brought."""
    data = form.cleaned_data
    if data["video"]:
        return attach_file(form.received, lesson, user, data)
    material = _material(lesson, user, data)
    material.kind, material.url = Kind.LINK, data["url"]
    material.title = material.title or (urlsplit(data["url"]).hostname or "")[:120]
    material.save()
    return material


def _nothing(material: LessonMaterial) -> None:
    """What else `attach_file` does, where nobody says."""


def attach_file(
    received: ReceivedFile,
    lesson: Lesson,
    user: User,
    facts: Mapping[str, Any],
    *,
    also: Callable[[LessonMaterial], None] = _nothing,
) -> LessonMaterial:
    """Keeps a file that has arrived, with what is said about it.

    `also` is called in the transaction that makes it; what it raises undoes everything.

    Raises:
        MaterialRefusedError: it is no file that browsers are given; nothing is kept.
    """
    try:
        kind = required_kind(received.part)
    except MaterialRefusedError:
        received.discard()
        raise
    material = _material(lesson, user, facts)
    material.kind, material.size_bytes = kind, received.size_bytes
    material.title = material.title or received.name[:120]
    try:
        storage.adopt(received.part, material.pk)
        with transaction.atomic():
            material.save()
            also(material)
    except BaseException:
        received.discard()
        # A commit whose answer was lost may have succeeded.
        if not LessonMaterial.objects.filter(pk=material.pk).exists():
            storage.erase(material.pk)
        raise
    return material


def _material(lesson: Lesson, user: User, facts: Mapping[str, Any]) -> LessonMaterial:
    return LessonMaterial(
        lesson=lesson,
        added_by=user,
        title=facts["title"][:120],
        starts_s=min(facts["starts"], _LONGEST_S),
        cues=[[one.slide, one.start_s] for one in facts["cues"]],
    )


def change(material: LessonMaterial, form: CuesForm) -> None:
    """Writes when a video begins, or when slides are shown."""
    material.starts_s = min(form.cleaned_data["starts"], _LONGEST_S)
    material.cues = [[one.slide, one.start_s] for one in form.cleaned_data["cues"]]
    material.save(update_fields=["starts_s", "cues"])
