"""Numbers as a report's reader sees them."""

from django import template
from django.utils.translation import gettext as _

from engagement.report.schema import PoseZero
from webapp.reports.words import emotion_word, is_simulated, level_word

register = template.Library()
register.filter("is_simulated", is_simulated)

NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
# A time that a decoder or a sum leaves a hair before its second is that second.
_HAIR_S = 1e-6


@register.filter
def clock(seconds: float | None) -> str:
    """Seconds as minutes and seconds, with hours where there are any; a second counts when over.

    The pages' scripts do the same: `static/js/times.js`.

    >>> clock(65.4)
    '1:05'
    >>> clock(3725)
    '1:02:05'
    >>> clock(59.95), clock(59.9999999)
    ('0:59', '1:00')
    """
    if seconds is None:
        return NOTHING
    whole = int(max(0.0, seconds) + _HAIR_S)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


@register.filter
def percent(share: float | None) -> str:
    """A share of one as whole percent, without calling a little nothing or almost all everything.

    >>> percent(0.624)
    '62%'
    >>> percent(0.998)
    'over 99%'
    """
    if share is None:
        return NOTHING
    if 0 < share < 0.005:
        return _("under 1%")
    if 0.995 <= share < 1:
        return _("over 99%")
    return f"{round(100 * share)}%"


@register.filter
def two(value: float | None) -> str:
    """A number with two decimals, or a dash where there is none.

    >>> two(0.614), two(-0.07), two(-0.001)
    ('0.61', '\N{MINUS SIGN}0.07', '0.00')
    """
    # Plus zero: what rounds to nothing has no minus.
    return NOTHING if value is None else f"{round(value, 2) + 0.0:.2f}".replace("-", MINUS)


@register.filter
def signed(value: float | None) -> str:
    """A number with two decimals and its sign, or a dash where there is none.

    >>> signed(0.25), signed(-0.001)
    ('+0.25', '+0.00')
    """
    # Plus zero: what rounds to nothing has no minus.
    return NOTHING if value is None else f"{round(value, 2) + 0.0:+.2f}".replace("-", MINUS)


@register.filter
def zero_words(zero: PoseZero | None) -> str:
    """From where a head's angles are counted, as a sentence.

    >>> zero_words(PoseZero(yaw=35.2, pitch=0.0, estimated=True))
    "Counted from where this person's head points most: yaw +35°, pitch 0°."
    """
    if zero is None or not zero.estimated:
        return _(
            "Counted from the camera's axis: too little was seen to find this person's own zero."
        )
    angles = ", ".join(
        f"{name} {round(angle):+d}°" if round(angle) else f"{name} 0°"
        for name, angle in ((_("yaw"), zero.yaw), (_("pitch"), zero.pitch))
    ).replace("-", MINUS)
    return _("Counted from where this person's head points most: %(angles)s.") % {"angles": angles}


@register.filter
def emotion(name: str) -> str:
    """An emotion's word in the reader's language."""
    return emotion_word(name)


@register.filter
def level(name: str | None) -> str:
    """A level's word in the reader's language."""
    return level_word(name)
