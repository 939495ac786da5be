"""Lesson summaries: of one recording, or of a class."""

import uuid
from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from engagement.summaries.schema import LessonSummary as Document
from webapp.courses.models import Lesson
from webapp.recordings.models import Analysis, Recording
from webapp.summaries import storage


class LessonSummary(models.Model):
    """A few short clips of a recording, or what the recordings of a lesson have in common.

    It goes through the states of an analysis, for the same reasons: the database is the truth,
    `owner` names the task that claimed it, `heartbeat_at` when that was last heard of, `sent_at`
    when a message for it was last given to the broker. Either `recording` or `lesson` is set.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "queued"
        RUNNING = "running", "running"
        FINISHED = "finished", "finished"
        FAILED = "failed", "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.ForeignKey(
        Recording, on_delete=models.CASCADE, related_name="summaries", null=True, blank=True
    )
    lesson = models.ForeignKey(
        Lesson, on_delete=models.CASCADE, related_name="summaries", null=True, blank=True
    )
    # What it is made from. Erasing any of these recordings erases the summary (see signals.py).
    analyses = models.ManyToManyField(Analysis, related_name="+", blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    progress = models.FloatField(
        default=0.0, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)]
    )
    error_code = models.CharField(max_length=64, blank=True)
    error_text = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    owner = models.CharField(max_length=128, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, related_name="+", null=True
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    document = models.JSONField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        verbose_name_plural = "lesson summaries"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(recording__isnull=False, lesson__isnull=True)
                | models.Q(recording__isnull=True, lesson__isnull=False),
                name="summaries_of_a_recording_or_a_lesson",
            ),
            # A double click or a second tab must not start a second run.
            models.UniqueConstraint(
                fields=["recording"],
                condition=models.Q(state__in=["queued", "running"]),
                name="summaries_one_open_a_recording",
            ),
            models.UniqueConstraint(
                fields=["lesson"],
                condition=models.Q(state__in=["queued", "running"]),
                name="summaries_one_open_a_lesson",
            ),
        ]

    def __str__(self) -> str:
        return f"summary of {self.recording_id or self.lesson}, {self.state}"

    @property
    def is_open(self) -> bool:
        """Whether something is still going to happen to it."""
        return self.state in (self.State.QUEUED, self.State.RUNNING)

    @property
    def progress_percent(self) -> int:
        """Progress for a person, 0 to 100."""
        return round(100 * self.progress)

    @property
    def folder(self) -> Path:
        """Its files in private storage, once it is finished."""
        return storage.folder(self.pk, self.recording_id)

    def read(self) -> Document:
        """The document of a finished summary, checked against the contract."""
        return Document.model_validate(self.document)
