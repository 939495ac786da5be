"""Notices among what is held about a person."""

from collections.abc import Iterator
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import User
from webapp.notices import selectors
from webapp.notices.models import Mail, Notice
from webapp.notices.wording import sentence
from webapp.privacy.holdings import Holder, Line, register


def _lines(user: User) -> Iterator[Line]:
    count = Notice.objects.filter(user=user).order_by().count()
    if count:
        words = ngettext("%(count)d notice to you", "%(count)d notices to you", count)
        yield Line(None, words % {"count": count}, url=reverse("notices:list"))
    preferences = selectors.preferences(user)
    if preferences._state.db is not None:
        yield Line(None, gettext("Which e-mails you want"), url=reverse("accounts:profile"))


def _rows(user: User) -> Iterator[dict[str, Any]]:
    for one in selectors.loaded(Notice.objects.filter(user=user)).iterator(chunk_size=500):
        yield {"at": one.at, "read_at": one.read_at, "text": sentence(one), "reason": one.reason}
    mails = Mail.objects.filter(user=user).order_by("created_at")
    for mail in mails.iterator(chunk_size=500):
        yield {"e-mail": mail.get_kind_display(), "state": mail.state, "sent_at": mail.sent_at}


register(Holder("notices", _("Notices"), _lines, _rows))
