"""Disputes among what is held about a person."""

from collections.abc import Iterator
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import User
from webapp.disputes.models import Dispute, Reply
from webapp.privacy.holdings import Holder, Line, register


def _lines(user: User) -> Iterator[Line]:
    disputes = Dispute.objects.filter(recording__student=user).select_related("recording__lesson")
    for one in disputes.iterator(chunk_size=500):
        state = gettext("open") if one.is_open else gettext("closed")
        yield Line(
            one.recording.lesson.course_id,
            gettext("You disputed the report of “%(recording)s” (%(state)s)")
            % {"recording": one.recording.original_name, "state": state},
            one.created_at,
            reverse("reports:recording", args=[one.recording_id]) + "#disputes",
            one.recording.lesson.title,
            one.recording.lesson.starts_at,
        )
    replies = Reply.objects.filter(author=user).exclude(dispute__recording__student=user)
    replies = replies.select_related("dispute__recording__lesson")
    for said in replies.iterator(chunk_size=500):
        yield Line(
            said.dispute.recording.lesson.course_id,
            gettext("You answered a student's dispute"),
            said.at,
            reverse("reports:recording", args=[said.dispute.recording_id]) + "#disputes",
            said.dispute.recording.lesson.title,
            said.dispute.recording.lesson.starts_at,
        )


def _rows(user: User) -> Iterator[dict[str, Any]]:
    disputes = Dispute.objects.filter(recording__student=user).prefetch_related("replies__author")
    for one in disputes.iterator(chunk_size=200):
        yield {
            "recording": one.recording_id,
            "opened_at": one.created_at,
            "start_s": one.start_s,
            "end_s": one.end_s,
            "text": one.text,
            "closed_at": one.closed_at,
            "replies": [
                {"by": str(said.author), "at": said.at, "text": said.text}
                for said in one.replies.all()
            ],
        }
    replies = Reply.objects.filter(author=user).exclude(dispute__recording__student=user)
    for said in replies.iterator(chunk_size=500):
        yield {"your_answer": said.text, "at": said.at}


register(Holder("disputes", _("Disputes"), _lines, _rows))
