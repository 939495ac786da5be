"""Consent and the audit log."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from webapp.courses.models import Course
from webapp.privacy import consent_text


class Consent(models.Model):
    """A student's permission to analyse their recordings of one course.

    A withdrawn consent stays as a record that it was given and withdrawn; a new one is a new row.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="consents"
    )
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="consents")
    text_version = models.CharField(max_length=32)
    granted_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-granted_at",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "course"],
                condition=models.Q(withdrawn_at__isnull=True),
                name="privacy_one_active_consent",
            ),
        ]

    def __str__(self) -> str:
        state = "withdrawn" if self.withdrawn_at else "active"
        return f"{state} consent of {self.user} in {self.course}"

    @property
    def is_current(self) -> bool:
        """Whether it was given to the text that is shown today."""
        return self.text_version == consent_text.VERSION

    @property
    def covers_all(self) -> bool:
        """Whether it was given to a text that spoke of everything that is measured today."""
        return self.text_version in consent_text.COVERING_GROUPS_AND_TRAINING


class AppendOnlyError(TypeError):
    """Somebody tried to change or remove what may only be added to."""


class AppendOnlyQuerySet(models.QuerySet["AccessLog"]):
    """A queryset that reads and adds, and refuses everything else."""

    def update(self, **kwargs: Any) -> int:
        raise AppendOnlyError("The access log cannot be changed.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("The access log cannot be deleted from.")


class AccessLog(models.Model):
    """Who looked at what of whom, and when. Rows are added, never changed or removed.

    The recording is kept as its id, not as a foreign key: the log outlives an erased recording.
    A line about all of somebody's recordings of a course has the course's id in its place.
    Users that appear in it cannot be deleted, only made inactive.
    """

    class Action(models.TextChoices):
        REPORT = "report", _("opened the report")
        VIDEO = "video", _("played the video")
        DATA = "data", _("read the report's data")
        JSON = "json", _("downloaded the JSON")
        CSV = "csv", _("downloaded the CSV")
        DELETE = "delete", _("deleted the recording")
        LABEL = "label", _("labelled a window")
        SUMMARY = "summary", _("opened the lesson summary")
        FIGURES = "figures", _("saw the figures in the course's list")
        EXPORT = "export", _("downloaded the course's figures")
        EXPORT_NAMES = "export-names", _("downloaded the course's figures with names")
        TABLES = "tables", _("downloaded the report's tables")
        PDF = "pdf", _("downloaded the PDF report")
        PEOPLE = "people", _("looked at the faces of a meeting")
        MATCH = "match", _("said whose face it is")
        DOWNLOAD = "holdings", _("downloaded everything that is held")
        WITHDRAW = "withdraw", _("withdrew consent; the recording was erased")

    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    subject = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="access_log"
    )
    recording_id = models.UUIDField(null=True, blank=True, db_index=True)
    course_id = models.PositiveBigIntegerField(null=True, blank=True)
    action = models.CharField(max_length=16, choices=Action.choices)
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects: ClassVar = AppendOnlyQuerySet.as_manager()

    class Meta:
        ordering = ("-at", "-pk")
        verbose_name = "access log entry"
        verbose_name_plural = "access log"

    def __str__(self) -> str:
        return f"{self.actor} {self.get_action_display()} of {self.subject}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnlyError("The access log cannot be changed.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("The access log cannot be deleted from.")
