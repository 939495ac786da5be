"""Which e-mails somebody wants."""

from django import forms

from webapp.notices.models import Preferences


class PreferencesForm(forms.ModelForm):
    """The user's choices; the weekly digest is offered to those who teach."""

    class Meta:
        model = Preferences
        fields = ("analyses", "disputes", "weekly")

    def __init__(self, *args: object, teaches: bool, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        if not teaches:
            del self.fields["weekly"]
