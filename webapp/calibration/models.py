"""Labels that instructors give to windows, and the classifiers fitted with them."""

import uuid
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from webapp.calibration import storage
from webapp.courses.models import Course
from webapp.recordings.models import Analysis, Recording


class WindowLabel(models.Model):
    """What one person saw in one window of a recording's student.

    Labels speak of the recording's main track, which is its student. They are erased with the
    recording, and so when the student withdraws consent.
    """

    class Value(models.TextChoices):
        ENGAGED = "engaged", _("engaged")
        DISTRACTED = "distracted", _("distracted")
        UNSURE = "unsure", "can't tell"

    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="labels")
    start_s = models.FloatField()
    end_s = models.FloatField()
    value = models.CharField(max_length=16, choices=Value.choices)
    labelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="labels_given"
    )
    at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("recording", "start_s", "labelled_by")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["recording", "start_s", "labelled_by"],
                name="calibration_one_label_a_person",
            ),
        ]

    def __str__(self) -> str:
        # Without what was seen: the admin pages show this, and do not log who reads it.
        return f"label of {self.start_s:g} to {self.end_s:g} s of {self.recording_id}"


class Classifier(models.Model):
    """A classifier of engagement fitted for a course, or for one student of it.

    Fitting goes through the same states as an analysis, and for the same reasons: the database is
    the truth, `owner` names the task that claimed it, `heartbeat_at` when that was last heard of,
    `sent_at` when a message for it was last given to the broker.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "queued"
        RUNNING = "running", "running"
        FINISHED = "finished", "finished"
        FAILED = "failed", "failed"

    class Verdict(models.TextChoices):
        """What became of it after its fit, and why."""

        PENDING = "", _("not known yet")
        IN_USE = "in_use", "in use"
        NOT_BETTER = "not_better", "not better than what is in use"
        NO_SKILL = "no_skill", "no better than guessing"
        REPLACED = "replaced", _("replaced by a better one")
        STOPPED = "stopped", _("taken out of use by hand")
        ERASED = "erased", "erased"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="classifiers")
    student = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="own_classifiers",
        null=True,
        blank=True,
    )
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    error_code = models.CharField(max_length=64, blank=True)
    error_text = models.CharField(max_length=500, blank=True)
    owner = models.CharField(max_length=128, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, related_name="+", null=True
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    # Of whom the labels were. Not a cascade: an erased recording takes the classifier out of use
    # first (see signals.py).
    fitted_on = models.ManyToManyField(Recording, related_name="+", blank=True)
    name = models.CharField(max_length=100, blank=True)
    embedding_model = models.CharField(max_length=64, blank=True)
    card = models.JSONField(default=dict, blank=True)
    counts = models.JSONField(default=dict, blank=True)
    comparison = models.JSONField(default=dict, blank=True)
    # What it says of each window that it was fitted on, by a fold that had not seen the person:
    # a later fit is compared with this, since the classifier itself knows these windows.
    out_of_fold = models.JSONField(default=dict, blank=True)
    verdict = models.CharField(
        max_length=16, choices=Verdict.choices, default=Verdict.PENDING, blank=True
    )
    in_use = models.BooleanField(default=False)
    used_from = models.DateTimeField(null=True, blank=True)
    used_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["course"],
                condition=models.Q(in_use=True, student__isnull=True),
                name="calibration_one_in_use_a_course",
            ),
            models.UniqueConstraint(
                fields=["course", "student"],
                condition=models.Q(in_use=True, student__isnull=False),
                name="calibration_one_in_use_a_student",
            ),
            # A double click or a second tab must not start a second fit.
            models.UniqueConstraint(
                fields=["course"],
                condition=models.Q(state__in=["queued", "running"], student__isnull=True),
                name="calibration_one_open_fit_a_course",
            ),
            models.UniqueConstraint(
                fields=["course", "student"],
                condition=models.Q(state__in=["queued", "running"], student__isnull=False),
                name="calibration_one_open_fit_a_student",
            ),
        ]

    def __str__(self) -> str:
        whom = f"{self.student} in {self.course}" if self.student_id else str(self.course)
        return f"classifier for {whom}, {self.state}"

    @property
    def is_open(self) -> bool:
        """Whether something is still going to happen to its fit."""
        return self.state in (self.State.QUEUED, self.State.RUNNING)

    @property
    def path(self) -> Path:
        """Its file in private storage, there once the fit is finished and until it is erased."""
        return storage.path_of(self.id)

    def metric(self, name: str) -> dict[str, float] | None:
        """A figure of the cross-validation with its bounds, None where there is none."""
        found: dict[str, Any] = self.card.get("metrics", {})
        return found.get(name)

    @property
    def balanced_recall(self) -> dict[str, float] | None:
        """Balanced recall on people who were not trained on, with its interval."""
        return self.metric("balanced_recall")


class AnalysisClassifier(models.Model):
    """Which classifier made the engagement figures of an analysis; no row: none of the course's."""

    analysis = models.OneToOneField(
        Analysis, on_delete=models.CASCADE, primary_key=True, related_name="made_by"
    )
    classifier = models.ForeignKey(Classifier, on_delete=models.CASCADE, related_name="analyses")

    def __str__(self) -> str:
        return f"{self.analysis_id} by {self.classifier_id}"
