"""Words for somebody who waits."""

from django.utils.translation import gettext as _

_MINUTE_S = 60.0
_EXACT_MINUTES = 10
_LONG_MINUTES = 90


def time_left(seconds: float) -> str:
    """How long it still takes, no more exactly than an estimate can be.

    Whole minutes up to ten, fives of minutes up to an hour and a half, then half hours: so what is
    read changes now and then, and not with every look.

    >>> time_left(20), time_left(170), time_left(1600), time_left(9000)
    ('less than a minute', 'about 3 minutes', 'about 25 minutes', 'about 2½ hours')
    """
    minutes = round(seconds / _MINUTE_S)
    if minutes < 1:
        return _("less than a minute")
    if minutes == 1:
        return _("about a minute")
    if minutes <= _EXACT_MINUTES:
        return _("about %(count)s minutes") % {"count": minutes}
    if minutes < _LONG_MINUTES:
        return _("about %(count)s minutes") % {"count": 5 * round(minutes / 5)}
    whole, half = divmod(round(minutes / 30), 2)
    return _("about %(count)s hours") % {"count": f"{whole}{'½' * half}"}
