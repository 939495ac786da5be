"""Uploads under way: what a client announced, and what came of it.

How much of an upload has arrived is not kept here: that is the size of its file (see `storage.py`).
"""

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.courses.models import Lesson, LessonMaterial
from webapp.groups.models import GroupRecording
from webapp.recordings.models import Recording
from webapp.uploads import storage


class UploadQuerySet(models.QuerySet["Upload"]):
    """Uploads by how far they are."""

    def unfinished(self) -> Self:
        """Those of which nothing has come yet."""
        return self.filter(recording=None, meeting=None, material=None)


class Upload(models.Model):
    """One file that is sent piece by piece: a student's own recording, or that of a whole meeting,
    or a lesson's own video or slides.

    `recording`, `meeting` or `material`, by its kind, is set in the transaction that makes the
    whole file one. The row then stays until it expires, so that a client that lost the last answer
    can still learn of it.
    """

    class Kind(models.TextChoices):
        RECORDING = "recording", _("recording")
        MEETING = "meeting", _("recording of a meeting")
        MATERIAL = "material", _("a lesson's video or slides")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.RECORDING)
    sender = models.ForeignKey(
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
    meeting = models.OneToOneField(
        GroupRecording, on_delete=models.CASCADE, null=True, blank=True, related_name="upload"
    )
    material = models.OneToOneField(
        LessonMaterial, on_delete=models.CASCADE, null=True, blank=True, related_name="upload"
    )

    objects = UploadQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.name

    @property
    def is_finished(self) -> bool:
        """Whether something has come of it."""
        return any((self.recording_id, self.meeting_id, self.material_id))

    @property
    def is_expired(self) -> bool:
        """Whether it is past its time; a finished upload has become something that stays."""
        return not self.is_finished and self.expires_at <= timezone.now()

    @property
    def arrived_bytes(self) -> int:
        """How much of it is here."""
        return self.size_bytes if self.is_finished else storage.size_bytes(self.pk)
