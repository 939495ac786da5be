"""Numbers as a report's reader sees them."""

from django import template

register = template.Library()

NOTHING = "\N{EN DASH}"


@register.filter
def clock(seconds: float | None) -> str:
    """Seconds as minutes and seconds, with hours where there are any.

    >>> clock(65.4)
    '1:05'
    >>> clock(3725)
    '1:02:05'
    """
    if seconds is None:
        return NOTHING
    whole = int(seconds)
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
        return "under 1%"
    if 0.995 <= share < 1:
        return "over 99%"
    return f"{round(100 * share)}%"


@register.filter
def two(value: float | None) -> str:
    """A number with two decimals, or a dash where there is none."""
    return NOTHING if value is None else f"{value:.2f}"
