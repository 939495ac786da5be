"""Forms of disputes."""

import re

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from webapp.disputes.models import LONGEST_TEXT

_CLOCK = re.compile(r"^(?:(?P<hours>\d{1,2}):)?(?P<minutes>\d{1,4}):(?P<seconds>[0-5]?\d)$")


class ClockField(forms.CharField):
    """A moment of a recording as a person writes it, 12:30 or 1:02:05; its value in seconds."""

    widget = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "size": 8})

    def clean(self, value: object) -> float | None:  # type: ignore[override]
        text = super().clean(value)
        if not text:
            return None
        found = _CLOCK.match(text)
        if found is None:
            raise forms.ValidationError(_("Write minutes and seconds, such as 12:30."))
        hours, minutes, seconds = (
            int(found[name] or 0) for name in ("hours", "minutes", "seconds")
        )
        return float(3600 * hours + 60 * minutes + seconds)


class DisputeForm(forms.Form):
    """What is not right, and where."""

    text = forms.CharField(
        label=_("What is not right?"),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    start_s = ClockField(label=_("From (optional)"), required=False)
    end_s = ClockField(label=_("To (optional)"), required=False)

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or self.cleaned_data
        start, end = cleaned.get("start_s"), cleaned.get("end_s")
        if not self.errors and (start is None) != (end is None):
            field = "end_s" if end is None else "start_s"
            self.add_error(field, gettext("Say where the stretch begins and where it ends."))
        elif start is not None and end is not None and end <= start:
            self.add_error("end_s", gettext("The stretch must end after it begins."))
        return cleaned

    def focus_on_error(self) -> None:
        """When it is shown again, its writer goes on at the first field that was refused."""
        first = next(name for name in self.fields if name in self.errors)
        self.fields[first].widget.attrs["autofocus"] = True


class ReplyForm(forms.Form):
    """An answer."""

    text = forms.CharField(
        label=_("Your answer"), max_length=LONGEST_TEXT, widget=forms.Textarea(attrs={"rows": 3})
    )
