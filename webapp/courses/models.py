"""Courses, lessons, enrolments, materials of a lesson, and what a class's pages are read from."""

import uuid
from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from webapp.courses import storage


class Course(models.Model):
    """A series of lessons."""

    title = models.CharField(max_length=200)
    code = models.CharField(max_length=32, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("title",)

    def __str__(self) -> str:
        return f"{self.code} {self.title}"


class Lesson(models.Model):
    """One meeting of a course."""

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="lessons")
    title = models.CharField(max_length=200)
    starts_at = models.DateTimeField()

    class Meta:
        ordering = ("-starts_at", "-pk")

    def __str__(self) -> str:
        return self.title


class Enrolment(models.Model):
    """One person's role in one course."""

    class Role(models.TextChoices):
        STUDENT = "student", _("student")
        INSTRUCTOR = "instructor", _("instructor")

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="enrolments")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="enrolments"
    )
    role = models.CharField(max_length=16, choices=Role.choices)

    class Meta:
        ordering = ("course", "role", "user")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["course", "user"], name="courses_one_role_per_course"),
        ]

    def __str__(self) -> str:
        return f"{self.user} as {self.role} in {self.course}"


class Strip(models.Model):
    """A finished analysis as a row of bins for the pages of a class; see `strips.py`.

    Derived from the ready report, and made anew from it: a row of an older form counts as none.
    """

    analysis = models.OneToOneField(
        "recordings.Analysis", on_delete=models.CASCADE, primary_key=True, related_name="strip"
    )
    form = models.PositiveSmallIntegerField()
    bins = models.BinaryField()
    emotion_share = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"strip of {self.analysis_id}"


class SavedView(models.Model):
    """One person's search, filters and orders of a page of a course, under a name.

    `query` is the page's query string without the pages of its lists. The default one is shown
    where the page is opened without any.
    """

    class Page(models.TextChoices):
        COURSE = "course", _("the course's page")
        LESSON = "lesson", _("the lessons' pages")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views"
    )
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="saved_views")
    page = models.CharField(max_length=16, choices=Page.choices)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=500, blank=True)
    is_default = models.BooleanField(default=False)

    class Meta:
        ordering = ("name", "pk")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "course", "page", "name"], name="courses_one_view_per_name"
            ),
            models.UniqueConstraint(
                fields=["user", "course", "page"],
                condition=models.Q(is_default=True),
                name="courses_one_default_view",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class LessonMaterial(models.Model):
    """What an instructor attached to a lesson: its own video, its slides, or a link elsewhere.

    Files are addressed by the id alone (see `storage.py`). `starts_s` is when a video begins, in
    seconds after the lesson's beginning; `cues` are the slides with the second of the lesson at
    which each is shown, ``[[number, seconds], ...]`` in order of time.
    """

    class Kind(models.TextChoices):
        VIDEO = "video", _("video")
        SLIDES = "slides", _("slides")
        LINK = "link", _("link")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    lesson = models.ForeignKey(Lesson, on_delete=models.CASCADE, related_name="materials")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    title = models.CharField(max_length=120)
    url = models.URLField(max_length=500, blank=True)
    size_bytes = models.PositiveBigIntegerField(default=0)
    starts_s = models.FloatField(default=0.0)
    cues = models.JSONField(default=list, blank=True)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("created_at", "pk")

    def __str__(self) -> str:
        return self.title

    @property
    def path(self) -> Path:
        """Its file in private storage; there is none for a link."""
        return storage.material_path(self.id)
