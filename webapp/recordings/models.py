"""Recordings, analyses and their documents.

Files are addressed by the recording's id alone (see `storage.py`): what the client called its
file is kept for display and never used as a path.
"""

import uuid
from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property

from webapp.courses.models import Lesson
from webapp.recordings import storage, waiting


class Recording(models.Model):
    """One student's video of one lesson. A row exists only for bytes that are safe on disk."""

    class Playback(models.TextChoices):
        """Which file a browser is given: the worker decides after looking at the codec."""

        UNKNOWN = "unknown", "not looked at yet"
        ORIGINAL = "original", "as uploaded"
        PREPARING = "preparing", "a playable copy is being made"
        RENDITION = "rendition", "a playable copy"
        UNPLAYABLE = "unplayable", "no playable copy could be made"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    lesson = models.ForeignKey(Lesson, on_delete=models.CASCADE, related_name="recordings")
    student = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recordings"
    )
    original_name = models.CharField(max_length=120)
    size_bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    duration_s = models.FloatField(null=True, blank=True)
    # When it began by the student's clock, where the client said so and it can be.
    started_at = models.DateTimeField(null=True, blank=True)
    playback = models.CharField(
        max_length=16, choices=Playback.choices, default=Playback.UNKNOWN, editable=False
    )
    # When a worker was last heard of about the playable copy, and how often one has begun it.
    playback_at = models.DateTimeField(null=True, blank=True, editable=False)
    playback_attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-created_at",)
        # For the lists of a lesson and of a student, newest first, and for what the reaper seeks.
        indexes: ClassVar = [
            models.Index(fields=["lesson", "-created_at"], name="recordings_of_lesson"),
            models.Index(fields=["student", "-created_at"], name="recordings_of_student"),
            models.Index(fields=["playback", "playback_at"], name="recordings_playback"),
        ]

    def __str__(self) -> str:
        return self.original_name

    @property
    def video_path(self) -> Path:
        """The uploaded video in private storage."""
        return storage.video_path(self.id)

    @property
    def embeddings_path(self) -> Path:
        """Where the analysis writes its embeddings."""
        return storage.embeddings_path(self.id)

    @property
    def playable_path(self) -> Path:
        """The file that a browser should be given."""
        if self.playback == self.Playback.RENDITION:
            return storage.rendition_path(self.id)
        return self.video_path

    @property
    def latest_analysis(self) -> "Analysis | None":
        """The newest analysis; uses prefetched rows where there are any."""
        return max(self.analyses.all(), key=lambda one: one.created_at, default=None)


class Analysis(models.Model):
    """One run of one set of models over one recording.

    The database is the truth about it; the broker only tells workers to look. `owner` names the
    task that claimed it, `heartbeat_at` when that task was last heard of, and `sent_at` when a
    message for it was last given to the broker (null: never, the broker was away). `expected_at`
    is when it should be ready by the pace of the present attempt (null: not known yet).
    """

    class State(models.TextChoices):
        QUEUED = "queued", "queued"
        RUNNING = "running", "running"
        FINISHED = "finished", "finished"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "stopped"

    #: Something is still going to happen to an analysis in one of these.
    OPEN: ClassVar = (State.QUEUED, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="analyses")
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    progress = models.FloatField(
        default=0.0, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)]
    )
    error_code = models.CharField(max_length=64, blank=True)
    error_text = models.CharField(max_length=500, blank=True)
    model_requested = models.CharField(max_length=64, default="auto")
    sampling_fps = models.FloatField(default=5.0, validators=[MinValueValidator(0.1)])
    attempts = models.PositiveSmallIntegerField(default=0)
    owner = models.CharField(max_length=128, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    expected_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    # Copied out of the document when it is written, so that a list need not read documents.
    mean_engagement = models.FloatField(null=True, blank=True)
    engagement_spread = models.FloatField(null=True, blank=True)
    engaged_share = models.FloatField(null=True, blank=True)
    coverage = models.FloatField(null=True, blank=True)
    dominant_emotion = models.CharField(max_length=32, blank=True)
    face_share = models.FloatField(null=True, blank=True)
    expression_model = models.CharField(max_length=64, blank=True)
    engagement_model = models.CharField(max_length=64, blank=True)
    engagement_kind = models.CharField(max_length=16, blank=True)

    class Meta:
        ordering = ("-created_at",)
        verbose_name_plural = "analyses"
        indexes: ClassVar = [
            models.Index(fields=["state", "heartbeat_at"], name="recordings_analysis_reaper"),
            # The newest report of a recording, and of every recording of a course.
            models.Index(
                fields=["recording", "state", "-finished_at"], name="recordings_analysis_newest"
            ),
        ]
        constraints: ClassVar = [
            # A double click or a second tab must not start a second run.
            models.UniqueConstraint(
                fields=["recording"],
                condition=models.Q(state__in=["queued", "running"]),
                name="recordings_one_open_analysis",
            ),
        ]

    def __str__(self) -> str:
        return f"analysis of {self.recording_id}, {self.state}"

    @property
    def is_open(self) -> bool:
        """Whether something is still going to happen to it."""
        return self.state in self.OPEN

    @property
    def progress_percent(self) -> int:
        """Progress for a person, 0 to 100."""
        return round(100 * self.progress)

    @property
    def time_left(self) -> str:
        """How long it still runs, in words; empty until that can be estimated."""
        if self.state != self.State.RUNNING or self.expected_at is None:
            return ""
        return waiting.time_left((self.expected_at - timezone.now()).total_seconds())

    @cached_property
    def ahead(self) -> int:
        """How many analyses wait that were asked for before; lists set it for all their rows."""
        queued = Analysis.objects.filter(state=self.State.QUEUED)
        return queued.filter(created_at__lt=self.created_at).count()

    @property
    def checkpoint_path(self) -> Path:
        """Folder in which a run keeps what it has so far."""
        return storage.checkpoint_path(self.recording_id, self.id)


class AnalysisDocument(models.Model):
    """A finished analysis, as the contract `engagement.analysis/1` writes it."""

    analysis = models.OneToOneField(
        Analysis, on_delete=models.CASCADE, primary_key=True, related_name="document"
    )
    document = models.JSONField()

    def __str__(self) -> str:
        return f"document of {self.analysis_id}"
