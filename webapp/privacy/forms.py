"""The consent form."""

from django import forms


class ConsentForm(forms.Form):
    """One box, never ticked beforehand."""

    agree = forms.BooleanField(
        label="I have read this and agree that my recordings of this course are analysed.",
        error_messages={"required": "Tick the box to agree, or leave this page to decline."},
    )
