"""What people fill in to mark or correct a report."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from webapp.marks.models import Mark
from webapp.marks.services import tag_names
from webapp.marks.times import TimeField, time_text

Audience = Mark.Audience


class _Stretch(forms.Form):
    """A time, and its end where there is one, within a recording of `duration_s` seconds."""

    start = TimeField(label=_("From"))
    end = TimeField(label=_("To"), required=False)

    def __init__(self, *args: Any, duration_s: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self.duration_s = duration_s

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        start, end = cleaned.get("start"), cleaned.get("end")
        if start is not None and start > self.duration_s:
            self.add_error(
                "start",
                _("The recording ends at %(end)s.") % {"end": time_text(self.duration_s)},
            )
        if start is not None and end is not None and end <= start:
            self.add_error("end", _("The end must come after the start."))
        return cleaned


class MarkForm(_Stretch):
    """A marker at a time, or a note about a stretch."""

    text = forms.CharField(
        label=_("Note"), max_length=2000, required=False, widget=forms.Textarea({"rows": 3})
    )
    tags = forms.CharField(
        label=_("Tags"), max_length=400, required=False, help_text=_("Apart by commas.")
    )
    audience = forms.ChoiceField(label=_("Who sees it"), choices=Audience.choices)

    def __init__(self, *args: Any, is_student: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["end"].label = _("To (optional)")
        if is_student:
            # What a student shares, their instructors see; there is nobody else.
            self.fields["audience"].choices = [  # type: ignore[attr-defined]
                (Audience.PRIVATE, Audience.PRIVATE.label),
                (Audience.EVERYONE, _("me and the course's instructors")),
            ]

    def clean_tags(self) -> list[str]:
        """The tags, each once."""
        return tag_names(self.cleaned_data["tags"])


class ExclusionForm(_Stretch):
    """A stretch that the figures leave out."""

    end = TimeField(label=_("To"))
    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        help_text=_("Everybody who reads the report sees it, the student too."),
    )


class NameForm(forms.Form):
    """Who a person of the recording is."""

    track = forms.IntegerField(min_value=0)
    name = forms.CharField(label=_("Name"), max_length=60)
    is_student = forms.BooleanField(required=False)


class MergeForm(forms.Form):
    """Two people of the recording who are one."""

    track = forms.IntegerField(min_value=0)
    into = forms.IntegerField(min_value=0)
    reason = forms.CharField(max_length=200, required=False)
