"""Recordings of a whole meeting, the people in them, and templates of faces.

A group recording is worked on in steps, one at a time: its people are found, then an instructor
says who they are, then those who consent are analysed. Each analysed student gets a recording of
their own (`webapp.recordings`), with all its rules. Descriptors of faces are only ever read by a
worker; the site keeps them encrypted or not at all.
"""

import uuid
from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from webapp.courses.models import Course, Lesson
from webapp.groups import storage
from webapp.recordings.models import Recording

SHARE = [MinValueValidator(0.0), MaxValueValidator(1.0)]


class GroupRecording(models.Model):
    """One recording of one lesson's meeting. A row exists only for bytes that are safe on disk.

    `step` is the work that is to be done, is being done, or was done last; `state` and what follows
    it are of that step, with the same meaning as an analysis' own.
    """

    class Step(models.TextChoices):
        FIND = "find", _("finding people")
        ANALYSE = "analyse", _("analysing")
        REDACT = "redact", _("blurring")

    class State(models.TextChoices):
        QUEUED = "queued", "queued"
        RUNNING = "running", "running"
        FINISHED = "finished", "finished"
        FAILED = "failed", "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    lesson = models.ForeignKey(Lesson, on_delete=models.CASCADE, related_name="group_recordings")
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    original_name = models.CharField(max_length=120)
    size_bytes = models.PositiveBigIntegerField()
    # Of the stored original: blurring somebody in it changes both.
    sha256 = models.CharField(max_length=64)
    duration_s = models.FloatField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    step = models.CharField(max_length=16, choices=Step.choices, default=Step.FIND)
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    progress = models.FloatField(default=0.0, validators=SHARE)
    error_code = models.CharField(max_length=64, blank=True)
    error_text = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    owner = models.CharField(max_length=128, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    found_at = models.DateTimeField(null=True, blank=True)
    # Null again as soon as the results no longer fit what the instructor or a student decided.
    analysed_at = models.DateTimeField(null=True, blank=True)
    # Somebody's face must be blurred in the stored original before it is used for anything.
    redact_pending = models.BooleanField(default=False)

    class Meta:
        ordering = ("-created_at",)
        indexes: ClassVar = [
            models.Index(fields=["state", "heartbeat_at"], name="groups_recording_reaper"),
        ]

    def __str__(self) -> str:
        return self.original_name

    @property
    def video_path(self) -> Path:
        """The meeting's video in private storage. It is shown to nobody."""
        return storage.video_path(self.id)

    @property
    def is_open(self) -> bool:
        """Whether something is still going to happen to it by itself."""
        return self.state in (self.State.QUEUED, self.State.RUNNING)

    @property
    def awaits_matching(self) -> bool:
        """Whether it waits for an instructor to say who the people are."""
        return self.state == self.State.FINISHED and self.analysed_at is None

    @property
    def progress_percent(self) -> int:
        """Progress of the step for a person, 0 to 100."""
        return round(100 * self.progress)


class GroupPerson(models.Model):
    """One person found in a group recording, under the number that the worker gave them."""

    class Decision(models.TextChoices):
        UNMATCHED = "unmatched", "not decided yet"
        STUDENT = "student", "a student of this course"
        NOBODY = "nobody", "not a student of this course, or no consent: stays blurred"
        ERASED = "erased", "erased: consent was withdrawn"

    group = models.ForeignKey(GroupRecording, on_delete=models.CASCADE, related_name="people")
    number = models.PositiveIntegerField()
    name_tag = models.CharField(max_length=200, blank=True)
    name_tag_share = models.FloatField(null=True, blank=True, validators=SHARE)
    seen_s = models.FloatField(default=0.0)
    has_thumbnail = models.BooleanField(default=False)
    # A student whose kept template resembles this face, and how much (cosine).
    suggested = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    similarity = models.FloatField(null=True, blank=True)
    decision = models.CharField(max_length=16, choices=Decision.choices, default=Decision.UNMATCHED)
    student = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="group_appearances",
    )
    matched_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    matched_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("group", "number")
        verbose_name_plural = "group people"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["group", "number"], name="groups_number_once"),
        ]

    def __str__(self) -> str:
        return f"person {self.number} of {self.group_id}"

    @property
    def thumbnail_path(self) -> Path:
        """The small picture of the face in private storage."""
        return storage.thumbnail_path(self.group_id, self.number)


class GroupResult(models.Model):
    """What was made of one person: a recording of the student, with its report.

    A student in whom two found people were merged has one result, at the first of the two.
    """

    person = models.OneToOneField(
        GroupPerson, on_delete=models.CASCADE, primary_key=True, related_name="result"
    )
    recording = models.OneToOneField(
        Recording, on_delete=models.CASCADE, related_name="group_result"
    )
    # Set before the program itself erases the recording, which then means nothing else.
    superseded = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"result of {self.person}"


class GroupAffectDocument(models.Model):
    """Group affect over the people who were analysed: rows of the contract's `group_affect`.

    Only stretches with two people or more are kept, so that nobody's own can be read from it.
    """

    group = models.OneToOneField(
        GroupRecording, on_delete=models.CASCADE, primary_key=True, related_name="affect"
    )
    people = models.PositiveIntegerField()
    rows = models.JSONField()
    models_used = models.JSONField()

    def __str__(self) -> str:
        return f"group affect of {self.group_id}"


class FaceTemplate(models.Model):
    """A description of a student's face, encrypted, that makes suggestions in later meetings."""

    student = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="face_templates"
    )
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="face_templates")
    model_name = models.CharField(max_length=64)
    encrypted = models.BinaryField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("course", "student")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["student", "course", "model_name"], name="groups_one_template"
            ),
        ]

    def __str__(self) -> str:
        return f"face template of {self.student} in {self.course}"


class CourseGroupSettings(models.Model):
    """What a course has decided about its group recordings."""

    course = models.OneToOneField(
        Course, on_delete=models.CASCADE, primary_key=True, related_name="group_settings"
    )
    keep_templates = models.BooleanField(default=False)

    class Meta:
        verbose_name_plural = "course group settings"

    def __str__(self) -> str:
        return f"group settings of {self.course}"
