"""The account itself: profile, courses, consents, saved views, and the log of who looked."""

from collections.abc import Iterator
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import User
from webapp.courses.models import Enrolment, SavedView
from webapp.privacy.holdings import Holder, Line, register
from webapp.privacy.models import AccessLog, Consent


def _profile_lines(user: User) -> Iterator[Line]:
    words = gettext("Your name, e-mail address, language and time zone; your password, scrambled")
    yield Line(None, words, user.date_joined, reverse("accounts:profile"))


def _profile_rows(user: User) -> Iterator[dict[str, Any]]:
    yield {
        "name": user.name,
        "email": user.email,
        "language": user.language,
        "time_zone": user.time_zone,
        "is_admin": user.is_staff,
        "joined_at": user.date_joined,
        "last_log_in_at": user.last_login,
    }


def _enrolment_rows(user: User) -> Iterator[dict[str, Any]]:
    for one in Enrolment.objects.filter(user=user).select_related("course").iterator():
        yield {"course": one.course.title, "code": one.course.code, "role": one.role}


def _nothing(user: User) -> Iterator[Line]:
    return iter(())


def _consent_lines(user: User) -> Iterator[Line]:
    for one in Consent.objects.filter(user=user).iterator(chunk_size=500):
        words = (
            gettext("Your consent (text %(version)s), withdrawn")
            if one.withdrawn_at
            else gettext("Your consent (text %(version)s), in force")
        )
        yield Line(
            one.course_id,
            words % {"version": one.text_version},
            one.withdrawn_at or one.granted_at,
            "" if one.withdrawn_at else reverse("privacy:consent", args=[one.course_id]),
        )


def _consent_rows(user: User) -> Iterator[dict[str, Any]]:
    for one in Consent.objects.filter(user=user).select_related("course").iterator(chunk_size=500):
        yield {
            "course": one.course.title,
            "text": one.text_version,
            "granted_at": one.granted_at,
            "withdrawn_at": one.withdrawn_at,
        }


def _view_rows(user: User) -> Iterator[dict[str, Any]]:
    for one in SavedView.objects.filter(user=user).select_related("course").iterator():
        yield {"course": one.course.title, "page": one.page, "name": one.name, "query": one.query}


def _view_lines(user: User) -> Iterator[Line]:
    for one in SavedView.objects.filter(user=user).iterator(chunk_size=500):
        words = gettext("Your view “%(name)s” of the course's page") % {"name": one.name}
        yield Line(one.course_id, words)


def _look_rows(user: User) -> Iterator[dict[str, Any]]:
    looks = AccessLog.objects.filter(subject=user).select_related("actor")
    for one in looks.iterator(chunk_size=500):
        yield {
            "at": one.at,
            "who": str(one.actor),
            "did": one.get_action_display(),
            "recording": one.recording_id,
            "course": one.course_id,
        }


def _own_look_rows(user: User) -> Iterator[dict[str, Any]]:
    # Of whom: that is theirs, and not told.
    looks = AccessLog.objects.filter(actor=user).exclude(subject=user)
    for one in looks.iterator(chunk_size=500):
        yield {
            "at": one.at,
            "did": one.get_action_display(),
            "recording": one.recording_id,
            "course": one.course_id,
        }


def _look_lines(user: User) -> Iterator[Line]:
    words = pgettext("data that is held", "The log of who looked at what concerns you")
    yield Line(None, words, url=reverse("privacy:looks"))


register(Holder("profile", _("Account"), _profile_lines, _profile_rows))
register(Holder("enrolments", _("Courses"), _nothing, _enrolment_rows))
register(Holder("consents", _("Consent"), _consent_lines, _consent_rows))
register(Holder("saved_views", _("Saved views"), _view_lines, _view_rows))
register(Holder("access_log", _("Who looked"), _look_lines, _look_rows))
register(Holder("looked_at", _("What you looked at"), _nothing, _own_look_rows))
