"""Notices, the e-mails that carry them, and who wants which."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.courses.models import Lesson
from webapp.disputes.models import Dispute
from webapp.recordings.models import Recording


class Kind(models.TextChoices):
    """What happened. The sentence of each is in `wording`."""

    ANALYSED = "analysed", _("Your recording is analysed")
    FAILED = "failed", _("The analysis of your recording failed")
    CLASS_ANALYSED = "class_analysed", _("Recordings of a lesson are analysed")
    CLASS_FAILED = "class_failed", _("Analyses of a lesson failed")
    DISPUTED = "disputed", _("A student disputes a report")
    ANSWERED = "answered", _("Somebody answered in a dispute")
    CLOSED = "closed", _("A dispute is closed")


class Mail(models.Model):
    """One e-mail. It is sent at most once: see `outbox`.

    Its words are made when it is sent, from what is still there: nothing that was erased in the
    meantime is written about.
    """

    class Kind(models.TextChoices):
        NOTICES = "notices", _("notices")
        WEEKLY = "weekly", _("weekly digest")

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        SENDING = "sending", _("sending")
        SENT = "sent", _("sent")
        EMPTY = "empty", _("had nothing to say")
        FAILED = "failed", _("failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mails"
    )
    kind = models.CharField(max_length=16, choices=Kind.choices)
    # The week of a weekly digest, such as 2026-W48: one a person and week.
    period = models.CharField(max_length=16, blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    problem = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # Not before this.
    due_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(state__in=["queued", "sending"]),
                name="notices_mail_due",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "kind", "period"],
                condition=~models.Q(period=""),
                name="notices_one_mail_a_period",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} mail to {self.user_id}, {self.state}"


class Notice(models.Model):
    """One thing that one person is told.

    What it is about is kept as rows, so that erasing them erases the notice; its sentence is made
    when it is read, in the reader's language. Those to instructors are gathered: one a lesson, kind
    and hour, with `count` things in it.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices"
    )
    kind = models.CharField(max_length=16, choices=Kind.choices)
    # The same thing is never told twice.
    key = models.CharField(max_length=100)
    count = models.PositiveIntegerField(default=1)
    lesson = models.ForeignKey(
        Lesson, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    recording = models.ForeignKey(
        Recording, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    dispute = models.ForeignKey(
        Dispute, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    # Who did it, where it was a person.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True)
    # When it may go out by e-mail; null: it never does, or it is in a mail already.
    mail_due_at = models.DateTimeField(null=True, blank=True)
    mail = models.ForeignKey(
        Mail, on_delete=models.SET_NULL, null=True, blank=True, related_name="notices"
    )

    class Meta:
        ordering = ("-at", "-pk")
        indexes: ClassVar = [
            models.Index(fields=["user", "-at"], name="notices_of_user"),
            models.Index(
                fields=["user"], condition=models.Q(read_at__isnull=True), name="notices_unread"
            ),
            models.Index(
                fields=["mail_due_at"],
                condition=models.Q(mail_due_at__isnull=False),
                name="notices_to_mail",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "key"], name="notices_told_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.user_id}"


class Preferences(models.Model):
    """Which e-mails somebody wants; no row: all of them. Notices on the pages are always there."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="notice_preferences",
    )
    analyses = models.BooleanField(_("When analyses end or fail"), default=True)
    disputes = models.BooleanField(_("When a report is disputed or answered"), default=True)
    weekly = models.BooleanField(
        _("Every Monday, what happened in the courses I teach"), default=True
    )

    class Meta:
        verbose_name_plural = "preferences"

    def __str__(self) -> str:
        return f"preferences of {self.user_id}"
