"""The consent form."""

from django import forms
from django.utils.translation import gettext_lazy as _


class ConsentForm(forms.Form):
    """One box, never ticked beforehand."""

    agree = forms.BooleanField(
        label=_("I have read this and agree that my recordings of this course are analysed."),
        error_messages={"required": _("Tick the box to agree, or leave this page to decline.")},
    )
