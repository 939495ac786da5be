"""Times of a recording as people write and read them."""

import re

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from webapp.reports.templatetags.report_format import clock

_CLOCK = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,6}(?:[.,]\d{1,3})?)")


def seconds_of(text: str) -> float | None:
    """Seconds of a time such as 65, 1:05 or 1:02:05.5; None where it is none.

    >>> seconds_of("1:02:05.5"), seconds_of("1:05"), seconds_of("65"), seconds_of("soon")
    (3725.5, 65.0, 65.0, None)
    """
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        return None
    hours, minutes, seconds = found.groups(default="0")
    return 3600.0 * int(hours) + 60.0 * int(minutes) + float(seconds.replace(",", "."))


def time_text(seconds: float) -> str:
    """Seconds as they are written into a form: with tenths where there are any.

    >>> time_text(65.04), time_text(65.5), time_text(3725.0)
    ('1:05', '1:05.5', '1:02:05')
    """
    whole, tenth = divmod(round(10 * seconds), 10)
    return f"{clock(whole)}.{tenth}" if tenth else clock(whole)


class TimeField(forms.CharField):
    """A time within a recording, in seconds or minutes and seconds; cleaned to seconds."""

    def to_python(self, value: str | None) -> float | None:  # type: ignore[override]
        text = (value or "").strip()
        if not text:
            return None
        found = seconds_of(text)
        if found is None:
            raise ValidationError(
                _("“%(text)s” is no time: write minutes and seconds, as in 1:05."),
                params={"text": text[:20]},
            )
        return found

    def prepare_value(self, value: object) -> object:
        return time_text(value) if isinstance(value, float) else value
