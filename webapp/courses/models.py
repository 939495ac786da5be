"""Courses, lessons and enrolments."""

from typing import ClassVar

from django.conf import settings
from django.db import models


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
        STUDENT = "student", "student"
        INSTRUCTOR = "instructor", "instructor"

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
