"""Erases a material's file when its row is gone, whichever way it went (page, admin, cascade)."""

import functools
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from webapp.courses import storage
from webapp.courses.models import LessonMaterial


@receiver(post_delete, sender=LessonMaterial)
def erase_file(instance: LessonMaterial, **kwargs: Any) -> None:
    """After the commit, so that a rolled-back deletion loses nothing."""
    transaction.on_commit(functools.partial(storage.erase, instance.pk))
