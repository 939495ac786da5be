"""Queries over notices."""

from django.db.models import QuerySet

from webapp.accounts.models import User
from webapp.notices.models import Notice, Preferences

#: More unread ones than that are not counted.
MOST_COUNTED = 100


def loaded(notices: QuerySet[Notice]) -> QuerySet[Notice]:
    """With the rows that their sentences speak of."""
    return notices.select_related("lesson", "recording__lesson", "actor")


def unread(user: User) -> int:
    """How many of the user's notices are unread, at most `MOST_COUNTED`."""
    return Notice.objects.filter(user=user, read_at=None).order_by()[:MOST_COUNTED].count()


def preferences(user: User) -> Preferences:
    """Which e-mails the user wants; not saved where they have never said."""
    return Preferences.objects.filter(user=user).first() or Preferences(user=user)
