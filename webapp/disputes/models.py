"""Disputes of reports, and what was said in them. They are erased with their recording."""

from typing import ClassVar

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from webapp.recordings.models import Recording

LONGEST_TEXT = 4000


class Dispute(models.Model):
    """A student says that something in the report of their recording is not right.

    It is open until somebody closes it: an instructor who has answered, or the student themself.
    Without a stretch it is about the whole report.
    """

    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="disputes")
    start_s = models.FloatField(null=True, blank=True, validators=[MinValueValidator(0.0)])
    end_s = models.FloatField(null=True, blank=True, validators=[MinValueValidator(0.0)])
    text = models.TextField(_("what is not right"), max_length=LONGEST_TEXT)
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("-created_at", "-pk")
        indexes: ClassVar = [
            # Open ones are few among all that there were, and are asked for by every list.
            models.Index(
                fields=["recording"],
                condition=models.Q(closed_at__isnull=True),
                name="disputes_open_of_recording",
            ),
        ]

    def __str__(self) -> str:
        return f"dispute of {self.recording_id}"

    @property
    def is_open(self) -> bool:
        """Whether it still waits for an answer or its end."""
        return self.closed_at is None


class Reply(models.Model):
    """What an instructor answered, or the student said on."""

    dispute = models.ForeignKey(Dispute, on_delete=models.CASCADE, related_name="replies")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="dispute_replies"
    )
    text = models.TextField(_("your answer"), max_length=LONGEST_TEXT)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("at", "pk")
        verbose_name_plural = "replies"

    def __str__(self) -> str:
        return f"reply to {self.dispute_id}"
