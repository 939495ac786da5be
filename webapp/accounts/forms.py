"""Forms of the account pages."""

from typing import ClassVar

from django import forms
from django.contrib.auth.forms import AuthenticationForm

from webapp.accounts.models import User


class LoginForm(AuthenticationForm):
    """E-mail and password. The answer never tells which of them was wrong."""

    error_messages: ClassVar = {
        "invalid_login": "This e-mail and password do not match an account.",
        "inactive": "This e-mail and password do not match an account.",
    }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["username"].label = "E-mail"
        self.fields["username"].widget = forms.EmailInput(
            attrs={"autofocus": True, "autocomplete": "username", "maxlength": 254}
        )

    def clean_username(self) -> str:
        return str(self.cleaned_data["username"]).strip().lower()


class ProfileForm(forms.ModelForm):
    """What a user may change about themself."""

    class Meta:
        model = User
        fields = ("name", "time_zone")
