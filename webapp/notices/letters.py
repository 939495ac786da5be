"""The words of each e-mail, in the language and time zone of the one who gets it."""

import datetime as dt
import zoneinfo
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext, ngettext

from webapp.accounts.models import User
from webapp.engine_words import in_readers_words
from webapp.notices import selectors, weekly
from webapp.notices.models import Kind, Mail, Notice
from webapp.notices.tokens import token_for
from webapp.notices.wording import PREFERENCE_OF, link, sentence


def compose(mail: Mail) -> EmailMessage | None:
    """The message, or None where there is nothing left to say or nobody to say it to."""
    user = mail.user
    if not user.is_active or not user.email:
        return None
    with translation.override(_language(user)), timezone.override(_zone(user)):
        if mail.kind == Mail.Kind.WEEKLY:
            return _weekly(mail)
        return _notices(mail)


def _notices(mail: Mail) -> EmailMessage | None:
    notices = list(selectors.loaded(mail.notices.order_by("at", "pk")))
    if not notices:
        return None
    subject = (
        sentence(notices[0])
        if len(notices) == 1
        else ngettext("%(count)d notice", "%(count)d notices", len(notices))
        % {"count": len(notices)}
    )
    names = sorted({PREFERENCE_OF[Kind(one.kind)] for one in notices})
    lines = [(sentence(one), in_readers_words(one.reason), _absolute(link(one))) for one in notices]
    return _message(mail, subject, "notices/mail.txt", {"lines": lines}, names)


def _weekly(mail: Mail) -> EmailMessage | None:
    weeks = weekly.weeks_of(mail.user, mail.period)
    if not weeks:
        return None
    begin, end = weekly.bounds(mail.period)
    shown = {
        "weeks": [
            (one, _absolute(reverse("courses:course", args=[one.course.pk]))) for one in weeks
        ],
        "begin": begin.date(),
        "end": (end - dt.timedelta(days=1)).date(),
    }
    return _message(
        mail, gettext("Your courses last week"), "notices/weekly.txt", shown, ["weekly"]
    )


def _message(
    mail: Mail, subject: str, template: str, shown: dict[str, Any], names: Sequence[str]
) -> EmailMessage:
    leave = _absolute(reverse("notices:unsubscribe", args=[token_for(mail.user_id, names)]))
    page = shown | {
        "user": mail.user,
        "leave": leave,
        "profile": _absolute(reverse("accounts:profile")),
    }
    host = settings.SITE_URL.split("://", 1)[1].split("/", 1)[0].split(":", 1)[0]
    return EmailMessage(
        # A name may hold a line break, and a subject must not.
        subject=" ".join(subject.split()),
        body=render_to_string(template, page),
        to=[mail.user.email],
        headers={
            # The same e-mail, should it ever come twice.
            "Message-ID": f"<{mail.pk}@{host}>",
            "List-Unsubscribe": f"<{leave}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
        },
    )


def _absolute(path: str) -> str:
    return settings.SITE_URL + path


def _language(user: User) -> str:
    return user.language if user.language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


def _zone(user: User) -> zoneinfo.ZoneInfo | None:
    try:
        return zoneinfo.ZoneInfo(user.time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return None


def notice_lines(notices: Sequence[Notice]) -> list[tuple[Notice, str, str]]:
    """Each notice with its sentence and its link, for a page."""
    return [(one, sentence(one), link(one)) for one in notices]
