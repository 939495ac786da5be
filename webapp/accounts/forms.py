"""Forms of the account pages."""

import zoneinfo
from typing import ClassVar

from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import User

Grouped = list[tuple[str, str | list[tuple[str, str]]]]


class LoginForm(AuthenticationForm):
    """E-mail and password. The answer never tells which of them was wrong."""

    error_messages: ClassVar = {
        "invalid_login": _("This e-mail and password do not match an account."),
        "inactive": _("This e-mail and password do not match an account."),
    }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["username"].label = _("E-mail")
        self.fields["username"].widget = forms.EmailInput(
            attrs={"autofocus": True, "autocomplete": "username", "maxlength": 254}
        )

    def clean_username(self) -> str:
        return str(self.cleaned_data["username"]).strip().lower()


def _time_zones() -> Grouped:
    """Every place of the time zone database, by continent, UTC first."""
    continents: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(zoneinfo.available_timezones()):
        continent, slash, place = name.partition("/")
        # "Etc/GMT+5" and its like turn the sign round: nobody means them.
        if slash and continent not in {"Etc", "SystemV"}:
            continents.setdefault(continent, []).append((name, place.replace("_", " ")))
    return [("UTC", "UTC"), *continents.items()]


def _languages() -> list[tuple[str, str]]:
    return [("", gettext("As my browser asks")), *settings.LANGUAGES]


class ProfileForm(forms.ModelForm):
    """What a user may change about themself."""

    language = forms.ChoiceField(label=_("Language"), choices=_languages, required=False)
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=_time_zones,
        help_text=_("Every time on this site is shown in it."),
        error_messages={"invalid_choice": _("“%(value)s” is not a known time zone.")},
    )

    class Meta:
        model = User
        fields = ("name", "language", "time_zone")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        if len(settings.LANGUAGES) < 2:
            del self.fields["language"]
        kept = self.instance.time_zone
        if not self.fields["time_zone"].valid_value(kept):
            # An old or unusual name stays what it is until the user picks another.
            self.fields["time_zone"].choices = [(kept, kept), *_time_zones()]

    def clean_language(self) -> str:
        # A form that was sent without the field leaves the choice as it is.
        return self.cleaned_data["language"] if "language" in self.data else self.instance.language
