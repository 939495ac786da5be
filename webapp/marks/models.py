"""What people add to a report by hand: markers and notes, and corrections of its figures."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from webapp.recordings.models import Analysis, Recording


class Mark(models.Model):
    """A marker at a time of a recording, or a note about a stretch of it.

    `end_s` is None of a moment. `audience` is whom its author shows it to.
    """

    class Audience(models.TextChoices):
        PRIVATE = "private", _("only me")
        INSTRUCTORS = "instructors", _("the course's instructors")
        EVERYONE = "everyone", _("the course's instructors and the student")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="marks")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="marks"
    )
    start_s = models.FloatField(validators=[MinValueValidator(0.0)])
    end_s = models.FloatField(null=True, blank=True)
    text = models.CharField(max_length=2000, blank=True)
    audience = models.CharField(max_length=16, choices=Audience.choices, default=Audience.PRIVATE)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("start_s", "created_at")
        indexes: ClassVar = [
            models.Index(fields=["recording", "start_s"], name="marks_of_recording"),
        ]

    def __str__(self) -> str:
        return f"mark at {self.start_s:g} s of {self.recording_id}"


class MarkTag(models.Model):
    """A word by which marks are found again."""

    mark = models.ForeignKey(Mark, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=40, db_index=True)

    class Meta:
        ordering = ("name",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["mark", "name"], name="marks_a_tag_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Correction(models.Model):
    """One thing that somebody who watched the recording corrects; the analysis stays as it is.

    Rows are added and withdrawn, never changed, so that they are their own history. An exclusion is
    of the recording, whatever analyses it; a name or a merge speaks of the track numbers of one
    analysis and holds for that alone.
    """

    class Kind(models.TextChoices):
        EXCLUSION = "exclusion", _("stretch left out of the figures")
        NAME = "name", _("person named")
        MERGE = "merge", _("people merged")

    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="corrections")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    analysis = models.ForeignKey(
        Analysis, on_delete=models.CASCADE, related_name="corrections", null=True, blank=True
    )
    start_s = models.FloatField(null=True, blank=True)
    end_s = models.FloatField(null=True, blank=True)
    track = models.PositiveIntegerField(null=True, blank=True)
    into = models.PositiveIntegerField(null=True, blank=True)
    # Of a name: this person is the one whom the recording is about.
    is_student = models.BooleanField(default=False)
    # The reason of an exclusion or a merge; of a name, the name.
    text = models.CharField(max_length=200)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, related_name="+", null=True
    )
    made_at = models.DateTimeField(auto_now_add=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, related_name="+", null=True, blank=True
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("made_at", "pk")
        indexes: ClassVar = [
            models.Index(fields=["recording", "withdrawn_at"], name="marks_corrections_in_force"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(
                    kind="exclusion", start_s__isnull=False, end_s__gt=models.F("start_s")
                )
                | models.Q(kind="name", analysis__isnull=False, track__isnull=False)
                | models.Q(
                    kind="merge", analysis__isnull=False, track__isnull=False, into__isnull=False
                ),
                name="marks_a_correction_says_what",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.recording_id}"

    @property
    def length_s(self) -> float:
        """Seconds of the stretch; zero of what is none."""
        return (self.end_s or 0.0) - (self.start_s or 0.0)
