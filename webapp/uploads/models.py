"""Uploads under way: what a client announced, and which recording came of it.

How much of an upload has arrived is not kept here: that is the size of its file (see `storage.py`).
"""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from webapp.courses.models import Lesson
from webapp.recordings.models import Recording
from webapp.uploads import storage


class Upload(models.Model):
    """One file that a student sends piece by piece.

    `recording` is set in the transaction that makes the whole file a recording. The row then stays
    until it expires, so that a client that lost the last answer can still learn of it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    student = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="uploads"
    )
    lesson = models.ForeignKey(Lesson, on_delete=models.CASCADE, related_name="uploads")
    name = models.CharField(max_length=120)
    size_bytes = models.PositiveBigIntegerField()
    # As the client sent it, for HEAD; what follows was read from it.
    metadata = models.TextField(blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    recording = models.OneToOneField(
        Recording, on_delete=models.CASCADE, null=True, blank=True, related_name="upload"
    )

    class Meta:
        ordering = ("-created_at",)
        indexes: ClassVar = [
            models.Index(fields=["student", "recording"], name="uploads_of_student"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_expired(self) -> bool:
        """Whether it is past its time; a finished upload has become something that stays."""
        return self.recording_id is None and self.expires_at <= timezone.now()

    @property
    def arrived_bytes(self) -> int:
        """How much of it is here."""
        return self.size_bytes if self.recording_id else storage.size_bytes(self.pk)
